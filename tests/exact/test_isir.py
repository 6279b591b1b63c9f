"""Noise and redraw: one sweep is its enumerated kernel, and the tilted law is what it keeps."""

from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from discdiff.domain import Template
from discdiff.guidance.isir import Chains, ISIRGibbs
from discdiff.guidance.ledger import Ledger
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.start import Seeds
from tests.exact.chains import kernel_matrix
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    fits,
    floor,
    model_of,
    reward_of,
    rewards,
    tv,
    two_lengths,
    words,
)

SCALE, LEVEL = 1.5, 0.6
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
SINGLE = dirichlet(6, 1, seed=4, concentration=2.0)  # one site: its reverse step is exact
LAWS = {"masked": LAW, "uniform": SINGLE}
VALUES = {"masked": REWARD, "uniform": rewards(SINGLE)}


def masked_redraw(law, level):
    """P(x' | x): every site hidden with chance `level`, then p given what is seen."""
    size, width = len(law.rows), law.width
    whole = np.zeros((size, size))
    for hidden in product([False, True], repeat=width):
        seen = ~np.array(hidden)
        chance = level ** sum(hidden) * (1 - level) ** (width - sum(hidden))
        agree = (law.rows[:, None, seen] == law.rows[None, :, seen]).all(2)
        p = agree * law.p
        whole += chance * p / p.sum(1, keepdims=True)
    return whole


def uniform_redraw(law, level):
    """P(x' | x) for one site: kept with chance 1 - level, else any letter, then Bayes."""
    size = len(law.rows)
    noise = (1 - level) * np.eye(size) + level / size
    back = law.p[None, :] * noise.T  # (x_t, x')
    return noise @ (back / back.sum(1, keepdims=True))


REDRAW = {"masked": masked_redraw, "uniform": uniform_redraw}


def noisy_pairs(kind, level):
    """Every x_t with q(x_t | x) and p(x' | x_t): the two factors of the redraw."""
    law = LAWS[kind]
    if kind == "uniform":
        size = len(law.rows)
        noise = (1 - level) * np.eye(size) + level / size
        back = law.p[None, :] * noise.T
        return [(noise[:, z], back[z] / back[z].sum()) for z in range(size)]
    found = []
    for z in product([0, 1, 2], repeat=law.width):  # 2 is hidden
        seen = np.array(z) < 2
        fit = (law.rows[:, seen] == np.array(z)[seen]).all(1)
        chance = level ** (~seen).sum() * (1 - level) ** seen.sum()
        found.append((fit * chance, fit * law.p / (fit * law.p).sum()))
    return found


@cache
def kernel(kind, candidates, select, level=LEVEL, scale=SCALE):
    """The transition matrix of one sweep, enumerated."""
    weight = np.exp(scale * VALUES[kind])
    size = len(weight)
    whole = np.zeros((size, size))
    for q, p in noisy_pairs(kind, level):
        for drawn in product(np.flatnonzero(p), repeat=candidates):
            chance = q * p[list(drawn)].prod()
            for x in np.flatnonzero(chance):
                pool = [x, *drawn]
                if select == "metropolis":
                    accept = min(1.0, weight[drawn[0]] / weight[x])
                    keep = [1 - accept, accept]
                else:
                    keep = weight[pool] / weight[pool].sum()
                np.add.at(whole[x], pool, chance[x] * np.array(keep))
    return whole


CASES = [(1, "metropolis"), (1, "softmax"), (2, "softmax")]
KINDS = ["masked", "uniform"]
SAMPLERS = {
    "masked": FirstHitting(model_of(LAW)),
    "class_masked": FirstHitting(model_of(LAW, "class_masked")),
    "uniform": Ancestral(model_of(SINGLE, "uniform"), steps=2),
}


def begun(sampler, law, place, values, n, key=0):
    """N chains that stand at one design."""
    tokens = torch.from_numpy(law.rows[place])[None].repeat(n, 1)
    state = sampler.init(n, key=key)
    t = torch.zeros(n, dtype=torch.float64)
    state = sampler.start(tokens, t, tokens < law.size, keys=state.keys)
    ledger = Ledger(reward_of(law, values))
    return Chains(state, *ledger.score(tokens)), ledger


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("candidates", "select"), CASES)
def test_one_sweep_is_its_enumerated_kernel(kind, candidates, select):
    law, values, sampler = LAWS[kind], VALUES[kind], SAMPLERS[kind]
    method = ISIRGibbs(1, candidates, LEVEL, SCALE, select)
    rows = kernel(kind, candidates, select)
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-12)
    for place in range(len(law.rows)):
        chains, ledger = begun(sampler, law, place, values, 4000, key=place)
        after = method.sweep(sampler, ledger, chains, 0)
        assert fits(Law(law.size, law.rows, rows[place]), after.state.tokens)
        np.testing.assert_array_equal(after.reward, values[law.places(after.state.tokens)])
        found = ledger.read(after.entry)
        assert found.strings == sampler.model.domain.decode_batch(after.state.tokens)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("candidates", "select"), CASES)
@pytest.mark.parametrize("level", [0.1, 0.6, 1.0])
def test_the_kernel_keeps_the_tilted_law(kind, candidates, select, level):
    law = LAWS[kind]
    target = law.tilted(SCALE * VALUES[kind]).p
    rows = kernel(kind, candidates, select, level)
    np.testing.assert_allclose(target @ rows, target, atol=1e-14)
    redraw = REDRAW[kind](law, level)
    np.testing.assert_allclose(law.p @ redraw, law.p, atol=1e-14)
    # the negative twin: the tilt of another scale is not kept
    other = law.tilted(2 * SCALE * VALUES[kind]).p
    assert np.abs(other @ rows - other).max() > 1e-3


@pytest.mark.parametrize("kind", [*KINDS, "class_masked"])
@pytest.mark.parametrize(("candidates", "select"), CASES)
def test_many_sweeps_sample_the_tilted_law(kind, candidates, select):
    law, values = LAWS.get(kind, LAW), VALUES.get(kind, VALUES["masked"])
    method = ISIRGibbs(12, candidates, (0.5, 1.0), SCALE, select)
    samples = method.run(SAMPLERS[kind], reward_of(law, values), 5000, key=3)
    assert fits(law.tilted(SCALE * values), samples.tokens)
    assert differs(law, samples.tokens)
    assert differs(law.tilted(2 * SCALE * values), samples.tokens)
    assert (samples.log_weight == 0).all()
    assert samples.log_normaliser is None


@pytest.mark.parametrize("order", [EntropyOrder, ConfidenceOrder])
def test_any_exact_order_will_do(order):
    samples = ISIRGibbs(12, 1, (0.5, 1.0), SCALE).run(
        order(model_of(LAW)), reward_of(LAW, REWARD), 4000, key=5
    )
    assert fits(LAW.tilted(SCALE * REWARD), samples.tokens)


def test_uniform_noise_of_several_sites_tends_to_the_tilted_law_with_the_steps():
    target, n = LAW.tilted(SCALE * REWARD), 4000
    errors = []
    for steps in (2, 64):
        sampler = Ancestral(model_of(LAW, "uniform"), steps=steps)
        method = ISIRGibbs(10, 1, (0.5, 1.0), SCALE)
        samples = method.run(sampler, reward_of(LAW, REWARD), n, key=3)
        errors.append(tv(LAW.counts(samples.tokens) / n, target.p))
    assert errors[1] < 1.5 * floor(target.p, n) < errors[0]


def test_lengths_keep_their_law_within_the_tilt():
    """A chain keeps its length, so each length is tilted on its own."""
    law = two_lengths()
    values = rewards(law) + (law.rows < law.size).sum(1)  # the longer, the better
    samples = ISIRGibbs(12, 1, (0.5, 1.0), SCALE).run(
        FirstHitting(model_of(law)), reward_of(law, values), 5000, key=3
    )
    long = (law.rows < law.size).sum(1) == 3
    p = law.p * np.exp(SCALE * values)
    p = np.where(long, 0.6 * p / p[long].sum(), 0.4 * p / p[~long].sum())
    assert fits(Law(2, law.rows, p), samples.tokens)
    assert differs(law.tilted(SCALE * values), samples.tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_templates_hold_and_the_law_is_the_tilt_of_what_they_allow(kind):
    law = dirichlet(3, 2, seed=8, concentration=1.0)
    values = rewards(law)
    model = model_of(law, kind)
    alphabet = model.domain.alphabet
    template = Template(alphabet, ["A", ["A", "C"]] if kind == "masked" else [None, ["A", "C"]])
    sampler = FirstHitting(model) if kind == "masked" else Ancestral(model, steps=64)
    samples = ISIRGibbs(12, 2, (0.5, 1.0), SCALE, "softmax").run(
        sampler, reward_of(law, values), 4000, key=3, template=template
    )
    kept = law.rows[:, 1] != 1
    if kind == "masked":
        kept &= law.rows[:, 0] == 0
    p = kept * law.p * np.exp(SCALE * values)
    if kind == "masked":
        assert fits(Law(3, law.rows, p / p.sum()), samples.tokens)
    else:  # many steps, not all
        error = tv(law.counts(samples.tokens) / 4000, p / p.sum())
        assert error < 2 * floor(p / p.sum(), 4000)
    assert kept[law.places(samples.tokens)].all()


SOME = np.where(np.arange(8) % 3 == 0, np.nan, REWARD)  # three of eight designs are invalid


@pytest.mark.parametrize(("candidates", "select"), CASES)
def test_invalid_designs_are_left_and_never_entered(candidates, select):
    method = ISIRGibbs(12, candidates, (0.5, 1.0), SCALE, select)
    samples = method.run(SAMPLERS["masked"], reward_of(LAW, SOME), 4000, key=3)
    assert samples.valid.all()
    assert not samples.fallback.any()
    p = np.where(np.isnan(SOME), 0, LAW.p * np.exp(SCALE * np.nan_to_num(SOME)))
    assert fits(Law(2, LAW.rows, p / p.sum()), samples.tokens)


def test_nothing_valid_at_all():
    method = ISIRGibbs(3, 2, 0.7, SCALE, "softmax")
    samples = method.run(SAMPLERS["masked"], reward_of(LAW, np.full(8, np.nan)), 6, key=9)
    plain = SAMPLERS["masked"].sample(6, key=9)
    assert torch.equal(samples.tokens, plain.tokens)  # nowhere to go
    assert samples.fallback.all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_is_the_same_in_any_batch(kind):
    law, sampler = LAWS[kind], SAMPLERS[kind]
    method = ISIRGibbs(5, 3, (0.2, 0.9), SCALE, "softmax")
    whole = method.run(sampler, reward_of(law, VALUES[kind]), 12, key=7)
    for first in (0, 5, 11):
        one = method.run(sampler, reward_of(law, VALUES[kind]), 1, key=7, first_design=first)
        assert torch.equal(one.tokens[0], whole.tokens[first])
        np.testing.assert_array_equal(one.confidence[0], whole.confidence[first])


def test_chains_can_begin_at_seeds():
    law = Law(2, words(2, 3), LAW.p)
    seeds = Seeds(["AAA"], level=0.2)
    method = ISIRGibbs(15, 1, (0.5, 1.0), SCALE)
    samples = method.run(SAMPLERS["masked"], reward_of(law, REWARD), 4000, key=1, seeds=seeds)
    assert fits(LAW.tilted(SCALE * REWARD), samples.tokens)


def test_metropolis_on_uniform_noise_of_several_sites_is_exact_but_for_the_steps():
    """The kernel of noise and the library's own reverse steps, as matrices."""
    target, weight = LAW.tilted(SCALE * REWARD).p, np.exp(SCALE * REWARD)
    model, level = model_of(LAW, "uniform"), 0.6
    one = (1 - level) * np.eye(2) + level / 2
    noise = np.prod([one[LAW.rows[:, None, i], LAW.rows[None, :, i]] for i in range(3)], axis=0)
    back = (LAW.p[:, None] * noise / (LAW.p @ noise)).T
    reverse = {"exact": back}
    for steps in (1, 8, 64):
        times = level * np.arange(steps, -1, -1) / steps
        reverse[steps] = np.linalg.multi_dot(
            [np.eye(8), *(kernel_matrix(model, t, s) for t, s in pairwise(times)), np.eye(8)]
        )
    lost = {}
    for steps, back in reverse.items():
        accepted = noise @ back * np.minimum(1, weight[None] / weight[:, None])
        accepted += np.diag(1 - accepted.sum(1))
        lost[steps] = np.abs(target @ accepted - target).sum()
    assert lost["exact"] < 1e-14
    assert lost[1] > 0.01
    np.testing.assert_allclose(lost[8] / lost[64], 8, rtol=0.3)  # O(1 / steps)


def span_redraw(law, length):
    """P(x' | x): one of the runs of `length` sites is drawn given the rest."""
    whole, places = np.zeros((len(law.rows), len(law.rows))), law.width - length + 1
    for first in range(places):
        rest = [i for i in range(law.width) if not first <= i < first + length]
        agree = (law.rows[:, None, rest] == law.rows[None, :, rest]).all(2)
        p = agree * law.p
        whole += p / p.sum(1, keepdims=True) / places
    return whole


@pytest.mark.parametrize(("kind", "length"), [("masked", 1), ("masked", 2), ("uniform", 1)])
def test_a_span_is_drawn_given_the_rest_and_keeps_the_law(kind, length):
    """On uniform noise one site given clean neighbours is exact at any number of steps."""
    sampler = FirstHitting(model_of(LAW)) if kind == "masked" else UNIFORM
    matrix, weight = span_redraw(LAW, length), np.exp(SCALE * REWARD)
    matrix = matrix * np.minimum(1, weight[None] / weight[:, None])
    matrix += np.diag(1 - matrix.sum(1))
    target = LAW.tilted(SCALE * REWARD)
    np.testing.assert_allclose(target.p @ matrix, target.p, atol=1e-14)
    method = ISIRGibbs(1, 1, length / 3, SCALE, region="span")
    for place in (0, 5):
        chains, ledger = begun(sampler, LAW, place, REWARD, 4000, key=place)
        after = method.sweep(sampler, ledger, chains, 0)
        assert fits(Law(2, LAW.rows, matrix[place]), after.state.tokens)
    method = ISIRGibbs(40, 1, length / 3, SCALE, region="span")
    samples = method.run(sampler, reward_of(LAW, REWARD), 3000, key=3)
    assert fits(target, samples.tokens)
    assert differs(LAW, samples.tokens)


UNIFORM = Ancestral(model_of(LAW, "uniform"), steps=2)
