"""How far weighted draws are from a law, and how far draws of the law itself would be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_REPEATS = 50


def bins(score: Floats, base: Floats, target: Floats, count: int) -> Ints:
    r"""Return the bin of each row, by score; of equal scores the one that comes first is lower.

    Bins hold equal shares of $(p+\pi)/2$, so that they are fine where either law has its mass.
    A row without a score lies in a bin of its own, the last.

    Args:
        score: `(N,)`, NaN where there is none.
        base: p, `(N,)`.
        target: π, `(N,)`, 0 where there is no score.
        count: bins, but for the last.

    Example:
        >>> score, p = np.array([3.0, np.nan, 1.0, 2.0]), np.full(4, 0.25)
        >>> bins(score, p, np.array([1, 0, 1, 1]) / 3, 3).tolist()
        [2, 3, 0, 1]
    """
    scored = np.flatnonzero(~np.isnan(score))
    order = scored[np.argsort(score[scored], kind="stable")]
    mass = base[order] / base[order].sum() + target[order]
    middle = (mass.cumsum() - mass / 2) / mass.sum()
    found = np.full(len(score), count)
    found[order] = np.minimum((middle * count).astype(np.int64), count - 1)
    return found


def effective(place: Ints, weight: Floats, together: int, count: int) -> float:
    r"""Return how many independent draws have as large errors of the shares of bins, on average.

    The square of $\sum_b\sqrt{\hat q_b(1-\hat q_b)}$ over the sum of the standard errors of the
    $\hat q_b$, which are those of sums over groups of draws that were made together. So n for
    independent draws of equal weight, and never more.

    Args:
        place: the bin of each draw `(n,)`.
        weight: of each draw `(n,)`.
        together: draws of a group, side by side.
        count: bins.

    Example:
        >>> place = np.array([0, 1, 1, 0, 1, 1])
        >>> round(effective(place, np.ones(6), 1, 2), 6)
        6.0
        >>> round(effective(place[[0, 0, 1, 1, 2, 2]], np.ones(6), 2, 2), 6)
        3.0
    """
    share = weight / weight.sum()
    hits = np.zeros((len(place) // together, count))
    groups = np.arange(len(place)) // together
    np.add.at(hits, (groups, place), share)
    q = hits.sum(0)
    error = np.sqrt(((hits - hits.sum(1, keepdims=True) * q) ** 2).sum(0)).sum()
    if error == 0.0:  # all in one bin
        return float(len(hits))
    return float(min(len(place), (np.sqrt(q * (1.0 - q)).sum() / error) ** 2))


def distance(law: Floats, place: Ints, weight: Floats) -> float:
    """Return the total variation between a law of bins and weighted draws.

    Example:
        >>> distance(np.array([0.5, 0.5]), np.array([0, 0, 1, 0]), np.ones(4))
        0.25
    """
    found = np.bincount(place, weights=weight / weight.sum(), minlength=len(law))
    return 0.5 * float(np.abs(found - law).sum())


def floor(law: Floats, draws: float) -> float:
    """Return the mean total variation between a law of bins and so many draws of it.

    Example:
        >>> round(floor(np.array([0.5, 0.5]), 10_000), 3)
        0.004
    """
    count = max(1, round(draws))
    drawn = np.random.default_rng(0).multinomial(count, law / law.sum(), _REPEATS)
    return 0.5 * float(np.abs(drawn / count - law).sum(1).mean())
