"""The uniform bound, summed over every noisy state and integrated over time: no sampling."""

from itertools import product

import numpy as np
import pytest
import torch

from discdiff.loss import uniform_nelbo
from discdiff.process import UniformProcess
from discdiff.schedule import CosineMDLM, LogLinear
from tests.exact.chains import (
    noise_kernel,
)
from tests.exact.laws import (
    Crooked,
    dirichlet,
    model_of,
    words,
)

V, L = 3, 2
LAW = dirichlet(V, L, seed=1, concentration=1.0)
ENTROPY = -LAW.p @ np.log(LAW.p)
T_MIN, T_MAX = 1e-3, 1 - 1e-4
PAIRS = np.array(list(product(range(V**L), repeat=2)))  # every (x_0, x_t)
X_0, X_T = LAW.rows[PAIRS[:, 0]], LAW.rows[PAIRS[:, 1]]


class Preset(UniformProcess):
    """The uniform process with the noise that a test enumerates."""

    def corrupt(self, x_0, t, active, keys):
        return torch.from_numpy(X_T)


def integrand(net, schedule, t, reconstruction=False, active=(True, True)):
    """The code's own estimate for every pair (x_0, x_t) at time t, (pairs,)."""
    u = torch.full((len(PAIRS),), (t - T_MIN) / (T_MAX - T_MIN), dtype=torch.float64)
    found = uniform_nelbo(
        net,
        Preset(V, schedule),
        torch.from_numpy(X_0),
        torch.tensor(active).expand(X_0.shape),
        torch.arange(len(PAIRS)),
        u=u,
        reconstruction=reconstruction,
        t_min=T_MIN,
    )
    return found.numpy()


def chance(schedule, t, active=(True, True)):
    """q(x_0) q(x_t | x_0) of every pair."""
    kernel = noise_kernel(V, float(schedule.alpha(torch.tensor(t, dtype=torch.float64))))
    return LAW.p[PAIRS[:, 0]] * np.where(active, kernel[X_0, X_T], X_0 == X_T).prod(1)


def bound(net, schedule, nodes=60, **options):
    """Integral and reconstruction term, averaged over the law; times are log-uniform nodes."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    span = np.log(T_MAX / T_MIN)
    total = 0.0
    for t, w in zip(T_MIN * np.exp(span * (x + 1) / 2), weight / 2, strict=True):
        mean = chance(schedule, t, **options) @ integrand(net, schedule, t, **options)
        total += w * span * t / (T_MAX - T_MIN) * mean
    whole = integrand(net, schedule, 0.5, True, **options)
    last = whole - integrand(net, schedule, 0.5, **options)
    return total, chance(schedule, T_MIN, **options) @ last


@pytest.mark.parametrize("schedule", [LogLinear(), CosineMDLM()], ids=repr)
def test_bound_of_the_cavity_network_is_the_entropy(schedule):
    integral, reconstruction = bound(model_of(LAW, "uniform", schedule).denoiser, schedule)
    # what is left is the dependence of two errors within the last 1e-3
    assert integral + reconstruction == pytest.approx(ENTROPY, abs=1e-5)


def test_bound_of_active_positions_is_the_entropy_given_the_others():
    net, schedule = model_of(LAW, "uniform").denoiser, LogLinear()
    found = sum(bound(net, schedule, active=(True, False)))
    second = LAW.p.reshape(V, V).sum(0)
    assert found == pytest.approx(ENTROPY + second @ np.log(second), abs=1e-5)


def test_bound_without_its_last_term_or_with_a_wrong_network_is_not():
    schedule = LogLinear()
    integral, reconstruction = bound(model_of(LAW, "uniform").denoiser, schedule)
    assert reconstruction > 1e-3
    assert integral < ENTROPY - 1e-3
    wrong = bound(Crooked(V, L, needs_time=True), schedule)
    assert sum(wrong) > ENTROPY + 0.1


@pytest.mark.parametrize("t", [0.01, 0.5, 0.99])
def test_integrand_is_the_published_form(t):
    """alpha'/(V alpha) [V/xbar_z - V/xbarth_z - sum_j xbar_j/xbar_z log(...)], per position."""
    net, schedule = Crooked(V, L, seed=3, needs_time=True), CosineMDLM()
    found = integrand(net, schedule, t) / (T_MAX - T_MIN)
    alpha, prime = np.cos(np.pi * t / 2), -np.pi / 2 * np.sin(np.pi * t / 2)
    expected = np.zeros(len(PAIRS))
    for n, (x, z) in enumerate(zip(X_0, X_T, strict=True)):
        true = V * alpha * np.eye(V)[x] + 1 - alpha
        model = V * alpha * net.at(z) + 1 - alpha
        for i in range(L):
            r, m, c = true[i], model[i], z[i]
            log = np.log(m[c] * r / (m * r[c]))
            expected[n] += prime / (V * alpha) * (V / r[c] - V / m[c] - (r / r[c]) @ log)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert (found > -1e-12).all()


def test_integrand_is_the_rate_of_the_divergence_between_reverse_steps():
    net, process, t, dt = Crooked(V, L, seed=3, needs_time=True), UniformProcess(V), 0.6, 1e-6
    x_t = torch.from_numpy(X_T)
    times = torch.full((len(PAIRS),), t, dtype=torch.float64)
    certain = torch.nn.functional.one_hot(torch.from_numpy(X_0), V).double().log()
    true = process.transition(x_t, certain, times, times - dt)
    model = process.transition(x_t, net(x_t, times), times, times - dt)
    rate = true.kl(model).numpy() / dt
    found = integrand(net, LogLinear(), t) / (T_MAX - T_MIN)
    np.testing.assert_allclose(rate, found, rtol=1e-4, atol=1e-5)


def test_integrand_of_a_network_that_knows_the_answer_is_zero():
    x_0 = torch.from_numpy(words(V, L))

    class Oracle(Crooked):
        def forward(self, x_t, t, cond=None, at=None):
            return torch.nn.functional.one_hot(x_0, V).double().log()

    x_t = x_0.flip(0)

    class Flipped(UniformProcess):
        def corrupt(self, x_0, t, active, keys):
            return x_t

    found = uniform_nelbo(
        Oracle(V, L, needs_time=True),
        Flipped(V),
        x_0,
        torch.ones_like(x_0, dtype=torch.bool),
        torch.arange(len(x_0)),
        u=torch.linspace(0.01, 0.99, len(x_0), dtype=torch.float64),
    )
    assert found.abs().max() < 1e-9
