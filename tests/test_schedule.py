"""Schedules: ends, slopes, inverses and precision, against closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.errors import InputError
from discdiff.schedule import CosineMD4, CosineMDLM, CosineSquared, Geometric, LogLinear, Polynomial


def geometric(t, a=1e-3, b=20.0):
    """The geometric schedule with both ends mapped to 1 and 0."""
    total = a ** (1 - t) * b**t
    return (np.exp(-total) - np.exp(-b)) / (np.exp(-a) - np.exp(-b))


CLOSED = {
    LogLinear(): lambda t: 1 - t,
    Polynomial(0.5): lambda t: 1 - t**0.5,
    Polynomial(3.0): lambda t: 1 - t**3,
    CosineMDLM(): lambda t: np.cos(np.pi * t / 2),
    CosineMD4(): lambda t: 1 - np.cos(np.pi / 2 * (1 - t)),
    CosineSquared(): lambda t: np.cos(np.pi * t / 2) ** 2,
    Geometric(): geometric,
    Geometric(0.1, 5.0): lambda t: geometric(t, 0.1, 5.0),
}
every = pytest.mark.parametrize("schedule", CLOSED, ids=repr)
GRID = torch.linspace(0, 1, 501, dtype=torch.float64)


@every
def test_alpha_is_the_published_formula(schedule):
    expected = CLOSED[schedule](GRID.numpy())
    np.testing.assert_allclose(schedule.alpha(GRID).numpy(), expected, atol=1e-12)


@every
def test_alpha_falls_from_exactly_one_to_exactly_zero(schedule):
    alpha = schedule.alpha(GRID)
    assert alpha[0] == 1.0
    assert alpha[-1] == pytest.approx(0.0, abs=1e-15)
    assert (alpha.diff() < 0).all()
    assert torch.equal(schedule.noise(GRID), schedule.noise(GRID).clamp(0, 1))


@every
def test_alpha_prime_is_the_derivative(schedule):
    t, h = GRID[25:-25], 1e-6
    slope = (schedule.alpha(t + h) - schedule.alpha(t - h)) / (2 * h)
    torch.testing.assert_close(schedule.alpha_prime(t), slope, atol=1e-7, rtol=1e-6)
    assert (schedule.alpha_prime(GRID[1:]) <= 0).all()


@every
@settings(deadline=None)
@given(t=st.floats(0.001, 1.0))
def test_time_at_noise_inverts_noise(schedule, t):
    t = torch.tensor(t, dtype=torch.float64)
    level = schedule.noise(t)
    again = schedule.noise(schedule.time_at_noise(level))
    assert again.item() == pytest.approx(level.item(), rel=1e-9)


@every
def test_time_at_noise_keeps_the_ends(schedule):
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(schedule.time_at_noise(ends), ends)


@pytest.mark.parametrize(
    ("schedule", "power", "factor"),
    [
        (LogLinear(), 1, 1.0),
        (Polynomial(3.0), 3, 1.0),
        (CosineMDLM(), 2, math.pi**2 / 8),
        (CosineMD4(), 1, math.pi / 2),
        (CosineSquared(), 2, math.pi**2 / 4),
        (Geometric(), 1, 1e-3 * math.log(2e4) / -math.expm1(1e-3 - 20)),
    ],
    ids=repr,
)
def test_noise_keeps_its_digits_near_the_data(schedule, power, factor):
    # the leading term of the series at t = 0; a subtraction from 1 would return 0 here
    t = torch.tensor(1e-9, dtype=torch.float64)
    assert schedule.noise(t).item() == pytest.approx(factor * 1e-9**power, rel=1e-6)


@every
def test_settings_rebuild_the_schedule(schedule):
    again = type(schedule)(**schedule.settings())
    assert repr(again) == repr(schedule)
    assert torch.equal(again.noise(GRID), schedule.noise(GRID))


@pytest.mark.parametrize("power", [0, -1.0, math.nan, "2"])
def test_polynomial_refuses_a_power_that_is_not_positive(power):
    with pytest.raises(InputError, match="power must be"):
        Polynomial(power)


def test_geometric_refuses_noise_that_falls():
    with pytest.raises(InputError, match="largest must lie in"):
        Geometric(2.0, 1.0)
