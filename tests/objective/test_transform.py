import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from discdiff.errors import InputError
from discdiff.objective.transform import (
    Band,
    DoubleSigmoid,
    Gaussian,
    Identity,
    Linear,
    ReverseSigmoid,
    Sigmoid,
    Step,
)

BOUNDED = [
    Sigmoid(1, 10),
    ReverseSigmoid(-3, 2, 0.25),
    DoubleSigmoid(200, 500, 500, 20, 20),
    Linear(10, 1),
    Step(0, 5),
    Step(high=3),
    Gaussian(2, 0.5),
    Band(-1, 1, 2),
    Band(low=3),
]
EVERY = [Identity(), *BOUNDED]
numbers = st.floats(-1e6, 1e6)


def at(transform, x):
    return float(transform(np.array([x]))[0])


@pytest.mark.parametrize("transform", BOUNDED, ids=str)
@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_bounded_transforms_stay_in_0_to_1(transform, x):
    assert transform.bounded
    assert 0.0 <= at(transform, x) <= 1.0


@pytest.mark.parametrize("transform", EVERY, ids=str)
def test_nan_stays_nan_and_shape_stays(transform):
    assert np.isnan(transform(np.array([np.nan, 1.0])).tolist()).tolist() == [True, False]
    assert transform(np.zeros(0)).shape == (0,)


@given(numbers, st.floats(0.1, 1e3), st.floats(0.05, 2), numbers)
def test_sigmoid_is_the_stated_power_of_ten(low, width, k, x):
    exponent = 10 * k * (x - (low + low + width) / 2) / width
    expected = 0.0 if exponent < -300 else 1 / (1 + 10 ** min(-exponent, 300))
    assert at(Sigmoid(low, low + width, k), x) == pytest.approx(expected, abs=1e-6)
    assert at(ReverseSigmoid(low, low + width, k), x) == pytest.approx(1 - expected, abs=1e-6)


@given(st.floats(-50, 50))
def test_double_sigmoid_is_its_two_sides(x):
    low, high, div, si, se = -3.0, 9.0, 20.0, 15.0, 30.0
    side = -(x - low) * si / div if x < 3 else (x - high) * se / div
    expected = 1 / (1 + 10**side)
    assert at(DoubleSigmoid(low, high, div, si, se), x) == pytest.approx(expected, rel=1e-9)


@given(numbers, st.floats(1e-3, 1e3), numbers)
def test_gaussian_is_the_normal_density_scaled(mu, sigma, x):
    expected = stats.norm.pdf(x, mu, sigma) / stats.norm.pdf(mu, mu, sigma)
    assert at(Gaussian(mu, sigma), x) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-100, 100), st.floats(0, 50), st.floats(0.1, 10), st.floats(-200, 200))
def test_band_is_flat_inside_and_gaussian_in_the_distance(low, size, width, x):
    distance = max(low - x, x - (low + size), 0)
    expected = math.exp(-((distance / width) ** 2) / 2)
    assert at(Band(low, low + size, width), x) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-10, 10))
def test_linear_step_and_identity(x):
    assert at(Linear(-2, 4), x) == pytest.approx(min(max((x + 2) / 6, 0), 1))
    assert at(Linear(4, -2), x) == pytest.approx(1 - min(max((x + 2) / 6, 0), 1))
    assert at(Step(-1, 2), x) == float(-1 <= x <= 2)
    assert at(Identity(), x) == x


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Sigmoid(3, 3), "high must be greater than low, got low=3 and high=3"),
        (lambda: ReverseSigmoid(3, 1), "high must be greater than low, got low=3 and high=1"),
        (lambda: Sigmoid("1", 3), "low must be a finite number, got '1'"),
        (lambda: Sigmoid(1, 3, k=0), "k must be greater than 0, got 0"),
        (lambda: DoubleSigmoid(1, 3, coef_se=-1), "coef_se must be greater than 0, got -1"),
        (lambda: Linear(2, 2.0), "high must differ from low, got 2.0 for both"),
        (lambda: Step(), "low or high must be given, got neither"),
        (lambda: Step(2, 1), "high must be at least low, got low=2 and high=1"),
        (lambda: Gaussian(0, 0), "sigma must be greater than 0, got 0"),
        (lambda: Gaussian(math.nan, 1), "mu must be a finite number, got nan"),
        (lambda: Band(width=2), "low or high must be given, got neither"),
        (lambda: Band(0, 1, 0), "width must be greater than 0, got 0"),
    ],
)
def test_arguments_are_checked(build, message):
    with pytest.raises(InputError, match=message):
        build()
