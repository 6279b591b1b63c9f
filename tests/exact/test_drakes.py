"""DRAKES: what its objective is, where it is largest, and how far its gradients lead astray."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from discdiff.errors import InputError
from discdiff.guidance.finetune import relaxed_path
from discdiff.guidance.finetune.drakes import DRAKES
from discdiff.guidance.finetune.kl import step_kl
from discdiff.samplers.ancestral import Ancestral, grid_times
from tests.exact.chains import kernel_matrix
from tests.exact.laws import dirichlet, model_of, multilinear, rewards, tv, words
from tests.exact.learnt import learnt

KINDS = ["masked", "uniform"]
LAW = dirichlet(3, 2, seed=0, concentration=2.0)
VALUES = rewards(LAW)
STEPS = 4


def pair(kind, law=LAW, steps=STEPS):
    """A trainable model of a law, and the same one to stay as it is."""
    times = grid_times(steps, "linear")[:-1].tolist() if kind == "uniform" else (1.0,)
    return tuple(learnt(model_of(law, kind), times) for _ in range(2))


def reward(rows, law=LAW, values=VALUES):
    return multilinear(law, values, rows)


def asked(method, ours, reference, key, n=32, relaxed=reward, steps=STEPS, step=0):
    sampler = Ancestral(ours, steps)
    return method.objective(sampler, reference, relaxed, sampler.init(n, key=key), step)


def visited(model, steps):
    """The laws of the state before each step and after the last, (K^L,), with gradients."""
    process, length = model.process, model.max_length
    ids = process.vocab_size + (process.kind == "masked")
    states = torch.from_numpy(words(ids, length))
    law = torch.full((len(states),), 1.0 / len(states)).double()
    laws = [torch.eye(len(states)).double()[-1] if process.kind == "masked" else law]
    for t, s in pairwise(grid_times(steps, "linear")):
        log_p = model.denoiser(states, t.expand(len(states)))
        sides = process.transition(states, log_p, *(x.expand(len(states)) for x in (t, s)))
        sides = sides.log_probs.exp()
        matrix = sides[:, 0]
        for i in range(1, length):
            matrix = (matrix[:, :, None] * sides[:, i, None, :]).flatten(1)
        laws.append(laws[-1] @ matrix)
    return states, laws


def whole(model, reference, steps, scale, law=LAW, values=VALUES):
    """The objective by the enumeration of all states, with the library's own divergence."""
    states, laws = visited(model, steps)
    kl = torch.zeros(()).double()
    for (t, s), here in zip(pairwise(grid_times(steps, "linear")), laws[:-1], strict=True):
        t, s = (x.expand(len(states)) for x in (t, s))
        tables = [one.denoiser(states, t) for one in (model, reference)]
        kl = kl + here @ step_kl(model.process, states, *tables, t, s).sum(1)
    known = (states < law.size).all(1)
    return kl - scale * laws[-1][known] @ torch.from_numpy(values)


def final(model, steps=STEPS):
    with torch.no_grad():
        states, laws = visited(model, steps)
    known = (states < model.vocab_size).all(1)
    return laws[-1][known].numpy()


def tilted(reference, values, scale=1.0, steps=STEPS):
    weight = final(reference, steps) * np.exp(scale * values)
    return weight / weight.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_with_exact_gradients_the_optimum_is_the_tilted_law(kind):
    ours, reference = pair(kind, steps=6)
    by_hand = kernel_matrix(model_of(LAW, kind), 1.0, 5 / 6)  # against the suite's own
    laws = [law.detach().numpy() for law in visited(reference, 6)[1]]
    np.testing.assert_allclose(laws[1], laws[0] @ by_hand, atol=1e-12)
    optimiser = torch.optim.Adam(ours.denoiser.parameters(), lr=0.1)
    for _ in range(120):
        optimiser.zero_grad()
        whole(ours, reference, 6, scale=1.0).backward()
        optimiser.step()
    target = tilted(reference, VALUES, steps=6)
    assert tv(final(ours, 6), target) < 0.05
    assert tv(final(reference, 6), target) > 0.2
    assert tv(final(ours, 6), tilted(reference, VALUES, scale=2.0, steps=6)) > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_for_one_position_the_gradient_vanishes_at_the_tilted_law(kind):
    law = dirichlet(4, 1, seed=2, concentration=2.0)
    values = rewards(law)
    _, reference = pair(kind, law, steps=3)
    ours, _ = pair(kind, law.tilted(1.5 * values), steps=3)
    loss = whole(ours, reference, 3, 1.5, law, values)
    (slope,) = torch.autograd.grad(loss, ours.denoiser.logits)
    assert slope.abs().max() < 1e-10
    other, _ = pair(kind, law.tilted(values), steps=3)
    loss = whole(other, reference, 3, 1.5, law, values)
    (slope,) = torch.autograd.grad(loss, other.denoiser.logits)
    assert slope.abs().max() > 1e-2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [2, STEPS])
def test_the_loss_of_designs_is_on_average_the_objective(kind, window):
    ours, _ = pair(kind, LAW.tilted(VALUES))
    reference = pair(kind)[1]
    method = DRAKES(scale=0.5, window=window, terms=1, checkpoint=False)
    found = [asked(method, ours, reference, key, 250) for key in range(16)]
    losses = torch.stack([one.loss.detach() for one in found])
    expected = whole(ours, reference, STEPS, 0.5).item()
    error = losses.std().item() / len(losses) ** 0.5
    assert abs(losses.mean().item() - expected) < 4.5 * error
    assert error < 0.02 < abs(expected - whole(ours, reference, STEPS, 0.0).item())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("relax", "window"), [("straight_through", 1), ("soft", 3)])
def test_the_gradient_of_the_divergence_is_that_of_finite_differences(kind, relax, window):
    """At given states, and where they are soft through the states of the window as well."""
    ours, _ = pair(kind, LAW.tilted(VALUES))
    reference = pair(kind)[1]
    method = DRAKES(scale=1e-12, window=window, relax=relax, terms=None)
    logits = ours.denoiser.logits

    def loss():
        return asked(method, ours, reference, 5, 16).loss

    (slope,) = torch.autograd.grad(loss(), logits)
    way = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        change = [loss().item() for move in (1e-5, -2e-5) if logits.add_(move * way) is not None]
        logits.add_(1e-5 * way)
    by_hand = (change[0] - change[1]) / 2e-5
    assert (slope * way).sum().item() == pytest.approx(by_hand, rel=1e-5)
    assert abs(by_hand) > 1e-3


def test_for_linear_rewards_the_bias_of_the_reward_s_gradient_goes_with_the_temperature():
    """One position: the average over noise against the gradient of the enumerated reward."""
    law = dirichlet(3, 1, seed=1, concentration=3.0)
    values = rewards(law)
    ours, reference = pair("masked", law, steps=1)
    exact = torch.autograd.grad(-(final_mean(ours, values)), ours.denoiser.logits)[0]
    errors = {}
    for temperature in (2.0, 0.1):
        method = DRAKES(scale=1e6, window=1, temperature=temperature, checkpoint=False)
        found = asked(
            method, ours, reference, 3, 40_000, lambda rows: reward(rows, law, values), steps=1
        )
        slope = torch.autograd.grad(found.loss, ours.denoiser.logits)[0]
        errors[temperature] = ((slope - exact).norm() / exact.norm()).item()
    assert errors[0.1] < 0.05
    assert errors[2.0] > 0.15


def final_mean(model, values):
    states, laws = visited(model, 1)
    return laws[-1][(states < model.vocab_size).all(1)] @ torch.from_numpy(values)


def tuned(kind, passes=50, **options):
    ours, reference = pair(kind)
    method = DRAKES(scale=1.0, checkpoint=False, terms=None, **options)
    optimiser = torch.optim.Adam(ours.denoiser.parameters(), lr=0.08)
    for step in range(passes):
        optimiser.zero_grad()
        asked(method, ours, reference, step, 96, step=step).loss.backward()
        optimiser.step()
    return ours, reference


@pytest.mark.parametrize("kind", KINDS)
def test_straight_through_gradients_lead_close_to_the_tilted_law(kind):
    ours, reference = tuned(kind, window=STEPS, temperature=0.7)
    target = tilted(reference, VALUES)
    assert tv(final(ours), target) < 0.5 * tv(final(reference), target)
    assert 0.6 * (target - final(reference)) @ VALUES < (final(ours) - final(reference)) @ VALUES


def test_without_its_weight_on_hard_steps_the_divergence_holds_nothing_back(monkeypatch):
    """The twin: a divergence of visible rows is 0 on hard steps, and the law runs away."""

    def released(process, x_t, log_p, log_q, t, s):
        rows = x_t if x_t.is_floating_point() else torch.nn.functional.one_hot(x_t, 5).double()
        shown = [process.x0_posterior(one, rows, t[:1]).exp() for one in (log_p, log_q)]
        visible = 1.0 - rows[..., process.mask_id]
        return visible * (shown[0] * (shown[0] / shown[1]).log()).sum(-1)

    monkeypatch.setattr(relaxed_path, "step_kl", released)
    ours, reference = tuned("masked", window=STEPS, temperature=0.7)
    target = tilted(reference, VALUES)
    assert tv(final(ours), target) > tv(final(reference), target)


@pytest.mark.parametrize("kind", KINDS)
def test_next_to_no_reward_leaves_the_model_as_it_is(kind):
    ours, reference = pair(kind)
    method = DRAKES(scale=1e-12, window=2)
    found = asked(method, ours, reference, 1)
    (slope,) = torch.autograd.grad(found.loss, ours.denoiser.logits)
    assert found.loss.abs() < 1e-10
    assert slope.abs().max() < 1e-9


def test_the_divergence_warms_up():
    ours, _ = pair("masked", LAW.tilted(VALUES))
    reference = pair("masked")[1]
    method = DRAKES(scale=1e-12, window=2, kl_warmup=4)
    losses = [asked(method, ours, reference, 1, step=k).loss.item() for k in (0, 1, 9)]
    assert losses[:2] == pytest.approx([0.25 * losses[2], 0.5 * losses[2]])


def test_the_same_key_gives_the_same_gradient():
    ours, reference = pair("uniform")
    method = DRAKES(window=3)
    found = [
        torch.autograd.grad(asked(method, ours, reference, 7).loss, ours.denoiser.logits)[0]
        for _ in range(2)
    ]
    assert torch.equal(*found)


def test_designs_without_a_reward_have_no_part():
    ours, reference = pair("masked")

    def some(rows):
        return torch.where(rows[:, 0, 0] > 0.5, torch.nan, 1.0) * reward(rows)

    method = DRAKES(scale=1.0, window=STEPS)
    found = asked(method, ours, reference, 2, 64, some)
    without = found.walk.tokens[:, 0] == 0
    assert 0 < without.sum() < 64
    assert (found.reward.isnan() == without).all()
    (slope,) = torch.autograd.grad(found.loss, ours.denoiser.logits)
    assert slope.isfinite().all()
    rewarded = reward(found.walk.rows.detach()[..., :3])[~without].mean()
    torch.testing.assert_close(found.loss, found.kl.mean() - rewarded)
    with pytest.raises(InputError, match="reward must be a number for some design of a batch, got"):
        asked(method, ours, reference, 2, 64, lambda rows: reward(rows) * torch.nan)
