"""Medians, quantiles and paired differences of the seeds of a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from discdiff.errors import InputError

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Spread:
    """Median and the 10 % and 90 % quantiles of some values.

    Example:
        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.2, high=2.8)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of `values`, linearly interpolated; NaN where any is."""
        low, median, high = np.quantile(np.asarray(values, dtype=float), [0.1, 0.5, 0.9])
        return cls(float(median), float(low), float(high))


def paired_interval(
    ours: Sequence[float], theirs: Sequence[float], level: float = 0.95
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean of `ours - theirs`, pair by pair.

    Args:
        ours: one value for each pair.
        theirs: of the same pairs.
        level: of confidence.

    Returns:
        lower and upper end; NaN for both with fewer than two pairs or a missing value.

    Raises:
        InputError: if the lengths disagree.

    Example:
        >>> paired_interval([2.0, 3.0, 5.0], [1.0, 1.0, 1.0])[0] > 0
        True
    """
    if len(ours) != len(theirs):
        raise InputError(f"pairs must have two values, got {len(ours)} and {len(theirs)}")
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    if len(difference) < 2 or np.isnan(difference).any():
        return float("nan"), float("nan")
    if np.ptp(difference) == 0:
        return float(difference[0]), float(difference[0])
    found = bootstrap(
        (difference,),
        np.mean,
        confidence_level=level,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
