"""Ehrlich functions: closed-form landscapes over letters with motifs, epistasis and constraints."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.ehrlich_problem import Problem, chain, chains, read_problem
from discdiff.oracle.scores import Bools, Floats, Scores

__all__ = ["Ehrlich", "Problem"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


class Ehrlich:
    r"""An Ehrlich function as an oracle: 1 at the optimum, 0 where a motif is missing altogether.

    $f(x) = \prod_i r(h_i)$ with $r(h) = h (1 + e h (h - 1))$ and
    $h_i = \lfloor q m_i / k \rfloor / q$, where $m_i$ is the most elements of motif $i$ with its
    gaps found together at one place of $x$. A sequence with a forbidden transition has the value
    $-\infty$ in the publication; here it is *invalid*: NaN, `valid` False and the reason. So is a
    string of another length or with other letters.

    Args:
        problem: a `Problem`, a dict of its fields, or a dict of the arguments of `Problem.sample`.
        quantization: q, a divisor of k; k by default.
        epistasis: e, at least 0.
        letters: one letter a state; by default A to Z, a to z, 0 to 9.

    Raises:
        InputError: if q does not divide k, or a letter is missing or occurs twice.

    Source: Closed-form test functions for biophysical sequence design benchmarking
        (Stanton et al., 2024, arXiv:2407.00236)

    Example:
        >>> oracle = Ehrlich({"states": 8, "length": 12, "motifs": 2, "motif_length": 3})
        >>> oracle([oracle.optimal_solution()]).values.tolist()
        [[1.0]]
    """

    name = "ehrlich"
    licence = "Apache-2.0 (discdiff)"
    version = "1"
    outputs = ("ehrlich",)
    direction = "max"

    def __init__(
        self,
        problem: Problem | Mapping[str, Any],
        quantization: int | None = None,
        epistasis: float = 0.0,
        letters: str | None = None,
    ) -> None:
        self.problem = problem if isinstance(problem, Problem) else read_problem(problem)
        k = self.problem.motif_length
        self.quantization = k if quantization is None else quantization
        if _check.positive_int("quantization", self.quantization) > k or k % self.quantization:
            raise InputError(
                f"quantization must divide the motif length {k}, got {self.quantization}: "
                "otherwise no sequence has the value 1"
            )
        self.epistasis = _check.finite("epistasis", epistasis)
        if self.epistasis < 0:
            raise InputError(f"epistasis must be at least 0, got {epistasis!r}")
        self.letters = _LETTERS[: self.problem.states] if letters is None else letters
        if len(self.letters) != self.problem.states or len(set(self.letters)) < len(self.letters):
            raise InputError(
                f"letters must be {self.problem.states} distinct letters, got {self.letters!r}"
            )
        self._state = {letter: state for state, letter in enumerate(self.letters)}
        self._allowed: Bools = np.array(self.problem.transition) > 0

    @property
    def parameters(self) -> dict[str, object]:
        """All that fixes its values, as JSON values."""
        return {
            "problem": asdict(self.problem),
            "quantization": self.quantization,
            "epistasis": self.epistasis,
            "letters": self.letters,
        }

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`; infeasible ones are invalid."""
        reasons = [self.invalid_reason(sequence) for sequence in sequences]
        feasible = [i for i, reason in enumerate(reasons) if reason is None]
        values = np.full((len(sequences), 1), np.nan)
        if feasible:
            tokens = [[self._state[letter] for letter in sequences[i]] for i in feasible]
            values[feasible, 0] = self.evaluate(np.array(tokens, dtype=np.int64))
        return Scores(
            values=values,
            valid=np.array([reason is None for reason in reasons], dtype=bool),
            status=tuple("ok" if reason is None else "invalid" for reason in reasons),
            reasons=tuple(reason or "" for reason in reasons),
        )

    def invalid_reason(self, sequence: str) -> str | None:
        """Return why `sequence` is infeasible, or None if it has a value."""
        if len(sequence) != self.problem.length:
            return f"length {len(sequence)} instead of {self.problem.length}"
        stray = next((letter for letter in sequence if letter not in self._state), None)
        if stray is not None:
            return f"letter {stray!r} is not a state"
        for first, second in pairwise(sequence):
            if not self._allowed[self._state[first], self._state[second]]:
                return f"transition {first}{second} is forbidden"
        return None

    def evaluate(self, tokens: NDArray[np.int64]) -> Floats:
        """Return the published values `(N,)` of states `(N, L)`; infeasible rows are -inf."""
        q, k = self.quantization, self.problem.motif_length
        value = np.ones(len(tokens))
        for motif, gaps in zip(self.problem.motifs, self.problem.spacings, strict=True):
            offsets = np.concatenate([[0], np.cumsum(gaps)])
            starts = tokens.shape[1] - int(offsets[-1])
            found = np.zeros((len(tokens), starts), dtype=np.int64)
            for state, offset in zip(motif, offsets.tolist(), strict=True):
                found += tokens[:, offset : offset + starts] == state
            h = found.max(axis=1) * q // k / q
            value *= h * (1.0 + self.epistasis * h * (h - 1.0))
        feasible = self._allowed[tokens[:, :-1], tokens[:, 1:]].all(axis=1)
        return np.where(feasible, value, -np.inf)

    def initial_solution(self, seed: int = 0) -> str:
        """Return a feasible sequence drawn from the chain; its value may be 0."""
        draws = np.random.RandomState(seed)
        return self._spell(chain(draws, np.array(self.problem.transition), self.problem.length))

    def feasible_pool(self, n: int, seed: int = 0) -> list[str]:
        """Return n distinct feasible sequences, what a search may know before it asks anything.

        Each is a path of the function's own chain from its stationary law; repeats are drawn
        again. Nothing is evaluated: whoever wants the value of a member asks for it and pays.

        Args:
            n: how many.
            seed: 0 to 2**32 - 1.

        Raises:
            InputError: if there are not n, as far as a hundred draws for each can find them.

        Example:
            >>> oracle = Ehrlich({"states": 8, "length": 12, "motifs": 2, "motif_length": 3})
            >>> [oracle.invalid_reason(sequence) for sequence in oracle.feasible_pool(2)]
            [None, None]
        """
        _check.positive_int("n", n)
        draws = np.random.RandomState(int(_check.in_range("seed", seed, 0, 2**32 - 1)))
        transition = np.array(self.problem.transition)
        found: dict[str, None] = {}
        for _ in range(100):
            rows = chains(draws, transition, self.problem.length, n)
            found.update(dict.fromkeys(self._spell(row) for row in rows))
            if len(found) >= n:
                return list(found)[:n]
        raise InputError(f"n must be at most the number of feasible sequences, got {n}")

    def optimal_solution(self) -> str:
        """Return a sequence of value 1: the motifs in turn, gaps filled by repeating a state.

        Raises:
            InputError: if this construction does not reach 1, which a sampled problem never does.
        """
        states: list[int] = []
        for motif, gaps in zip(self.problem.motifs, self.problem.spacings, strict=True):
            for state, times in zip(motif, [*gaps, 1], strict=True):
                states += [state] * times
        states += states[-1:] * (self.problem.length - len(states))
        tokens = np.array([states], dtype=np.int64)
        if len(states) != self.problem.length or self.evaluate(tokens)[0] != 1.0:
            raise InputError(
                "problem must let its motifs follow one another, got one that does not"
            )
        return self._spell(tokens[0])

    def _spell(self, states: NDArray[np.int64]) -> str:
        return "".join(self.letters[state] for state in states.tolist())
