"""Filters reject designs, some before the oracle is asked; a memory pays less for repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from discdiff import _check
from discdiff.errors import InputError
from discdiff.objective.transform import edges
from discdiff.oracle.scores import Bools, Floats

REJECTED = "rejected by"


class Filter(Protocol):
    """A rule on some outputs that a design passes or not.

    One without outputs needs no score: it is decided before the oracle is asked. An attribute
    `name` says what a rejection is called; else its outputs or its class do.
    """

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs it looks at."""

    def __call__(self, values: Floats, strings: Sequence[str], /) -> Bools:
        """Return `(N,)`, True where `(N, R)` values of those outputs pass."""


class HardFilter:
    """Pass where an output lies in `[low, high]`.

    A design outside is *rejected*: scored, valid, and given the objective's lowest reward. That is
    not the same as invalid, which is NaN.

    Args:
        output: the output it looks at, in the oracle's own units.
        low: lower edge, included; None for no lower edge.
        high: upper edge, included; None for no upper edge.

    Raises:
        InputError: if both edges are None or `low > high`.

    Example:
        >>> HardFilter("mw", high=500)(np.array([[320.0], [512.0]]), ["CCO", "CCC"]).tolist()
        [True, False]
    """

    def __init__(self, output: str, low: float | None = None, high: float | None = None) -> None:
        if not isinstance(output, str) or not output:
            raise InputError(f"output must be the name of an oracle's output, got {output!r}")
        self.low, self.high = edges(low, high)
        self.outputs = (output,)

    def __call__(self, values: Floats, strings: Sequence[str], /) -> Bools:
        """Return which of `(N, 1)` values pass."""
        passes: Bools = (values[:, 0] >= self.low) & (values[:, 0] <= self.high)
        return passes


class BeliefFilter:
    """Pass where the model's own opinion of a design lies in `[at_least, at_most]`.

    The opinion comes with the draw (see `discdiff.belief.Belief`), so the oracle is not asked for
    what is rejected. It belongs to the path on which the design was drawn: guidance by a reward
    with such a filter tilts the law of paths.

    Args:
        reads: ``confidence`` or ``log_likelihood``.
        at_least: lower edge, included; None for no lower edge.
        at_most: upper edge, included; None for no upper edge.

    Raises:
        InputError: if both edges are None or they are in the wrong order.
    """

    outputs: tuple[str, ...] = ()

    def __init__(
        self, reads: str, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        self.name = _check.one_of("reads", reads, ("confidence", "log_likelihood"))
        self.at_least, self.at_most = edges(at_least, at_most, ("at_least", "at_most"))

    def __call__(self, values: Floats, strings: Sequence[str], /) -> Bools:
        """Return `(N,)`, True where `(N, 1)` numbers of the opinion it reads pass.

        Raises:
            InputError: if there is none of a design.
        """
        if np.isnan(values).any():
            raise InputError(
                f"filter {self.name!r} needs what the model says of every design: a guidance "
                "method must hand it on, as reward(tokens, belief)"
            )
        passes: Bools = (values[:, 0] >= self.at_least) & (values[:, 0] <= self.at_most)
        return passes


class ConfidenceFilter(BeliefFilter):
    """Pass designs of which the model was sure enough; see `Belief.confidence`.

    Args:
        at_least: lower edge in [0, 1], included; None for no lower edge.
        at_most: upper edge in [0, 1], included; None for no upper edge.

    Raises:
        InputError: if both edges are None, one is out of range, or they are in the wrong order.

    Example:
        >>> ConfidenceFilter(at_least=0.3)(np.array([[0.25], [0.5]]), ["CCO", "CCC"]).tolist()
        [False, True]
    """

    def __init__(self, at_least: float | None = None, at_most: float | None = None) -> None:
        for name, edge in (("at_least", at_least), ("at_most", at_most)):
            if edge is not None:
                _check.fraction(name, edge)
        super().__init__("confidence", at_least, at_most)


class LikelihoodFilter(BeliefFilter):
    """Pass designs that the model holds likely enough, in nats; see `Belief.log_likelihood`.

    Args:
        at_least: lower edge, included; None for no lower edge.
        at_most: upper edge, included; None for no upper edge.

    Raises:
        InputError: if both edges are None, or they are in the wrong order.

    Example:
        >>> LikelihoodFilter(at_least=-40)(np.array([[-38.0], [-55.0]]), ["CCO", "CCC"]).tolist()
        [True, False]
    """

    def __init__(self, at_least: float | None = None, at_most: float | None = None) -> None:
        super().__init__("log_likelihood", at_least, at_most)


class Diversity(Protocol):
    """A memory of good designs that lowers the reward of more of the same.

    `penalise` is pure; only `update` changes the memory, and it is called between rounds, so that
    a round depends on nothing but the memory at its start.
    """

    def penalise(self, strings: Sequence[str], rewards: Floats, /) -> Floats:
        """Return the rewards `(N,)` of canonical `strings`, lowered where they repeat."""

    def update(self, strings: Sequence[str], rewards: Floats, /) -> None:
        """Remember `strings` with their rewards before any penalty."""

    def state(self) -> dict[str, Any]:
        """Return the memory, as JSON values."""

    def restore(self, state: dict[str, Any], /) -> None:
        """Set the memory to what `state` returned."""
