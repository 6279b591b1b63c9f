"""The splitting on a normal density: its chain is linear, so its moments are matrices."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm, solve_discrete_lyapunov

from discdiff.smoothed.langevin import sachs_step

PRECISION = np.array([[1.0, 0.4], [0.4, 0.7]])
FRICTION = 1.3


def released_step(y, v, score, noise, delta, friction):
    """The released one: friction of a step, whatever its time."""
    return sachs_step(y, v, score, noise, delta, friction / delta)


def linear(step, delta):
    """The matrices of a step on states (y, v): of the state, and of the noise."""
    a = torch.from_numpy(PRECISION)

    def of(state, noise):
        y, v = step(state[:2], state[2:], lambda y: -a @ y, noise, delta, FRICTION)
        return torch.cat([y, v]).numpy()

    eye, none = torch.eye(4, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    moved = np.stack([of(state, none) for state in eye], 1)
    shaken = np.stack([of(0 * eye[0], noise) for noise in eye[:2, :2]], 1)
    return moved, shaken


def stationary(step, delta):
    moved, shaken = linear(step, delta)
    return solve_discrete_lyapunov(moved, shaken @ shaken.T)


def after(step, delta, time):
    """Mean and covariance after a time, from a place at rest."""
    moved, shaken = linear(step, delta)
    mean, spread = np.array([1.0, -2.0, 0.0, 0.0]), np.zeros((4, 4))
    for _ in range(round(time / delta)):
        mean, spread = moved @ mean, moved @ spread @ moved.T + shaken @ shaken.T
    return mean, spread


def of_the_dynamics(time):
    """The same of the stochastic differential equation, by the exponential of a block matrix."""
    drift = np.block([[np.zeros((2, 2)), np.eye(2)], [-PRECISION, -FRICTION * np.eye(2)]])
    noise = np.diag([0.0, 0.0, 2 * FRICTION, 2 * FRICTION])
    whole = expm(time * np.block([[-drift, noise], [np.zeros((4, 4)), drift.T]]))
    flow = whole[4:, 4:].T
    return flow @ np.array([1.0, -2.0, 0.0, 0.0]), flow @ whole[:4, 4:]


TARGET = np.block([[np.linalg.inv(PRECISION), np.zeros((2, 2))], [np.zeros((2, 2)), np.eye(2)]])


def test_the_stationary_covariance_is_right_to_second_order():
    errors = [np.abs(stationary(sachs_step, d) - TARGET).max() for d in (0.4, 0.2, 0.1)]
    assert errors[0] < 0.15
    assert np.allclose([errors[0] / errors[1], errors[1] / errors[2]], 4, rtol=0.2)


def test_moments_on_the_way_are_right_to_second_order():
    time, errors = 2.0, []
    mean, spread = of_the_dynamics(time)
    for delta in (0.4, 0.2, 0.1):
        found = after(sachs_step, delta, time)
        errors.append(max(np.abs(found[0] - mean).max(), np.abs(found[1] - spread).max()))
    assert errors[0] < 0.1
    assert np.allclose([errors[0] / errors[1], errors[1] / errors[2]], 4, rtol=0.2)


def test_friction_of_a_step_stops_the_dynamics_and_not_the_law():
    """The released step has the law in the end too, but ever smaller steps no longer get there."""
    assert np.abs(stationary(released_step, 0.1) - TARGET).max() < 0.05
    mean, spread = of_the_dynamics(2.0)
    gaps = []
    for delta in (0.1, 0.05, 0.01):
        found = after(released_step, delta, 2.0)
        gaps.append(max(np.abs(found[0] - mean).max(), np.abs(found[1] - spread).max()))
    assert gaps[0] > 0.5
    assert gaps == sorted(gaps)
    np.testing.assert_allclose(after(released_step, 0.002, 2.0)[0][:2], [1, -2], atol=0.05)


def test_without_friction_energy_is_kept_to_second_order():
    y = torch.tensor([1.0], dtype=torch.float64)
    v = torch.zeros_like(y)
    for _ in range(1000):
        y, v = sachs_step(y, v, lambda y: -y, torch.zeros_like(y), 0.1, 0.0)
    assert float(y**2 + v**2) == pytest.approx(1.0, abs=0.01)


def test_nothing_is_changed_in_place():
    y, v, noise = (torch.ones(3) for _ in range(3))
    sachs_step(y, v, lambda y: -y, noise, 0.3, 1.0)
    for tensor in (y, v, noise):
        assert torch.equal(tensor, torch.ones(3))


def test_a_large_friction_draws_velocities_afresh():
    _, v = sachs_step(
        torch.zeros(1), torch.full((1,), 9.0), lambda y: 0 * y, torch.ones(1), 0.5, 1e3
    )
    assert math.isclose(float(v), 1.0)
