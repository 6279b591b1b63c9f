"""Resampling schemes: offspring have the right mean, sum to K and leave survivors in place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from discdiff.guidance.resample import SCHEMES, ancestors, effective_sample_size, offspring

WEIGHTS = [
    [0.1, 0.2, 0.3, 0.4],
    [0.25, 0.25, 0.25, 0.25],
    [0.97, 0.01, 0.01, 0.01],
    [0.0, 0.5, 0.0, 0.5],
    [1.0, 0.0, 0.0, 0.0],
    [0.31, 0.19, 0.44, 0.06],
]
SIMPLEX = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9).filter(lambda w: sum(w) > 1e-3)


def normalised(weights):
    w = torch.tensor([weights], dtype=torch.float64)
    return w / w.sum()


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_expected_offspring_are_k_times_the_weight(scheme, weights):
    # a Sobol sequence integrates over the uniforms with an error far below sampling noise
    u = torch.from_numpy(qmc.Sobol(4, seed=0).random_base2(14))
    w = normalised(weights).expand(len(u), -1)
    counts = offspring(w, u.clamp(1e-12, 1 - 1e-12), scheme)
    np.testing.assert_allclose(counts.double().mean(0), 4 * w[0], atol=2e-3)


@settings(deadline=None)
@given(SIMPLEX, st.integers(0, 2**32))
def test_offspring_sum_to_k_and_low_variance_schemes_round_up_or_down(weights, seed):
    w = normalised(weights)
    u = torch.rand(w.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for scheme in SCHEMES:
        counts = offspring(w, u.clamp(1e-12), scheme)
        assert counts.dtype == torch.int64
        assert counts.sum() == w.shape[1]
        assert (counts >= 0).all()
        assert (counts[w == 0] == 0).all()
        if scheme == "ssp":
            assert ((counts - w * w.shape[1]).abs() < 1 + 1e-9).all()


def test_pairs_of_offspring_are_negatively_associated():
    u = torch.from_numpy(qmc.Sobol(4, seed=1).random_base2(13)).clamp(1e-12, 1 - 1e-12)
    w = normalised([0.31, 0.19, 0.44, 0.06]).expand(len(u), -1)
    for scheme in ("ssp", "multinomial"):
        covariance = np.cov(offspring(w, u, scheme).double().numpy().T)
        assert (covariance[~np.eye(4, dtype=bool)] < 1e-3).all()


def test_groups_are_resampled_apart():
    w = torch.cat([normalised(x) for x in WEIGHTS])
    u = torch.rand(w.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for scheme in SCHEMES:
        whole = offspring(w, u, scheme)
        alone = [offspring(w[i : i + 1], u[i : i + 1], scheme) for i in range(len(w))]
        assert torch.equal(whole, torch.cat(alone))


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=7))
def test_ancestors_have_the_offspring_and_survivors_stay(parents):
    size = len(parents)
    counts = torch.bincount(torch.tensor(parents) % size, minlength=size)[None]
    found = ancestors(counts)
    assert torch.equal(torch.bincount(found[0], minlength=size), counts[0])
    stays = counts[0] > 0
    assert torch.equal(found[0][stays], torch.arange(size)[stays])


def test_ancestors_of_several_groups_stay_in_their_group():
    counts = torch.tensor([[0, 3, 0], [1, 1, 1], [2, 0, 1]])
    assert ancestors(counts).tolist() == [[1, 1, 1], [0, 1, 2], [0, 0, 2]]


@settings(deadline=None)
@given(SIMPLEX, st.floats(-500, 500))
def test_effective_sample_size_is_the_ratio_of_sums_at_any_scale(weights, shift):
    w = np.array(weights)
    expected = w.sum() ** 2 / (w**2).sum()
    log_weight = torch.from_numpy(np.log(np.maximum(w, 1e-300)))[None] + shift
    log_weight = log_weight.masked_fill(torch.from_numpy(w)[None] == 0, -torch.inf)
    assert effective_sample_size(log_weight).item() == pytest.approx(expected, rel=1e-9)


def test_effective_sample_size_of_nothing_is_zero():
    log_weight = torch.full((2, 3), -torch.inf, dtype=torch.float64)
    log_weight[1, 2] = 4.0
    assert effective_sample_size(log_weight).tolist() == [0.0, 1.0]
