"""Two lengths: the law over both, and SVDD's law with the length given."""

import numpy as np
import pytest
import torch

from discdiff.denoiser import TabularDenoiser
from discdiff.domain import Letters, Template
from discdiff.errors import InputError
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.value import RolloutValue
from discdiff.model import LengthLaw, Model
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Reward
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import (
    Law,
    differs,
    drawn,
    fits,
    floor,
    model_of,
    reward_of,
    rewards,
    tv,
    two_lengths,
    unbiased,
)

LAW = two_lengths()
REWARD = rewards(LAW, seed=5)
SHORT = LAW.rows[:, 2] == 3
SAMPLER = FirstHitting(model_of(LAW))


def test_the_table_has_two_lengths_whose_shares_the_reward_moves():
    assert abs(0.4 - LAW.tilted(REWARD).p[SHORT].sum()) > 0.05


@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder])
def test_samplers_draw_length_and_letters(make):
    assert fits(LAW, drawn(make(model_of(LAW))))


def test_many_uniform_steps_draw_length_and_letters():
    assert fits(LAW, drawn(Ancestral(model_of(LAW, "uniform"), steps=100), 2500))


@pytest.mark.parametrize("length", [2, 3])
def test_a_length_can_be_given(length):
    tokens = drawn(SAMPLER, length=length)
    p = LAW.p * ((length == 2) == SHORT)
    assert fits(Law(2, LAW.rows, p / p.sum()), tokens)


@pytest.mark.parametrize(
    "method",
    [
        BestOfN(4, select="soft", scale=1.0),
        FKSteering(4, scale=1.0, threshold=1.0),
        FKSteering(4, scale=1.0, potential="max", interval=2, threshold=1.0),
        SVDD(3, scale=1.0, particles=2, carry=True),
    ],
    ids=["best of n", "fk", "fk max", "svdd carried"],
)
def test_weighted_methods_tilt_the_lengths_too(method):
    samples = method.run(SAMPLER, reward_of(LAW, REWARD), 5000, key=1)
    assert unbiased(LAW.p * np.exp(REWARD), LAW, samples)


def test_fk_reaches_the_law_over_both_lengths():
    method = FKSteering(24, scale=0.6, threshold=1.0)
    samples = method.run(SAMPLER, reward_of(LAW, REWARD), 2000, key=1)
    target = LAW.tilted(0.6 * REWARD).p
    assert tv(LAW.counts(samples.tokens) / 2000, target) < 1.5 * floor(target, 2000)


def test_svdd_leaves_the_lengths_alone_and_tilts_within_each():
    target = np.zeros(len(LAW.p))
    for group in (SHORT, ~SHORT):
        weight = LAW.p * np.exp(REWARD) * group
        target += LAW.p[group].sum() * weight / weight.sum()
    method = SVDD(16, scale=1.0, value=RolloutValue())
    samples = method.run(SAMPLER, reward_of(LAW, REWARD), 2500, key=1)
    assert tv(LAW.counts(samples.tokens) / 2500, target) < 1.5 * floor(target, 2500)
    assert differs(LAW.tilted(REWARD), samples.tokens)


def test_slots_of_a_design_share_a_length_only_when_asked():
    state = SAMPLER.init(500, particles=4, key=0)
    assert (torch.from_numpy(state.lengths).view(-1, 4).diff() != 0).any()
    state = SAMPLER.init(500, particles=4, key=0, length_per_design=True)
    assert (torch.from_numpy(state.lengths).view(-1, 4).diff() == 0).all()


def padded(kind):
    """The two-length law as rows of three, the shorter ones closed by an end token."""
    domain = Padded(Letters("AB"), 3)
    rows = np.where(LAW.rows == 3, 2, LAW.rows)
    process = {"masked": MaskedProcess, "uniform": UniformProcess}[kind](3)
    net = TabularDenoiser(torch.from_numpy(rows), torch.from_numpy(LAW.p), process)
    return Model(net, process, domain, LengthLaw.fixed(3), frozen_training=True), Law(
        3, rows, LAW.p
    )


@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder])
def test_a_model_that_writes_its_end_draws_length_and_letters(make):
    model, law = padded("masked")
    assert fits(law, drawn(make(model)))


def test_a_uniform_model_that_writes_its_end_draws_length_and_letters():
    model, law = padded("uniform")
    tokens = drawn(Ancestral(model, steps=100), 2500).numpy()
    inside = (tokens[:, None] == law.rows).all(2).any(1)
    assert (~inside).mean() < 0.1  # a factorised step may leave the table: the grid's own error
    counts = law.counts(tokens[inside])
    assert tv(counts / counts.sum(), law.p) < 0.05 + floor(law.p, len(tokens))


def test_guidance_tilts_the_end_as_any_other_token():
    model, law = padded("masked")
    strings = model.domain.decode_batch(torch.from_numpy(law.rows))
    table = dict(zip(strings, REWARD.tolist(), strict=True))
    reward = Reward(model.domain, lambda asked: [table[s] for s in asked])
    samples = FKSteering(4, scale=1.0, threshold=1.0).run(FirstHitting(model), reward, 5000, key=1)
    assert unbiased(law.p * np.exp(REWARD), law, samples)


def test_a_model_that_writes_its_end_has_one_width():
    model, _ = padded("masked")
    with pytest.raises(InputError, match="length must be 3 or left out, .* got 2"):
        FirstHitting(model).init(1, key=0, length=2)
    state = FirstHitting(model).init(1, key=0, template=Template(model.domain.alphabet, ["A"]))
    assert state.tokens.tolist() == [[0, 3, 3]]
