"""Twisted proposals: exact by enumeration for both processes, with the right gradients."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.neighbours import NeighbourTwist
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.support import LAWS
from discdiff.guidance.tds import TDS, TaylorTwist
from discdiff.guidance.value import SampledValue
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import keeps, uniform_law
from tests.exact.forced import Ordered, one_by_one, step_by_step
from tests.exact.laws import (
    differs,
    dirichlet,
    fits,
    floor,
    model_of,
    outer,
    reward_of,
    rewards,
    tv,
    two_lengths,
    unbiased,
    words,
)

SCALE, RUNS = 1.5, 4000
MILD = 0.8  # a weight is heavy-tailed where drawn gradients are large
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
PAID = reward_of(LAW, REWARD)
MASKED, UNIFORM = model_of(LAW), model_of(LAW, "uniform")
STEPS = 3
MEAN = TaylorTwist("mean")


def look(sampler, tokens, t, twist=MEAN, scale=SCALE, reward=PAID, keys=None):
    x = torch.as_tensor(tokens)
    times = torch.full((len(x),), t, dtype=torch.float64)
    keys = torch.arange(len(x)) if keys is None else keys
    state = sampler.start(x, times, x >= 0, keys=keys)
    with torch.no_grad():
        return twist(sampler, state, reward, scale)


def stored_masked():
    """What the twist's value of each state is; nothing is stored before the first event."""
    states = words(3, 3)
    _, value, _ = look(FirstHitting(MASKED), states, 0.5)
    table = dict(zip(map(tuple, states), value.tolist(), strict=True))
    return lambda z: 0.0 if tuple(z) == (2, 2, 2) else table[tuple(z)]


def stored_uniform(sampler):
    states = words(2, 3)
    tables = [
        dict(zip(map(tuple, states), look(sampler, states, t)[1].tolist(), strict=True))
        for t in sampler.times[:-1].tolist()
    ]
    return lambda z, k: tables[k][tuple(z)] if k else 0.0


class Released(ParticleLoop):
    """The released weight: that of the tilted proposal, its normalisers left out."""

    def _propose(self, sampler, parents, branch):
        after = super()._propose(sampler, parents, branch)
        x, t, s = parents.state.tokens, parents.state.t, after.state.t
        law = sampler.process.event_log_probs(
            parents.state.log_p, x, t[:, None].expand(x.shape), s[:, None].expand(x.shape)
        )
        drawn = (x != after.state.tokens) | (sampler.process.kind == "uniform")
        log_z = torch.logsumexp(law + parents.slope, -1)
        after.state.log_weight.sub_((log_z * drawn).sum(1))
        return after


def released(loop):
    return Released(**{field.name: getattr(loop, field.name) for field in fields(loop)})


def expected(kind, loop):
    if kind == "masked":
        make = lambda first: Ordered(MASKED, first)  # noqa: E731
        return one_by_one(make, loop, PAID, stored_masked())
    sampler = Ancestral(UNIFORM, steps=STEPS)
    return step_by_step(sampler, loop, PAID, stored_uniform(sampler))


PLAIN = {"masked": LAW, "uniform": uniform_law(LAW, keeps(STEPS))}
both = pytest.mark.parametrize("kind", PLAIN)


@both
@pytest.mark.parametrize("clip", [10.0, 0.3])
def test_expected_weights_are_the_tilted_law(kind, clip):
    """No Monte Carlo: all states and draws; the released weights miss it by the normalisers."""
    loop = TDS(particles=1, scale=SCALE, relax="mean", clip=clip).loop
    target = PLAIN[kind].p * np.exp(SCALE * REWARD)
    np.testing.assert_allclose(expected(kind, loop), target, rtol=1e-10)
    wrong = expected(kind, released(loop))
    assert tv(wrong / wrong.sum(), target / target.sum()) > 0.005
    assert abs(wrong.sum() / target.sum() - 1) > 0.02


@both
def test_proposals_are_tilted_towards_the_reward(kind):
    """A weight of 1 for every draw would leave a law far from p, and nearer to the target."""

    class Unweighted(ParticleLoop):
        def _advance(self, sampler, ledger, parents):
            after = super()._advance(sampler, ledger, parents)
            after.state.log_weight.zero_()
            return after

    loop = TDS(particles=1, scale=SCALE, relax="mean").loop
    loop = Unweighted(**{field.name: getattr(loop, field.name) for field in fields(loop)})
    found, plain = expected(kind, loop), PLAIN[kind]
    target = plain.tilted(SCALE * REWARD)
    assert found.sum() == pytest.approx(1.0)
    assert tv(found, target.p) < 0.75 * tv(plain.p, target.p)


def preview(kind, x, alpha):
    """The relaxed posterior mean of relaxed rows (3, 4), and the mean reward under it."""
    evidence = x[:, LAW.rows.T].diagonal(axis1=0, axis2=1).T  # (3, 8): weight of each row's token
    if kind == "masked":
        evidence = evidence + x[:, 2:3]
    else:
        evidence = alpha * evidence + (1 - alpha) / 2 * x[:, :2].sum(1, keepdims=True)
    clean = []
    for i in range(3):
        others = LAW.p * np.delete(evidence, i, 0).prod(0)
        p = np.array([others[LAW.rows[:, i] == v].sum() for v in range(2)]) / others.sum()
        own = p * (alpha * x[i, :2] + (1 - alpha) / 2)
        clean.append(x[i, :2] + x[i, 2] * p if kind == "masked" else own / own.sum())
    return SCALE * (outer(clean) @ REWARD)


@both
def test_gradients_are_those_of_the_relaxed_preview(kind):
    """Against central differences of the definition, in numpy."""
    t = 0.6
    sampler = FirstHitting(MASKED) if kind == "masked" else Ancestral(UNIFORM, steps=STEPS)
    size = 3 if kind == "masked" else 2
    states = [z for z in words(size, 3) if kind == "uniform" or 2 in z]
    _, value, slope = look(sampler, np.array(states), t)
    for z, v, found in zip(states, value.tolist(), slope.numpy(), strict=True):
        x = np.eye(4)[z]
        assert v == pytest.approx(preview(kind, x, 1 - t), abs=1e-12)
        expected = np.zeros((3, 4))
        for place in np.ndindex(3, 4):
            move = np.zeros((3, 4))
            move[place] = 1e-6
            expected[place] = preview(kind, x + move, 1 - t) - preview(kind, x - move, 1 - t)
        expected = expected[:, :2] - expected[np.arange(3), z][:, None]
        drawn = np.array(z) == 2 if kind == "masked" else slice(None)
        np.testing.assert_allclose(found[drawn], expected[drawn] / 2e-6, atol=1e-6)


@both
def test_gradients_belong_to_their_row(kind):
    """The same alone and in a batch; the released codes divide them by the size of the batch."""
    sampler = FirstHitting(MASKED) if kind == "masked" else Ancestral(UNIFORM, steps=STEPS)
    states = words(3 if kind == "masked" else 2, 3)
    states = states[(states == 2).any(1)] if kind == "masked" else states
    twist = TaylorTwist("gumbel", draws=2)
    _, value, slope = look(sampler, states, 0.6, twist)
    for row in (0, len(states) - 1):
        own = torch.tensor([row])
        _, alone, single = look(sampler, states[row : row + 1], 0.6, twist, keys=own)
        torch.testing.assert_close(slope[row : row + 1], single, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(value[row : row + 1], alone, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(slope / len(states), slope)


def test_drawn_previews_are_designs_of_the_posterior():
    """Through a straight-through draw the reward is shown whole tokens, as often as p says."""
    seen = []

    class Watch:
        relaxed = staticmethod(lambda rows: (seen.append(rows.detach()), rows[:, 0, 1])[1])

    tokens = np.full((20_000, 3), 2)
    look(FirstHitting(MASKED), tokens, 1.0, TaylorTwist("gumbel"), reward=Watch())
    rows = torch.cat(seen)
    assert set(rows.flatten().round(decimals=9).tolist()) == {0.0, 1.0}
    p = LAW.p @ LAW.rows
    error = np.sqrt(p * (1 - p) / len(tokens))
    assert (np.abs(rows[:, :, 1].double().mean(0).numpy() - p) < 4.5 * error).all()


def test_tilts_are_clipped():
    _, _, slope = look(FirstHitting(MASKED), [[2, 2, 2]], 1.0, TaylorTwist("mean", clip=0.2), 50.0)
    assert slope.abs().max() == pytest.approx(0.2)


class Soft:
    """The exact soft value log E[exp(λ r(x_0)) | x_t] under masks, looked up."""

    def __init__(self, scale):
        gain, states = np.exp(scale * REWARD), words(3, 3)
        agrees = ((LAW.rows[None] == states[:, None]) | (states[:, None] == 2)).all(2)
        self.table = torch.from_numpy(np.log((agrees @ (LAW.p * gain)) / (agrees @ LAW.p)))

    def __call__(self, sampler, state, reward, scale):
        return state, self.table[state.tokens @ torch.tensor([9, 3, 1])]


def test_the_exact_value_of_every_token_makes_one_particle_exact():
    """All weights are the normaliser itself; no particle is ever better than another."""
    loop = ParticleLoop(value=None, scale=SCALE, twist=NeighbourTwist(Soft(SCALE), clip=99.0))
    sampler = FirstHitting(MASKED)
    done, _ = loop.run(sampler, PAID, sampler.init(8000, key=5))
    total = np.log(LAW.p @ np.exp(SCALE * REWARD))
    np.testing.assert_allclose(done.state.log_weight.numpy(), total, rtol=1e-10)
    assert fits(LAW.tilted(SCALE * REWARD), done.state.tokens)
    assert differs(LAW, done.state.tokens)


@both
@pytest.mark.parametrize("clip", [10.0, 0.3])
def test_neighbours_are_exact_whatever_their_values(kind, clip):
    """No Monte Carlo, with values that say nothing of the reward."""

    class Told:
        def __call__(self, sampler, state, reward, scale):
            return state, torch.sin(7.0 * (state.tokens @ torch.tensor([9, 3, 1])).double())

    def stored(z, k=1):
        start = tuple(z) == (2, 2, 2) if kind == "masked" else k == 0
        return 0.0 if start else float(np.sin(7.0 * (np.asarray(z) @ [9, 3, 1])))

    loop = ParticleLoop(value=None, scale=SCALE, twist=NeighbourTwist(Told(), clip))
    if kind == "masked":
        found = one_by_one(lambda first: Ordered(MASKED, first), loop, PAID, stored)
    else:
        found = step_by_step(Ancestral(UNIFORM, steps=STEPS), loop, PAID, stored)
    np.testing.assert_allclose(found, PLAIN[kind].p * np.exp(SCALE * REWARD), rtol=1e-6)


def test_neighbours_that_are_not_valid_are_avoided_where_there_are_others():
    """An even number of ones is valid here, so it is the last token drawn that decides."""
    odd = LAW.rows.sum(1) % 2 == 1
    some = np.where(odd, np.nan, REWARD)
    method = TDS(1, 1.0, twist="neighbours")
    samples = method.run(FirstHitting(MASKED), reward_of(LAW, some), 500, key=0)
    assert LAW.p[odd].sum() > 0.4
    assert samples.valid.all()
    nothing = method.run(FirstHitting(MASKED), reward_of(LAW, np.full(8, np.nan)), 5, key=0)
    assert nothing.fallback.all()


def test_neighbours_need_no_gradient():
    reward = Reward(Letters("AB"), lambda strings: [s.count("B") for s in strings])
    samples = TDS(2, 9.0, twist="neighbours").run(FirstHitting(MASKED), reward, 30, key=0)
    assert samples.reward.mean() > 2.5
    assert samples.counts["nfe"] == 30 * 2 * (3 + 2 * 2)
    assert "nfe_grad" not in samples.counts
    # own previews, those of neighbours, whole neighbours, and the ends
    assert reward.counts.requested == 30 * 2 * (3 + 2 * 2 + 2 + 1)


def test_weights_are_unbiased_for_two_lengths():
    law = two_lengths()
    values = rewards(law)
    for options in ({}, {"relax": "gumbel"}, {"twist": "neighbours"}):
        method = TDS(3, scale=MILD, threshold=0.9, **options)
        samples = method.run(FirstHitting(model_of(law)), reward_of(law, values), RUNS, key=2)
        assert unbiased(law.p * np.exp(MILD * values), law, samples)


OPTIONS = [
    {},
    {"twist": "neighbours"},
    {"relax": "gumbel"},
    {"relax": "gumbel", "draws": 3},
    {"value": SampledValue()},
    {"interval": 2},
    {"ramp": 2},
    {"scheme": "multinomial", "particles": 2},
]


@both
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_are_unbiased(kind, options):
    sampler = FirstHitting(MASKED) if kind == "masked" else Ancestral(UNIFORM, steps=STEPS)
    method = TDS(**{"particles": 4, "scale": MILD, "threshold": 1.0} | options)
    samples = method.run(sampler, PAID, RUNS, key=7)
    assert unbiased(PLAIN[kind].p * np.exp(MILD * REWARD), LAW, samples)
    assert not unbiased(PLAIN[kind].p, LAW, samples)


@both
def test_law_tends_to_the_tilted_law_with_fewer_particles_than_without_a_twist(kind):
    sampler = FirstHitting(MASKED) if kind == "masked" else Ancestral(UNIFORM, steps=STEPS)
    target = PLAIN[kind].tilted(SCALE * REWARD)
    noise = floor(target.p, 2000)

    def error(method):
        samples = method.run(sampler, PAID, 2000, key=1)
        return tv(LAW.counts(samples.tokens) / 2000, target.p)

    untwisted = error(FKSteering(1, scale=SCALE))
    errors = [error(TDS(k, SCALE, relax="mean", threshold=1.0)) for k in (1, 4, 24)]
    assert errors[0] < 0.8 * untwisted
    assert errors[1] < 0.7 * errors[0]
    assert errors[2] < 1.5 * noise
    assert differs(PLAIN[kind], TDS(24, SCALE).run(sampler, PAID, 2000, key=1).tokens)


def test_what_is_spent_is_counted():
    samples = TDS(particles=3, relax="gumbel", draws=2).run(FirstHitting(MASKED), PAID, 5, key=0)
    assert samples.counts == {"nfe": 5 * 3 * 3, "nfe_grad": 5 * 3 * 3, "relaxed": 5 * 3 * 3 * 2}


def test_a_reward_without_a_gradient_is_refused():
    reward = Reward(Letters("AB"), lambda strings: [0.0 for _ in strings])
    with pytest.raises(UnsupportedError, match="tds needs the gradient .* that need none: ") as no:
        TDS(2).run(FirstHitting(MASKED), reward, 2, key=0)
    others = LAWS.keys() - {"none", "split_gibbs"}  # which a masked process has not
    assert all(name in str(no.value) for name in others)
    assert "split_gibbs" not in str(no.value)


def test_a_network_of_tokens_only_is_refused():
    class Plain(torch.nn.Module):
        vocab_size, max_length, needs_time = 2, 3, False

    model = Model(Plain(), MaskedProcess(2), Letters("AB"), LengthLaw.fixed(3))
    with pytest.raises(UnsupportedError, match="relaxed rows, .*: derive Plain from Denoiser"):
        TDS(2).run(FirstHitting(model), PAID, 2, key=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"relax": "argmax"}, "relax must be one of mean, gumbel, got 'argmax'"),
        ({"twist": "exact"}, "twist must be one of taylor, neighbours, got 'exact'"),
        ({"draws": 0}, "draws must be a positive integer, got 0"),
        ({"clip": 0.0}, "clip must be greater than 0, got 0.0"),
        ({"particles": 0}, "particles must be a positive integer, got 0"),
        ({"ramp": -1}, "ramp must be a non-negative integer, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        TDS(**options)
