"""The parameters of Ehrlich functions, and their drawing from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats

_SOFTMAX_TEMPERATURE = 0.5
_BAND_SHARE = 0.4


@dataclass(frozen=True)
class Problem:
    """The parameters of an Ehrlich function, of which a JSON file can hold all.

    Args:
        transition: v rows of v probabilities; a 0 forbids that pair of neighbouring states.
        motifs: c motifs of k states each.
        spacings: for each motif its k - 1 gaps, each at least 1.
        length: L, the length of a sequence, at least c k.

    Raises:
        InputError: if the numbers do not fit together.

    Example:
        >>> problem = Problem([[0.5, 0.5], [0.5, 0.5]], motifs=[[0, 1]], spacings=[[2]], length=4)
        >>> problem.states, problem.motif_length
        (2, 2)
    """

    transition: Sequence[Sequence[float]]
    motifs: Sequence[Sequence[int]]
    spacings: Sequence[Sequence[int]]
    length: int

    def __post_init__(self) -> None:
        rows = np.array(self.transition, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[0] != rows.shape[1]:
            raise InputError(f"transition must be square, got shape {rows.shape}")
        if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1.0, atol=1e-6):
            raise InputError("transition must have rows of probabilities that sum to 1")
        if not self.motifs or len({len(motif) for motif in self.motifs}) != 1:
            raise InputError("motifs must be one or more of equal length")
        if self.motif_length < 2:
            raise InputError(f"motif_length must be at least 2, got {self.motif_length}")
        if [len(gaps) for gaps in self.spacings] != [self.motif_length - 1] * len(self.motifs):
            raise InputError(f"spacings must hold {self.motif_length - 1} gaps for each motif")
        if any(not 0 <= state < self.states for motif in self.motifs for state in motif):
            raise InputError(f"motifs must hold states in [0, {self.states})")
        for gap in (gap for gaps in self.spacings for gap in gaps):
            _check.positive_int("gap", gap)
        _check_length(self.length, len(self.motifs), self.motif_length)
        longest = max(1 + sum(gaps) for gaps in self.spacings)
        if longest > self.length:
            raise InputError(f"length must be at least {longest}, the longest motif with its gaps")

    @property
    def states(self) -> int:
        """The number of states v."""
        return len(self.transition)

    @property
    def motif_length(self) -> int:
        """The length k of a motif."""
        return len(self.motifs[0])

    @classmethod
    def sample(
        cls, states: int, length: int, motifs: int, motif_length: int, seed: int = 0
    ) -> Problem:
        """Return a problem drawn as published: banded transitions, one chain cut into motifs.

        The numbers come from `numpy.random.RandomState(seed)`. Arithmetic differs in the last bit
        between builds, so only the parameters themselves, stored, define a problem for good; the
        same seed in another implementation is another problem.

        Args:
            states: v, at least 2.
            length: L, at least `motifs * motif_length`.
            motifs: c, how many motifs.
            motif_length: k, at least 2.
            seed: 0 to 2**32 - 1.

        Raises:
            InputError: if a number is out of range or the drawn chain is not ergodic.

        Source: Closed-form test functions for biophysical sequence design benchmarking
            (Stanton et al., 2024, arXiv:2407.00236)

        Example:
            >>> problem = Problem.sample(states=8, length=12, motifs=2, motif_length=3)
            >>> problem == Problem.sample(states=8, length=12, motifs=2, motif_length=3)
            True
        """
        for name, value in (("states", states), ("motif_length", motif_length)):
            if _check.positive_int(name, value) < 2:
                raise InputError(f"{name} must be at least 2, got {value}")
        _check_length(length, _check.positive_int("motifs", motifs), motif_length)
        draws = np.random.RandomState(int(_check.in_range("seed", seed, 0, 2**32 - 1)))
        transition = _transition(draws, states)
        if not _ergodic(transition):
            raise InputError(f"seed must give an ergodic chain, got {seed}, which does not")
        drawn = chain(draws, transition, motifs * motif_length)
        slack = (length - motifs * motif_length) // motifs
        spacings = []
        for _ in range(motifs):
            shares = draws.random_sample(motif_length - 1)
            spacings.append((1 + (shares / shares.sum() * slack).astype(np.int64)).tolist())
        cut = drawn.reshape(motifs, motif_length).tolist()
        return cls(transition.tolist(), cut, spacings, length)


def read_problem(fields: Mapping[str, Any]) -> Problem:
    """Return the problem that `fields` state: stored parameters, or the arguments of a draw.

    Raises:
        InputError: if a key is unknown or missing.

    Example:
        >>> read_problem({"states": 4, "length": 8, "motifs": 2, "motif_length": 2}).states
        4
    """
    stored = ("transition", "motifs", "spacings", "length")
    drawn = ("states", "length", "motifs", "motif_length")
    needed = stored if "transition" in fields else drawn
    allowed = needed if needed is stored else (*drawn, "seed")
    for key in fields:
        _check.one_of("key of problem", key, allowed)
    missing = [key for key in needed if key not in fields]
    if missing:
        raise InputError(f"problem must have the keys {', '.join(needed)}, got no {missing[0]}")
    return Problem(**fields) if needed is stored else Problem.sample(**fields)


def _check_length(length: int, motifs: int, motif_length: int) -> None:
    if _check.positive_int("length", length) < motifs * motif_length:
        raise InputError(
            f"length must be at least motifs x motif_length = {motifs * motif_length}, got {length}"
        )


def _transition(draws: np.random.RandomState, states: int) -> Floats:
    """Softmax rows on a band whose rows are permuted; staying is always allowed."""
    weights = np.exp(draws.standard_normal((states, states)) / _SOFTMAX_TEMPERATURE)
    place = np.arange(states)
    distance = np.abs(draws.permutation(states)[:, None] - place[None, :])
    allowed = np.minimum(distance, states - distance) <= int(_BAND_SHARE * states)
    weights = np.where(allowed | np.eye(states, dtype=bool), weights, 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _ergodic(transition: Floats) -> bool:
    """Whether every state reaches every other; each can stay, so the chain is then aperiodic."""
    reach = transition > 0
    for _ in range(len(transition).bit_length()):
        reach = (reach.astype(np.int64) @ reach.astype(np.int64)) > 0
    return bool(reach.all())


def chain(draws: np.random.RandomState, transition: Floats, length: int) -> NDArray[np.int64]:
    """Return a Markov chain that starts from its stationary law.

    A state is drawn as the argmax of its probabilities over exponential variables.

    Example:
        >>> chain(np.random.RandomState(0), np.full((2, 2), 0.5), 4).tolist()
        [0, 1, 0, 0]
    """
    return chains(draws, transition, length, 1).reshape(length)


def chains(
    draws: np.random.RandomState, transition: Floats, length: int, count: int
) -> NDArray[np.int64]:
    """Return `count` independent chains `(count, length)` as rows, each as `chain` draws it.

    Example:
        >>> chains(np.random.RandomState(0), np.eye(2), 3, 2).tolist()
        [[0, 0, 0], [1, 1, 1]]
    """
    states = len(transition)
    system = np.concatenate([np.eye(states) - transition.T, np.ones((1, states))])
    law = np.linalg.lstsq(system, np.eye(states + 1)[-1], rcond=None)[0]
    rows = np.tile(law, (count, 1))
    drawn = np.empty((count, length), dtype=np.int64)
    for step in range(length):
        drawn[:, step] = np.argmax(rows / draws.standard_exponential((count, states)), axis=1)
        rows = transition[drawn[:, step]]
    return drawn
