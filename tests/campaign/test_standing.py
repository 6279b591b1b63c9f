"""How far a run has come, in words, whatever moment it was stopped at."""

from __future__ import annotations

import pytest

from discdiff.campaign import Store, write_report
from discdiff.campaign.rows import Row
from discdiff.campaign.standing import standing
from tests.campaign.page.runs import settings


def evaluate(store, arm, number, count, *, finished=True, **counts):
    first = store.begin_round(arm, number)
    names = [f"{arm}{number}{'C' * i}" for i in range(count)]
    rows = [
        Row(first + i, arm, number, name, name, "ok", "", (0.5, 2.0), 0.1)
        for i, name in enumerate(names)
    ]
    store.record(rows)
    if finished:
        store.finish_round(arm, number, [], {"requested": count, "evaluated": count, **counts})


def begun(folder, budget=1000, arms=("guided",), **changes):
    rules = {"budget": budget, "charge": "evaluated", "patience": 2, "seed": 0}
    methods = {arm: {} for arm in arms}
    letters = {"name": "letters", "letters": "CN"}
    return Store.create(folder, settings(rules=rules, methods=methods, domain=letters, **changes))


def test_a_killed_run_counts_its_open_round(tmp_path):
    with begun(tmp_path / "run") as store:
        evaluate(store, "guided", 0, 200)
        evaluate(store, "guided", 1, 112, finished=False)
        assert standing(store).words == "partial: 312 of 1,000 evaluations"
        assert not standing(store).complete
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert "partial: 312 of 1,000 evaluations" in write_report(store).read_text()


def test_a_run_that_spent_its_budget_is_complete(tmp_path):
    with begun(tmp_path / "run", budget=20) as store:
        evaluate(store, "guided", 0, 20)
        assert (standing(store).words, standing(store).complete) == (
            "complete: 20 of 20 evaluations",
            True,
        )


def test_a_run_that_found_nothing_new_is_complete(tmp_path):
    with begun(tmp_path / "run", budget=20) as store:
        evaluate(store, "guided", 0, 5)
        evaluate(store, "guided", 1, 0)
        assert not standing(store).complete
        evaluate(store, "guided", 2, 0)
        assert standing(store).words == "complete: 5 of 20 evaluations"


def test_the_baseline_has_what_guidance_spent(tmp_path):
    with begun(tmp_path / "run", budget=20, arms=("guided", "unguided")) as store:
        evaluate(store, "guided", 0, 20)
        evaluate(store, "unguided", 0, 7, finished=False)
        assert standing(store).words == ("partial: guided 20 of 20, unguided 7 of 20 evaluations")


def test_a_laboratory_is_never_complete(tmp_path):
    with begun(tmp_path / "run", budget=96, measured=["qed"]) as store:
        evaluate(store, "guided", 0, 12)
        assert standing(store).words == "open: 12 of 96 values told"
        assert not standing(store).complete


@pytest.mark.parametrize("charge", ["evaluated", "all"])
def test_what_is_charged_is_what_counts(tmp_path, charge):
    with begun(tmp_path / "run", budget=50) as store:
        store.settings["rules"]["charge"] = charge
        evaluate(store, "guided", 0, 10, requested=30, not_evaluated=4)
        spent = {"evaluated": 10, "all": 26}[charge]
        assert standing(store).words == f"partial: {spent} of 50 evaluations"
