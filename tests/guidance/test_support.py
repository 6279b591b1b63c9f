"""The support table is complete, and every line of it runs."""

import numpy as np
import pytest

from discdiff import registry
from discdiff.errors import UnsupportedError
from discdiff.guidance.support import REFUSED, TABLE, Row, law
from discdiff.model import Model
from discdiff.reward import Reward


def _small(name: str) -> dict[str, object]:
    settings: dict[str, dict[str, object]] = {
        "best_of_n": {"candidates": 3},
        "svdd": {"candidates": 3},
        "fk": {"particles": 3},
        "evolution": {"population": 5, "children": 4, "generations": 2, "initial": 6},
        "isir": {"sweeps": 2, "candidates": 2, "select": "softmax"},
        "importance_tilt": {"draws": 3},
        "tree_search": {"children": 3, "iterations": 4, "designs": 5},
        "ancestral": {"steps": 4},
        "parallel": {"steps": 2},
        "remdm": {"steps": 6},
    }
    return {"name": name, **settings.get(name, {})}


@pytest.mark.parametrize("row", TABLE, ids="-".join)
def test_every_line_runs(row: Row) -> None:
    model = Model.tabular(["AC", "GT", "GGT"], kind=row.process)
    sampler = registry.build("samplers", _small(row.plan), model=model)
    method = registry.build("guidance", _small(row.method))
    reward = Reward(model.domain, lambda strings: [float(s.count("G")) for s in strings])
    samples = method.run(sampler, reward, 5, key=1)
    assert len(samples) == 5
    assert samples.reward is not None
    expected = [float(s.count("G")) for s in samples.strings]
    np.testing.assert_array_equal(samples.reward.numpy(), expected)


def test_every_registered_pair_has_a_line() -> None:
    lines = {(row.method, row.plan) for row in TABLE}
    methods = {entry.name for entry in registry.names("guidance")}
    plans = {entry.name for entry in registry.names("samplers")} - {"recommended"}
    refused = {(method, plan) for method, pairs in REFUSED.items() for _, plan in pairs}
    assert lines == {(m, p) for m in methods for p in plans} - refused


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
    with pytest.raises(UnsupportedError, match="needs a masked process, got uniform"):
        registry.build("samplers", _small(plan), model=model)
