"""SVDD: its law at two candidates by enumeration, its limit, and its carried weights."""

from collections import defaultdict

import numpy as np
import pytest
import torch

from discdiff.guidance import particles as loop
from discdiff.guidance.select import first_children, one_child
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.value import RolloutValue, SampledValue, ZeroValue
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import given, keeps, posterior, uniform_law, uniform_step
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    fits,
    floor,
    model_of,
    outer,
    reward_of,
    rewards,
    tv,
    unbiased,
    words,
    z_scores,
)

SCALE = 2.0
MILD = 1.0  # a weight is heavy-tailed at large scales, and its mean takes long to settle
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
TARGET = LAW.tilted(SCALE * REWARD)
MASKED = FirstHitting(model_of(LAW))
UNIFORM = Ancestral(model_of(LAW, "uniform"), steps=3)


def guided(runs=12_000, sampler=MASKED, **options):
    options = {"scale": SCALE} | options
    return SVDD(**options).run(sampler, reward_of(LAW, REWARD), runs, key=4)


def svdd_law(children, preview, start, rounds, choose):
    """Enumerate: at each round every state draws pairs of (child, previewed log-value).

    Args:
        children: state and round to a list of (child, chance).
        preview: child and round to a list of (log-value, chance).
        start: chance of each first state.
        rounds: number of selections.
        choose: log-values (n, n) of first and second child to the chance that the first is kept.
    """
    state = start
    for number in range(rounds):
        after = defaultdict(float)
        for z, chance in state.items():
            atoms = [
                (child, value, p * q)
                for child, p in children(z, number)
                for value, q in preview(child, number)
            ]
            value = np.array([a[1] for a in atoms])
            p = np.array([a[2] for a in atoms])
            kept = 2 * p * (choose(value[:, None], value[None, :]) @ p)
            for (child, _, _), share in zip(atoms, kept, strict=True):
                after[child] += chance * share
        state = after
    return Law(2, LAW.rows, np.array([state[tuple(x)] for x in LAW.rows]))


def masked_law(choose):
    def children(z, number):
        hidden = [i for i in range(3) if z[i] == 2]
        p = given(LAW, z)
        return [((*z[:i], v, *z[i + 1 :]), p[i, v] / len(hidden)) for i in hidden for v in range(2)]

    def preview(z, number):
        sides = given(LAW, z)
        seen = np.array(z) != 2
        sides[seen] = np.eye(3)[list(z)][seen, :2]
        return list(zip(SCALE * REWARD, outer(sides), strict=True))

    return svdd_law(children, preview, {(2, 2, 2): 1.0}, 3, choose)


def uniform_svdd_law(choose, clean=posterior):
    alphas, states = keeps(3), [tuple(x) for x in words(2, 3)]
    steps = [uniform_step(LAW, alphas[k], alphas[k + 1]) for k in range(3)]

    def children(z, number):
        return list(zip(states, steps[number][states.index(z)], strict=True))

    def preview(z, number):
        sides = clean(LAW, z, alphas[number + 1]) if number < 2 else np.eye(2)[list(z)]
        return list(zip(SCALE * REWARD, outer(sides), strict=True))

    return svdd_law(children, preview, dict.fromkeys(states, 1 / 8), 3, choose)


def softly(a, b):
    return 1 / (1 + np.exp(b - a))


def greedily(a, b):
    return (a > b) + 0.5 * (a == b)


CHOICES = {"softmax": softly, "argmax": greedily}


@pytest.mark.parametrize("select", CHOICES)
def test_two_candidates_with_sampled_values(select):
    law = masked_law(CHOICES[select])
    assert law.p.sum() == pytest.approx(1.0)
    samples = guided(candidates=2, select=select)
    assert fits(law, samples.tokens)
    assert differs(LAW, samples.tokens)
    assert samples.log_normaliser is None


def test_two_candidates_on_uniform_noise_are_previewed_by_their_posterior():
    samples = guided(candidates=2, sampler=UNIFORM)
    assert fits(uniform_svdd_law(softly), samples.tokens)
    assert differs(uniform_law(LAW, keeps(3)), samples.tokens)


class Soft:
    """The exact soft value log E[exp(λ r(x_0)) | x_t], looked up."""

    def __init__(self, scale):
        gain = np.exp(scale * REWARD)
        table = []
        for z in words(3, 3):
            agrees = LAW.p * ((LAW.rows == z) | (z == 2)).all(1)
            table.append(np.log((agrees @ gain) / agrees.sum()))
        self.table = torch.tensor(table)

    def __call__(self, sampler, state, reward, scale):
        return state, self.table[(state.tokens * torch.tensor([9, 3, 1])).sum(1)]


def test_error_with_the_exact_value_falls_with_the_candidates():
    runs, errors = 6000, []
    for candidates in (1, 2, 5, 32):
        samples = guided(runs, candidates=candidates, value=Soft(SCALE))
        errors.append(tv(LAW.counts(samples.tokens) / runs, TARGET.p))
    noise = floor(TARGET.p, runs)
    assert errors[0] > 10 * noise
    assert errors[1] < 0.65 * errors[0]
    assert errors[2] < 0.5 * errors[1]
    assert errors[3] < 1.5 * noise


def plateau():
    """The law of infinitely many candidates with sampled values: a factorised look-ahead."""
    state = {(2, 2, 2): 1.0}
    for _ in range(3):
        after = defaultdict(float)
        for z, chance in state.items():
            p, mass = given(LAW, z), {}
            hidden = [i for i in range(3) if z[i] == 2]
            for i in hidden:
                for v in range(2):
                    child = (*z[:i], v, *z[i + 1 :])
                    sides = given(LAW, child)
                    seen = np.array(child) != 2
                    sides[seen] = np.eye(3)[list(child)][seen, :2]
                    mass[child] = p[i, v] * (outer(sides) @ np.exp(SCALE * REWARD))
            for child, weight in mass.items():
                after[child] += chance * weight / sum(mass.values())
        state = after
    return Law(2, LAW.rows, np.array([state[tuple(x)] for x in LAW.rows]))


def test_sampled_values_leave_an_error_that_candidates_do_not_remove():
    runs, limit = 4000, plateau()
    noise = floor(limit.p, runs)
    assert tv(limit.p, TARGET.p) > 3 * noise
    samples = guided(runs, candidates=32)
    p = LAW.counts(samples.tokens) / runs
    assert tv(p, limit.p) < 1.5 * noise < tv(p, TARGET.p)


def test_rollouts_remove_it():
    runs = 2000
    samples = guided(runs, candidates=32, value=RolloutValue())
    assert tv(LAW.counts(samples.tokens) / runs, TARGET.p) < 1.5 * floor(TARGET.p, runs)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"candidates": 1},
        {"particles": 1},
        {"interval": 2},
        {"skip": 1},
        {"value": SampledValue(draws=3)},
        {"value": RolloutValue()},
        {"value": ZeroValue()},
        {"sampler": UNIFORM},
        {"candidates": 6, "fewest": 2, "agree": 0.4},
        {"candidates": 6, "fewest": 2, "agree": 0.4, "sampler": UNIFORM},
    ],
    ids=lambda options: " ".join(options) or "default",
)
def test_carried_weights_are_unbiased(options):
    carried = {"runs": 4000, "candidates": 3, "particles": 2, "carry": True, "scale": MILD}
    samples = guided(**carried | options)
    plain = uniform_law(LAW, keeps(3)) if "sampler" in options else LAW
    assert unbiased(plain.p * np.exp(MILD * REWARD), LAW, samples)


def test_carried_weights_reach_the_tilted_law_with_many_particles():
    runs = 2000
    target = LAW.tilted(MILD * REWARD)
    errors = []
    for particles in (1, 4, 24):
        samples = guided(runs, candidates=2, particles=particles, carry=True, scale=MILD)
        errors.append(tv(LAW.counts(samples.tokens) / runs, target.p))
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 1.5 * floor(target.p, runs)


def peeking(parents, children, branch, counts, pick, carry):
    """Families that end with their best child: how many there are is decided by their values."""
    best = children.state.log_weight.view(-1, branch).argmax(1)
    kept = first_children(children, branch, best + 1)
    return one_child(parents, kept, branch, best + 1, pick, carry)


def test_a_number_of_candidates_decided_by_their_values_is_not_unbiased(monkeypatch):
    """The negative twin of `fewest`, which is decided by the family before."""
    monkeypatch.setattr(loop, "one_child", peeking)
    samples = guided(4000, candidates=6, particles=2, carry=True, scale=MILD)
    assert abs(z_scores(LAW.p * np.exp(MILD * REWARD), LAW, samples)[-1]) > 8


def test_fewest_candidates_without_carry_lie_between_the_two_numbers():
    runs, errors = 6000, []
    for options in ({"candidates": 2}, {"candidates": 8, "fewest": 2, "agree": 0.4}):
        samples = guided(runs, value=Soft(SCALE), **options)
        errors.append(tv(LAW.counts(samples.tokens) / runs, TARGET.p))
    assert errors[1] < 0.8 * errors[0]


def test_discarded_weights_are_not_unbiased():
    # the negative twin: the same children, the weights forgotten
    samples = guided(4000, candidates=3)
    assert differs(TARGET, samples.tokens)
