"""The designs of a report: their order, groups and fronts, and what the script gets of them."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest

from discdiff.campaign import Store
from discdiff.campaign.page.designs import designs_of
from discdiff.campaign.page.payload import payload
from tests.campaign.page.runs import NAN, fill, rows, settings

DIRECTIONS = {"qed": "max", "sa": "min"}


def first_letter(string):
    return string[0]


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "run", settings()) as store:
        fill(store)
        yield store


@pytest.fixture
def designs(store):
    return designs_of(store, DIRECTIONS, {"sa": "au"}, first_letter)


def test_valid_designs_come_best_first_and_those_without_a_reward_last(designs):
    rewards = [row.reward for row in designs.rows]
    assert designs.invalid == 1
    assert len(rewards) == len(rows()) - 1
    assert math.isnan(rewards[-1])
    assert rewards[:-1] == sorted(rewards[:-1], reverse=True)
    for before, after in itertools.pairwise(designs.rows[:-1]):
        assert before.reward > after.reward or before.id < after.id


def test_the_columns_and_their_order(designs):
    assert [column.label for column in designs.columns] == [
        *("SMILES", "reward", "qed", "sa", "arm", "kind", "log likelihood"),
        *("evaluation", "round", "status", "reason", "id"),
    ]
    assert designs.columns[3].note == "au"


def test_evaluations_are_numbered_in_their_arm(designs):
    place = designs.place("evaluation")
    for row, number in zip(designs.rows, designs.columns[place].cells, strict=True):
        before = [other for other in rows() if other.arm == row.arm and other.id <= row.id]
        assert number == len(before)


def test_scaffolds_group_the_designs(designs):
    counted = {group.scaffold: group for group in designs.groups}
    assert counted.keys() == {"c", "C"}
    assert sum(group.count for group in designs.groups) == len(designs.rows)
    for letter, group in counted.items():
        own = [r.reward for r in designs.rows if r.sequence[0] == letter and r.reward == r.reward]
        assert group.best == max(own)


def test_a_domain_without_scaffolds_or_with_a_broken_one_has_no_groups(store, caplog):
    def broken(string):
        raise RuntimeError("no rings today")

    for scaffold in (lambda string: None, broken):
        found = designs_of(store, DIRECTIONS, {}, scaffold)
        assert (found.scaffold_of, found.groups) == (None, ())
        assert payload(found, {})["scaffold"] == []
    assert "no scaffold of" in caplog.text
    assert "RuntimeError: no rings today" in caplog.text


@pytest.mark.parametrize(
    ("directions", "better"),
    [
        (DIRECTIONS, lambda a, b: a[0] >= b[0] and a[1] <= b[1]),
        ({"qed": "max", "sa": "max"}, lambda a, b: a[0] >= b[0] and a[1] >= b[1]),
        ({}, lambda a, b: a[0] >= b[0] and a[1] >= b[1]),
    ],
)
def test_the_front_holds_what_no_other_beats(store, directions, better):
    designs = designs_of(store, directions, {}, first_letter)
    scored = [r for r in designs.rows if not r.rejected and not math.isnan(r.scores[0])]
    expected = {
        row.id
        for row in scored
        if not any(better(o.scores, row.scores) and o.scores != row.scores for o in scored)
    }
    assert {designs.rows[place].id for place in designs.front((0, 1))} == expected
    assert 0 < len(expected) < len(scored)


def test_a_front_of_one_score_is_its_best(designs):
    best = max(r.scores[0] for r in designs.rows if not r.rejected and r.status == "ok")
    found = designs.front((0,))
    assert found
    assert {designs.rows[place].scores[0] for place in found} == {best}


def test_the_payload_is_json_with_a_place_for_each_thing(designs):
    found = json.loads(json.dumps(payload(designs, {designs.rows[2].sequence: 0}), allow_nan=False))
    assert found["rows"] == len(designs.rows)
    assert all(len(column["cells"]) == found["rows"] for column in found["columns"])
    assert [found["columns"][place]["label"] for place in found["outputs"]] == ["qed", "sa"]
    assert found["columns"][found["reward"]]["label"] == "reward"
    assert found["columns"][found["evaluation"]]["label"] == "evaluation"
    assert found["directions"] == ["max", "min"]
    assert [found["arms"][arm] for arm in found["arm"]] == [row.arm for row in designs.rows]
    assert found["drawing"].count(0) == 1
    assert found["drawing"][2] == 0
    assert {designs.rows[place].reason for place in found["rejected"]} == {"rejected by alerts"}
    assert len(found["rejected"]) == 2


def test_an_output_without_any_score_is_no_axis(tmp_path):
    found = [replace(row, scores=(NAN, row.scores[1])) for row in rows()]
    with Store.create(tmp_path / "run", settings()) as store:
        fill(store, found)
        sent = payload(designs_of(store, DIRECTIONS, {}, first_letter), {})
    assert [sent["columns"][place]["label"] for place in sent["outputs"]] == ["sa"]
    assert sent["directions"] == ["min"]


def test_a_laboratory_has_no_previews(tmp_path):
    with Store.create(tmp_path / "run", settings(measured=["qed"])) as store:
        fill(store)
        found = designs_of(store, {}, {}, first_letter)
    assert "kind" not in [column.label for column in found.columns]
