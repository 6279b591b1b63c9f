"""Correctors in continuous time: scores of the library's networks, and the weights they ask for.

With forward rates R, the reverse process is simulated at rates Q, and the log-weight grows at the
rate g. That is right where, for the target q at each time and s = 1 - t,
∂q/∂s (x) = Σ_y q(y) Q(y, x) - q(x) Σ_y Q(x, y) + g(x) q(x).
"""

import numpy as np
import pytest
import torch

from tests.exact.chains import marginal, noise_kernel
from tests.exact.laws import dirichlet, model_of, words

LAW, OTHER = dirichlet(2, 2, seed=3), dirichlet(2, 2, seed=4)
T, STEP = 0.55, 1e-5
both = pytest.mark.parametrize("kind", ["masked", "uniform"])


def states(kind):
    return words(3 if kind == "masked" else 2, 2)


def forward_rates(kind):
    """R(x, y) between all states at time T, for α = 1 - t."""
    x = states(kind)
    change = 1.0 / (1.0 - T)
    rates = np.zeros((len(x), len(x)))
    for a, b in np.ndindex(rates.shape):
        moved = np.flatnonzero(x[a] != x[b])
        if len(moved) == 1:
            (i,) = moved
            if kind == "uniform":
                rates[a, b] = change / 2
            elif x[b, i] == 2:
                rates[a, b] = change
    return rates


def scores(law, kind):
    """p_t(y) / p_t(x) of each jump back, (x, y), as the library's network gives it; else 0."""
    x, rates = states(kind), forward_rates(kind)
    model = model_of(law, kind)
    tokens = torch.from_numpy(x)
    t = torch.full((len(x),), T, dtype=torch.float64)
    p = model.process.x0_posterior(model.denoiser(tokens, t), tokens, t[:, None]).exp().numpy()
    q = noise_kernel(2, 1 - T)
    found = np.zeros_like(rates)
    for a, b in np.argwhere(rates.T > 0):
        (i,) = np.flatnonzero(x[a] != x[b])
        if kind == "masked":
            found[a, b] = (1 - T) / T * p[a, i, x[b, i]]
        else:
            found[a, b] = (p[a, i] * q[:, x[b, i]] / q[:, x[a, i]]).sum()
    return found


@both
def test_networks_give_the_ratios_of_the_marginals(kind):
    p, found = marginal(LAW, 1 - T, kind), scores(LAW, kind)
    back = forward_rates(kind).T > 0
    np.testing.assert_allclose(found[back], (p[None, :] / p[:, None])[back], rtol=1e-10)


def change(kind, target):
    """∂q/∂s by central differences of the marginals' own formula."""
    return (target(1 - T + STEP) - target(1 - T - STEP)) / (2 * STEP)


def balance(kind, target, jumps, growth):
    """Both sides of the identity."""
    q = target(1 - T)
    return change(kind, target), q @ jumps - q * jumps.sum(1) + growth * q


@both
@pytest.mark.parametrize("zeta", [1.0, 2.3])
def test_annealing(kind, zeta):
    power, rates = 2.3, forward_rates(kind)
    rho, out = scores(LAW, kind), forward_rates(kind).sum(1)
    powered = np.where(rho > 0, rho, 0.0) ** power
    jumps = zeta * rates.T * powered
    growth = power * (out - (rates.T * rho).sum(1)) - zeta * out + zeta * (rates.T * powered).sum(1)
    left, right = balance(kind, lambda alpha: marginal(LAW, alpha, kind) ** power, jumps, growth)
    np.testing.assert_allclose(left, right, atol=1e-8)
    # the negative twin: the same jumps without their weights
    assert np.abs(left - right + growth * marginal(LAW, 1 - T, kind) ** power).max() > 1e-3


@both
@pytest.mark.parametrize("powers", [(3.0, -2.0), (0.4, 0.6), (0.7, 0.9)])
def test_products_and_classifier_free_guidance(kind, powers):
    rates, out = forward_rates(kind), forward_rates(kind).sum(1)
    pair = [scores(LAW, kind), scores(OTHER, kind)]
    live = rates.T > 0
    together = np.ones_like(rates)
    for rho, power in zip(pair, powers, strict=True):
        together[live] *= rho[live] ** power
    jumps = rates.T * together
    apart = sum(power * rho for rho, power in zip(pair, powers, strict=True))
    growth = (rates.T * (together - apart)).sum(1) + (sum(powers) - 1) * out

    def target(alpha):
        one, two = marginal(LAW, alpha, kind), marginal(OTHER, alpha, kind)
        return one ** powers[0] * two ** powers[1]

    left, right = balance(kind, target, jumps, growth)
    np.testing.assert_allclose(left, right, atol=1e-7)
    assert np.abs(left - right + growth * target(1 - T)).max() > 1e-3


@both
@pytest.mark.parametrize("tilted", [True, False])
def test_rewards_that_are_switched_on(kind, tilted):
    """With b(t) = 1 - t; either the jumps see the reward, or the weight sees forward jumps."""
    rates, rho = forward_rates(kind), scores(LAW, kind)
    reward = np.random.default_rng(0).normal(size=len(rates))
    gain = np.exp((1 - T) * (reward[None, :] - reward[:, None]))
    if tilted:
        jumps = rates.T * rho * gain
        growth = reward + (rates.T * rho * (gain - 1)).sum(1)
    else:
        jumps = rates.T * rho
        growth = reward + (rates * (1 - gain)).sum(1)

    def target(alpha):
        return marginal(LAW, alpha, kind) * np.exp(alpha * reward)

    left, right = balance(kind, target, jumps, growth)
    np.testing.assert_allclose(left, right, atol=1e-8)
    assert np.abs(left - right + growth * target(1 - T)).max() > 1e-3
