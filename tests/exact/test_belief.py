"""What the model says of a design's own path, against laws that can be enumerated."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch

from discdiff import random
from discdiff.belief import Belief
from discdiff.domain import Letters, Template
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.redraw import Levels, redraw
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.unguided import Unguided
from discdiff.guidance.value import RolloutValue, SampledValue
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.plan import Finished
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from discdiff.samplers.state import PRIOR
from tests.exact.laws import crooked_model, dirichlet, model_of, words

SIZE, LENGTH, N = 3, 3, 4000
LAW = dirichlet(SIZE, LENGTH, seed=4, concentration=1.0)
CROOKED = crooked_model(SIZE, LENGTH, seed=5)


def place(tokens):
    return (np.asarray(tokens) @ (SIZE ** np.arange(LENGTH - 1, -1, -1))).tolist()


def chain(net, row, order):
    """log p(row | order) of a masked network, by the chain rule."""
    z, total = [SIZE] * LENGTH, 0.0
    for i in order:
        total += math.log(net.at(z)[i][row[i]])
        z[i] = row[i]
    return total


def drawn_order(sampler, state):
    """The order in which every row's positions were revealed, one an event."""
    orders = [[] for _ in range(len(state))]
    while not sampler.done(state):
        after = sampler.step(state)
        rows, cols = (state.tokens != after.tokens).nonzero(as_tuple=True)
        for row, col in zip(rows.tolist(), cols.tolist(), strict=True):
            orders[row].append(col)
        state = after
    return orders, state


def test_a_masked_path_has_the_likelihood_of_its_order():
    sampler = FirstHitting(CROOKED)
    orders, state = drawn_order(sampler, sampler.init(100, key=1))
    assert len({tuple(order) for order in orders}) == 6
    expected = [
        chain(CROOKED.denoiser, row, order)
        for row, order in zip(state.tokens.tolist(), orders, strict=True)
    ]
    found = state.belief(sampler.process)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-6)
    np.testing.assert_allclose(found.confidence, np.exp(np.divide(expected, LENGTH)), rtol=1e-6)


def test_averaged_over_orders_it_is_the_samplers_law():
    # each path to x has 1/p(x | order) on average over the orders that lead there: count them
    rows = words(SIZE, LENGTH).tolist()
    law = [
        np.mean([math.exp(chain(CROOKED.denoiser, r, o)) for o in permutations(range(LENGTH))])
        for r in rows
    ]
    assert math.isclose(sum(law), 1.0)
    samples = FirstHitting(CROOKED).sample(N, key=2)
    weight = np.bincount(
        place(samples.tokens), weights=np.exp(-samples.log_likelihood.numpy()), minlength=len(rows)
    )
    spread = 1 / np.sqrt(N * np.array(law))
    assert (np.abs(weight / N - 1.0) < 6 * spread).all()


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_uniform_path_weighs_one_over_the_law_of_its_end(steps):
    # sum over paths of p(path) e^{-w} = sum over paths of q(path | x_0) = 1 for every x_0
    samples = Ancestral(model_of(LAW, "uniform"), steps=steps).sample(N, key=3)
    terms = np.exp(-samples.log_likelihood.numpy())
    at = np.array(place(samples.tokens))
    for row in range(len(LAW.rows)):
        term = np.where(at == row, terms, 0.0)
        assert abs(term.mean() - 1.0) < 6 * term.std() / math.sqrt(N)


def test_with_many_steps_a_uniform_path_has_the_likelihood_of_its_end():
    few, many = (
        Ancestral(model_of(LAW, "uniform"), steps=steps).sample(200, key=4) for steps in (8, 256)
    )
    errors = [
        np.abs(samples.log_likelihood.numpy() - np.log(LAW.p[place(samples.tokens)])).mean()
        for samples in (few, many)
    ]
    assert errors[1] < 0.15
    assert errors[1] < errors[0] / 3


def test_a_uniform_path_by_hand():
    # one position, two letters, one step: the last law is p(x_0 | x_1) = p(x_0)
    law = dirichlet(2, 1, seed=0, concentration=2.0)
    samples = Ancestral(model_of(law, "uniform"), steps=1).sample(20, key=0)
    expected = np.log(law.p[samples.tokens[:, 0]])
    np.testing.assert_allclose(samples.log_likelihood, expected, rtol=1e-6)
    assert samples.confidence.isnan().all()  # with more steps it would say nothing


def test_blocks_multiply_the_conditionals_they_draw_from():
    sampler = Parallel(CROOKED, steps=1)
    samples = sampler.sample(50, key=1)
    law = CROOKED.denoiser.at([SIZE] * LENGTH)
    expected = [
        sum(math.log(law[i][v]) for i, v in enumerate(row)) for row in samples.tokens.tolist()
    ]
    np.testing.assert_allclose(samples.log_likelihood, expected, rtol=1e-6)


def test_it_is_the_models_word_at_any_temperature_nucleus_and_template():
    sampler = FirstHitting(CROOKED, temperature=0.5, top_p=0.8)
    orders, state = drawn_order(sampler, sampler.init(60, key=1))
    expected = [
        chain(CROOKED.denoiser, row, order)
        for row, order in zip(state.tokens.tolist(), orders, strict=True)
    ]
    np.testing.assert_allclose(state.belief(sampler.process).log_likelihood, expected, rtol=1e-6)
    template = Template(CROOKED.domain.alphabet, [None, {"A", "B"}, "C"])
    held = FirstHitting(CROOKED)
    state = held.init(60, key=1, template=template)
    done = held.run(state)
    for row, value in zip(
        done.tokens.tolist(), done.belief(held.process).log_likelihood, strict=True
    ):
        paths = []
        for first, second in ((0, 1), (1, 0)):
            z = [SIZE, SIZE, 2]
            a = math.log(CROOKED.denoiser.at(z)[first][row[first]])
            z[first] = row[first]
            paths.append(a + math.log(CROOKED.denoiser.at(z)[second][row[second]]))
        assert min(abs(value - path) for path in paths) < 1e-6


def test_remasked_tokens_do_not_count():
    sampler = ReMDM(model_of(dirichlet(2, 1, seed=0, concentration=2.0)), steps=9, eta=0.9)
    samples = sampler.sample(200, key=0)
    assert samples.counts["nfe"] > 300  # most were drawn several times
    law = dirichlet(2, 1, seed=0, concentration=2.0)
    expected = law.p[samples.tokens[:, 0]]
    np.testing.assert_allclose(samples.log_likelihood.exp(), expected, rtol=1e-6)
    np.testing.assert_allclose(samples.confidence, expected, rtol=1e-6)


def test_what_was_given_is_conditioned_on():
    model = model_of(LAW)
    seed = "".join(model.domain.alphabet.tokens[i] for i in LAW.rows[5])
    sampler = FirstHitting(model)
    state = sampler.init(200, key=0, seeds=Seeds([seed], level=0.5))
    done = sampler.run(state)
    for start, row, value in zip(
        state.tokens, done.tokens, done.belief(model.process).log_likelihood, strict=True
    ):
        known = np.all((LAW.rows == start.numpy()) | (start.numpy() == SIZE), axis=1)
        expected = LAW.p[place(row[None])[0]] / LAW.p[known].sum()
        assert math.isclose(math.exp(value), expected, rel_tol=1e-5)
    # the tokens of the seed that were kept are no draws
    drawn = (state.tokens == SIZE).sum(1).clamp(min=1)
    belief = done.belief(model.process)
    assert len(drawn.unique()) > 1
    np.testing.assert_allclose(belief.confidence.log() * drawn, belief.log_likelihood, atol=1e-6)


def test_a_uniform_path_from_a_seed_is_conditioned_on_its_start():
    model = model_of(LAW, "uniform")
    sampler = Ancestral(model, steps=256)
    state = sampler.init(60, key=0, seeds=Seeds(["ABC"], level=0.6))
    done = sampler.run(state)
    kernel = model.process.log_kernel
    t = torch.full((len(LAW.rows),), 0.6, dtype=torch.float64)
    rows = torch.from_numpy(LAW.rows)
    errors = []
    for start, row, value in zip(
        state.tokens, done.tokens, done.belief(model.process).log_likelihood, strict=True
    ):
        joint = LAW.p * kernel(start.expand(rows.shape), rows, t).sum(1).exp().numpy()
        errors.append(abs(value - math.log(joint[place(row[None])[0]] / joint.sum())))
    assert np.mean(errors) < 0.15


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_a_preview_is_a_path_that_ends_in_one_event(kind):
    model = model_of(LAW, kind)
    sampler = Ancestral(model, steps=1)  # whose only event is the preview's
    at_once = sampler.sample(50, key=1)
    state = sampler.init(2000, key=1)
    preview = sampler.preview(state)
    belief = preview.belief(model.process)
    by_end = dict(
        zip(map(tuple, at_once.tokens.tolist()), at_once.log_likelihood.tolist(), strict=True)
    )
    shared = 0
    for row, value in zip(preview.tokens.tolist(), belief.log_likelihood.tolist(), strict=True):
        if kind == "masked" and tuple(row) in by_end:
            assert math.isclose(value, by_end[tuple(row)], rel_tol=1e-6)
            shared += 1
    assert kind == "uniform" or shared > 100
    # a preview in mid-run weighs one over the law of its end as any path does
    sampler = Ancestral(model, steps=4)
    half = sampler.run(sampler.init(N, key=2), stop=0.5)
    ended = sampler.preview(half)
    at = np.array(place(ended.tokens))
    terms = np.exp(-ended.belief(model.process).log_likelihood.numpy())
    for row in range(len(LAW.rows)):
        term = np.where(at == row, terms, 0.0)
        assert abs(term.mean() - 1.0) < 6 * term.std() / math.sqrt(N)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_nothing_is_said_of_a_design_that_was_drawn_again_in_part(kind):
    """Its other tokens were drawn for other neighbours: no path from noise leads to it."""
    model = model_of(LAW, kind) if kind == "uniform" else CROOKED
    sampler = Ancestral(model, steps=6)
    old = sampler.run(sampler.init(100, key=1))
    new = redraw(sampler, old, Levels(0.3), old.keys, old.keys + 1, restricted=True)
    noisy = model.process.corrupt(
        old.tokens, torch.full((100,), 0.3), old.active, random.fold(old.keys, PRIOR)
    )
    again = model.process.editable(noisy, old.active).any(1)
    assert kind == "uniform" or 0 < again.double().mean() < 1
    before, after = old.belief(model.process), new.belief(model.process)
    assert after.log_likelihood[again].isnan().all()
    assert after.confidence[again].isnan().all()
    assert torch.equal(after.log_likelihood[~again], before.log_likelihood[~again])
    first, second = torch.tensor([True] * 50 + [False] * 50), torch.arange(50)
    mixed = old.path.where(first, new.path)
    np.testing.assert_array_equal(mixed.gained[:50], new.path.gained[:50])
    assert torch.equal(mixed.start[50:], old.path.start[50:])
    both = old.gather(second).beside(new.gather(second), Finished())
    assert torch.equal(both.path.t, torch.cat([old.path.t[:50], new.path.t[:50]]))


METHODS = {
    "evolution": Evolution(population=4, children=4, generations=3, initial=8),
    "evolution, crossed": Evolution(4, 4, 3, 8, crossover="uniform", region="span", retries=1),
    "isir": ISIRGibbs(sweeps=3),
    "none": Unguided(),
    "best of n": BestOfN(candidates=3),
    "svdd": SVDD(candidates=3, scale=4.0),
    "svdd, rollouts": SVDD(candidates=2, scale=4.0, value=RolloutValue()),
    "fk": FKSteering(particles=4, scale=4.0, threshold=1.0),
}


@pytest.mark.parametrize("name", METHODS)
def test_it_follows_the_lineage_and_reaches_the_reward(name):
    # of an exact model every finished path has the likelihood of its end, whatever its ancestors
    model, seen = model_of(LAW), []

    class Watched(Reward):
        def __call__(self, tokens, belief=None):
            seen.append((tokens, belief))
            return super().__call__(tokens, belief)

    reward = Watched(model.domain, lambda strings: [s.count("A") for s in strings])
    samples = METHODS[name].run(FirstHitting(model), reward, 40, key=3)
    per_token = samples.log_likelihood / LENGTH
    np.testing.assert_allclose(samples.confidence, per_token.exp(), rtol=1e-9)
    redraws = METHODS[name].redraws
    whole = ~samples.log_likelihood.isnan().numpy()  # those that are as they were first drawn
    assert redraws or whole.all()
    expected = LAW.p[place(samples.tokens)]
    found = samples.log_likelihood.exp().numpy()
    np.testing.assert_allclose(found[whole], expected[whole], rtol=1e-5)
    assert seen
    for number, (tokens, belief) in enumerate(seen):
        assert len(belief) == len(tokens)
        assert not belief.log_likelihood.isnan().any() or (redraws and number > 0)


def test_draws_of_a_preview_keep_their_own_belief():
    model, seen = crooked_model(SIZE, LENGTH, seed=1), []

    class Watched(Reward):
        def __call__(self, tokens, belief=None):
            seen.append((tokens, belief))
            return super().__call__(tokens, belief)

    sampler = FirstHitting(model)
    reward = Watched(Letters("ABC"), lambda strings: [1.0] * len(strings))
    state = sampler.init(4, key=0)
    SampledValue(draws=3)(sampler, state, reward, 1.0)
    ((tokens, belief),) = seen
    law = model.denoiser.at([SIZE] * LENGTH)
    expected = [sum(math.log(law[i][v]) for i, v in enumerate(r)) for r in tokens.tolist()]
    np.testing.assert_allclose(belief.log_likelihood, expected, rtol=1e-6)
    alone = sampler.preview(replace(state, log_p=sampler.log_p(state)), draw=1)
    assert torch.equal(tokens.view(4, 3, LENGTH)[:, 1], alone.tokens)


def test_parts_and_rows_of_a_belief():
    whole = Belief(torch.tensor([-1.0, -2.0]), torch.tensor([0.5, 0.25]))
    twice = Belief.concatenate([whole, whole.take(torch.tensor([1]))])
    assert twice.log_likelihood.tolist() == [-1.0, -2.0, -2.0]
    assert twice.confidence.tolist() == [0.5, 0.25, 0.25]
    assert len(twice) == 3
