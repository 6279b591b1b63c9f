"""Sampling from the middle of diffusion, and stopping there."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from discdiff.domain import Template
from discdiff.guidance.fk import FKSteering
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from discdiff.schedule import CosineMD4
from tests.exact.chains import (
    clean,
    given,
    marginal,
    masked_step,
    noise_kernel,
    uniform_step,
)
from tests.exact.laws import (
    ACCEPT,
    REFUSE,
    Law,
    differs,
    dirichlet,
    drawn,
    fits,
    model_of,
    p_value,
    reward_of,
    rewards,
    two_lengths,
    unbiased,
    words,
)

N = 12_000
LAW = dirichlet(2, 3, seed=2)
MASKED = torch.tensor([2, 1, 2])  # position 1 is seen
EXACT = [FirstHitting, EntropyOrder, ConfidenceOrder]


def started(sampler, z, t, n=N, active=None):
    x_t = z.expand(n, -1).clone()
    active = torch.ones(x_t.shape, dtype=torch.bool) if active is None else active.expand(n, -1)
    times = torch.full((n,), t, dtype=torch.float64)
    return sampler.start(x_t, times, active, keys=torch.arange(n))


def agreeing(law, z):
    """p(x | the visible tokens of z)."""
    z = np.asarray(z)
    p = law.p * ((law.rows == z) | (z == law.size)).all(1)
    return Law(law.size, law.rows, p / p.sum())


def where(z, size):
    """A point mass on one state."""
    return (words(size, len(z)) == np.asarray(z)).all(1).astype(float)


@pytest.mark.parametrize("sampler", EXACT)
def test_exact_samplers_continue_a_masked_state_by_its_conditional_law(sampler):
    tokens = sampler_tokens(sampler(model_of(LAW)), MASKED, 0.6)
    assert fits(agreeing(LAW, MASKED), tokens)
    assert differs(LAW, tokens)


def sampler_tokens(sampler, z, t, **options):
    return sampler.run(started(sampler, z, t, **options)).tokens


@pytest.mark.parametrize("make", [Ancestral, ReMDM])
def test_grid_samplers_continue_on_what_is_left_of_the_grid(make):
    options = {} if make is Ancestral else {"strategy": "cap", "eta": 0.5}
    tokens = sampler_tokens(make(model_of(LAW), steps=4, **options), MASKED, 0.6)
    flat = where(MASKED, 3)
    sigmas = [0.0] * 3 if make is Ancestral else [0.5, 0.25 / 0.5, 0.0]
    for t, s, sigma in zip((0.6, 0.5, 0.25), (0.5, 0.25, 0.0), sigmas, strict=True):
        flat = flat @ masked_step(LAW, 1 - t, 1 - s, sigma)
    assert fits(clean(LAW, flat), tokens)


def test_blocks_continue_by_the_number_of_positions_that_are_left():
    sampler = Parallel(model_of(LAW), steps=1)
    side = given(LAW, MASKED)
    both = np.array([side[0, x[0]] * side[2, x[2]] * (x[1] == 1) for x in LAW.rows])
    assert fits(Law(2, LAW.rows, both), sampler_tokens(sampler, MASKED, 0.6))


def test_uniform_noise_is_continued_by_the_kernels_from_its_own_time():
    z, steps = torch.tensor([1, 0, 0]), 4
    tokens = sampler_tokens(Ancestral(model_of(LAW, "uniform"), steps=steps), z, 0.6)
    flat = where(z, 2)
    for t, s in zip((0.6, 0.5, 0.25), (0.5, 0.25, 0.0), strict=True):
        flat = flat @ uniform_step(LAW, 1 - t, 1 - s)
    assert fits(Law(2, LAW.rows, flat), tokens)


def test_many_steps_of_uniform_noise_reach_the_posterior():
    z = torch.tensor([1, 0, 0])
    tokens = sampler_tokens(Ancestral(model_of(LAW, "uniform"), steps=100), z, 0.6, n=5000)
    p = LAW.p * noise_kernel(2, 0.4)[LAW.rows, z].prod(1)
    assert fits(Law(2, LAW.rows, p / p.sum()), tokens)


def test_rows_start_at_clocks_of_their_own():
    sampler = Ancestral(model_of(LAW, "uniform"), steps=4)
    z = torch.tensor([1, 0, 0])
    alone = [started(sampler, z, t, n=500) for t in (0.6, 0.2)]
    both = sampler.start(
        torch.cat([s.tokens for s in alone]),
        torch.cat([s.t for s in alone]),
        torch.cat([s.active for s in alone]),
        keys=torch.cat([s.keys for s in alone]),
    )
    expected = torch.cat([sampler.run(s).tokens for s in alone])
    assert torch.equal(sampler.run(both).tokens, expected)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_positions_that_are_not_active_stay_whatever_they_are(kind):
    z, active = torch.tensor([1, 2, 2]), torch.tensor([True, False, True])
    if kind == "uniform":
        z = torch.tensor([1, 0, 1])
    sampler = Ancestral(model_of(LAW, kind), steps=3)
    tokens = sampler_tokens(sampler, z, 0.9, n=200, active=active)
    assert (tokens[:, 1] == z[1]).all()


STOP = 0.5


def stopping(make, kind="masked"):
    model = model_of(LAW, kind, CosineMD4() if make is FirstHitting else None)
    return make(model) if make is FirstHitting else make(model, steps=4)


@pytest.mark.parametrize("stops", [(0.5, 0.25), (0.6, 0.35)], ids=["on the grid", "off the grid"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(FirstHitting, "masked"), (Ancestral, "masked"), (Ancestral, "uniform")],
)
def test_a_run_that_stops_is_at_the_marginal_of_its_time(make, kind, stops):
    """At its first stop, and at the next when it goes on."""
    sampler = stopping(make, kind)
    state = sampler.init(N, key=0)
    step, size = (masked_step, 3) if kind == "masked" else (uniform_step, 2)
    flat = np.eye(27)[-1] if kind == "masked" else np.full(8, 1 / 8)
    clock = 1.0
    for stop in stops:
        state = sampler.run(state, stop=stop)
        assert (state.t == stop).all()
        if make is FirstHitting:
            flat = marginal(LAW, 1 - np.cos(np.pi / 2 * (1 - stop)))
        else:
            points = [t for t in (0.75, 0.5, 0.25) if stop < t < clock]
            for t, s in pairwise((clock, *points, stop)):
                flat = flat @ step(LAW, 1 - t, 1 - s)
            clock = stop
        counts = np.bincount(state.tokens.numpy() @ size ** np.arange(2, -1, -1), minlength=size**3)
        assert p_value(counts, flat) > ACCEPT
        assert p_value(counts, marginal(LAW, 1.0 - 0.5 * stop, kind)) < REFUSE


@pytest.mark.parametrize("make", [FirstHitting, Ancestral, Parallel])
@pytest.mark.parametrize("stop", [0.7, 0.26, 0.1])
def test_what_is_masked_at_a_stop_is_what_the_clock_says(make, stop):
    state = stopping(make).run(stopping(make).init(N, key=0), stop=stop)
    masked = (state.tokens == 2).double().mean(1)
    expected = np.cos(np.pi / 2 * (1 - stop)) if make is FirstHitting else stop
    assert abs(float(masked.mean()) - expected) < 5 * float(masked.std()) / N**0.5


@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder, Ancestral, Parallel, ReMDM])
def test_a_run_that_stopped_goes_on(make):
    sampler = (
        make(model_of(two_lengths()))
        if make is FirstHitting
        else make(model_of(two_lengths()), steps=None if make is EntropyOrder else 8)
    )
    state = sampler.run(sampler.init(N, key=0), stop=STOP)
    assert (state.tokens == 2).any()
    done = sampler.run(state)
    assert not (done.tokens == 2).any()
    if make in (FirstHitting, EntropyOrder):
        assert fits(two_lengths(), done.tokens)
    else:
        assert p_value(two_lengths().counts(done.tokens), whole_law(sampler)) > ACCEPT


def whole_law(sampler, n=N):
    """Frequencies of a run without a stop, an independent sample smoothed by half a draw."""
    law = two_lengths()
    counts = law.counts(drawn(sampler, n * 2, key=99)) + 0.5
    return counts / counts.sum()


def test_stopping_at_the_start_does_nothing():
    sampler = FirstHitting(model_of(LAW))
    state = sampler.init(10, key=0)
    assert torch.equal(sampler.run(state, stop=1.0).tokens, state.tokens)


def test_a_state_without_active_positions_is_finished():
    sampler = FirstHitting(model_of(LAW))
    state = started(sampler, torch.tensor([0, 1, 1]), 1.0, n=3)
    assert sampler.done(state)
    assert sampler.run(state).counts["nfe"] == 0


SEEDED = dirichlet(2, 3, seed=4, concentration=2.0)
SHARES = np.maximum(1, np.round(SEEDED.p * 40)).astype(int)  # seeds, as often as the law says
SEED_LAW = Law(2, SEEDED.rows, SHARES / SHARES.sum())
STRINGS = ["".join("AB"[i] for i in row) for row in SEEDED.rows.repeat(SHARES, axis=0)]


@pytest.mark.parametrize("level", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("make", [FirstHitting, EntropyOrder])
def test_seeds_from_the_law_become_designs_from_the_law(make, level):
    seeds = Seeds(STRINGS, level)
    assert fits(SEED_LAW, drawn(make(model_of(SEED_LAW)), seeds=seeds))


def test_uniform_seeds_from_the_law_become_designs_from_the_law():
    sampler = Ancestral(model_of(SEED_LAW, "uniform"), steps=200)
    assert fits(SEED_LAW, drawn(sampler, 2500, seeds=Seeds(STRINGS, 0.5)))


def test_one_seed_gives_the_law_of_noise_and_back():
    """Each position is noised with chance `level`; the rest is given."""
    seed, level = np.array([0, 1, 0]), 0.4
    target = np.zeros(len(LAW.p))
    for hidden in words(2, 3):
        chance = np.prod(np.where(hidden, level, 1 - level))
        target += chance * agreeing(LAW, np.where(hidden, 2, seed)).p
    law = Law(2, LAW.rows, target)
    tokens = drawn(FirstHitting(model_of(LAW)), seeds=Seeds(["ABA"], level))
    assert fits(law, tokens)
    assert differs(LAW, tokens)


def test_guidance_from_seeds_tilts_what_they_become():
    reward = rewards(SEED_LAW)
    method = FKSteering(4, scale=1.0, threshold=1.0)
    sampler = FirstHitting(model_of(SEED_LAW))
    samples = method.run(
        sampler, reward_of(SEED_LAW, reward), 5000, key=1, seeds=Seeds(STRINGS, 0.6)
    )
    assert unbiased(SEED_LAW.p * np.exp(reward), SEED_LAW, samples)


def test_of_several_templates_each_design_draws_one():
    law = two_lengths()
    model = model_of(law)
    short, long = (Template(model.domain.alphabet, t) for t in (["A", None], [None, None, "B"]))
    state = FirstHitting(model).init(20_000, key=0, template=[short, long])
    tokens = FirstHitting(model).run(state).tokens
    parts = [
        law.p * ((law.rows[:, 2] == 3) & (law.rows[:, 0] == 0)),
        law.p * (law.rows[:, 2] == 1),
    ]
    assert fits(Law(2, law.rows, sum(0.5 * p / p.sum() for p in parts)), tokens)


def test_each_template_has_its_own_alphabets():
    law = dirichlet(3, 2, seed=1)
    model = model_of(law)
    lists = [Template(model.domain.alphabet, t) for t in ([{"A", "B"}, None], [None, {"C"}])]
    tokens = drawn(FirstHitting(model), 2000, template=lists).numpy()
    assert ((tokens[:, 0] < 2) | (tokens[:, 1] == 2)).all()
    assert ((tokens[:, 0] == 2) & (tokens[:, 1] == 2)).any()
    assert ((tokens[:, 0] < 2) & (tokens[:, 1] < 2)).any()
