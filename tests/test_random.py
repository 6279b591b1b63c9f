"""Keyed random numbers: what they depend on, and that they behave as random."""

import numpy as np
import pytest
import torch
from scipy import stats

from discdiff import random
from tests.exact.laws import (
    ACCEPT,
    p_value,
)

WORD = 1 << 64
KEYS = random.row_keys(5, torch.arange(20_000), torch.zeros(20_000, dtype=torch.int64))


def splitmix(x):
    """The finaliser of splitmix64 on unsigned Python integers."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB % WORD
    return x ^ x >> 31


def unmix(x):
    """Its inverse."""
    x = _unshift(x, 31) * pow(0x94D049BB133111EB, -1, WORD) % WORD
    x = _unshift(x, 27) * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    return _unshift(x, 30)


def _unshift(x, bits):
    found = x
    for _ in range(64 // bits + 1):
        found = x ^ found >> bits
    return found


def signed(x):
    return x - WORD if x >= WORD // 2 else x


def test_fold_is_the_published_finaliser():
    # the first outputs of splitmix64 seeded with 0 are mix(golden), mix(2 golden), ...
    golden = 0x9E3779B97F4A7C15
    assert splitmix(golden) == 0xE220A8397B1DCDAF
    found = random.fold(torch.tensor([0, 12345, -1]), 7)
    expected = [splitmix((k + golden * (splitmix(7) + 1)) % WORD) for k in (0, 12345, WORD - 1)]
    assert found.tolist() == [signed(x) for x in expected]


def test_fold_broadcasts_tensors_and_integers_alike():
    keys = torch.arange(4)
    assert torch.equal(random.fold(keys, 9), random.fold(keys, torch.tensor(9)))
    assert random.fold(keys[:, None], torch.arange(3)).shape == (4, 3)


@pytest.mark.parametrize("bits", [0, WORD - 1])
def test_uniforms_never_reach_the_ends_of_the_interval(bits):
    golden = 0x9E3779B97F4A7C15
    key = (unmix(bits) - golden * (splitmix(0) + 1)) % WORD
    u = random.uniform_at(torch.tensor([signed(key)]), torch.tensor([0])).item()
    assert 0.0 < u < 1.0


def test_uniforms_are_uniform_in_each_column_and_across_keys():
    u = random.uniform(KEYS, 8).numpy()
    assert u.dtype == np.float64
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > ACCEPT
    assert stats.kstest(u[:2000].ravel(), "uniform").pvalue > ACCEPT


@pytest.mark.parametrize(
    "other",
    [
        lambda keys: random.uniform(keys, 2)[:, 1],
        lambda keys: random.uniform(keys + 1, 1)[:, 0],
        lambda keys: random.uniform(random.fold(keys, 0), 1)[:, 0],
        lambda keys: random.uniform(random.fold(keys, 1), 1)[:, 0],
        lambda keys: random.uniform(random.fold(random.fold(keys, 0), 1), 1)[:, 0],
    ],
    ids=["next position", "next key", "folded", "folded with 1", "folded twice"],
)
def test_neighbouring_streams_are_independent(other):
    first, second = random.uniform(KEYS, 1)[:, 0], other(KEYS)
    cells = (first * 8).long() * 8 + (second * 8).long()
    assert p_value(np.bincount(cells, minlength=64), np.full(64, 1 / 64)) > ACCEPT


def test_consecutive_designs_and_slots_are_independent():
    design, slot = torch.arange(200).repeat_interleave(100), torch.arange(100).repeat(200)
    u = random.uniform(random.row_keys(0, design, slot), 1)[:, 0].view(200, 100)
    for a, b in ((u[:-1], u[1:]), (u[:, :-1], u[:, 1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.numel())


def test_a_number_depends_on_its_own_key_and_position_alone():
    whole = random.uniform(KEYS[:10], 6)
    assert torch.equal(random.uniform(KEYS[3:4], 4), whole[3:4, :4])
    rows, cols = torch.tensor([9, 0, 9]), torch.tensor([5, 2, 0])
    assert torch.equal(random.uniform_at(KEYS[rows], cols), whole[rows, cols])


def test_row_keys_are_all_different():
    design, slot = torch.arange(300).repeat_interleave(300), torch.arange(300).repeat(300)
    keys = torch.cat([random.row_keys(key, design, slot) for key in (0, 1, -1)])
    assert len(keys.unique()) == len(keys)


def test_new_key_comes_from_the_generator_or_the_global_one():
    first, again, other = (random.new_key(torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first == again != other
    torch.manual_seed(3)
    one = random.new_key()
    torch.manual_seed(3)
    assert random.new_key() == one
    assert -(2**63) <= one < 2**63


def test_new_key_moves_the_generator():
    generator = torch.Generator().manual_seed(0)
    assert random.new_key(generator) != random.new_key(generator)
