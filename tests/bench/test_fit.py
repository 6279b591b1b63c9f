"""Bins, floors and the worth of weighted draws, against repeated draws."""

import numpy as np
import pytest

from discdiff.bench.fit import bins, distance, effective, floor

LAW = np.random.default_rng(0).dirichlet(np.ones(20))


def mean_distance(draw, repeats=200):
    """The mean total variation of draws with weights, by drawing again and again."""
    rng = np.random.default_rng(1)
    return np.mean([distance(LAW, *draw(rng)) for _ in range(repeats)])


def test_bins_rise_with_the_score_and_hold_equal_shares_of_both_laws():
    rng = np.random.default_rng(2)
    score = rng.normal(size=5000)
    score[::7] = np.nan
    p = rng.dirichlet(np.full(5000, 5.0))
    target = np.where(np.isnan(score), 0.0, p * np.exp(np.nan_to_num(score)))
    target /= target.sum()
    found = bins(score, p, target, 10)
    valid = ~np.isnan(score)
    assert set(found[~valid]) == {10}
    assert (np.diff(found[valid][np.argsort(score[valid])]) >= 0).all()
    mixed = np.bincount(found[valid], weights=(p / p[valid].sum() + target)[valid]) / 2
    np.testing.assert_allclose(mixed, 0.1, atol=0.01)


def test_rows_of_one_score_are_shared_out():
    found = bins(np.zeros(8), np.full(8, 0.125), np.full(8, 0.125), 4)
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_floor_is_the_distance_of_draws_of_the_law():
    def draw(rng):
        return rng.choice(20, 500, p=LAW), np.ones(500)

    assert floor(LAW, 500) == pytest.approx(mean_distance(draw), rel=0.06)


def test_weighted_draws_are_worth_the_independent_ones_that_vary_as_much():
    base = np.full(20, 0.05)

    def draw(rng):
        place = rng.choice(20, 2000, p=base)
        return place, (LAW / base)[place]

    place, weight = draw(np.random.default_rng(3))
    worth = effective(place, weight, 1, 20)
    assert worth < 1500
    assert floor(LAW, worth) == pytest.approx(mean_distance(draw), rel=0.15)
    assert floor(LAW, 2000) < 0.9 * mean_distance(draw)  # as if their weights were equal


def test_draws_made_together_are_worth_less():
    def draw(rng):
        return rng.choice(20, 250, p=LAW).repeat(4), np.ones(1000)

    place, weight = draw(np.random.default_rng(4))
    assert effective(place, weight, 4, 20) == pytest.approx(250)
    assert effective(place, weight, 1, 20) == pytest.approx(1000)
    assert floor(LAW, 250) == pytest.approx(mean_distance(draw), rel=0.06)


def test_draws_all_in_one_bin_are_worth_their_groups():
    assert effective(np.zeros(6, dtype=np.int64), np.ones(6), 2, 3) == 3.0
