"""Quantiles and paired intervals, against scipy and against coverage."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from discdiff.bench.statistics import Spread, paired_interval
from discdiff.errors import InputError


def test_spread_of_one_value():
    assert Spread.of([2.5]) == Spread(2.5, 2.5, 2.5)


def test_a_missing_value_is_not_hidden():
    assert math.isnan(Spread.of([1.0, math.nan]).median)
    assert all(map(math.isnan, paired_interval([1.0, math.nan], [0.0, 0.0])))


def test_two_pairs_say_nothing():
    assert all(map(math.isnan, paired_interval([1.0, 2.0], [0.0, 0.0])))


def test_equal_differences_have_no_width():
    assert paired_interval([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]) == (1.0, 1.0)


def test_the_interval_is_that_of_a_t_test_of_pairs():
    generator = np.random.default_rng(2)
    ours, theirs = generator.standard_normal((2, 7))
    expected = ttest_rel(ours, theirs).confidence_interval(0.9)
    assert paired_interval(ours, theirs, 0.9) == pytest.approx(tuple(expected))


def test_pairs_must_have_two_values():
    with pytest.raises(InputError, match="pairs must have two values, got 2 and 1"):
        paired_interval([1.0, 2.0], [1.0])


def test_pairing_removes_what_seeds_share():
    generator = np.random.default_rng(0)
    shared = 100 * generator.standard_normal(40)
    low, high = paired_interval(shared + 1 + generator.standard_normal(40), shared)
    assert 0 < low < 1 < high < 2


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        low, high = paired_interval(generator.standard_normal(3), np.zeros(3))
        hits += low <= 0 <= high
    # four deviations of a binomial with 400 draws of chance 0.95
    assert abs(hits - 380) <= 4 * (400 * 0.95 * 0.05) ** 0.5
