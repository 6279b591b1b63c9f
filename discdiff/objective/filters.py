"""Filters reject designs; diversity filters lower the reward of what was found before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from discdiff.errors import InputError
from discdiff.objective.transform import edges
from discdiff.oracle.scores import Bools, Floats


class Filter(Protocol):
    """A rule on some outputs that a design passes or not."""

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
        >>> import numpy as np
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
