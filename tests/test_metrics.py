import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from discdiff.errors import InputError
from discdiff.metrics import (
    auc_top_k,
    frechet_distance,
    novelty,
    uniqueness,
    valid_unique_novel,
)


def test_sets_by_hand():
    keys, known = ["a", "a", "b", "c"], {"a", "z"}
    assert uniqueness(keys) == 3 / 4
    assert novelty(keys, known) == 2 / 3
    assert valid_unique_novel(keys, known, requested=10) == 2 / 10


def test_empty_sets_are_undefined():
    assert math.isnan(uniqueness([]))
    assert math.isnan(novelty([], {"a"}))
    assert valid_unique_novel([], {"a"}, requested=5) == 0


def test_requested_covers_the_valid():
    with pytest.raises(InputError, match="requested must be at least 2, got 1"):
        valid_unique_novel(["a", "b"], set(), requested=1)
    with pytest.raises(InputError, match="requested must be a positive integer, got 0"):
        valid_unique_novel([], set(), requested=0)


def auc_in_a_loop(values, k, budget, step):
    """The benchmark's own bookkeeping: one trapezoid at a time."""
    area, before, called = 0.0, 0.0, 0
    for n in range(step, min(len(values), budget), step):
        now = np.mean(sorted(values[:n], reverse=True)[:k])
        area += step * (now + before) / 2
        before, called = now, n
    now = np.mean(sorted(values, reverse=True)[:k])
    area += (len(values) - called) * (now + before) / 2
    return (area + (budget - len(values)) * now) / budget


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.integers(1, 12),
    st.integers(0, 40),
    st.integers(1, 25),
)
def test_auc_equals_the_loop(values, k, spare, step):
    budget = len(values) + spare
    expected = auc_in_a_loop(values, k, budget, step)
    assert math.isclose(auc_top_k(values, k, budget, step), expected, rel_tol=1e-9, abs_tol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 60))
def test_auc_ignores_what_lies_beyond_the_budget(values, budget):
    assert auc_top_k(values, 3, budget, 7) == auc_top_k(values[:budget], 3, budget, 7)


def test_auc_of_constant_and_of_nothing():
    # a constant run loses only the ramp of its first step
    assert auc_top_k([1.0] * 1000, budget=1000, step=100) == pytest.approx(0.95)
    assert auc_top_k([]) == 0


def test_auc_charges_a_nan_and_scores_it_zero():
    values = [0.9, math.nan, 0.3, math.nan, 0.7]
    zeros = np.nan_to_num(values)
    assert auc_top_k(values, 2, 10, 2) == auc_top_k(zeros, 2, 10, 2)
    assert auc_top_k(values, 1, 10, 2) < auc_top_k([0.9, 0.3, 0.7], 1, 10, 1)


def test_auc_refuses():
    with pytest.raises(InputError, match="k must be a positive integer, got 0"):
        auc_top_k([1.0], k=0)
    with pytest.raises(InputError, match="budget must be a positive integer, got -1"):
        auc_top_k([1.0], budget=-1)
    with pytest.raises(InputError, match=r"values must be one-dimensional, got shape \(1, 1\)"):
        auc_top_k([[1.0]])


@pytest.mark.parametrize("dimensions", [1, 3, 20])
def test_frechet_equals_scipy(dimensions):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, dimensions)) @ rng.normal(size=(dimensions, dimensions))
    y = rng.normal(size=(40, dimensions)) + 1
    a, b = (np.atleast_2d(np.cov(z.T)) for z in (x, y))
    shift = x.mean(0) - y.mean(0)
    expected = shift @ shift + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)


def test_frechet_of_a_set_with_itself_and_of_few_points():
    x = np.random.default_rng(1).normal(size=(5, 30))  # a covariance of rank 4
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(x, x + 2.0) == pytest.approx(30 * 4, abs=1e-10)


def test_frechet_refuses():
    with pytest.raises(InputError, match=r"at least 2 rows, got \(1, 3\) and \(5, 3\)"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(InputError, match=r"got \(5, 2\) and \(5, 3\)"):
        frechet_distance(np.zeros((5, 2)), np.zeros((5, 3)))
