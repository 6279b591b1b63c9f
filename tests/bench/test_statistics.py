"""Quantiles and paired intervals, against scipy and against coverage."""

import math

import numpy as np
import pytest

from discdiff.bench.statistics import Spread, paired_interval
from discdiff.errors import InputError


def test_spread_of_one_value():
    assert Spread.of([2.5]) == Spread(2.5, 2.5, 2.5)


def test_a_missing_value_is_not_hidden():
    assert math.isnan(Spread.of([1.0, math.nan]).median)
    assert all(map(math.isnan, paired_interval([1.0, math.nan], [0.0, 0.0])))


def test_one_pair_says_nothing():
    assert all(map(math.isnan, paired_interval([1.0], [0.0])))


def test_equal_differences_have_no_width():
    assert paired_interval([2.0, 3.0], [1.0, 2.0]) == (1.0, 1.0)


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
    for _ in range(60):
        low, high = paired_interval(generator.standard_normal(30), np.zeros(30))
        hits += low <= 0 <= high
    assert hits >= 51  # 0.94 of 60; fewer than 51 has chance 0.007
