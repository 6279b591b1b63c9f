"""FK steering: weights, resampling, lineage, and the tilted law in the limit."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
import torch

from discdiff.guidance.fk import FKSteering
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.population import POTENTIALS
from discdiff.guidance.resample import SCHEMES
from discdiff.guidance.value import RolloutValue, SampledValue, ZeroValue
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import keeps, uniform_law
from tests.exact.laws import (
    differs,
    dirichlet,
    floor,
    model_of,
    reward_of,
    rewards,
    tv,
    unbiased,
    z_scores,
)

SCALE, RUNS = 1.5, 4000
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
TARGET = LAW.tilted(SCALE * REWARD)
MEASURE = LAW.p * np.exp(SCALE * REWARD)


def steered(runs=RUNS, sampler=None, key=7, **options):
    sampler = FirstHitting(model_of(LAW)) if sampler is None else sampler
    options = {"particles": 4, "scale": SCALE} | options
    return FKSteering(**options).run(sampler, reward_of(LAW, REWARD), runs, key=key)


@pytest.mark.parametrize(("potential", "scheme"), list(product(POTENTIALS, SCHEMES)))
def test_weights_are_unbiased_for_every_potential_and_scheme(potential, scheme):
    """With sampled values, resampling at every event."""
    samples = steered(potential=potential, scheme=scheme, threshold=1.0)
    assert unbiased(MEASURE, LAW, samples)


@pytest.mark.parametrize(
    "options",
    [
        {"value": SampledValue(draws=3), "potential": "sum"},
        {"value": RolloutValue()},
        {"value": ZeroValue()},
        {"interval": 2},
        {"skip": 1},
        {"threshold": 0.0},
        {"particles": 1},
        {"scale": -0.7},
        {"ramp": 2},
        {"ramp": 9, "potential": "max"},
        {"value": SampledValue(2, most=6, agree=0.2)},
        {"value": RolloutValue(2, most=4, agree=0.2)},
    ],
    ids=str,
)
def test_weights_are_unbiased_whatever_the_values_and_the_times(options):
    samples = steered(**{"threshold": 1.0} | options)
    scale = options.get("scale", SCALE)
    assert unbiased(LAW.p * np.exp(scale * REWARD), LAW, samples)


@dataclass(frozen=True)
class Released(ParticleLoop):
    """The released codes' last potential: max or sum once more, the lineage not divided out."""

    def _terminal(self, sampler, ledger, particles):
        before = particles.entry < 0
        after = super()._terminal(sampler, ledger, particles)
        fresh = before & (after.entry >= 0)
        gain = self._remember(particles.memory, after.potential)
        weight = particles.state.log_weight + gain
        state = replace(after.state, log_weight=torch.where(fresh, weight, after.state.log_weight))
        return replace(after, state=state)


@pytest.mark.parametrize("potential", ["max", "sum"])
def test_potentials_without_their_lineage_miss_the_law(potential):
    method = FKSteering(particles=4, scale=SCALE, potential=potential, threshold=1.0)
    loop = method.loop
    method.loop = Released(**{name: getattr(loop, name) for name in loop.__dataclass_fields__})
    samples = method.run(FirstHitting(model_of(LAW)), reward_of(LAW, REWARD), RUNS, key=7)
    assert abs(z_scores(MEASURE, LAW, samples)[-1]) > 8
    samples = steered(potential=potential, threshold=1.0)
    assert abs(z_scores(MEASURE, LAW, samples)[-1]) < 4


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_law_tends_to_the_tilted_law(kind):
    """One design is returned for each population; its error falls at least like 1/K."""
    if kind == "masked":
        sampler, plain = FirstHitting(model_of(LAW)), LAW
    else:
        sampler = Ancestral(model_of(LAW, kind), steps=3)
        plain = uniform_law(LAW, keeps(3))
    target = plain.tilted(SCALE * REWARD)
    errors = []
    for particles in (1, 4, 16, 32):
        samples = steered(2000, sampler, particles=particles, threshold=1.0)
        counts = LAW.counts(samples.tokens)
        errors.append(tv(counts / 2000, target.p))
    noise = floor(target.p, 2000)
    assert errors[0] > 10 * noise
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.12 * errors[0] + noise
    assert errors[3] < 1.5 * noise
    assert differs(plain, samples.tokens)


@pytest.mark.parametrize("potential", POTENTIALS)
def test_potentials_are_products_of_their_definitions(potential):
    values = np.array([-0.3, -0.5, 0.9, 0.2])
    law = dirichlet(2, 5, seed=0)

    class Given:
        def __call__(self, sampler, state, reward, scale):
            return state, torch.full_like(state.log_weight, values[state.event - 1])

    factors = {
        "difference": np.diff(values, prepend=0.0),
        "max": np.maximum.accumulate(values),
        "sum": values.cumsum(),
    }[potential]
    seen = []
    method = FKSteering(2, scale=1.0, value=Given(), potential=potential, threshold=0.0)
    reward = reward_of(law, np.full(len(law.p), 0.7))
    method.run(FirstHitting(model_of(law)), reward, 3, key=0, progress=seen.append)
    weights = [state.log_weight[0].item() for state in seen]
    np.testing.assert_allclose(weights, [*factors.cumsum(), 0.7], atol=1e-12)


def test_tempered_values_count_with_their_own_scale():
    """Each event's potential is exp(λ_s ρ_s - λ_t ρ_t); the last has the full λ."""
    rho, law = np.array([-0.3, -0.5, 0.9, 0.2]), dirichlet(2, 5, seed=0)

    class Given:
        def __call__(self, sampler, state, reward, scale):
            return state, torch.full_like(state.log_weight, scale * rho[state.event - 1])

    seen = []
    method = FKSteering(2, scale=3.0, value=Given(), ramp=3, threshold=0.0)
    reward = reward_of(law, np.full(len(law.p), 0.7))
    method.run(FirstHitting(model_of(law)), reward, 3, key=0, progress=seen.append)
    weights = [state.log_weight[0].item() for state in seen]
    np.testing.assert_allclose(weights, [*(np.array([1, 2, 3, 3]) * rho), 2.1], atol=1e-12)


@dataclass(frozen=True)
class Untempered(ParticleLoop):
    """Forgets that the last potential undoes what the tempered ones added up to."""

    def _terminal(self, sampler, ledger, particles):
        own = torch.zeros_like(particles.potential)
        after = super()._terminal(sampler, ledger, replace(particles, potential=own))
        fresh = (particles.entry < 0) & (after.entry >= 0)
        return replace(after, potential=torch.where(fresh, after.potential, particles.potential))


def test_tempered_potentials_that_are_not_undone_miss_the_law():
    method = FKSteering(particles=4, scale=SCALE, ramp=3, threshold=1.0)
    loop = method.loop
    method.loop = Untempered(**{name: getattr(loop, name) for name in loop.__dataclass_fields__})
    samples = method.run(FirstHitting(model_of(LAW)), reward_of(LAW, REWARD), RUNS, key=7)
    assert abs(z_scores(MEASURE, LAW, samples)[-1]) > 8


def test_all_particles_carry_their_weights():
    samples = steered(4000, keep="all", threshold=0.6)
    assert samples.log_weight.std() > 0.1
    weight = samples.log_weight.exp().numpy().reshape(-1, 4)
    hits = np.eye(8)[LAW.places(samples.tokens)].reshape(-1, 4, 8)
    mean = (weight[:, :, None] * hits).mean(1)
    error = mean.std(0) / np.sqrt(len(mean))
    assert (np.abs(mean.mean(0) - MEASURE) < 4.5 * error).all()
    # the normaliser of a population is the mean weight of its particles
    np.testing.assert_allclose(
        samples.log_normaliser.exp().numpy().reshape(-1, 4)[:, 0], weight.mean(1), rtol=1e-12
    )


def test_copies_of_one_ancestor_go_their_own_ways():
    """Only one particle has weight at the first event: all others become its copies."""

    class First:
        def __call__(self, sampler, state, reward, scale):
            slot = torch.arange(len(state)) % 4
            return state, torch.where((slot > 0) & (state.event == 1), -50.0, 0.0).double()

    method = FKSteering(particles=4, scale=0.0, value=First(), threshold=0.9, keep="all")
    seen = []
    samples = method.run(
        FirstHitting(model_of(LAW)), reward_of(LAW, REWARD), 4000, key=1, progress=seen.append
    )
    first = seen[0].tokens.view(-1, 4, 3)
    assert (first == first[:, :1]).all()
    # each slot chooses its next position by itself, and its letters
    hidden = (seen[1].tokens == 2).view(-1, 4, 3)
    assert (hidden != hidden[:, :1]).any(2).any(1).double().mean() > 0.8
    tokens = samples.tokens.view(-1, 4, 3)
    # one position is inherited, the two others are drawn by each slot
    shared = (tokens == tokens[:, :1]).all(1)
    assert (shared.sum(1) >= 1).all()
    assert (shared.sum(1) < 3).double().mean() > 0.5


def test_populations_do_not_influence_each_other():
    first, second = steered(40), steered(20)
    assert first.strings[:20] == second.strings


def test_resampling_waits_for_the_effective_sample_size():
    """Never resampled, every slot is the unguided design of its own key."""
    method = FKSteering(particles=4, scale=SCALE, threshold=0.0, keep="all")
    samples = method.run(FirstHitting(model_of(LAW)), reward_of(LAW, REWARD), 40, key=3)
    sampler = FirstHitting(model_of(LAW))
    plain = sampler.run(sampler.init(10, particles=4, key=3))
    assert torch.equal(samples.tokens, plain.tokens)
    expected = SCALE * REWARD[LAW.places(plain.tokens)]
    np.testing.assert_allclose(samples.log_weight.numpy(), expected, rtol=1e-12)
    assert not torch.equal(steered(40, particles=4, threshold=1.0, keep="all").tokens, plain.tokens)
