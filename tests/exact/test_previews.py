"""Previews: clean designs drawn from the factorised posterior of an unfinished one."""

import numpy as np
import pytest
import torch

from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import (
    cavity,
    given,
    posterior,
)
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    fits,
    model_of,
    outer,
)

N, LAW = 10_000, dirichlet(3, 3, seed=6)


def state_at(sampler, z, t, allowed=None):
    x_t = torch.tensor(z).expand(N, -1)
    times = torch.full((N,), t, dtype=torch.float64)
    active = torch.ones(x_t.shape, dtype=torch.bool)
    return sampler.start(x_t, times, active, keys=torch.arange(N), allowed=allowed)


def of_sides(sides):
    return Law(3, LAW.rows, outer(sides))


def test_masked_previews_are_independent_conditionals():
    sampler = FirstHitting(model_of(LAW))
    z = [3, 1, 3]
    sides = given(LAW, z)
    sides[1] = [0, 1, 0]
    state = state_at(sampler, z, 0.7)
    first, second = (sampler.preview(state, draw).tokens for draw in (0, 1))
    assert fits(of_sides(sides), first)
    assert fits(of_sides(sides), second)
    # two draws of a row are independent of each other
    cells = first[:, 0] * 3 + second[:, 0]
    pair = Law(3, np.arange(9)[:, None], np.outer(sides[0], sides[0]).ravel())
    assert fits(pair, cells)


def test_uniform_previews_come_from_the_posterior_and_not_from_the_cavity():
    sampler = Ancestral(model_of(LAW, "uniform"), steps=8)
    z = [0, 1, 2]
    tokens = sampler.preview(state_at(sampler, z, 0.7)).tokens
    assert fits(of_sides(posterior(LAW, z, 0.3)), tokens)
    assert differs(of_sides(cavity(LAW, z, 0.3)), tokens)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_previews_keep_to_the_allowed_letters(kind):
    sampler = Ancestral(model_of(LAW, kind), steps=8)
    allowed = torch.tensor([[True, True, True], [True, False, True], [False, True, False]])
    z = [3, 3, 3] if kind == "masked" else [0, 1, 2]
    sides = given(LAW, z) if kind == "masked" else posterior(LAW, z, 0.3)
    sides = sides * allowed.numpy()
    tokens = sampler.preview(state_at(sampler, z, 0.7, allowed)).tokens
    assert fits(of_sides(sides / sides.sum(1, keepdims=True)), tokens)


def test_a_preview_after_a_pass_costs_nothing_and_a_finished_row_is_its_own():
    sampler = FirstHitting(model_of(LAW))
    state = sampler.init(50, key=0)
    sampler.preview(state)
    assert state.counts["nfe"] == 50
    done = sampler.run(state)
    spent = done.counts["nfe"]
    assert torch.equal(sampler.preview(done, draw=2).tokens, done.tokens)
    assert done.counts["nfe"] == spent
