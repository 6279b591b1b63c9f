"""Where guidance has nothing to say: a constant reward, λ = 0, nothing valid."""

import numpy as np
import pytest
import torch

from discdiff.guidance.beam import Beam
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.importance_tilt import ImportanceTilt
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue, SampledValue
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import keeps, uniform_law
from tests.exact.laws import (
    differs,
    dirichlet,
    fits,
    model_of,
    reward_of,
    rewards,
    unbiased,
)

LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
MASKED = FirstHitting(model_of(LAW))
BY_CLASS = FirstHitting(model_of(LAW, "class_masked"))
BY_STEP = Ancestral(model_of(LAW, "class_masked"), steps=4)
UNIFORM = Ancestral(model_of(LAW, "uniform"), steps=3)
RUNS = 6000
METHODS = {
    "best of n": lambda scale: BestOfN(3, select="soft", scale=scale),
    "svdd": lambda scale: SVDD(3, scale=scale),
    "svdd carried": lambda scale: SVDD(2, scale=scale, particles=2, carry=True),
    "fk": lambda scale: FKSteering(3, scale=scale, threshold=1.0),
    "fk multinomial": lambda scale: FKSteering(3, scale, threshold=1.0, scheme="multinomial"),
    "fk tempered": lambda scale: FKSteering(3, scale=scale, threshold=1.0, ramp=2),
    "fk with effort": lambda scale: FKSteering(3, scale, SampledValue(2, most=6), threshold=1.0),
    "svdd with effort": lambda scale: SVDD(
        4, scale=scale, particles=2, carry=True, fewest=2, agree=0.5
    ),
    "tds": lambda scale: TDS(3, scale=scale, threshold=1.0),
    "tds gumbel": lambda scale: TDS(3, scale=scale, relax="gumbel", threshold=1.0),
    "tds neighbours": lambda scale: TDS(3, scale=scale, twist="neighbours", threshold=1.0),
    "correctors": lambda scale: Correctors(particles=3, scale=scale, threshold=1.0),
    "isir": lambda scale: ISIRGibbs(4, scale=scale, level=0.7),
    "isir softmax": lambda scale: ISIRGibbs(4, 3, 0.7, scale, "softmax"),
    "importance tilt": lambda scale: ImportanceTilt(5, scale=scale),
    "fk sum": lambda scale: FKSteering(3, scale=scale, potential="sum", threshold=1.0),
}
every = pytest.mark.parametrize("name", METHODS)
samplers = pytest.mark.parametrize(
    "sampler",
    [MASKED, BY_CLASS, BY_STEP, UNIFORM],
    ids=["masked", "by class", "by class on a grid", "uniform"],
)


@every
def test_a_constant_reward_leaves_the_law_alone(name):
    reward = reward_of(LAW, np.full(8, 0.7))
    samples = METHODS[name](3.0).run(MASKED, reward, RUNS, key=9)
    assert fits(LAW, samples.tokens)
    if samples.log_normaliser is not None:
        np.testing.assert_allclose(samples.log_normaliser, 2.1, rtol=1e-12)


@every
def test_scale_zero_leaves_the_law_alone(name):
    samples = METHODS[name](0.0).run(MASKED, reward_of(LAW, REWARD), RUNS, key=9)
    assert fits(LAW, samples.tokens)
    assert differs(LAW.tilted(REWARD), samples.tokens)


def test_scale_zero_leaves_the_law_of_uniform_noise_alone():
    samples = METHODS["svdd"](0.0).run(UNIFORM, reward_of(LAW, REWARD), RUNS, key=9)
    assert fits(uniform_law(LAW, keeps(3)), samples.tokens)


@samplers
@pytest.mark.parametrize(
    "method",
    [
        BestOfN(1, select="soft", scale=0.0),
        FKSteering(1, scale=0.0),
        FKSteering(1, scale=9.0, ramp=2),
        TDS(1, scale=0.0),
        SVDD(1, scale=0.0),
        SVDD(1, scale=9.0),
        SVDD(1, scale=9.0, value=RolloutValue()),
        Unguided(),
    ],
    ids=[
        "best of one",
        "one particle",
        "tempered",
        "twisted",
        "one candidate",
        "tilted",
        "rollouts",
        "none",
    ],
)
def test_one_candidate_is_the_unguided_design_bit_for_bit(method, sampler):
    samples = method.run(sampler, reward_of(LAW, REWARD), 200, key=9)
    assert torch.equal(samples.tokens, sampler.sample(200, key=9).tokens)


@samplers
@pytest.mark.parametrize(
    "method",
    [FKSteering(4, scale=0.0, value=SampledValue(2), keep="all"), TDS(4, scale=0.0, keep="all")],
    ids=["fk", "tds"],
)
def test_particles_at_scale_zero_are_the_unguided_designs_of_their_slots_bit_for_bit(
    sampler, method
):
    samples = method.run(sampler, reward_of(LAW, REWARD), 200, key=9)
    plain = sampler.run(sampler.init(50, particles=4, key=9)).tokens
    assert torch.equal(samples.tokens, plain)
    assert samples.log_weight.abs().max() < 1e-12


def test_unguided_designs_are_scored_by_the_reward():
    samples = Unguided().run(MASKED, reward_of(LAW, REWARD), 50, key=1)
    np.testing.assert_array_equal(samples.reward, REWARD[LAW.places(samples.tokens)])
    assert samples.log_normaliser is None


SOME = np.where(np.arange(8) % 3 == 0, np.nan, REWARD)  # three of eight designs are invalid
VALID = ~np.isnan(SOME)


@pytest.mark.parametrize("floor", [None, -2.0])
@every
def test_invalid_designs_have_no_weight(name, floor):
    method = METHODS[name](1.0)
    if hasattr(method, "loop"):
        method = METHODS[name](1.0)
        object.__setattr__(method.loop, "value", SampledValue(floor=floor))
    samples = method.run(MASKED, reward_of(LAW, SOME), 5000, key=9)
    found = np.isin(LAW.places(samples.tokens), np.flatnonzero(VALID))
    assert (samples.valid == found).all()
    if samples.log_normaliser is None:
        return
    assert unbiased(np.where(VALID, LAW.p * np.exp(np.nan_to_num(SOME)), 0), LAW, samples)
    # a population without any valid design is an estimate of zero, and says so
    lost = samples.log_normaliser == -np.inf
    assert torch.equal(lost, samples.fallback)
    assert (~found == lost.numpy()).all()
    assert lost.double().mean() < 0.2
    assert lost.any() != (name == "tds neighbours")  # which sees what would be invalid


@pytest.mark.parametrize("sampler", [MASKED, UNIFORM], ids=["masked", "uniform"])
@pytest.mark.parametrize("select", ["hard", "soft"])
def test_nothing_valid_at_all(sampler, select):
    methods = [make(2.0) for name, make in METHODS.items() if name != "correctors"]
    if sampler is MASKED:
        methods += [METHODS["correctors"](2.0), Correctors(2.0, particles=3, scale=2.0)]
    methods += [Beam(2, 3), Beam(3, 2, keep="all")]
    methods += [BestOfN(3, select=select), SVDD(3, select="argmax"), SVDD(3, value=RolloutValue())]
    methods += [TDS(3, keep="all"), FKSteering(3, scale=2.0, keep="all")]
    methods += [FKSteering(3, value=SampledValue(floor=0.0))]
    for method in methods:
        samples = method.run(sampler, reward_of(LAW, np.full(8, np.nan)), 6, key=9)
        assert len(samples) == 6
        assert samples.reward.isnan().all()
        assert not samples.valid.any()
        assert samples.fallback.all()
        if samples.log_normaliser is not None:
            assert (samples.log_normaliser == -np.inf).all()


def test_the_designs_of_a_lost_population_are_the_unguided_ones_of_its_first_slot():
    samples = BestOfN(3).run(MASKED, reward_of(LAW, np.full(8, np.nan)), 20, key=9)
    plain = MASKED.run(MASKED.init(20, particles=3, key=9)).tokens.view(20, 3, 3)[:, 0]
    assert torch.equal(samples.tokens, plain)
