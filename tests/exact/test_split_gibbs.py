"""Split Gibbs: its kernels, as matrices, keep the law of pairs; and what it draws is that law."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest
import torch

from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.site_moves import (
    Place,
    SiteKernel,
    closed_form,
    log_acceptance,
    proposal_law,
    site_law,
)
from discdiff.guidance.split_gibbs import Chains, SplitGibbs
from discdiff.inverse import LikelihoodReward, SiteLikelihood
from discdiff.model import Model
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.start import Seeds
from tests.exact.laws import (
    Law,
    counted_reward,
    differs,
    dirichlet,
    fits,
    floor,
    independent,
    model_of,
    reward_of,
    rewards,
    tv,
    two_lengths,
)

SCALE = 1.5
PAIRS = dirichlet(4, 2, seed=2, concentration=1.0)  # 16 designs
WIDE = dirichlet(4, 3, seed=2, concentration=1.0)  # 64 designs
STEPS = ["metropolis", "gibbs", "block"]


def log_kernel(law, t):
    """log K(z_i = v | x_i) around every design of a law, (N, W, V), as the library has it."""
    model = model_of(law, "uniform")
    x = torch.from_numpy(law.rows)
    state = Ancestral(model).start(x, torch.zeros(len(x)), x >= 0, keys=torch.arange(len(x)))
    return SiteKernel.around(model.process, state, torch.full((len(x),), t, dtype=torch.float64))


def noise(law, t):
    """K(z | x) between all designs, (N, N)."""
    log_k = log_kernel(law, t).log_k.numpy()
    sites = np.arange(law.width)
    return np.exp(log_k[:, sites, law.rows].sum(-1))


def back(law, kernel):
    """p(x | z) by Bayes, rows z."""
    joint = law.p[:, None] * kernel
    return (joint / joint.sum(0)).T


def target(law, kernel, values, scale=SCALE):
    """The z-marginal of p(x) K(z | x) exp(scale r(z))."""
    weight = (law.p @ kernel) * np.exp(scale * values)
    return weight / weight.sum()


def stationary(matrix):
    size = len(matrix)
    system = np.vstack([matrix.T - np.eye(size), np.ones(size)])
    return np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]


@pytest.mark.parametrize("t", [0.1, 0.5, 0.999])
def test_the_kernel_is_the_noise_of_the_process(t):
    """D = d log[(1 + (V - 1) a) / (1 - a)], and K is a law of z."""
    kernel, alpha, size = noise(PAIRS, t), 1 - t, PAIRS.size
    np.testing.assert_allclose(kernel.sum(1), 1, rtol=1e-12)
    distance = (PAIRS.rows[:, None] != PAIRS.rows[None]).sum(-1)
    penalty = distance * np.log((1 + (size - 1) * alpha) / (1 - alpha))
    np.testing.assert_allclose(np.log(kernel / kernel[0, 0]), -penalty, rtol=1e-9, atol=1e-12)


def site_matrix(step, law, log_k, values, site):
    """P(z' | z) of one move at one site around one x, from the library's own laws."""
    size = len(law.rows)
    code = law.size ** np.arange(law.width - 1, -1, -1)
    matrix = np.zeros((size, size))
    f = torch.from_numpy(SCALE * values)
    k = log_k[site].expand(size, -1)
    now = torch.from_numpy(law.rows[:, site])
    place = [(law.rows @ code) + (v - law.rows[:, site]) * code[site] for v in range(law.size)]
    if step == "gibbs":
        chance = site_law(torch.stack([f[p] for p in place], 1), k).exp().numpy()
        for v, p in enumerate(place):
            matrix[np.arange(size), p] += chance[:, v]
        return matrix
    law_v = proposal_law(k, now).exp().numpy()
    np.testing.assert_allclose(law_v.sum(1), 1, rtol=1e-12)
    assert (law_v[np.arange(size), now] == 0).all()
    for v, p in enumerate(place):
        taken = log_acceptance(f, f[p], k.gather(1, now[:, None])[:, 0], k[:, v]).exp().numpy()
        matrix[np.arange(size), p] += law_v[:, v] * taken
    matrix[np.arange(size), np.arange(size)] += 1 - matrix.sum(1)
    return matrix


def block_matrix(law, log_k, values):
    drawn = np.exp(log_k.numpy()[np.arange(law.width), law.rows].sum(-1))
    f = torch.from_numpy(SCALE * values)
    zero = torch.zeros(1).double()
    taken = log_acceptance(f[:, None], f[None], zero, zero).exp().numpy()
    matrix = drawn[None] * taken
    np.fill_diagonal(matrix, 0)
    return matrix + np.diag(1 - matrix.sum(1))


@cache
def z_moves(step, moves, t):
    """P(z' | z) of the moves of one sweep around every x of PAIRS, (N, N, N)."""
    values, kernel = rewards(PAIRS), log_kernel(PAIRS, t)
    found = []
    for log_k in kernel.log_k:
        if step == "block":
            found.append(np.linalg.matrix_power(block_matrix(PAIRS, log_k, values), moves))
            continue
        sites = [site_matrix(step, PAIRS, log_k, values, site) for site in range(PAIRS.width)]
        orders = list(permutations(range(PAIRS.width)))
        lap = sum(np.linalg.multi_dot([sites[i] for i in o]) for o in orders) / len(orders)
        part = sum(sites) / len(sites)  # the first move of a lap
        whole = np.linalg.matrix_power(lap, moves // PAIRS.width)
        found.append(whole @ part if moves % PAIRS.width else whole)
    return np.array(found)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moves", [1, 3])
@pytest.mark.parametrize("t", [0.05, 0.6, 1.0])
def test_a_sweep_keeps_the_law_of_pairs(step, moves, t):
    values, kernel = rewards(PAIRS), noise(PAIRS, t)
    matrix = np.einsum("zx,xzw->zw", back(PAIRS, kernel), z_moves(step, moves, t))
    np.testing.assert_allclose(matrix.sum(1), 1, rtol=1e-12)
    wanted = target(PAIRS, kernel, values)
    np.testing.assert_allclose(wanted @ matrix, wanted, atol=1e-14)
    np.testing.assert_allclose(stationary(matrix), wanted, atol=1e-9)
    # the negative twins: no tilt, and twice as much of it
    for scale in (0.0, 2 * SCALE):
        other = target(PAIRS, kernel, values, scale)
        assert np.abs(other @ matrix - other).max() > 1e-4


def released(law, t):
    """The released ratio: a mismatch has the mass of all V - 1 other tokens together."""
    same, other = 1 - t + t / law.size, t * (law.size - 1) / law.size
    distance = (law.rows[:, None] != law.rows[None]).sum(-1)
    return (other / same) ** distance


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_law_tends_to_the_tilt_as_the_level_falls_and_that_of_the_released_ratio_does_not(seed):
    values = rewards(WIDE, seed)
    wanted = WIDE.tilted(SCALE * values).p
    errors, twins = [], []
    for t in (0.1, 0.01, 0.001):
        kernel = noise(WIDE, t)
        for ratio, found in ((kernel, errors), (released(WIDE, t), twins)):
            likely = ratio * np.exp(SCALE * values)
            matrix = back(WIDE, kernel) @ (likely / likely.sum(1, keepdims=True))
            found.append(tv(stationary(matrix), wanted))
    assert errors[0] < 0.25
    np.testing.assert_allclose(errors[1], errors[0] / 10, rtol=0.35)  # O(1 - alpha)
    np.testing.assert_allclose(errors[2], errors[1] / 10, rtol=0.1)
    assert min(twins) > 0.1


def test_the_released_ratio_is_right_for_two_tokens():
    law = dirichlet(2, 3, seed=1)
    kernel, other = noise(law, 0.3), released(law, 0.3)
    np.testing.assert_allclose(kernel / kernel.sum(1, keepdims=True), kernel, rtol=1e-12)
    np.testing.assert_allclose(other / other.sum(1, keepdims=True), kernel, rtol=1e-12)


SEEN = [
    SiteLikelihood.inpainting(model_of(WIDE).domain.alphabet, ["B", None, "D"]),
    SiteLikelihood.inpainting(model_of(WIDE).domain.alphabet, ["B", "A", None], noise=0.2),
    SiteLikelihood.distance(4, 1.4, [0.5, 1.0, 2.0], sigma=0.7),
]
SEEN_IDS = ["hard", "soft", "distance"]


@pytest.mark.parametrize("seen", SEEN, ids=SEEN_IDS)
@pytest.mark.parametrize("t", [0.3, 1.0])
def test_the_closed_form_is_the_enumerated_conditional(seen, t):
    kernel = log_kernel(WIDE, t)
    terms = LikelihoodReward(model_of(WIDE).domain, seen).terms(WIDE.width)
    sides = torch.softmax(kernel.log_k + SCALE * terms, -1).numpy()
    found = sides[:, np.arange(WIDE.width), WIDE.rows].prod(-1)
    likely = np.exp(SCALE * seen(torch.from_numpy(WIDE.rows)).numpy()) * noise(WIDE, t)
    np.testing.assert_allclose(found, likely / likely.sum(1, keepdims=True), rtol=1e-10)
    x = torch.from_numpy(WIDE.rows[[7]]).repeat(4000, 1)
    around = SiteKernel(kernel.log_k[[7]].expand(4000, -1, -1), x >= 0)
    drawn = closed_form(x, around, SCALE * terms, torch.arange(4000))
    p = found[7]
    assert fits(Law(4, WIDE.rows, p), drawn)


def begun(sampler, law, values, x, z, n):
    """N chains that stand at one pair."""
    rows = torch.from_numpy(law.rows)
    state = sampler.init(n, key=x + 100 * z)
    state = sampler.start(
        rows[[x]].repeat(n, 1), torch.zeros(n), state.tokens < law.size, keys=state.keys
    )
    ledger = Ledger(reward_of(law, values))
    tokens = rows[[z]].repeat(n, 1)
    return Chains(state, Place(tokens, *ledger.score(tokens))), ledger


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moves", [1, 3])
def test_one_sweep_is_its_enumerated_kernel(step, moves):
    values, sampler, t = rewards(PAIRS), Ancestral(model_of(PAIRS, "uniform")), 0.6
    method = SplitGibbs(2, moves, step, SCALE, exact=True)
    for x, z in ((3, 3), (5, 12), (14, 0)):
        chains, ledger = begun(sampler, PAIRS, values, x, z, 3000)
        times = torch.full((3000,), t, dtype=torch.float64)
        after = method.sweep(sampler, ledger, chains, times, 1)
        law = Law(4, PAIRS.rows, z_moves(step, moves, t)[x, z])
        assert fits(law, after.place.tokens)
        np.testing.assert_array_equal(after.place.reward, values[PAIRS.places(after.place.tokens)])
        found = ledger.read(after.place.entry)
        assert found.strings == sampler.model.domain.decode_batch(after.place.tokens)


def test_the_model_draws_x_given_z():
    sampler, n = Ancestral(model_of(PAIRS, "uniform"), steps=64), 4000
    chains, _ = begun(sampler, PAIRS, rewards(PAIRS), 1, 6, n)
    x = SplitGibbs(2).redraw(sampler, chains, torch.full((n,), 0.7, dtype=torch.float64), 1).x
    wanted = back(PAIRS, noise(PAIRS, 0.7))[6]
    assert tv(PAIRS.counts(x.tokens) / n, wanted) < 2 * floor(wanted, n)
    assert tv(PAIRS.p, wanted) > 4 * floor(wanted, n)


FREE = independent(3, 3, seed=4)  # the sampler is exact for it at any number of steps
SAMPLER = Ancestral(model_of(FREE, "uniform"), steps=2)
VALUES = rewards(FREE)
RUNS = 3000


def marginals(t, values=VALUES, scale=SCALE):
    """The z- and the x-marginal at a level."""
    kernel = noise(FREE, t)
    weight = FREE.p * (kernel @ np.exp(scale * values))
    return {"z": target(FREE, kernel, values, scale), "x": weight / weight.sum()}


@pytest.mark.parametrize("keep", ["z", "x"])
@pytest.mark.parametrize("step", STEPS)
def test_many_sweeps_draw_the_law_of_the_level(step, keep):
    method = SplitGibbs(12, 6, step, SCALE, first=0.4, last=0.4, exact=True, keep=keep)
    samples = method.run(SAMPLER, reward_of(FREE, VALUES), RUNS, key=3)
    laws = marginals(0.4)
    assert fits(Law(3, FREE.rows, laws[keep]), samples.tokens)
    assert differs(Law(3, FREE.rows, laws["x" if keep == "z" else "z"]), samples.tokens)
    assert differs(FREE, samples.tokens)
    np.testing.assert_array_equal(samples.reward, VALUES[FREE.places(samples.tokens)])
    assert (samples.log_weight == 0).all()
    assert samples.log_normaliser is None


def error(**options):
    """How far an annealed run ends from the tilted law, in floors."""
    method = SplitGibbs(32, 3, "gibbs", SCALE, **options)
    samples = method.run(SAMPLER, reward_of(FREE, VALUES), RUNS, key=3)
    wanted = FREE.tilted(SCALE * VALUES).p
    return tv(FREE.counts(samples.tokens) / RUNS, wanted) / floor(wanted, RUNS)


@pytest.mark.parametrize("keep", ["z", "x"])
@pytest.mark.parametrize("exact", [True, False])
def test_an_annealed_run_draws_the_tilted_law(exact, keep):
    assert error(exact=exact, keep=keep) < 2
    wanted = FREE.tilted(SCALE * VALUES).p
    assert tv(FREE.p, wanted) > 6 * floor(wanted, RUNS)


def test_levels_that_fall_by_a_factor_mix_longer_than_those_that_fall_by_a_step():
    assert error(anneal="linear") > 2


def test_with_too_few_moves_a_sweep_that_begins_at_x_is_biased():
    laws, found = marginals(0.9), []
    for exact in (True, False):
        method = SplitGibbs(15, 1, "metropolis", SCALE, 0.9, 0.9, exact=exact)
        samples = method.run(SAMPLER, reward_of(FREE, VALUES), RUNS, key=3)
        found.append(fits(Law(3, FREE.rows, laws["z"]), samples.tokens))
    assert found == [True, False]


@pytest.mark.parametrize("keep", ["z", "x"])
def test_a_constant_reward_leaves_the_law_alone(keep):
    method = SplitGibbs(5, 4, "metropolis", 3.0, 0.5, 0.5, exact=True, keep=keep)
    samples = method.run(SAMPLER, reward_of(FREE, np.full(27, 0.7)), RUNS, key=9)
    p = marginals(0.5, scale=0.0)[keep]
    assert fits(Law(3, FREE.rows, p), samples.tokens)
    assert np.allclose(p, FREE.p, atol=1e-12) == (keep == "x")


def test_scale_zero_leaves_the_law_alone():
    method = SplitGibbs(30, 4, "metropolis", 0.0, 1.0, 0.002)
    samples = method.run(SAMPLER, reward_of(FREE, VALUES), RUNS, key=9)
    assert tv(FREE.counts(samples.tokens) / RUNS, FREE.p) < 2 * floor(FREE.p, RUNS)
    assert differs(FREE.tilted(VALUES), samples.tokens)


SOME = np.where(np.arange(27) % 3 == 0, np.nan, VALUES)  # a third of the designs is invalid


@pytest.mark.parametrize("step", STEPS)
def test_invalid_designs_are_never_entered(step):
    method = SplitGibbs(12, 6, step, SCALE, 0.4, 0.4, exact=True)
    samples = method.run(SAMPLER, reward_of(FREE, SOME), RUNS, key=3)
    assert samples.valid.all()
    assert not samples.fallback.any()
    p = np.where(
        np.isnan(SOME), 0, (FREE.p @ noise(FREE, 0.4)) * np.exp(SCALE * np.nan_to_num(SOME))
    )
    assert fits(Law(3, FREE.rows, p / p.sum()), samples.tokens)


@pytest.mark.parametrize("keep", ["z", "x"])
@pytest.mark.parametrize("step", STEPS)
def test_nothing_valid_at_all(step, keep):
    method = SplitGibbs(3, 2, step, SCALE, keep=keep)
    samples = method.run(SAMPLER, reward_of(FREE, np.full(27, np.nan)), 6, key=9)
    assert len(samples) == 6
    assert not samples.valid.any()
    assert samples.reward.isnan().all()
    assert samples.fallback.all()


@pytest.mark.parametrize("step", [*STEPS, "closed"])
@pytest.mark.parametrize("keep", ["z", "x"])
def test_a_chain_is_the_same_in_any_batch(step, keep):
    model = SAMPLER.model
    seen = SiteLikelihood.inpainting(model.domain.alphabet, ["A", None, "C"], noise=0.3)
    reward = LikelihoodReward(model.domain, seen)
    method = SplitGibbs(5, 3, step, SCALE, keep=keep)
    whole = method.run(SAMPLER, reward, 9, key=7)
    assert len(set(whole.strings)) > 2
    for first in (0, 4, 8):
        one = method.run(SAMPLER, reward, 1, key=7, first_design=first)
        assert torch.equal(one.tokens[0], whole.tokens[first])
        assert one.reward[0] == whole.reward[first]


@pytest.mark.parametrize("step", [*STEPS, "closed"])
@pytest.mark.parametrize("keep", ["z", "x"])
def test_templates_and_alphabets_hold(step, keep):
    model = SAMPLER.model
    alphabet, asked = model.domain.alphabet, []
    seen = SiteLikelihood.inpainting(alphabet, ["A", "B", "C"], noise=0.3)

    class Watched(LikelihoodReward):
        def __call__(self, tokens, belief=None):
            asked.append(tokens)
            return super().__call__(tokens, belief)

    template = Template(alphabet, ["B", ["A", "C"], None])
    method = SplitGibbs(8, 6, step, 1.0, 0.4, 0.4, exact=True, keep=keep)
    samples = method.run(SAMPLER, Watched(model.domain, seen), RUNS, key=3, template=template)
    every = torch.cat(asked)
    assert (every[:, 0] == 1).all()
    assert (every[:, 1] != 1).all()
    if keep == "z":  # the first letter is fixed, so p and K are those of the other two
        held = (FREE.rows[:, 0] == 1) & (FREE.rows[:, 1] != 1)
        p = (FREE.p * (FREE.rows[:, 0] == 1)) @ noise(FREE, 0.4)
        p = held * p * np.exp(seen(torch.from_numpy(FREE.rows)).numpy())
        assert fits(Law(3, FREE.rows, p / p.sum()), samples.tokens)


def test_a_design_without_a_free_position_stays():
    template = Template(SAMPLER.model.domain.alphabet, ["B", "A", "C"])
    for step in STEPS:
        method = SplitGibbs(3, 2, step, SCALE)
        samples = method.run(SAMPLER, reward_of(FREE, VALUES), 3, key=1, template=template)
        assert samples.strings == ["BAC"] * 3


def test_designs_that_begin_at_seeds_are_noised_no_further_than_those():
    seeds = Seeds(["ABC"], level=0.05)
    method = SplitGibbs(4, 2, "metropolis", 0.0)
    near = method.run(SAMPLER, reward_of(FREE, VALUES), 400, key=1, seeds=seeds)
    assert sum(string == "ABC" for string in near.strings) > 200


def test_lengths_keep_their_law_within_the_tilt():
    """A chain keeps its length, so each length is tilted on its own."""
    law, n = two_lengths(), 1500
    long = (law.rows < law.size).sum(1) == 3
    values = rewards(law) + long
    sampler = Ancestral(model_of(law, "uniform"), steps=24)
    method = SplitGibbs(24, 3, "gibbs", SCALE)
    samples = method.run(sampler, reward_of(law, values), n, key=3)
    p = law.p * np.exp(SCALE * values)
    p = np.where(long, 0.6 * p / p[long].sum(), 0.4 * p / p[~long].sum())
    assert tv(law.counts(samples.tokens) / n, p) < 2 * floor(p, n)
    assert differs(law.tilted(SCALE * values), samples.tokens)


def test_progress_sees_every_event_of_every_draw():
    seen = []
    method = SplitGibbs(3, 2, first=1.0, last=1.0)
    watch = {"progress": lambda state: seen.append(state.event)}
    method.run(SAMPLER, reward_of(FREE, VALUES), 4, key=0, **watch)
    assert seen == [1, 2] * 3


def test_what_the_model_says_of_the_designs_is_not_known():
    samples = SplitGibbs(3, 2).run(SAMPLER, reward_of(FREE, VALUES), 4, key=0)
    assert samples.log_likelihood.isnan().all()
    assert samples.confidence.isnan().all()


def passes(method, steps):
    """Passes of the network: all steps at first, then those below each level."""
    levels = [method.level(number) for number in range(1, method.sweeps)]
    return steps + sum(int(np.ceil(level * steps - 1e-9)) for level in levels)


@pytest.mark.parametrize(
    ("step", "exact", "requests"),
    [
        ("metropolis", False, 5 * (7 + 1)),
        ("metropolis", True, 1 + 5 * 7),
        ("gibbs", False, 5 * (7 * 2 + 1)),
        ("gibbs", True, 1 + 5 * 7 * 2),
    ],
)
@pytest.mark.parametrize("last", [1.0, 0.1])
def test_cost(step, exact, requests, last):
    reward, steps, n = counted_reward(FREE, VALUES), 8, 10
    method = SplitGibbs(5, 7, step, SCALE, 1.0, last, exact=exact)
    samples = method.run(Ancestral(SAMPLER.model, steps=steps), reward, n, key=0)
    assert reward.counts.requested == n * requests
    assert samples.counts["nfe"] == n * passes(method, steps)
    if last == 1.0:
        assert samples.counts["nfe"] == n * 5 * steps


def test_a_closed_form_asks_once_and_a_block_asks_only_for_what_changed():
    n, seen = 10, SiteLikelihood.distance(3, 1.0, [0.0] * 3, 1.0)
    reward = LikelihoodReward(SAMPLER.model.domain, seen)
    SplitGibbs(5, 7, "closed", 1.0).run(SAMPLER, reward, n, key=0)
    assert reward.counts.requested == n
    counted = counted_reward(FREE, VALUES)
    SplitGibbs(5, 7, "block", SCALE, 0.01, 0.01).run(SAMPLER, counted, n, key=0)
    assert n <= counted.counts.requested < n + 0.2 * n * 5 * 7


@pytest.mark.parametrize("budget", [1, 9, 20])
def test_a_spent_budget_ends_the_chains_where_they_are(budget):
    seen = SiteLikelihood.distance(3, 1.0, [0.0] * 3, 1.0)
    reward = LikelihoodReward(SAMPLER.model.domain, seen, budget=budget)
    samples = SplitGibbs(20, 6, "metropolis", 1.0).run(SAMPLER, reward, 4, key=0)
    assert len(samples) == 4
    assert reward.counts.evaluated == budget
    known = ~samples.reward.isnan()
    assert known.sum() >= min(budget, 4) - 2
    assert torch.equal(samples.fallback, ~known)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sweeps": 0}, "sweeps must be a positive integer, got 0"),
        ({"moves": 0}, "moves must be a positive integer, got 0"),
        ({"step": "mh"}, "step must be one of metropolis, gibbs, block, closed, got 'mh'"),
        ({"scale": float("nan")}, "scale must be a finite number, got nan"),
        ({"first": 1.5}, r"first must lie in \[0, 1\], got 1.5"),
        ({"first": 0.1, "last": 0.2}, r"last must lie in \[0, 0.1\], got 0.2"),
        ({"last": 0.0}, "last must be greater than 0, got 0.0"),
        ({"anneal": "cosine"}, "anneal must be one of geometric, linear, got 'cosine'"),
        ({"keep": "y"}, "keep must be one of z, x, got 'y'"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SplitGibbs(**options)


def test_masked_processes_are_refused_with_the_method_to_use():
    with pytest.raises(
        UnsupportedError, match="split_gibbs on a masked process is not supported.* use isir"
    ):
        SplitGibbs().run(FirstHitting(model_of(FREE)), reward_of(FREE, VALUES), 2)


def test_a_closed_form_needs_a_sum_over_positions():
    with pytest.raises(InputError, match=r"step must be one of metropolis.* no sum.* 'closed'"):
        SplitGibbs(step="closed").run(SAMPLER, counted_reward(FREE, VALUES), 2)


def test_closed_steps_refuse_a_constraint():
    model = Model.tabular(["ACGT", "ACCA", "TTGA"], kind="uniform")
    seen = SiteLikelihood.inpainting(model.domain.alphabet, ["A", None, None, None], noise=0.1)
    sampler = Ancestral(model, constraint={"required": ["CG"]})
    reward = LikelihoodReward(sampler.model.domain, seen)
    with pytest.raises(UnsupportedError, match="step='closed' under a constraint .* metropolis"):
        SplitGibbs(sweeps=2, step="closed", scale=1.0).run(sampler, reward, 2, key=1)
