"""Tilted proposals and branching: the weight undoes every change of law."""

import numpy as np
import pytest
import torch

from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import keeps, masked_law, published_sigma, uniform_law
from tests.exact.laws import Law, differs, dirichlet, fits, model_of, unbiased

LAW = dirichlet(2, 3, seed=2, concentration=1.0)
MASKED, UNIFORM = model_of(LAW), model_of(LAW, "uniform")
SETTINGS = {
    "first hitting": (FirstHitting(MASKED), LAW),
    "entropy": (EntropyOrder(MASKED), LAW),
    "ancestral": (Ancestral(MASKED, steps=3), masked_law(LAW, keeps(3), [0.0] * 3)),
    "remasking": (
        ReMDM(MASKED, 3, "cap", 0.4),
        masked_law(LAW, keeps(3), published_sigma("cap", 0.4, keeps(3))),
    ),
    "uniform": (Ancestral(UNIFORM, steps=3), uniform_law(LAW, keeps(3))),
}


def towards(state, event, log_p):
    """Favours one letter, more so to the right, and looks at the state."""
    cols = torch.from_numpy(event.cols)
    strength = 0.2 * (1 + cols) + 0.1 * (state.tokens[torch.from_numpy(event.rows), 0] == 1)
    return torch.stack([torch.zeros_like(strength), strength], 1)


@pytest.mark.parametrize("name", SETTINGS)
def test_weights_undo_a_tilt(name):
    sampler, plain = SETTINGS[name]
    state = sampler.init(8000, key=3)
    while not sampler.done(state):
        state = sampler.step(state, tilt=towards)
    samples = sampler.finish(state)
    assert unbiased(plain.p, LAW, samples)
    assert differs(plain, samples.tokens)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_child_of_a_step_follows_the_law(name):
    """The first and the second child, each on its own, are draws of the plain chain."""
    sampler, plain = SETTINGS[name]
    for child in (0, 1):
        state = sampler.init(8000, key=3)
        while not sampler.done(state):
            state = sampler.step(state, branch=2)
            state = state.gather(torch.arange(child, len(state), 2))
        assert fits(Law(2, LAW.rows, plain.p), state.tokens)


def test_children_are_independent_given_their_parent():
    sampler = FirstHitting(MASKED)
    state = sampler.step(sampler.init(8000, key=3), branch=2)
    code = (state.tokens @ torch.tensor([9, 3, 1])).view(-1, 2)
    p = np.bincount(code.flatten(), minlength=27) / code.numel()
    pair = np.zeros((27, 27))
    np.add.at(pair, (code[:, 0].numpy(), code[:, 1].numpy()), 1 / len(code))
    here = np.flatnonzero(p)
    expected = np.outer(p[here], p[here])
    error = np.sqrt(expected / len(code))
    assert (np.abs(pair[np.ix_(here, here)] - expected) < 5 * error).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_weights_undo_a_tilt_of_every_child(name):
    """Of tilted children, each on its own and all of them together have the law of the chain."""
    sampler, plain = SETTINGS[name]
    state = sampler.init(4000, key=3)
    while not sampler.done(state):
        before = state.log_weight.repeat_interleave(2)
        state = sampler.step(state, branch=2, tilt=towards)
        assert not torch.equal(state.log_weight, before)
        state = state.gather(torch.arange(state.event % 2, len(state), 2))
    samples = sampler.finish(state)
    assert unbiased(plain.p, LAW, samples)
    assert differs(plain, samples.tokens)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_target_multiplies_the_law_and_the_weight_gains_its_normaliser(name):
    """Of one event: ratios of 1, 2 under each letter; and the children of a tilted draw, too."""
    sampler, _ = SETTINGS[name]

    def doubled(state, event, law):
        return torch.tensor([0.0, 1.0]).log1p().expand(law.shape)

    start = sampler.init(4000, key=3)
    for options in ({}, {"tilt": towards}, {"branch": 2}):
        plain = sampler.step(start, branch=options.get("branch", 1))
        state = sampler.step(start, target=doubled, **options)
        for letter in (0, 1, None):
            hits, expected = torch.ones(len(state)), torch.ones(len(plain))
            if letter is not None:
                hits = (state.tokens == letter).sum(1)
                expected = (plain.tokens == letter).sum(1)
            # every drawn B counts twice; uniform events draw all positions, the others their own
            drawn = plain.tokens != 2
            expected = expected * 2.0 ** ((plain.tokens == 1) & drawn).sum(1)
            found = (hits * state.log_weight.exp()).double()
            spread = (found.var() / len(found) + expected.double().var() / len(expected)).sqrt()
            assert abs(found.mean() - expected.double().mean()) < 4.5 * spread


def test_a_branch_costs_one_pass_of_the_parent():
    sampler = FirstHitting(MASKED)
    state = sampler.step(sampler.init(7, key=3), branch=5)
    assert state.counts["nfe"] == 7
    assert len(state) == 35
