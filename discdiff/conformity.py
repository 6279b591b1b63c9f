"""Distributional conformity: how ordinary the properties of designs are, as conformal p-values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from discdiff import _check
from discdiff.errors import InputError

Floats = NDArray[np.float64]


def conformity(
    designs: ArrayLike,
    reference: ArrayLike,
    calibration: ArrayLike,
    bandwidth: float | None = None,
) -> Floats:
    r"""Return a conformal p-value `(N,)` of each design under the density of known properties.

    With $\hat p$ the Gaussian kernel density of `reference` (full covariance) and $c_1\dots c_K$
    the rows of `calibration`, $\frac{1+\#\{k:\hat p(c_k)\le\hat p(x)\}}{K+1}$: about the fraction
    of held-out known sequences that are no more typical than the design. Whatever the density, a
    design that is exchangeable with `calibration` has a value of at most u with a chance of at most
    u; designs unlike what is known have small ones.

    Args:
        designs: properties `(N, D)`; `(N,)` where D is 1.
        reference: those of known sequences `(M, D)`, M above D, which the density is fitted to.
        calibration: those of others `(K, D)`, held out: not in `reference`, else values are too
            small.
        bandwidth: width of the kernel, in standard deviations of `reference`; Scott's rule,
            $M^{-1/(D+4)}$, by default.

    Raises:
        InputError: if shapes do not fit, a number is not finite, there are too few rows, or a
            property does not vary in `reference` or follows from others.

    Source: Protein Discovery with Discrete Walk-Jump Sampling (Frey et al., 2023,
    arXiv:2306.12360); A Tutorial on Conformal Prediction (Shafer and Vovk, 2008) for the 1 that is
    added, without which a value can be 0.

    Example:
        >>> known = np.random.default_rng(0).normal(size=(200, 1))
        >>> conformity([[0.0], [9.0]], known[:100], known[100:]).round(2).tolist()
        [0.88, 0.01]
    """
    from scipy.stats import gaussian_kde  # slow to import, and few need it

    known = _matrix("reference", reference)
    held = _matrix("calibration", calibration, known.shape[1])
    asked = _matrix("designs", designs, known.shape[1])
    if len(known) <= known.shape[1] or not len(held):
        raise InputError(
            f"reference must have more rows than its {known.shape[1]} properties and calibration "
            f"one or more, got {len(known)} and {len(held)}"
        )
    width = None if bandwidth is None else _check.positive("bandwidth", bandwidth)
    _check_spread(known)
    density = gaussian_kde(known.T, bw_method=width)
    if not len(asked):
        return np.zeros(0)
    ranked = np.sort(_log_density(density, held))
    below = np.searchsorted(ranked, _log_density(density, asked), side="right")
    values: Floats = np.asarray((1.0 + below) / (len(ranked) + 1.0), dtype=np.float64)
    return values


def conformity_score(
    designs: ArrayLike,
    reference: ArrayLike,
    calibration: ArrayLike,
    bandwidth: float | None = None,
) -> float:
    r"""Return the distributional conformity score of a set of designs: their mean `conformity`.

    Designs drawn from the law of the calibration set have $\frac{K+2}{2(K+1)}$ on average, about a
    half; less if they are unlike it, more if they keep to where it is densest.

    Args:
        designs: properties `(N, D)` of one design or more; further arguments as for `conformity`.
        reference: those that the density is fitted to.
        calibration: those that are held out.
        bandwidth: width of the kernel.

    Raises:
        InputError: as for `conformity`, or if there is no design.

    Example:
        >>> known = np.random.default_rng(0).normal(size=(200, 1))
        >>> round(conformity_score(known[150:], known[:100], known[100:150]), 2)
        0.55
    """
    values = conformity(designs, reference, calibration, bandwidth)
    if not len(values):
        raise InputError("designs must have a row, got none")
    return float(values.mean())


def _log_density(density: Any, at: Floats) -> Floats:
    """Return log densities `(N,)`, minus infinity where a distance has no square in float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.asarray(density.logpdf(at.T))
    return np.where(np.isnan(found), -np.inf, found)


def _check_spread(known: Floats) -> None:
    """Raise `InputError` where the covariance of `known` has no inverse."""
    spread = known.std(axis=0)
    centred = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if np.linalg.matrix_rank(centred) < known.shape[1]:
        raise InputError(
            "reference must vary in every property, and none may follow from others: leave one out"
        )


def _matrix(name: str, values: ArrayLike, columns: int | None = None) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be finite numbers, got {values!r}") from None
    if found.ndim == 1:
        found = found.reshape(-1, 1 if columns is None or len(found) else columns)
    if found.ndim != 2 or not found.shape[1] or found.shape[1] != (columns or found.shape[1]):
        wanted = "D" if columns is None else f"{columns}"
        raise InputError(f"{name} must be (rows, {wanted}), got shape {np.shape(values)}")
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise InputError(f"{name} must be finite numbers, got {found[row].tolist()} in row {row}")
    return found
