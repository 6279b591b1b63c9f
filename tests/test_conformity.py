import numpy as np
import pytest
from scipy import stats

from discdiff.conformity import conformity, conformity_score
from discdiff.errors import InputError

RNG = np.random.default_rng
MIX = np.array([[1.0, 0.0], [0.8, 0.5]])


def properties(n, seed, columns=2):
    return RNG(seed).normal(size=(n, columns)) @ MIX[:columns, :columns]


def in_a_loop(designs, reference, calibration, factor):
    """Sums of Gaussians of the sample covariance, one kernel at a time."""
    precision = np.linalg.inv(np.atleast_2d(np.cov(reference.T)) * factor**2)

    def density(x):
        return sum(np.exp(-0.5 * (x - r) @ precision @ (x - r)) for r in reference)

    held = np.array([density(c) for c in calibration])
    return [(1 + sum(held <= density(x))) / (len(held) + 1) for x in designs]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("bandwidth", [None, 0.3, 1.5])
def test_values_equal_the_loop_and_scipy(columns, bandwidth):
    designs, reference, calibration = (
        properties(n, seed, columns) for seed, n in enumerate((15, 40, 25))
    )
    found = conformity(designs, reference, calibration, bandwidth)
    factor = 40 ** (-1 / (columns + 4)) if bandwidth is None else bandwidth
    np.testing.assert_allclose(found, in_a_loop(designs, reference, calibration, factor))
    density = stats.gaussian_kde(reference.T, bandwidth)
    below = density(calibration.T)[None] <= density(designs.T)[:, None]
    np.testing.assert_allclose(found, (1 + below.sum(1)) / 26)
    if columns == 1:
        flat = conformity(designs[:, 0], reference[:, 0], calibration[:, 0], bandwidth)
        np.testing.assert_array_equal(flat, found)
    score = conformity_score(designs, reference, calibration, bandwidth)
    assert score == pytest.approx(np.mean(found))


def many(value, trials=1000, held=9):
    """p-values of designs that are exchangeable with the calibration set, in independent trials."""
    found = []
    for seed in range(trials):
        rows = RNG(seed).gamma(1.5, size=(20 + held + 1, 1))
        found.append(value(rows[:1], rows[1 : 1 + held], rows[1 + held :]))
    return np.array(found)


def valid(values):
    return conformity(values[0], values[2], values[1])[0]


def uniform(found, held=9):
    counts = np.bincount(np.rint(found * (held + 1)).astype(int), minlength=held + 2)
    if counts[0]:
        return 0.0
    return float(stats.chisquare(counts[1:]).pvalue)


def test_values_of_exchangeable_designs_are_uniform():
    found = many(lambda *parts: valid(parts))
    assert uniform(found) > 1e-4
    for level in (0.1, 0.3, 0.5):
        assert (found <= level + 1e-9).mean() < level + 5 * np.sqrt(level / len(found))


def test_a_calibration_set_that_is_not_held_out_is_no_such_thing():
    """It makes the designs look rare; and the fraction without the 1 is not valid either."""

    def fitted(design, held, reference):
        return conformity(design, held, held)[0]

    def fraction(design, held, reference):
        return (10 * conformity(design, reference, held)[0] - 1) / 10

    assert uniform(many(fitted)) < 1e-9
    assert uniform(many(fraction)) < 1e-9


def test_designs_unlike_the_known_score_low_and_typical_ones_high():
    reference, calibration = properties(200, 1), properties(200, 2)
    half = conformity_score(properties(300, 3), reference, calibration)
    assert half == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 150))
    assert conformity_score(properties(300, 3) + 9, reference, calibration) == pytest.approx(
        1 / 201
    )
    assert conformity_score(0.1 * properties(300, 3), reference, calibration) > 0.8


def test_far_designs_of_no_density_have_the_least_value_and_no_nan():
    found = conformity([[1e9, -1e9]], properties(50, 1), properties(50, 2))
    assert found.tolist() == [1 / 51]


def test_no_design_has_no_value():
    reference, calibration = properties(20, 1), properties(20, 2)
    assert conformity(np.zeros((0, 2)), reference, calibration).shape == (0,)
    with pytest.raises(InputError, match="designs must have a row, got none"):
        conformity_score(np.zeros((0, 2)), reference, calibration)


GOOD = (properties(5, 0), properties(20, 1), properties(20, 2))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.zeros((3, 1)), r"designs must be \(rows, 2\), got shape \(3, 1\)"),
        (0, np.zeros((3, 2, 1)), r"designs must be \(rows, 2\), got shape \(3, 2, 1\)"),
        (0, [[0.0, 1.0], [0.0, np.nan]], r"designs must be finite .* got \[0.0, nan\] in row 1"),
        (1, [[np.inf, 1.0]] * 5, "reference must be finite numbers"),
        (1, properties(2, 1), "reference must have more rows than its 2 properties .* got 2 and"),
        (1, np.zeros((20, 0)), r"reference must be \(rows, D\), got shape \(20, 0\)"),
        (1, np.ones((20, 2)), "reference must vary in every property"),
        (1, np.tile(np.arange(20.0)[:, None], 2), "none may follow from others"),
        (2, np.zeros((0, 2)), "calibration one or more, got 20 and 0"),
        (2, np.zeros(7), r"calibration must be \(rows, 2\), got shape \(7,\)"),
    ],
)
def test_wrong_data_are_named(place, value, message):
    parts = list(GOOD)
    parts[place] = value
    with pytest.raises(InputError, match=message):
        conformity(*parts)


def test_a_bandwidth_must_be_positive():
    with pytest.raises(InputError, match="bandwidth must be greater than 0, got 0.0"):
        conformity(*GOOD, bandwidth=0.0)


def test_what_is_too_far_for_float64_is_not_typical():
    reference, held = [0.0, 1.0, 2.0], [0.5, 1.5, 3.0]
    assert conformity([1e300, -1e200], reference, held).tolist() == [0.25, 0.25]
    assert conformity([2.5], reference, [1e300, 1e300, 0.9]).tolist() == [0.75]


def test_words_are_no_properties():
    with pytest.raises(InputError, match="designs must be finite numbers"):
        conformity(["polar"], [0.0, 1.0, 2.0], [0.5])
