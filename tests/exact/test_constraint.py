"""Under a constraint C every design meets it, and by the weights the law is p(x | C)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from discdiff import random
from discdiff.constraint.constraint import Constraint
from discdiff.domain import Template
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.held import Held, Places
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import class_law, keeps, masked_law, uniform_law
from tests.exact.laws import (
    dirichlet,
    floor,
    levels,
    model_of,
    reward_of,
    rewards,
    tv,
    two_lengths,
    unbiased,
)

LAW = dirichlet(3, 3, seed=1, concentration=1.5)
ASKED = {"forbidden": ["AB"], "required": "CA"}
REWARD = rewards(LAW)
RUNS, SCALE = 8000, 1.2
MAKERS = {
    "first_hitting": lambda model, **o: FirstHitting(model, **o),
    "entropy": lambda model, **o: EntropyOrder(model, **o),
    "confidence": lambda model, **o: ConfidenceOrder(model, **o),
    "ancestral": lambda model, **o: Ancestral(model, steps=2, **o),
    "parallel": lambda model, **o: Parallel(model, steps=1, **o),
    "by class": lambda model, **o: FirstHitting(model, **o),
    "by class on a grid": lambda model, **o: Ancestral(model, steps=2, **o),
    "uniform": lambda model, **o: Ancestral(model, steps=3, **o),
}
KINDS = {"by class": "class_masked", "by class on a grid": "class_masked", "uniform": "uniform"}
PLAIN = {
    "ancestral": masked_law(LAW, keeps(2), [0.0, 0.0]),
    "by class on a grid": class_law(LAW, [1.0, 0.5, 0.0], levels),
    "uniform": uniform_law(LAW, keeps(3)),
}
every = pytest.mark.parametrize("name", MAKERS)
both = pytest.mark.parametrize("name", ["first_hitting", "by class", "uniform"])


def sampler(name, asked=ASKED, law=LAW, **options):
    return MAKERS[name](model_of(law, KINDS.get(name, "masked")), constraint=asked, **options)


def inside(law=LAW, asked=ASKED):
    held = Constraint(model_of(law).domain, asked)
    return np.array([held.automaton.accepts(row[row < law.size]) for row in law.rows])


def plain_law(name):
    """What the sampler draws without the constraint; of one block, positions are independent."""
    if name == "parallel":
        sides = [np.bincount(LAW.rows[:, i], weights=LAW.p, minlength=3) for i in range(3)]
        return replace(LAW, p=np.prod([sides[i][LAW.rows[:, i]] for i in range(3)], axis=0))
    return PLAIN.get(name, LAW)


@every
def test_all_designs_meet_it_and_weights_give_the_law(name):
    samples = sampler(name).sample(RUNS, key=3, batch_size=RUNS)
    met = inside()
    assert samples.valid.all()
    assert met[LAW.places(samples.tokens)].all()
    measure = plain_law(name).p * met
    assert unbiased(measure, LAW, samples)
    weight = samples.log_weight.exp().numpy()
    found = np.bincount(LAW.places(samples.tokens), weights=weight, minlength=len(LAW.p))
    target = measure / measure.sum()
    assert tv(found / found.sum(), target) < 3 * floor(target, RUNS)


@every
def test_without_weights_the_law_is_missed(name):
    samples = sampler(name).sample(RUNS, key=3, batch_size=RUNS)
    measure = plain_law(name).p * inside()
    flat = replace(samples, log_weight=torch.full_like(samples.log_weight, np.log(measure.sum())))
    if name == "parallel":  # one event draws all: the draw itself is exact
        assert unbiased(measure, LAW, flat)
    else:
        assert not unbiased(measure, LAW, flat)


class Alone(Held):
    """Each position of an event is drawn by its own marginal, which is right for one position."""

    def draw(self, state, event, drawn, others, tilt, keys):
        tokens, gain = [], torch.zeros_like(state.log_weight)
        for i in range(len(drawn.rows)):
            one = Places(*(part[i : i + 1] for part in drawn))
            rest = [torch.cat([part[:i], part[i + 1 :]]) for part in drawn]
            rest = [torch.cat(pair) for pair in zip(rest, others, strict=True)]
            own = random.fold(keys, i)
            token, more = super().draw(state, event, one, Places(*rest), tilt, own)
            tokens.append(token)
            gain = gain + more
        return torch.cat(tokens), gain


def test_positions_of_one_event_drawn_by_themselves_break_it():
    wrong = sampler("ancestral")
    wrong._held = Alone(wrong.constraint, model_of(LAW), 1.0, 1.0)
    wrong._draw = replace(wrong._draw, held=wrong._held)
    state = wrong.run(wrong.init(100, key=3))
    assert inside()[LAW.places(state.tokens)].mean() < 0.95


@pytest.mark.parametrize("name", ["first_hitting", "ancestral", "entropy"])
def test_what_is_always_met_leaves_every_bit(name):
    free = sampler(name, asked=None)
    held = sampler(name, asked={"regex": ".*"})
    samples = held.sample(300, key=5)
    assert torch.equal(free.sample(300, key=5).tokens, samples.tokens)
    assert samples.log_weight.abs().max() < 1e-12


def test_remasking_keeps_to_it():
    remasking = ReMDM(model_of(LAW), steps=6, eta=0.3, constraint=ASKED)
    samples = remasking.sample(500, key=3)
    assert samples.valid.all()
    assert samples.log_weight.isfinite().all()


def test_lengths_are_those_in_which_it_can_be_met():
    law = two_lengths()
    asked = {"regex": ".*A..*|.B"}
    held = FirstHitting(model_of(law), constraint=asked)
    samples = held.sample(RUNS, key=2, batch_size=RUNS)
    assert unbiased(law.p * inside(law, asked), law, samples)
    asked = {"regex": ".B."}
    samples = FirstHitting(model_of(law), constraint=asked).sample(RUNS, key=2, batch_size=RUNS)
    assert {len(string) for string in samples.strings} == {3}
    assert unbiased(law.p * inside(law, asked), law, samples)


@every
def test_templates_and_allow_lists_hold_with_it(name):
    chosen = sampler(name)
    template = Template(chosen.model.domain.alphabet, [{"A", "C"}, None, {"A", "C"}])
    met = inside() & template.allowed.numpy()[np.arange(3), LAW.rows].all(1)
    samples = chosen.sample(RUNS, key=3, template=template, batch_size=RUNS)
    assert met[LAW.places(samples.tokens)].all()
    assert unbiased(plain_law(name).p * met, LAW, samples)


@both
def test_frozen_positions_never_change(name):
    chosen = sampler(name, asked={"regex": "C.*"})
    template = Template(chosen.model.domain.alphabet, [None, "B", None])
    samples = chosen.sample(400, key=3, template=template)
    assert (samples.tokens[:, 1] == 1).all()
    assert set(samples.strings) == {"CBA", "CBB", "CBC"}


@both
def test_a_proposal_is_undone_by_the_weight(name):
    """A tilt beside the constraint, which knows nothing of it."""
    chosen = sampler(name)
    slope = torch.tensor([0.2, -0.15, 0.05], dtype=torch.float64)

    def tilt(state, event, law):
        return slope * (1.0 + torch.from_numpy(event.cols)[:, None])

    state = chosen.init(RUNS, key=4)
    while not chosen.done(state):
        state = chosen.step(state, tilt=tilt)
    samples = chosen.finish(state)
    assert inside()[LAW.places(samples.tokens)].all()
    assert unbiased(plain_law(name).p * inside(), LAW, samples)


def test_what_multiplies_the_law_multiplies_the_law_given_it():
    chosen = sampler("first_hitting")
    slope = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    state = chosen.init(RUNS, key=4)
    while not chosen.done(state):
        state = chosen.step(state, target=lambda state, event, law: slope.expand(law.shape))
    measure = LAW.p * inside() * np.exp(slope.numpy()[LAW.rows].sum(1))
    assert unbiased(measure, LAW, chosen.finish(state))
    assert not unbiased(LAW.p * inside(), LAW, chosen.finish(state))


def test_a_masked_network_with_a_clock_is_asked_at_the_time_of_the_event():
    model = model_of(LAW)
    model.denoiser.needs_time = True
    held = FirstHitting(model, constraint=ASKED)
    assert unbiased(LAW.p * inside(), LAW, held.sample(RUNS, key=3, batch_size=RUNS))
    samples = FKSteering(4, SCALE, threshold=1.0).run(held, reward_of(LAW, REWARD), 1000, key=7)
    assert unbiased(LAW.p * inside() * np.exp(SCALE * REWARD), LAW, samples)


METHODS = {
    "best of n": lambda scale: BestOfN(3, select="soft", scale=scale),
    "svdd carried": lambda scale: SVDD(2, scale=scale, particles=3, carry=True),
    "fk": lambda scale: FKSteering(4, scale=scale, threshold=1.0),
    "fk rollouts": lambda scale: FKSteering(3, scale=scale, value=RolloutValue(), threshold=1.0),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["first_hitting", "uniform"])
def test_guidance_tilts_the_law_given_it(name, method):
    chosen = sampler(name)
    samples = METHODS[method](SCALE).run(chosen, reward_of(LAW, REWARD), 3000, key=7)
    assert inside()[LAW.places(samples.tokens)].all()
    measure = plain_law(name).p * inside() * np.exp(SCALE * REWARD)
    assert unbiased(measure, LAW, samples)
    assert not unbiased(plain_law(name).p * inside(), LAW, samples)


@both
@pytest.mark.parametrize("scale", [0.0, 3.0])
def test_a_constant_reward_leaves_the_law_given_it(name, scale):
    reward = reward_of(LAW, np.full(len(LAW.p), 0.5))
    samples = METHODS["fk"](scale).run(sampler(name), reward, 3000, key=9)
    measure = plain_law(name).p * inside() * np.exp(scale * 0.5)
    assert unbiased(measure, LAW, samples)


def test_redrawing_whole_designs_keeps_the_law_given_it():
    """Candidates are drawn without it, for only then they are reversible, and judged by it."""
    asked = {"forbidden": ["AB"]}
    chosen = sampler("first_hitting", asked)
    method = ISIRGibbs(16, 8, (0.5, 1.0), SCALE, "softmax")
    samples = method.run(chosen, reward_of(LAW, REWARD), 2000, key=3)
    target = LAW.tilted(SCALE * REWARD + np.where(inside(LAW, asked), 0.0, -np.inf))
    counts = LAW.counts(samples.tokens)
    assert tv(counts / 2000, target.p) < 1.5 * floor(target.p, 2000)


def test_evolution_finds_only_what_meets_it():
    method = Evolution(population=4, children=6, generations=8, initial=8)
    samples = method.run(sampler("first_hitting"), reward_of(LAW, REWARD), 4, key=3)
    assert inside()[LAW.places(samples.tokens)].all()
    assert LAW.places(samples.tokens)[0] == np.where(inside(), REWARD, -np.inf).argmax()


def test_nothing_valid_does_not_break_it():
    reward = reward_of(LAW, np.full(len(LAW.p), np.nan))
    for method in (METHODS["fk"](SCALE), SVDD(3, scale=SCALE), Unguided()):
        samples = method.run(sampler("first_hitting"), reward, 40, key=1)
        assert inside()[LAW.places(samples.tokens)].all()
        assert not samples.valid.any()


def test_a_pass_is_made_once_for_each_event():
    for name in ("first_hitting", "entropy", "uniform"):
        free = sampler(name, asked=None).sample(50, key=2).counts["nfe"]
        assert sampler(name).sample(50, key=2).counts["nfe"] == free


@every
def test_a_row_is_the_same_in_any_batch(name):
    chosen = sampler(name)
    whole = chosen.sample(40, key=6)
    parts = chosen.sample(40, key=6, batch_size=7)
    later = chosen.sample(10, key=6, first_design=30)
    assert torch.equal(whole.tokens, parts.tokens)
    assert torch.equal(whole.tokens[30:], later.tokens)
    torch.testing.assert_close(whole.log_weight[30:], later.log_weight, rtol=1e-6, atol=1e-6)
