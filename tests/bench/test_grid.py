"""The posterior on a grid: its law by enumeration, and cells that run once and are compared."""

from itertools import product

import numpy as np
import pytest

from discdiff.bench.grid import GridPosterior, Problem, distances, floor
from discdiff.errors import ConfigError, InputError, StoreError

METHODS = {
    "unguided": {"name": "none"},
    "split_gibbs": {
        "name": "split_gibbs",
        "step": "closed",
        "sweeps": 30,
        "scale": 1.0,
        "last": 0.02,
    },
    "isir": {
        "guidance": {"name": "isir", "sweeps": 3, "level": 0.5, "scale": 1.0},
        "draws": 300,
    },
}


def track(**changes):
    options = {"dimensions": [2], "budgets": [300, 3000], "seeds": [0]} | changes
    return GridPosterior(METHODS | options.pop("methods", {}), **options)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_the_posterior_is_the_enumerated_one(dimensions):
    problem, grid = Problem(dimensions), np.linspace(-5, 5, 50)
    found = np.zeros((50, 50))
    for i, j in product(range(50), repeat=2):
        f = -((abs(i - 24.5) - 8.5) ** 2 + (abs(j - 24.5) - 8.5) ** 2) / dimensions / 9
        found[i, j] = np.exp(-(grid[i] ** 2 + grid[j] ** 2) / 8 + f)
    np.testing.assert_allclose(problem.posterior, found / found.sum(), rtol=1e-12)
    model = problem.model()
    prior = model.denoiser.table.exp().numpy()
    np.testing.assert_allclose(prior.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(prior[0] / prior[0, 24], np.exp(-(grid**2 - grid[24] ** 2) / 8))
    tokens = model.domain.encode_batch(["a" * dimensions, "h" * dimensions])
    f = -((24.5 - np.array([0, 7]) - 8.5) ** 2) / 9
    np.testing.assert_allclose(problem.likelihood(tokens), f, rtol=1e-12)


def test_the_floor_is_what_draws_of_the_law_itself_have():
    p, n = Problem(2).posterior, 4000
    tv, hellinger = floor(p, n)
    assert tv == pytest.approx(np.sqrt(p * (1 - p) / (2 * np.pi * n)).sum(), rel=0.1)
    drawn = np.random.default_rng(5).multinomial(n, p.ravel()).reshape(50, 50)
    assert distances(p, drawn) == pytest.approx((tv, hellinger), rel=0.1)
    assert distances(p, p) == pytest.approx((0, 0), abs=1e-7)


def test_split_gibbs_is_at_the_floor_and_draws_of_the_model_are_not(tmp_path):
    whole = track()
    for cell in whole.cells():
        whole.run(cell, tmp_path, lambda line: None)
    found = {cell.method: whole.outcomes(cell, tmp_path) for cell in whole.cells()}
    assert [one.budget for one in found["split_gibbs"]] == [300, 3000]
    assert [one.budget for one in found["isir"]] == [300]  # too slow for more
    figures = {name: outcomes[-1].figures for name, outcomes in found.items()}
    good, bad = figures["split_gibbs"], figures["unguided"]
    assert good["tv"] < 1.15 * good["floor_tv"]
    assert good["hellinger"] < 1.15 * good["floor_hellinger"]
    assert bad["tv"] > 2 * bad["floor_tv"]
    assert good["excess_tv"] == good["tv"] - good["floor_tv"]
    assert good["requested"] == 3000
    assert good["nfe"] == 3000 * 30
    # a small number of draws is the beginning of a large one
    small = track(budgets=[300])
    cell = next(iter(small.cells()))
    small.run(cell, tmp_path / "small", lambda line: None)
    one, other = small.outcomes(cell, tmp_path / "small")[0], found["unguided"][0]
    assert one.figures == other.figures


def test_a_cell_runs_once_and_not_with_other_settings(tmp_path):
    seen = []
    small = track(budgets=[200])
    cell = next(iter(small.cells()))
    small.run(cell, tmp_path, seen.append)
    assert seen == ["200 draws"]
    small.run(cell, tmp_path, seen.append)
    assert seen == ["200 draws"]
    with pytest.raises(StoreError, match="measured with other settings"):
        track(budgets=[250]).run(cell, tmp_path, seen.append)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "kl"}, "measure must be one of tv, hellinger, excess_tv"),
        ({"dimensions": []}, "dimensions must not be empty"),
        ({"dimensions": [1]}, "dimensions must be at least 2, got 1"),
        ({"budgets": [0]}, "budgets must be a positive integer, got 0"),
        ({"against": "fk"}, "against must be one of unguided, split_gibbs, isir, got 'fk'"),
        ({"methods": {"odd": ["guidance=fk"]}}, "methods.odd must be the settings of a guidance"),
        (
            {"methods": {"odd": {"guidance": {"name": "none"}, "draws": 0}}},
            "methods.odd.draws must be a positive integer, got 0",
        ),
        (
            {"methods": {"odd": {"guidance": {"name": "none"}, "draws": 299}}},
            "methods.odd.draws must be at least the smallest of budgets, 300, got 299",
        ),
        (
            {"methods": {"odd": {"name": "evolution", "population": 40}}},
            "budgets of odd must be a multiple of the 40 designs that one run returns together",
        ),
        ({"budgets": 300}, "budgets must be a list, got 300"),
        ({"methods": {"../odd": {"name": "none"}}}, "a name in methods must be fit for a folder"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        track(**changes)


def test_an_option_of_a_method_called_draws_is_no_limit():
    tilted = track(methods={"tilted": {"name": "importance_tilt", "draws": 8}})
    assert tilted._sizes("tilted") == [300, 3000]


def test_a_method_that_nobody_knows_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="spilt_gibbs"):
        track(methods={"odd": {"name": "spilt_gibbs"}})
