"""Fine-tuning on spaces that can be enumerated: what the population losses are minimised by."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from discdiff.denoiser import TabularDenoiser
from discdiff.guidance.finetune.brain import BRAIn, distillation
from discdiff.guidance.finetune.kl import row_kl
from discdiff.guidance.finetune.log_variance import LogVariance, variance
from discdiff.guidance.finetune.paths import (
    Paths,
    evaluating,
    follow,
    laws,
    log_likelihood,
    log_likelihoods,
)
from discdiff.guidance.finetune.policy_gradient import PolicyGradient
from discdiff.guidance.finetune.replay import tempered
from discdiff.guidance.finetune.trajectory_balance import TrajectoryBalance, imbalance
from discdiff.guidance.finetune.wdce import WDCE
from discdiff.model import Model
from discdiff.nn.transformer import Transformer
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from tests.exact.laws import dirichlet, model_of, rewards, tv
from tests.exact.tuned import (
    Table,
    all_paths,
    cross_entropy,
    first_hitting_law,
    items,
    step_divergences,
)

SCALE = 1.5
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
MODEL = model_of(LAW, "masked")
REWARD = rewards(LAW)
TILTED = LAW.tilted(SCALE * REWARD)
HELD = items(MODEL, REWARD)
LENGTHS = torch.full((len(HELD),), 3)


def tilted_table():
    exact = TabularDenoiser(
        torch.from_numpy(TILTED.rows), torch.from_numpy(TILTED.p), MODEL.process
    )
    return Table(2, 3).copy(exact)


def begun(method):
    method.begin(MODEL, FirstHitting(MODEL), Reward(MODEL.domain, lambda s: [0.0] * len(s)))
    return method


def wdce():
    method = begun(WDCE(scale=SCALE))
    method.replay.items = HELD
    weight = torch.softmax(method.log_weights(), 0)
    shares = torch.zeros(8, dtype=torch.float64)
    shares.index_add_(0, torch.from_numpy(all_paths(2, 3)[1]), weight)
    return lambda network: cross_entropy(network, shares)


def trajectory_balance():
    method = begun(TrajectoryBalance(scale=SCALE))
    log_z = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def loss(network):
        own = log_likelihood(network, MODEL.process, HELD.paths)
        # the best constant for this network, as a learnt one becomes
        best = (method.log_target(HELD) - own).mean()
        return imbalance(best.detach() + log_z, own, method.log_target(HELD)).square().mean()

    return loss


def log_variance():
    method = begun(LogVariance(scale=SCALE))
    return lambda network: variance(
        method.log_target(HELD) - log_likelihood(network, MODEL.process, HELD.paths), LENGTHS
    )


def brain():
    target = SCALE * HELD.reward + HELD.log_pre
    return lambda network: distillation(
        target[None], log_likelihood(network, MODEL.process, HELD.paths)[None]
    )[0]


LOSSES = [wdce, trajectory_balance, log_variance, brain]


@pytest.mark.parametrize("make", LOSSES, ids=lambda make: make.__name__)
def test_the_population_gradient_vanishes_at_the_tilted_conditionals(make):
    loss, network = make(), tilted_table()
    loss(network).backward()
    assert network.logits.grad.abs().max() < 1e-8
    before = Table(2, 3).copy(MODEL.denoiser)
    loss(before).backward()
    assert before.logits.grad.abs().max() > 1e-3


@pytest.mark.parametrize("make", LOSSES, ids=lambda make: make.__name__)
def test_the_population_loss_leads_to_the_tilted_law(make):
    loss, network = make(), Table(2, 3).copy(MODEL.denoiser)
    assert tv(first_hitting_law(network, MODEL.process), TILTED.p) > 0.2
    optimiser = torch.optim.LBFGS(network.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        value = loss(network)
        value.backward()
        return value

    optimiser.step(closure)
    assert tv(first_hitting_law(network, MODEL.process), TILTED.p) <= 0.05


def test_without_a_prior_the_target_is_the_reward_alone():
    method = begun(TrajectoryBalance(scale=SCALE, prior=False))
    p = np.exp(SCALE * REWARD) / np.exp(SCALE * REWARD).sum()
    exact = TabularDenoiser(torch.from_numpy(LAW.rows), torch.from_numpy(p), MODEL.process)
    own = log_likelihood(exact, MODEL.process, HELD.paths)
    gap = imbalance(torch.zeros(()), own, method.log_target(HELD))
    assert float(gap.max() - gap.min()) < 1e-8
    with_prior = begun(TrajectoryBalance(scale=SCALE)).log_target(HELD)
    gap = imbalance(torch.zeros(()), own, with_prior)
    assert float(gap.max() - gap.min()) > 0.1


def test_the_loss_of_a_pass_is_that_of_the_population_in_the_mean():
    method = begun(WDCE(scale=SCALE, batch=64, replicas=16))
    method.replay.items = HELD
    network = Table(2, 3)
    with torch.no_grad():
        population = float(wdce()(network)) / 3  # for each token
        found = torch.stack([method.loss(network, torch.tensor(key))[0] for key in range(40)])
    error = float(found.std()) / math.sqrt(len(found))
    assert abs(float(found.mean()) - population) < 5 * error
    assert error < 0.02 * population


def test_tempered_steps_lead_to_a_tilted_law_that_few_designs_would_reach():
    tilted = LAW.tilted(40.0 * REWARD).p
    n, own, powers = 4000, LAW.p.copy(), []
    for _ in range(12):
        # as many designs of each word as its chance allows: a sample without noise
        edges = np.floor(n * np.cumsum(own) + 0.5).astype(int)
        word = np.repeat(np.arange(8), np.diff(edges, prepend=0))
        log_weight = torch.from_numpy(40.0 * REWARD + np.log(LAW.p) - np.log(own))[word]
        powered, power = tempered(log_weight, 0.5)
        weight = torch.softmax(powered, 0)
        assert float(1.0 / weight.square().sum()) > 0.49 * n
        own = np.bincount(word, weight.numpy(), minlength=8) + 1e-12
        own /= own.sum()
        powers.append(power)
    assert powers[0] < 0.5
    assert powers[-1] == 1.0
    assert tv(own, tilted) <= 0.01


def test_a_design_without_weight_keeps_none():
    log_weight = torch.tensor([0.0, 50.0, -torch.inf, 0.0], dtype=torch.float64)
    powered, power = tempered(log_weight, 0.9)
    assert power < 1.0
    assert torch.softmax(powered, 0)[2] == 0.0
    same, power = tempered(log_weight, 0.0)
    assert power == 1.0
    assert same is log_weight


@pytest.mark.parametrize(
    ("sampler", "kind"),
    [
        (FirstHitting, "masked"),
        (lambda model: Ancestral(model, steps=3), "masked"),
        (lambda model: Parallel(model, steps=2), "masked"),
        (lambda model: Ancestral(model, steps=4), "uniform"),
    ],
    ids=["first_hitting", "ancestral", "parallel", "uniform"],
)
def test_a_recorded_path_has_the_probability_that_it_was_drawn_with(sampler, kind):
    model = model_of(LAW, kind)
    drawn_by = sampler(model)
    state, paths = follow(drawn_by, drawn_by.init(50, key=1))
    found = log_likelihoods(model.denoiser, model.process, paths)
    torch.testing.assert_close(found, paths.log_probs)
    assert bool(torch.equal(paths.tokens, state.tokens))
    assert float(paths.log_prob.min()) < -0.1


def test_the_divergence_is_the_enumerated_one():
    torch.manual_seed(0)
    network = Table(2, 3)
    torch.nn.init.normal_(network.logits)
    paths, _ = all_paths(2, 3)
    with torch.no_grad():
        own = log_likelihood(network, MODEL.process, paths)
        steps = step_divergences(network, MODEL.denoiser, MODEL.process, paths)
    chance = own.exp() / 6
    assert float(chance.sum()) == pytest.approx(1.0)
    exact = float((chance * (own - HELD.log_pre)).sum())
    assert float((chance * steps).sum()) == pytest.approx(exact, abs=1e-10)
    assert exact > 0.1


def test_the_divergence_of_uniform_paths_is_the_enumerated_one():
    law = dirichlet(2, 2, seed=1, concentration=1.0)
    other = law.tilted(np.array([1.0, 0.0, 0.0, -1.0]))
    one, two = model_of(law, "uniform"), model_of(other, "uniform")
    trails = torch.tensor(list(product([[0, 0], [0, 1], [1, 0], [1, 1]], repeat=3)))
    clocks = torch.tensor([[1.0, 0.5], [0.5, 0.0]], dtype=torch.float64)
    size = len(trails)
    paths = Paths(
        tokens=trails[:, -1],
        active=torch.ones(size, 2, dtype=torch.bool),
        when=torch.zeros(size, 2, dtype=torch.int64),
        clocks=clocks.expand(size, -1, -1),
        count=torch.full((size,), 2),
        log_probs=torch.zeros(size, 2, dtype=torch.float64),
        trail=trails,
    )
    process = one.process
    p, q = (log_likelihood(m.denoiser, process, paths) for m in (one, two))
    chance = p.exp() / 4
    assert float(chance.sum()) == pytest.approx(1.0)
    steps = step_divergences(one.denoiser, two.denoiser, process, paths)
    exact = float((chance * (p - q)).sum())
    assert float((chance * steps).sum()) == pytest.approx(exact, abs=1e-10)
    assert exact > 0.05


def gradient_of(method, network):
    """The population gradient of a policy that is trained on its own paths."""
    paths = HELD.paths
    with torch.no_grad():
        steps = log_likelihoods(network, MODEL.process, paths)
    held = type(HELD)(Paths(**{**vars(paths), "log_probs": steps}), HELD.reward, HELD.log_pre)
    chance = steps.sum(1).exp() / 6
    worth = held.rewards(0.0)
    if method.kl == "path":
        worth = worth - (held.paths.log_prob - held.log_pre) / method.scale
    gain, spent, _ = method.terms(network, held, worth, torch.tensor(0))
    loss = -method.scale * (chance * gain).sum()
    if method.kl == "step":
        loss = loss + (chance * spent).sum()
    network.zero_grad()
    loss.backward()
    return float(network.logits.grad.abs().max())


def mean_reward_table():
    """p(v | x, i) ∝ p_pre(v | x, i) exp(λ E[r | x with v at i]), from the last token back."""
    network = Table(2, 3)
    states = sorted(network.states().tolist(), key=lambda x: x.count(2))
    place = {tuple(row): number for number, row in enumerate(LAW.rows.tolist())}
    value = {}
    for x in states:
        hidden = [i for i, token in enumerate(x) if token == 2]
        if not hidden:
            value[tuple(x)] = REWARD[place[tuple(x)]]
            continue
        before = MODEL.denoiser(torch.tensor([x]), torch.ones(1))[0].numpy()
        means = []
        for i in hidden:
            after = np.array([value[(*x[:i], v, *x[i + 1 :])] for v in range(2)])
            log_p = before[i] + SCALE * after
            log_p -= np.logaddexp.reduce(log_p)
            means.append(np.exp(log_p) @ after)
            with torch.no_grad():
                code = (torch.tensor(x) * network.code).sum()
                network.logits[code, i] = torch.from_numpy(log_p)
        value[tuple(x)] = np.mean(means)
    return network


def test_the_policy_gradient_has_its_stated_bias():
    options = {"scale": SCALE, "clip": None, "steps": None, "normalise": False}
    method = begun(PolicyGradient(**options))
    biased = mean_reward_table()
    assert gradient_of(method, biased) < 1e-8
    assert gradient_of(method, tilted_table()) > 1e-3
    assert tv(first_hitting_law(biased, MODEL.process), TILTED.p) > 0.005
    exact = begun(PolicyGradient(**options, kl="path"))
    assert gradient_of(exact, tilted_table()) < 1e-8
    assert gradient_of(exact, biased) > 1e-3


def test_the_clip_stops_at_its_ends():
    method = begun(PolicyGradient(scale=SCALE, group=2, designs=48, steps=None, clip=0.2))
    paths = HELD.paths
    far = log_likelihoods(MODEL.denoiser, MODEL.process, paths) - 1.0  # ratios of e
    held = type(HELD)(Paths(**{**vars(paths), "log_probs": far}), HELD.reward, HELD.log_pre)
    network = Table(2, 3).copy(MODEL.denoiser)
    better, _, share = method.terms(network, held, torch.ones(48).double(), torch.tensor(0))
    worse, _, _ = method.terms(network, held, -torch.ones(48).double(), torch.tensor(0))
    assert float(share) == 1.0
    torch.testing.assert_close(better.detach(), torch.full((48,), 3 * 1.2).double())
    torch.testing.assert_close(worse.detach(), torch.full((48,), -3 * math.e).double())


def test_some_events_stand_for_all_in_the_mean():
    whole, some = (begun(PolicyGradient(scale=SCALE, clip=None, steps=n)) for n in (None, 2))
    network = Table(2, 3)
    advantage = torch.linspace(-1, 1, 48).double()
    with torch.no_grad():
        exact = torch.stack(whole.terms(network, HELD, advantage, torch.tensor(0))[:2])
        found = [
            torch.stack(some.terms(network, HELD, advantage, torch.tensor(key))[:2])
            for key in range(200)
        ]
    mean, error = torch.stack(found).mean(0), torch.stack(found).std(0) / math.sqrt(200)
    assert bool(((mean - exact).abs() <= 5 * error + 1e-9).all())


def test_a_row_of_divergences_is_that_of_the_laws():
    rows, events = HELD.paths.pairs()
    moments = HELD.paths.before(rows, events, MODEL.process.mask_id)
    log_p = laws(MODEL.denoiser, MODEL.process, moments)
    torch.testing.assert_close(row_kl(log_p, log_p), torch.zeros(len(log_p)).double())


def test_groups_of_posterior_distillation_are_at_rest_at_the_optimum():
    method = begun(BRAIn(scale=SCALE, designs=48, group=8, groups=3))
    method.replay.items = HELD
    network = tilted_table()
    loss, found = method.loss(network, torch.tensor(5))
    loss.backward()
    assert network.logits.grad.abs().max() < 1e-8
    assert abs(found["divergence"]) < 1e-8


def test_paths_have_the_law_of_the_network_without_dropout():
    torch.manual_seed(0)
    network = Transformer(2, 3, 16, 1, 2, dropout=0.5).train()
    model = Model(network, MODEL.process, MODEL.domain, MODEL.lengths)
    sampler = FirstHitting(model)
    with evaluating(network):
        paths = follow(sampler, sampler.init(8, key=1))[1]
    found = log_likelihoods(network, model.process, paths)
    torch.testing.assert_close(found, paths.log_probs, rtol=0, atol=1e-5)
    assert network.training
