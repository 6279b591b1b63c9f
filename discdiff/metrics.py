"""Measures of a set of designs or of a run that need no domain knowledge."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discdiff import _check
from discdiff.errors import InputError

Refuse = Callable[[int, str], object]
"""Called with the place of a string that is not valid, the first is 0, and the reason."""


def uniqueness(keys: Collection[str]) -> float:
    """Return `distinct / all`; NaN if there are none.

    Args:
        keys: canonical strings of the valid designs. (Some published figures divide by all designs
            or compare raw strings; this one does neither.)

    Example:
        >>> uniqueness(["CCO", "CCO", "CCN", "CCC"])
        0.75
    """
    return len(set(keys)) / len(keys) if keys else math.nan


def novelty(keys: Collection[str], reference: AbstractSet[str]) -> float:
    """Return the fraction of the distinct keys that are not in `reference`; NaN if none.

    Args:
        keys: canonical strings of the valid designs.
        reference: canonical strings of the training set.

    Example:
        >>> novelty(["CCO", "CCO", "CCN"], {"CCO"})
        0.5
    """
    distinct = set(keys)
    return len(distinct - reference) / len(distinct) if distinct else math.nan


def valid_unique_novel(keys: Collection[str], reference: AbstractSet[str], requested: int) -> float:
    """Return the distinct valid novel designs, as a fraction of all that were requested.

    Args:
        keys: canonical strings of the valid designs.
        reference: canonical strings of the training set.
        requested: number of designs drawn, the invalid ones included.

    Raises:
        InputError: if `requested` is not positive or less than the number of keys.

    Example:
        >>> valid_unique_novel(["CCO", "CCN", "CCN"], {"CCO"}, requested=4)
        0.25
    """
    _check.positive_int("requested", requested)
    if requested < len(keys):
        raise InputError(f"requested must be at least {len(keys)}, got {requested}")
    return len(set(keys) - reference) / requested


def auc_top_k(values: ArrayLike, k: int = 10, budget: int = 10_000, step: int = 100) -> float:
    r"""Return the area under the mean of the best k against evaluations, divided by the budget.

    The mean of the best k so far (of all, while there are fewer) is taken after every `step`
    evaluations and after the last one, joined by straight lines from (0, 0), and held at its last
    value up to `budget`. The benchmark takes distinct valid molecules only and charges no other:
    leave the rest out to follow it. A NaN that is left in takes its place in the budget and counts
    as 0.

    Args:
        values: `(N,)` scores, larger is better, in order of evaluation; those beyond `budget` do
            not count.
        k: how many of the best.
        budget: evaluations allowed.
        step: evaluations between two points of the curve.

    Raises:
        InputError: if `values` is not one-dimensional, or another argument not positive.

    Source:
        Sample efficiency matters: a benchmark for practical molecular optimization (Gao et al.,
        2022, 2206.12411).

    Example:
        >>> auc_top_k([0.5] * 100, k=10, budget=200)
        0.375
    """
    for name, number in (("k", k), ("budget", budget), ("step", step)):
        _check.positive_int(name, number)
    scores = np.nan_to_num(_vector("values", values), nan=0.0)[:budget]
    if not scores.size:
        return 0.0
    counts = np.unique([*range(0, scores.size, step), scores.size])
    means = [0.0] + [np.sort(scores[:count])[-k:].mean() for count in counts[1:].tolist()]
    curve = np.array(means)
    area = float(np.diff(counts) @ (curve[:-1] + curve[1:])) / 2
    return (area + (budget - scores.size) * float(curve[-1])) / budget


def frechet_distance(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the squared Fréchet distance between Gaussians fitted to two samples.

    `|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x^1/2 C_y C_x^1/2)^1/2)` with the sample means m and the
    unbiased covariances C. It is biased upwards for small samples.

    Args:
        x: float `(N, D)`, N at least 2.
        y: float `(M, D)`, M at least 2.

    Raises:
        InputError: if the shapes do not fit.

    Source:
        GANs trained by a two time-scale update rule (Heusel et al., 2017, 1706.08500).

    Example:
        >>> round(frechet_distance([[0.0], [2.0]], [[3.0], [5.0]]), 6)
        9.0
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise InputError(
            f"x and y must be (N, D) and (M, D) with at least 2 rows, got {a.shape} and {b.shape}"
        )
    shift = a.mean(axis=0) - b.mean(axis=0)
    # With C = R^T R the trace of the root is the sum of the singular values of R_x R_y^T: no root
    # of a matrix that is singular to rounding is ever taken.
    r_a, r_b = _factor(a), _factor(b)
    overlap = np.linalg.svd(r_a @ r_b.T, compute_uv=False).sum()
    return float(shift @ shift + (r_a**2).sum() + (r_b**2).sum() - 2.0 * overlap)


def _factor(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R with R^T R the covariance of `sample`."""
    centred = (sample - sample.mean(axis=0)) / math.sqrt(len(sample) - 1)
    return np.linalg.qr(centred).R


def _vector(name: str, values: ArrayLike) -> NDArray[np.float64]:
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {vector.shape}")
    return vector
