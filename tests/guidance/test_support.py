"""The support table is complete, and every line of it runs."""

import numpy as np
import pytest
import torch

from discdiff import registry
from discdiff.errors import UnsupportedError
from discdiff.guidance.support import PLANS, REFUSED, TABLE, Row, law
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.schedule import Polynomial


def _small(name: str) -> dict[str, object]:
    settings: dict[str, dict[str, object]] = {
        "best_of_n": {"candidates": 3},
        "svdd": {"candidates": 3},
        "fk": {"particles": 3},
        "tds": {"particles": 3},
        "beam": {"particles": 2, "candidates": 2},
        "correctors": {"particles": 3, "power": 1.5},
        "evolution": {"population": 5, "children": 4, "generations": 2, "initial": 6},
        "isir": {"sweeps": 2, "candidates": 2, "select": "softmax"},
        "split_gibbs": {"sweeps": 2, "moves": 2},
        "importance_tilt": {"draws": 3},
        "tree_search": {"children": 3, "iterations": 4, "designs": 5},
        "ancestral": {"steps": 4},
        "parallel": {"steps": 2},
        "remdm": {"steps": 6},
    }
    return {"name": name, **settings.get(name, {})}


class Gs:
    """The number of G, with gradients."""

    def __call__(self, strings: list[str]) -> list[float]:
        return [float(s.count("G")) for s in strings]

    def relaxed(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, :, "ACGT".index("G")].sum(1)


@pytest.mark.parametrize("row", TABLE, ids="-".join)
def test_every_line_runs(row: Row) -> None:
    schedules = {"GT": Polynomial(3.0)} if row.process == "class_masked" else None
    model = Model.tabular(["AC", "GT", "GGT"], kind=row.process, schedules=schedules)
    sampler = registry.build("samplers", _small(row.plan), model=model)
    method = registry.build("guidance", _small(row.method))
    samples = method.run(sampler, Reward(model.domain, Gs()), 5, key=1)
    assert len(samples) == 5
    assert samples.reward is not None
    expected = [float(s.count("G")) for s in samples.strings]
    np.testing.assert_array_equal(samples.reward.numpy(), expected)


def test_every_registered_combination_has_a_line_or_is_refused() -> None:
    lines = {row[:3] for row in TABLE}
    methods = {entry.name for entry in registry.names("guidance")}
    plans = {entry.name for entry in registry.names("samplers")} - {"recommended"}
    assert plans == {plan for listed in PLANS.values() for plan in listed}
    refused = {(method, *pair) for method, pairs in REFUSED.items() for pair in pairs}
    assert not lines & refused
    assert lines | refused == {(m, k, p) for m in methods for k in PLANS for p in PLANS[k]}


@pytest.mark.parametrize(
    ("method", "process", "plan"),
    [(method, *pair) for method, pairs in REFUSED.items() for pair in pairs],
)
def test_what_is_refused_says_so_when_it_is_run(method: str, process: str, plan: str) -> None:
    model = Model.tabular(["AC", "GT"], kind=process)
    sampler = registry.build("samplers", _small(plan), model=model)
    reward = Reward(model.domain, lambda strings: [1.0] * len(strings))
    with pytest.raises(UnsupportedError, match=f"{method} on a {process} process"):
        registry.build("guidance", _small(method)).run(sampler, reward, 5, key=1)


def test_what_is_not_in_the_table_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="fk on a uniform process with the plan remdm"):
        law("fk", "uniform", "remdm")


@pytest.mark.parametrize("plan", ["first_hitting", "parallel", "entropy", "confidence", "remdm"])
def test_samplers_refuse_the_process_they_are_not_for(plan: str) -> None:
    model = Model.tabular(["AC"], kind="uniform")
    with pytest.raises(UnsupportedError, match=r"needs a masked .*process, got uniform"):
        registry.build("samplers", _small(plan), model=model)
