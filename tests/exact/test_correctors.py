"""Correctors: the expected weight is the product of powers, exactly; without weights it is not."""

import numpy as np
import pytest
import torch

from discdiff.domain import Letters, Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.value import ZeroValue
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from tests.exact.chains import at_random, block_law, given
from tests.exact.forced import Ordered, one_by_one
from tests.exact.laws import (
    Crooked,
    Law,
    dirichlet,
    floor,
    model_of,
    reward_of,
    rewards,
    tv,
    two_lengths,
    unbiased,
    words,
)

RUNS = 4000


def coupled(seed):
    """A law whose tokens depend on each other: what single tokens are annealed to is not its."""
    bits = words(2, 3)
    alike = 1.5 * ((bits[:, 0] == bits[:, 1]) + 1.0 * (bits[:, 1] == bits[:, 2]))
    weight = np.exp(alike + np.random.default_rng(seed).normal(size=8))
    return Law(2, bits, weight / weight.sum())


LAW, OTHER, THIRD = coupled(2), coupled(5), coupled(6)
REWARD = rewards(LAW)
MASKED = FirstHitting(model_of(LAW))


class Classes(torch.nn.Module):
    """The exact networks of two laws as classes 0 and 1, and of their mixture as the null class."""

    vocab_size, max_length, needs_time, classes = 2, 3, False, 2

    def __init__(self, *laws):
        super().__init__()
        both = Law(2, LAW.rows, sum(law.p for law in laws) / len(laws))
        self.nets = torch.nn.ModuleList(model_of(law).denoiser for law in (*laws, both))

    def forward(self, x_t, t, cond=None, at=None):
        cond = torch.full((len(x_t),), 2) if cond is None else cond
        all_of_them = torch.stack([net(x_t, t) for net in self.nets])
        log_p = all_of_them[cond, torch.arange(len(x_t))]
        return log_p if at is None else log_p[at]


BOTH = (LAW.p + OTHER.p) / 2
CONDITIONAL = Model(Classes(LAW, OTHER), MaskedProcess(2), Letters("AB"), LengthLaw.fixed(3))
SETTINGS = {
    "annealed": ({"power": 2.5}, LAW.p**2.5),
    "flattened": ({"power": 0.4}, LAW.p**0.4),
    "product": ({"models": [model_of(OTHER)]}, LAW.p * OTHER.p),
    "geometric mean": (
        {"power": 0.3, "models": [model_of(OTHER), model_of(THIRD)], "powers": [0.5, 0.2]},
        LAW.p**0.3 * OTHER.p**0.5 * THIRD.p**0.2,
    ),
    "ratio": ({"models": [model_of(OTHER)], "powers": [-0.5]}, LAW.p * OTHER.p**-0.5),
}
every = pytest.mark.parametrize("name", SETTINGS)


def expected_weight(options, reward, scale=0.0, value=None, stored=lambda z: 0.0):
    value = ZeroValue() if value is None else value
    method = Correctors(**options, particles=1, scale=scale, value=value)
    loop = ParticleLoop(value=value, scale=scale, target=method.target(MASKED))
    return one_by_one(lambda first: Ordered(model_of(LAW), first), loop, reward, stored)


class Told:
    """A value by the tokens, 0 for all masks."""

    table = torch.from_numpy(np.append(np.random.default_rng(8).normal(size=26), 0.0))

    def __call__(self, sampler, state, reward, scale):
        return state, self.table[state.tokens @ torch.tensor([9, 3, 1])]

    def of(self, z):
        return float(self.table[int(np.asarray(z) @ [9, 3, 1])])


@every
def test_expected_weights_are_the_product_of_powers(name):
    """No Monte Carlo: all states, orders and tokens."""
    options, target = SETTINGS[name]
    found = expected_weight(options, reward_of(LAW, REWARD))
    np.testing.assert_allclose(found, target, rtol=1e-10)


@every
def test_expected_weights_with_a_reward_whatever_the_values(name):
    options, target = SETTINGS[name]
    value = Told()
    found = expected_weight(options, reward_of(LAW, REWARD), 1.3, value, value.of)
    np.testing.assert_allclose(found, target * np.exp(1.3 * REWARD), rtol=1e-10)


@every
def test_the_normaliser_at_each_event_is_what_is_needed(name):
    """The negative twin: the same draws, whose weights say nothing of the normalisers."""
    options, target = SETTINGS[name]
    method = Correctors(**options, particles=1, scale=0.0)

    class Unweighted(ParticleLoop):
        def _propose(self, sampler, parents, branch):
            after = super()._propose(sampler, parents, branch)
            after.state.log_weight.zero_()
            return after

    loop = Unweighted(value=ZeroValue(), scale=0.0, target=method.target(MASKED))
    make = lambda first: Ordered(model_of(LAW), first)  # noqa: E731
    found = one_by_one(make, loop, reward_of(LAW, REWARD), lambda z: 0.0)
    assert found.sum() == pytest.approx(1.0)
    assert tv(found, target / target.sum()) > 1e-3


@pytest.mark.parametrize("weight", [0.6, 3.0])
def test_classifier_free_guidance_is_exact_with_weights(weight):
    target = LAW.p**weight * BOTH ** (1 - weight)
    method = Correctors(weight, unconditional=1 - weight, particles=8, scale=0.0, threshold=0.9)
    sampler, reward = FirstHitting(CONDITIONAL), reward_of(LAW, REWARD)
    loop = ParticleLoop(value=ZeroValue(), scale=0.0, target=method.target(sampler))
    make = lambda first: Ordered(CONDITIONAL, first)  # noqa: E731
    found = one_by_one(make, loop, reward, lambda z: 0.0, cond=0)
    np.testing.assert_allclose(found, target, rtol=1e-10)
    samples = method.run(sampler, reward, RUNS, key=2, cond=0)
    mean = samples.log_normaliser.exp()
    assert abs(mean.mean() - target.sum()) < 4.5 * mean.std() / RUNS**0.5


@every
@pytest.mark.parametrize("keep", ["one", "all"])
def test_weights_and_normalisers_are_unbiased(name, keep):
    options, target = SETTINGS[name]
    method = Correctors(**options, particles=4, scale=0.7, threshold=0.9, keep=keep)
    samples = method.run(MASKED, reward_of(LAW, REWARD), RUNS, key=3)
    target = target * np.exp(0.7 * REWARD)
    log_weight = samples.log_weight if keep == "all" else samples.log_normaliser
    weight = log_weight.exp().numpy().reshape(-1, 4 if keep == "all" else 1)
    hits = np.eye(8)[LAW.places(samples.tokens)].reshape(*weight.shape, 8)
    mean = (weight[:, :, None] * hits).mean(1)
    seen = np.append(target > 0.02 * target.sum(), True)  # of the rarest a few thousand see none
    mean, target = np.append(mean, mean.sum(1)[:, None], 1), np.append(target, target.sum())
    error = mean.std(0) / np.sqrt(len(mean))
    assert (np.abs(mean.mean(0) - target) < 4.5 * error)[seen].all()
    wrong = np.append(LAW.p, 1.0)
    assert (np.abs(mean.mean(0) - wrong) > 8 * error)[seen].any()


def test_law_tends_to_the_annealed_law():
    target = Law(2, LAW.rows, LAW.p**3 / (LAW.p**3).sum())
    errors = []
    for particles in (1, 4, 24):
        method = Correctors(3.0, particles=particles, scale=0.0, threshold=1.0)
        samples = method.run(MASKED, reward_of(LAW, REWARD), 2000, key=4)
        errors.append(tv(LAW.counts(samples.tokens) / 2000, target.p))
    noise = floor(target.p, 2000)
    assert errors[0] > 3 * noise
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 1.5 * noise


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_templates_hold_and_condition_the_product(power):
    law = dirichlet(3, 3, seed=9, concentration=2.0)
    model = model_of(law)
    template = Template(model.domain.alphabet, ["C", {"A", "B"}, None])
    fixed = law.p * (law.rows[:, 0] == 2)
    inside = fixed / fixed.sum() * np.isin(law.rows[:, 1], [0, 1])
    method = Correctors(power, particles=3, scale=0.5, threshold=0.9)
    samples = method.run(
        FirstHitting(model), reward_of(law, rewards(law)), 5000, key=1, template=template
    )
    assert {s[0] for s in samples.strings} == {"C"}
    assert {s[1] for s in samples.strings} == {"A", "B"}
    assert unbiased(inside**power * np.exp(0.5 * rewards(law)), law, samples)


def test_a_product_without_common_support_has_no_weight():
    one = Law(2, words(2, 2), np.array([0.5, 0.5, 0.0, 0.0]))
    other = Law(2, words(2, 2), np.array([0.0, 0.0, 0.5, 0.5]))
    method = Correctors(models=[model_of(other)], particles=3, scale=0.0)
    samples = method.run(FirstHitting(model_of(one)), reward_of(one, np.ones(4)), 4, key=0)
    assert samples.fallback.all()
    assert (samples.log_normaliser == -np.inf).all()


def test_tokens_without_a_chance_are_left_out():
    one = Law(2, words(2, 2), np.array([0.5, 0.0, 0.25, 0.25]))
    other = Law(2, words(2, 2), np.array([0.25, 0.25, 0.5, 0.0]))
    method = Correctors(models=[model_of(other)], powers=[-1.0], particles=4, scale=0.0)
    samples = method.run(FirstHitting(model_of(one)), reward_of(one, np.ones(4)), RUNS, key=0)
    shared = [2.0, 0.0, 0.5, 0.0]
    assert unbiased(np.array(shared), one, samples)


def test_two_tilted_models_meet_in_the_mean_of_their_objectives():
    """p e^{λ r₁} and p e^{λ r₂}, each to the power of a half, give p e^{λ (r₁ + r₂)/2}."""
    first, second = rewards(LAW, 1), rewards(LAW, 2)
    one, two = LAW.tilted(2.0 * first), LAW.tilted(2.0 * second)
    method = Correctors(0.5, [model_of(two)], [0.5], particles=24, scale=0.0, threshold=1.0)
    loop = ParticleLoop(
        value=ZeroValue(), scale=0.0, target=method.target(FirstHitting(model_of(one)))
    )
    make = lambda places: Ordered(model_of(one), places)  # noqa: E731
    found = one_by_one(make, loop, reward_of(LAW, REWARD), lambda z: 0.0)
    target = LAW.tilted(first + second)
    np.testing.assert_allclose(found / found.sum(), target.p, rtol=1e-10)
    samples = method.run(FirstHitting(model_of(one)), reward_of(LAW, REWARD), 2000, key=1)
    counts = LAW.counts(samples.tokens) / 2000
    assert tv(counts, target.p) < 2 * floor(target.p, 2000)
    assert tv(counts, one.p) > 5 * floor(target.p, 2000) < tv(counts, two.p)


def test_each_length_keeps_its_chance():
    law, model = two_lengths(), model_of(two_lengths())
    method = Correctors(2.0, particles=4, scale=0.0, threshold=0.9, keep="all")
    samples = method.run(FirstHitting(model), reward_of(law, np.zeros(12)), 4 * RUNS, key=0)
    short = law.rows[:, 2] == 3
    length = np.where(short, 0.4, 0.6)
    target = length * (law.p / length) ** 2
    weight = samples.log_weight.exp().numpy().reshape(-1, 4)
    hits = np.eye(12)[law.places(samples.tokens)].reshape(-1, 4, 12)
    mean = (weight[:, :, None] * hits).mean(1)
    error = mean.std(0) / np.sqrt(len(mean))
    seen = target > 0.02 * target.sum()
    assert (np.abs(mean.mean(0) - target) < 4.5 * error)[seen].all()


def test_conditionals_of_no_joint_law_give_the_average_over_orders():
    net = Crooked(2, 2, seed=4)
    model = Model(net, MaskedProcess(2), Letters("AB"), LengthLaw.fixed(2))
    squared = np.zeros(4)
    for i in (0, 1):
        for k, x in enumerate(words(2, 2)):
            half = np.where(np.arange(2) == i, x, 2)
            squared[k] += 0.5 * (net.at([2, 2])[i, x[i]] * net.at(half)[1 - i, x[1 - i]]) ** 2
    method = Correctors(2.0, particles=1, scale=0.0)
    loop = ParticleLoop(value=ZeroValue(), scale=0.0, target=method.target(FirstHitting(model)))
    law = Law(2, words(2, 2), np.full(4, 0.25))
    reward = reward_of(law, np.zeros(4))
    found = one_by_one(lambda first: Ordered(model, first), loop, reward, lambda z: 0.0)
    np.testing.assert_allclose(found, squared, rtol=1e-10)


def test_revealing_two_tokens_at_once_would_miss_the_law():
    """Why other plans are refused: the factorised path measure is tilted, not p."""
    target = LAW.p**2
    method = Correctors(2.0, particles=1, scale=0.0)
    sampler = Parallel(model_of(LAW), steps=2)
    loop = ParticleLoop(value=ZeroValue(), scale=0.0, target=method.target(sampler))
    reward = reward_of(LAW, np.zeros(8))
    done, _ = loop.run(sampler, reward, sampler.init(20_000, key=0))
    weight = done.state.log_weight.exp().numpy()
    hits = weight[:, None] * np.eye(8)[LAW.places(done.state.tokens)]
    error = hits.std(0) / np.sqrt(len(hits))
    assert (np.abs(hits.mean(0) - target) / error).max() > 8
    plain = block_law(lambda z: given(LAW, z), [2, 1], at_random)
    assert tv(plain.p, LAW.p) > 0.02


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Correctors(0.0), "power must be greater than 0, got 0.0"),
        (lambda: Correctors(models=[model_of(OTHER)], powers=[]), "powers must be one other than"),
        (lambda: Correctors(powers=[1.0]), "powers must be one other than 0 for each of 0 models"),
        (lambda: Correctors(models=[model_of(OTHER)], powers=[0.0]), "powers must be one other"),
        (lambda: Correctors(models="zinc_selfies"), "models must be a list, got 'zinc_selfies'"),
        (lambda: Correctors(unconditional=np.inf), "unconditional must be a finite number, got"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def clocked():
    net = Crooked(2, 3, needs_time=True)
    return Model(net, MaskedProcess(2), Letters("AB"), LengthLaw.fixed(3))


@pytest.mark.parametrize(
    ("options", "sampler", "words"),
    [
        (
            {},
            Parallel(model_of(LAW), 2),
            "correctors on a masked .* need first_hitting, .* got Parallel",
        ),
        ({"unconditional": -1.0}, MASKED, "unconditional must be 0 without a class"),
        ({}, FirstHitting(clocked()), "networks that do not read the clock"),
        ({"models": [clocked()]}, MASKED, "networks that do not read the clock"),
        ({"models": [model_of(dirichlet(3, 3))]}, MASKED, "the alphabet of the sampler's model"),
        ({"models": [model_of(dirichlet(2, 2))]}, MASKED, "models must take 3 tokens, got 2"),
    ],
)
def test_what_has_no_exact_form_is_refused(options, sampler, words):
    method = Correctors(**options, particles=2)
    with pytest.raises((InputError, UnsupportedError), match=words):
        method.run(sampler, reward_of(LAW, REWARD), 2, key=0)
