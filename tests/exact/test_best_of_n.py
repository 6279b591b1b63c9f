"""Best-of-N: the law of the argmax, and of the self-normalised choice."""

from itertools import product

import numpy as np
import pytest
import torch

from discdiff.guidance.best_of_n import BestOfN
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    fits,
    floor,
    model_of,
    reward_of,
    rewards,
    tv,
    unbiased,
)

LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
SAMPLER = FirstHitting(model_of(LAW))


def best(n, runs=12_000, values=REWARD, **options):
    return BestOfN(n, **options).run(SAMPLER, reward_of(LAW, values), runs, key=2)


def hard_law(values, n):
    """P(max = r) from the distribution function, shared out over its designs in proportion to p."""
    p = np.zeros(len(LAW.p))
    for r in np.unique(values):
        here = values == r
        below, up_to = LAW.p[values < r].sum(), LAW.p[values <= r].sum()
        p[here] = (up_to**n - below**n) * LAW.p[here] / LAW.p[here].sum()
    return Law(2, LAW.rows, p)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_hard_choice_is_the_law_of_the_argmax(n):
    samples = best(n)
    assert fits(hard_law(REWARD, n), samples.tokens)
    assert n == 1 or differs(LAW, samples.tokens)
    np.testing.assert_allclose(samples.reward.numpy(), REWARD[LAW.places(samples.tokens)])
    assert (samples.log_weight == 0).all()
    assert samples.log_normaliser is None


def test_hard_choice_shares_ties_out_in_proportion():
    ties = np.round(REWARD)
    assert len(np.unique(ties)) < 5
    assert fits(hard_law(ties, 3), best(3, values=ties).tokens)


def test_hard_choice_lies_within_its_bound_of_the_base_law():
    for n in (2, 5, 20):
        law = hard_law(REWARD, n).p
        assert (law * np.log(law / LAW.p)).sum() <= np.log(n) - (n - 1) / n + 1e-12


@pytest.mark.parametrize("n", [2, 3])
def test_soft_choice_is_its_enumerated_law(n):
    weight, p = np.exp(1.5 * REWARD), np.zeros(8)
    for drawn in product(range(8), repeat=n):
        drawn = list(drawn)
        np.add.at(p, drawn, LAW.p[drawn].prod() * weight[drawn] / weight[drawn].sum())
    samples = best(n, select="soft", scale=1.5)
    assert fits(Law(2, LAW.rows, p), samples.tokens)
    assert unbiased(LAW.p * weight, LAW, samples)


def test_soft_choice_tends_to_the_tilted_law_like_one_over_n():
    target = LAW.tilted(1.5 * REWARD)
    errors = [
        tv(LAW.counts(best(n, runs, select="soft", scale=1.5).tokens) / runs, target.p)
        for n, runs in ((1, 5000), (4, 5000), (40, 2500))
    ]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 1.5 * floor(target.p, 2500)


def test_one_candidate_is_the_unguided_design():
    samples = best(1, 100, select="soft", scale=1.5)
    assert torch.equal(samples.tokens, SAMPLER.run(SAMPLER.init(100, key=2)).tokens)
