"""The share of G and C, in a sequence or in its windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bio.oracles.sequence import PerSequence

STATISTICS = ("mean", "min", "max", "range")


class GC(PerSequence):
    """Fraction of bases that are G or C, in [0, 1].

    Args:
        window: bases of a window; None for the whole sequence as the only one. A sequence that is
            shorter is its own window.
        statistic: what is given of the windows at every position: ``mean`` of their fractions,
            ``min``, ``max``, or ``range``, the largest less the smallest.

    Raises:
        InputError: if `window` is not positive or `statistic` unknown.

    Example:
        >>> GC()(["GATTACA", "GCGC"]).round(3)
        array([0.286, 1.   ])
        >>> GC(window=4, statistic="max")(["GCGCATAT"])
        array([1.])
    """

    name = "gc"

    def __init__(self, window: int | None = None, statistic: str = "mean") -> None:
        self.window = None if window is None else _check.positive_int("window", window)
        self.statistic = _check.one_of("statistic", statistic, STATISTICS)
        super().__init__(window=window, statistic=statistic)

    def value(self, bases: str) -> float:
        found = windows(bases, self.window)
        if self.statistic == "range":
            return float(found.max() - found.min())
        figures = {"mean": found.mean(), "min": found.min(), "max": found.max()}
        return float(figures[self.statistic])


def windows(bases: str, window: int | None) -> NDArray[np.float64]:
    """Return the fraction of G and C in each window of `bases`, `(W,)`.

    Example:
        >>> windows("GGAT", 2).tolist()
        [1.0, 0.5, 0.0]
    """
    size = len(bases) if window is None else min(window, len(bases))
    strong = np.array([base in "GC" for base in bases])
    sums = np.concatenate([[0], strong.cumsum()])
    fractions: NDArray[np.float64] = (sums[size:] - sums[:-size]) / size
    return fractions
