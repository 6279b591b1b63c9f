"""Grids, blocks and remasking schedules: numbers that can be worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.errors import InputError
from discdiff.model import Model
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral, grid_times
from discdiff.samplers.parallel import Parallel, block_of
from discdiff.samplers.remdm import ReMDM
from discdiff.schedule import CosineMD4

MODEL = Model.tabular(["AB", "BA"])


@settings(deadline=None)
@given(st.integers(1, 500), st.sampled_from(["linear", "cosine"]))
def test_grids_fall_from_exactly_one_to_exactly_zero(steps, grid):
    times = grid_times(steps, grid)
    assert times.shape == (steps + 1,)
    assert times[0] == 1.0
    assert times[-1] == 0.0
    assert (times.diff() < 0).all()


def test_cosine_grid_by_hand():
    expected = [1.0, math.sqrt(0.75), 0.5, 0.0]
    np.testing.assert_allclose(grid_times(3, "cosine"), expected, atol=1e-15)


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 90), st.sampled_from(["uniform", "cosine"]))
def test_blocks_hold_the_rounded_shares(total, steps, counts):
    share = {"uniform": lambda u: u, "cosine": lambda u: 1 - math.cos(math.pi * u / 2)}[counts]
    block = block_of(torch.arange(total), torch.tensor(total), steps, counts)
    shown = np.bincount(block, minlength=steps).cumsum()
    exact = np.array([total * share((k + 1) / steps) for k in range(steps)])
    # half-way cases may fall either way
    assert (np.abs(shown - exact) <= 0.5 + 1e-6).all()
    assert shown[-1] == total
    assert (block.diff() >= 0).all()


def test_a_parallel_run_is_never_longer_than_its_steps_or_its_positions():
    for steps in (1, 2, 7):
        samples = Parallel(MODEL, steps=steps).sample(5, key=0)
        assert samples.counts["nfe"] == 5 * min(steps, 2)


def test_blocks_are_kept_when_the_rest_of_a_plan_is_drawn_afresh():
    """Four positions in three steps are blocks of 1, 2 and 1, by branching or after a stop too."""
    sampler = Parallel(Model.tabular(["ABAB", "BABA"]), steps=3)
    state, left = sampler.init(20, key=0), []
    while not sampler.done(state):
        state = sampler.step(state, branch=2).gather(torch.arange(0, 40, 2))
        left.append((state.tokens == 2).sum(1).unique().tolist())
    assert left == [[3], [1], [0]]
    state = sampler.step(sampler.run(sampler.init(200, key=0), stop=0.7))
    # a block that the stop cuts is completed, in the order that was drawn, in the next event
    assert set((state.tokens == 2).sum(1).tolist()) == {3, 1, 0}


def sigma(sampler, t, s, **options):
    return sampler.sigma(*(torch.tensor(u, dtype=torch.float64) for u in (t, s)), **options).item()


@pytest.mark.parametrize(
    ("options", "t", "s", "expected"),
    [
        ({"strategy": "cap", "eta": 0.1}, 0.6, 0.5, 0.1),
        ({"strategy": "cap", "eta": 0.9}, 0.2, 0.1, 0.1 / 0.8),
        ({"strategy": "rescale", "eta": 0.5}, 0.2, 0.1, 0.5 * 0.1 / 0.8),
        ({"strategy": "rescale", "eta": 0.5}, 0.9, 0.8, 0.5),
        ({"strategy": "max"}, 0.2, 0.1, 0.1 / 0.8),
        ({"strategy": "max"}, 0.1, 0.0, 0.0),
        ({"strategy": "cap", "eta": 3.0, "eta_mode": "rate"}, 0.6, 0.5, 1 - math.exp(-0.3)),
    ],
    ids=str,
)
def test_remasking_probabilities_by_hand(options, t, s, expected):
    assert sigma(ReMDM(MODEL, **options), t, s) == pytest.approx(expected)


def test_remasking_probabilities_follow_the_schedule_of_the_process():
    model = Model.tabular(["AB", "BA"], schedule=CosineMD4())
    alpha_t, alpha_s = (1 - math.cos(math.pi / 2 * (1 - u)) for u in (0.3, 0.2))
    found = sigma(ReMDM(model, strategy="max"), 0.3, 0.2)
    assert found == pytest.approx((1 - alpha_s) / alpha_t)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"strategy": "most"}, "strategy must be one of cap, rescale, max, got 'most'"),
        ({"eta_mode": "speed"}, "eta_mode must be one of step, rate, got 'speed'"),
        ({"grid": "cubic"}, "grid must be one of linear, cosine, got 'cubic'"),
        ({"eta": 1.5}, r"eta must lie in \[0, 1\], got 1.5"),
        ({"eta": -0.1}, r"eta must lie in \[0, 1\], got -0.1"),
        ({"eta": -1.0, "eta_mode": "rate"}, "eta must not be negative, got -1.0"),
        ({"loop": (0.5, 0.2, 0.9), "grid": "cosine"}, "grid must be linear with a loop"),
        ({"loop": (0.2, 0.5, 0.9)}, r"loop must be \(t_on > t_off, alpha in \(0, 1\)\), got"),
        ({"loop": (0.5, 0.2, 1.0)}, r"loop must be \(t_on > t_off, alpha in \(0, 1\)\), got"),
        ({"loop": (0.5, 0.2, 0.9), "steps": 2}, "steps must give each phase of the loop one"),
    ],
)
def test_remasking_settings_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        ReMDM(MODEL, **options)


def test_a_loop_that_would_overshoot_its_level_is_refused():
    """At alpha .9 only a ninth of the visible tokens can be masked without passing the level."""
    loop = (0.55, 0.05, 0.9)
    ReMDM(MODEL, steps=100, strategy="cap", eta=1 / 9 - 1e-6, loop=loop)
    with pytest.raises(InputError, match=r"eta must be at most \(1 - alpha\) / alpha = 0.111111"):
        ReMDM(MODEL, steps=100, strategy="cap", eta=1 / 9 + 1e-3, loop=loop)


def test_a_loop_has_its_phases_at_the_published_times():
    sampler = ReMDM(MODEL, steps=20, strategy="cap", eta=0.1, loop=(0.55, 0.05, 0.9))
    levels = sampler.process.schedule.noise(sampler.times)
    corrections = sampler.looping.nonzero()[:, 0].tolist()
    assert corrections == list(range(9, 19))
    np.testing.assert_allclose(levels[9:20], 0.1, atol=1e-12)
    assert levels[0] == 1.0
    assert levels[-1] == 0.0
    np.testing.assert_allclose(levels[:10].diff(), -0.1, atol=1e-12)


@pytest.mark.parametrize("make", [Ancestral, Parallel, EntropyOrder])
def test_steps_must_be_positive(make):
    with pytest.raises(InputError, match="steps must be a positive integer, got -3"):
        make(MODEL, steps=-3)


def test_unknown_grids_and_counts_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'cosine'"):
        Ancestral(MODEL, grid="cosin")
    with pytest.raises(InputError, match="Did you mean 'uniform'"):
        Parallel(MODEL, counts="uniforms")
