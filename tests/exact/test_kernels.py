"""The library's reverse kernels between all states, against matrices built from the definitions."""

import numpy as np
import pytest
import torch

from discdiff.schedule import CosineMDLM, LogLinear
from tests.exact.chains import (
    kernel_matrix,
    marginal,
    masked_step,
    posterior,
    uniform_step,
)
from tests.exact.laws import (
    dirichlet,
    independent,
    model_of,
    tv,
    words,
)

LAW = dirichlet(3, 3, seed=6, concentration=0.3)
SCHEDULES = [LogLinear(), CosineMDLM()]


def alphas(schedule, *times):
    return [float(schedule.alpha(torch.tensor(t, dtype=torch.float64))) for t in times]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize(("t", "s"), [(1.0, 0.4), (0.7, 0.69), (0.3, 0.0)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_masked_kernel_with_remasking(schedule, t, s, share):
    model = model_of(LAW, "masked", schedule)
    alpha_t, alpha_s = alphas(schedule, t, s)
    sigma = share * (min(1.0, (1 - alpha_s) / alpha_t) if t < 1 else 1.0)
    found = kernel_matrix(model, t, s, remask=sigma)
    np.testing.assert_allclose(found, masked_step(LAW, alpha_t, alpha_s, sigma), atol=1e-10)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize(("t", "s"), [(1.0, 0.4), (0.7, 0.69), (0.3, 0.0)])
def test_uniform_kernel(schedule, t, s):
    found = kernel_matrix(model_of(LAW, "uniform", schedule), t, s)
    np.testing.assert_allclose(found, uniform_step(LAW, *alphas(schedule, t, s)), atol=1e-10)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-12)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_one_step_is_exact_where_positions_are_independent(kind):
    law = independent(3, 3)
    after = marginal(law, 0.2, kind) @ kernel_matrix(model_of(law, kind), 0.8, 0.3)
    assert tv(after, marginal(law, 0.7, kind)) < 1e-12


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_error_of_one_step_is_of_second_order(kind):
    error = [
        tv(marginal(LAW, 0.5, kind) @ kernel_matrix(model_of(LAW, kind), 0.5, 0.5 - dt), after)
        for dt in (1e-2, 1e-3)
        for after in [marginal(LAW, 0.5 + dt, kind)]
    ]
    assert error[0] < 1e-2
    assert error[1] == pytest.approx(error[0] / 100, rel=0.2)


def test_error_of_a_network_that_answers_the_posterior_is_of_first_order():
    # the negative twin of the uniform process: the plug-in kernel needs the cavity law
    before = marginal(LAW, 0.5, "uniform")
    error = [
        tv(before @ uniform_step(LAW, 0.5, 0.5 + dt, denoise=posterior), after)
        for dt in (1e-2, 1e-3)
        for after in [marginal(LAW, 0.5 + dt, "uniform")]
    ]
    assert error[1] == pytest.approx(error[0] / 10, rel=0.2)
    assert error[1] > 1e-4


def test_library_posterior_of_the_cavity_is_the_posterior_of_the_law():
    model, states = model_of(LAW, "uniform"), torch.from_numpy(words(3, 3))
    t = torch.full((len(states),), 0.35, dtype=torch.float64)
    found = model.process.x0_posterior(model.denoiser(states, t), states, t[:, None]).exp()
    expected = np.stack([posterior(LAW, z, 0.65) for z in states.numpy()])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_error_of_a_remasking_step_is_of_second_order_in_sigma_and_step():
    model = model_of(LAW)
    for sigma, dt in ((1e-2, 0.0), (1e-2, 1e-2), (0.0, 1e-2)):
        error = [
            tv(
                marginal(LAW, 0.5) @ kernel_matrix(model, 0.5, 0.5 - dt * e, remask=sigma * e),
                after,
            )
            for e in (1.0, 0.1)
            for after in [marginal(LAW, 0.5 + dt * e)]
        ]
        assert 0 < error[0] < 1e-2
        assert error[1] == pytest.approx(error[0] / 100, rel=0.2)
