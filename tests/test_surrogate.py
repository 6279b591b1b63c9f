"""The Gaussian process: against SciPy's density and the conditional law written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from discdiff.errors import InputError
from discdiff.surrogate import NOISE, GaussianProcess


def problem(seed: int, count: int = 12, new: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.random((count + new, 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    matrix = features @ features.T
    return matrix[:count, :count], matrix[count:, :count], rng.normal(3.0, 2.0, count)


@pytest.mark.parametrize("seed", range(4))
def test_level_variance_and_noise_have_the_largest_likelihood(seed: int):
    s, _, y = problem(seed)
    process = GaussianProcess(s, y)

    def density(level: float, variance: float, noise: float) -> float:
        covariance = variance * (s + noise * np.eye(len(y)))
        return float(multivariate_normal(np.full(len(y), level), covariance).logpdf(y))

    best = density(process.level, process.variance, process.noise)
    for noise in NOISE:
        for level in process.level + np.array([-0.1, 0.0, 0.1]):
            for variance in process.variance * np.array([0.1, 0.9, 1.0, 1.1, 10.0]):
                assert density(level, variance, noise) <= best + 1e-9


def test_predictions_are_the_conditional_law():
    s, cross, y = problem(9)
    process = GaussianProcess(s, y)
    inverse = np.linalg.inv(s + process.noise * np.eye(len(y)))
    mean, deviation = process.predict(cross)
    assert mean == pytest.approx(process.level + cross @ inverse @ (y - process.level))
    variance = process.variance * (1 - np.einsum("ij,jk,ik->i", cross, inverse, cross))
    assert deviation == pytest.approx(np.sqrt(np.maximum(variance, 0)), abs=1e-7)


def test_it_learns_what_there_is_to_learn():
    rng = np.random.default_rng(0)
    features = rng.random((80, 3))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    truth = 5 * features[:, 0] - features[:, 1]
    matrix = features @ features.T
    mean, deviation = GaussianProcess(matrix[:60, :60], truth[:60]).predict(matrix[60:, :60])
    assert np.abs(mean - truth[60:]).max() < 0.1 * truth.std()
    assert deviation.max() < truth.std()
    noise = GaussianProcess(matrix, rng.normal(0, 1, 80))
    assert noise.noise == max(NOISE)  # nothing to learn: all is noise


@pytest.mark.parametrize("values", [[2.5], [2.5, 2.5, 2.5]])
def test_equal_values_are_predicted_everywhere(values: list[float]):
    process = GaussianProcess(np.eye(len(values)), np.array(values))
    mean, deviation = process.predict(np.array([[0.3] * len(values), [0.0] * len(values)]))
    assert mean == pytest.approx([2.5, 2.5])
    assert deviation == pytest.approx([0.0, 0.0], abs=1e-7)


def test_what_is_no_regression_is_refused():
    with pytest.raises(InputError, match=r"similarity must be \(0, 0\) with at least one value"):
        GaussianProcess(np.zeros((0, 0)), np.zeros(0))
    with pytest.raises(InputError, match=r"similarity must be \(2, 2\) .* got shape \(3, 3\)"):
        GaussianProcess(np.eye(3), np.zeros(2))
    with pytest.raises(InputError, match="values must be finite"):
        GaussianProcess(np.eye(2), np.array([1.0, np.nan]))
