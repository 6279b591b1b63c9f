r"""A Gaussian process over similarities: what a few measured values say of designs like them."""

from __future__ import annotations

import math

import numpy as np

from discdiff.errors import InputError
from discdiff.similarity import Floats

NOISE = tuple(10.0 ** (k / 2) for k in range(-6, 3))
"""Ratios of the variance of the noise to that of the signal among which the data choose."""
_TIE = 1e-6  # the smaller of two ratios that are as likely


class GaussianProcess:
    r"""Regression of N values on the similarities between what they belong to.

    The values are $y \sim \mathcal N(m 1, \sigma^2 (S + \rho I))$. The ratio ρ is the one of a
    fixed grid with the largest likelihood, m and σ² are at their maximum for it. S must be positive
    semi-definite (small negative eigenvalues are taken for 0).

    Args:
        similarity: float64 `(N, N)`, 1 on the diagonal.
        values: float64 `(N,)`, N at least 1.

    Raises:
        InputError: if a shape is wrong or a value is not finite.

    Source:
        Gaussian processes for machine learning (Rasmussen and Williams, 2006), with the Tanimoto
        kernel of graph kernels for chemical informatics (Ralaivola et al., 2005).

    Example:
        >>> process = GaussianProcess(np.eye(3), np.array([1.0, 2.0, 3.0]))
        >>> mean, deviation = process.predict(np.zeros((1, 3)))  # like nothing that is known
        >>> mean.round(6).tolist(), deviation.round(3).tolist()
        ([2.0], [0.816])
    """

    def __init__(self, similarity: Floats, values: Floats) -> None:
        count = len(values)
        if not count or similarity.shape != (count, count):
            raise InputError(
                f"similarity must be ({count}, {count}) with at least one value, got shape "
                f"{similarity.shape}"
            )
        if not np.isfinite(values).all():
            raise InputError("values must be finite")
        found, self._basis = np.linalg.eigh(similarity)
        spectrum = np.maximum(found, 0.0)
        ones, projected = self._basis.sum(axis=0), values @ self._basis
        best = -math.inf
        for ratio in NOISE:
            scale = spectrum + ratio
            level = float((ones * projected / scale).sum() / (ones**2 / scale).sum())
            rest = projected - level * ones
            variance = float((rest**2 / scale).mean())
            # equal values have no variance, and any noise explains them
            likelihood = -count / 2 * math.log(max(variance, 1e-300)) - np.log(scale).sum() / 2
            if likelihood > best + _TIE:
                best = likelihood
                self.noise, self.level, self.variance = ratio, level, variance
                self._scale, self._weights = scale, self._basis @ (rest / scale)

    def predict(self, similarity: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation, float64 `(M,)` each, without the noise.

        Args:
            similarity: float64 `(M, N)`: of M designs to what the values belong to.
        """
        explained = ((similarity @ self._basis) ** 2 / self._scale).sum(axis=1)
        mean: Floats = self.level + similarity @ self._weights
        return mean, np.sqrt(self.variance * np.maximum(1.0 - explained, 0.0))
