"""Greedy batches: against the determinants and minima of every candidate, computed anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.errors import InputError
from discdiff.selection import (
    METHODS,
    NUGGET,
    Determinant,
    MaxMin,
    available,
    choose,
    quality,
)


def kernel(seed: int, count: int, rank: int) -> np.ndarray:
    """Similarities in [0, 1] with a unit diagonal, singular where the rank is below the count."""
    features = np.random.default_rng(seed).random((count, rank))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features @ features.T


def objective(method: str, s: np.ndarray, q: np.ndarray, weight: float, batch: list[int]) -> float:
    """The whole objective of a batch, from its definition."""
    block = s[np.ix_(batch, batch)]
    if method == "dpp":
        sign, volume = np.linalg.slogdet(block + NUGGET * np.eye(len(batch)))
        assert sign > 0
        return weight * q[batch].sum() + (1 - weight) * volume
    # MaxMin has no objective of its own: its gain for the last member
    near = 1.0 if len(batch) == 1 else (1 - block[-1, :-1]).min()
    return weight * q[batch[-1]] + (1 - weight) * near


@given(
    st.sampled_from(sorted(METHODS)),
    st.integers(0, 2**20),
    st.integers(2, 12),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_pick_is_a_best_one(method: str, seed: int, count: int, rank: int, weight: float):
    s = kernel(seed, count, rank)
    q = quality(np.random.default_rng(seed + 1).random(count))
    picked = choose(METHODS[method](lambda i: s[i], q, weight), count)
    assert sorted(picked) == list(range(count))
    for size in range(count):
        batch, left = picked[:size], picked[size:]
        found = [objective(method, s, q, weight, [*batch, i]) for i in left]
        assert found[0] >= max(found) - 1e-6  # left[0] is what was picked


def test_gains_are_the_growth_of_the_objective():
    s, q = kernel(3, 9, 5), np.linspace(1, -1, 9)
    gains = Determinant(lambda i: s[i], q, 0.4)
    batch: list[int] = []
    for place in (4, 0, 7, 2):
        before = objective("dpp", s, q, 0.4, batch) if batch else 0.0
        expected = [objective("dpp", s, q, 0.4, [*batch, i]) - before for i in range(9)]
        free = [i for i in range(9) if i not in batch]
        assert gains.now()[free] == pytest.approx(np.array(expected)[free], abs=1e-8)
        gains.add(place)
        batch.append(place)


class TestDegenerate:
    """Copies, ties, rank deficiency, matrices that are no kernels."""

    @pytest.mark.parametrize("method", sorted(METHODS))
    def test_ties_go_to_the_first(self, method: str):
        s = np.eye(5)
        assert choose(METHODS[method](lambda i: s[i], np.zeros(5), 0.5), 5) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("method", sorted(METHODS))
    def test_a_tie_is_not_broken_by_rounding(self, method: str):
        s = np.eye(3)
        q = np.array([0.3, 0.1 + 0.2, 0.3])  # the second is larger by one unit in the last place
        assert choose(METHODS[method](lambda i: s[i], q, 1.0), 3) == [0, 1, 2]

    @pytest.mark.parametrize("method", sorted(METHODS))
    def test_copies_come_last_and_by_quality(self, method: str):
        s = np.kron(np.eye(2), np.ones((3, 3)))  # two molecules, three copies of each
        q = np.array([0.9, 0.8, 0.7, 0.5, 0.4, 0.3])
        assert choose(METHODS[method](lambda i: s[i], q, 0.5), 6)[:3] == [0, 3, 1]

    def test_many_copies_stay_finite(self):
        s = np.ones((300, 300))
        gains = Determinant(lambda i: s[i], np.zeros(300), 0.0)
        assert choose(gains, 300) == list(range(300))
        assert np.isfinite(gains.now()).all()

    def test_what_is_no_kernel_gives_a_batch_still(self):
        s = np.array([[1, 0.9, 0.9], [0.9, 1, 0], [0.9, 0, 1.0]])  # one eigenvalue is negative
        gains = Determinant(lambda i: s[i], np.zeros(3), 0.0)
        assert sorted(choose(gains, 3)) == [0, 1, 2]
        assert np.isfinite(gains.now()).all()


def test_weight_one_is_the_ranking_and_weight_zero_ignores_it():
    s, q = kernel(5, 8, 3), np.random.default_rng(0).random(8)
    for method in METHODS.values():
        assert choose(method(lambda i: s[i], q, 1.0), 8) == np.argsort(-q).tolist()
        other = choose(method(lambda i: s[i], q[::-1].copy(), 0.0), 8)
        assert choose(method(lambda i: s[i], q, 0.0), 8) == other


def test_a_cap_holds_and_costs_nothing_where_it_does_not_bind():
    s, q = kernel(7, 12, 4), np.random.default_rng(1).random(12)
    groups = [i % 3 for i in range(12)]
    for cap in (1, 2, 4):
        picked = choose(MaxMin(lambda i: s[i], q, 0.9), 3 * cap, groups, cap)
        assert [sum(groups[i] == g for i in picked) for g in range(3)] == [cap] * 3
    free = choose(MaxMin(lambda i: s[i], q, 0.9), 4)
    assert choose(MaxMin(lambda i: s[i], q, 0.9), 4, groups, 4) == free


def test_too_many_are_refused_with_what_there_is():
    assert available("aabbb", 2, 5) == 4
    assert available(None, 2, 5) == 5
    gains = MaxMin(lambda i: np.eye(3)[i], np.zeros(3))
    with pytest.raises(InputError, match="n must be at most 3, the candidates there are, got 4"):
        choose(gains, 4)
    with pytest.raises(InputError, match="n must be at most 2, .* got 3"):
        choose(gains, 3, "aab", 1)
    with pytest.raises(InputError, match="cap must be a positive integer, got 0"):
        choose(gains, 1, "aab", 0)


class TestQuality:
    """Rewards on a scale of their own."""

    @given(
        st.lists(st.integers(-99, 99), min_size=2, max_size=9),
        st.integers(1, 9),
        st.integers(-9, 9),
    )
    def test_neither_unit_nor_origin_matters(self, rewards: list[int], unit: int, origin: int):
        moved = [unit * r + origin for r in rewards]
        assert quality(moved) == pytest.approx(quality(rewards), abs=1e-12)

    def test_one_wild_value_leaves_the_others_apart(self):
        found = quality([-10_000.0, 0.1, 0.2, 0.3, 0.4])
        assert found[1:].tolist() == pytest.approx([-0.5, 0.0, 0.5, 1.0])

    @pytest.mark.parametrize(
        ("rewards", "expected"), [([], []), ([2, 2], [0, 0]), ([1, 2, 2], [0, 1, 1])]
    )
    def test_edges(self, rewards: list[float], expected: list[float]):
        assert quality(rewards).tolist() == expected

    def test_a_missing_reward_is_refused(self):
        with pytest.raises(InputError, match="rewards must be finite"):
            quality([0.5, float("nan")])
