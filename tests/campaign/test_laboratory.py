"""Ask and tell: what a batch holds, what a result becomes, and that nothing is lost or doubled."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest

from discdiff.campaign import Campaign, Choice, Store, runner
from discdiff.campaign.summary import summarise
from discdiff.errors import DataError, InputError, StoreError, UnsupportedError
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.objective.filters import HardFilter
from discdiff.oracle import Combined
from discdiff.oracle.measured import Measured, measured_columns, with_answers
from discdiff.samplers.first_hitting import FirstHitting

ALL = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
SAMPLER = FirstHitting(Model.tabular(ALL))


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


def lab(folder, oracle=None, objective=None, **changes):
    oracle = Measured(["potency"]) if oracle is None else oracle
    options = {"budget": 200, "round_size": 16, "seed": 5, **changes}
    return Campaign(folder, SAMPLER, BestOfN(8), oracle, objective, **options)


def potency(string: str) -> float:
    """What the laboratory would find: as many G as possible, near the front."""
    return sum(4.0 - i for i, letter in enumerate(string) if letter == "G")


def rows(folder):
    with Store.open(folder, read_only=True) as store:
        return store.rows(), store.draws("guided"), store.rounds("guided")


# A campaign from the first batch on.


def test_batches_get_better_and_never_repeat(tmp_path):
    campaign = lab(tmp_path / "run")
    asked, means = [], []
    for _ in range(4):
        batch = campaign.ask(Choice(12, weight=0.9))
        assert len(set(batch)) == 12
        assert not set(batch) & set(asked)
        asked += batch
        told = campaign.tell(batch, [potency(s) for s in batch])
        assert (told.recorded, told.known) == (12, 0)
        means.append(np.mean([potency(s) for s in batch]))
    uniform = np.mean([potency(s) for s in ALL])
    error = np.std([potency(s) for s in ALL]) / np.sqrt(12)
    assert abs(means[0] - uniform) < 4 * error  # the first knows nothing
    assert min(means[1:]) > uniform + 3 * error
    found, draws, rounds = rows(tmp_path / "run")
    assert [row.sequence for row in found] == asked
    assert [row.reward for row in found] == [potency(s) for s in asked]
    assert [row.round for row in found] == [0] * 12 + [1] * 12 + [2] * 12 + [3] * 12
    assert all(row.status == "ok" for row in found)
    assert [d.sequence for _, d in draws] == asked
    assert {d.final for _, d in draws} == {0}  # a chosen batch follows no law
    assert [round_.counts["told"] for round_ in rounds] == [0, 12, 24, 36]
    for one in (round_.counts for round_ in rounds):
        assert one["requested"] == one["invalid"] + one["cached"] + one["not_evaluated"]


def test_what_is_minimised_goes_down(tmp_path):
    objective = Objective([Term("potency", direction="min")], "arithmetic_mean")
    campaign = lab(tmp_path / "run", Measured(["potency"], "min"), objective)
    for _ in range(2):
        batch = campaign.ask(Choice(12, weight=0.9))
        campaign.tell(batch, [potency(s) for s in batch])
    found, _, _ = rows(tmp_path / "run")
    first, second = ([r.scores[0] for r in found if r.round == k] for k in (0, 1))
    assert np.mean(second) < np.mean(first) - 2


def test_a_round_is_a_function_of_what_was_known_before_it(tmp_path):
    campaign = lab(tmp_path / "a")
    first = campaign.ask(6)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    twin = lab(tmp_path / "b")
    for one in (campaign, twin):
        one.tell(first, [potency(s) for s in first])
    assert campaign.ask(6) == twin.ask(6)
    other = lab(tmp_path / "c")
    assert other.ask(6) == first
    other.tell(first, [-potency(s) for s in first])
    assert other.ask(6) != campaign.ask(6)


def test_a_killed_ask_leaves_nothing_and_is_repeated(tmp_path, monkeypatch):
    campaign = lab(tmp_path / "run")
    expected = lab(tmp_path / "whole").ask(6)
    record = Store.finish_round

    def killed(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "finish_round", killed)
    with pytest.raises(KeyboardInterrupt):
        campaign.ask(6)
    monkeypatch.setattr(Store, "finish_round", record)
    assert rows(tmp_path / "run")[1] == []
    assert campaign.ask(6) == expected


def test_a_batch_that_is_out_is_given_again(tmp_path):
    campaign = lab(tmp_path / "run")
    batch = campaign.ask(6)
    assert campaign.ask(6) == batch
    with pytest.raises(InputError, match="n must be 6 to have batch 0 again, .* got 5; tell its"):
        campaign.ask(5)
    beside = campaign.ask(6, new=True)
    assert not set(beside) & set(batch)
    campaign.tell(batch[:1], [1.0])  # of the first batch: the second is still out
    assert campaign.ask(6) == beside
    campaign.tell(beside[:2], [1.0, 2.0])
    third = campaign.ask(6)
    assert not set(third) & {*batch, *beside}
    campaign.tell(batch[1:], [1.0] * 5)  # late results keep the round that asked for them
    found, _, _ = rows(tmp_path / "run")
    assert [row.round for row in found] == [0, 1, 1, 0, 0, 0, 0, 0]


def test_computed_outputs_stand_beside_measured_ones(tmp_path):
    calls = []

    def length_of_g(strings):
        calls.extend(strings)
        return [float(s.count("G")) for s in strings]

    oracle = Combined({"g": length_of_g, "potency": Measured(["x"])})
    assert measured_columns(oracle) == [1]
    objective = Objective([Term("g"), Term("potency")], "arithmetic_mean")
    campaign = lab(tmp_path / "run", oracle, objective)
    assert campaign.measured_outputs == ["potency"]
    batch = campaign.ask(4)
    assert calls == []  # nothing guides the first batch
    campaign.tell(batch, {"potency": [potency(s) for s in batch]})
    for row in rows(tmp_path / "run")[0]:
        g = row.sequence.count("G")
        assert row.scores == (g, potency(row.sequence))
        assert row.reward == pytest.approx((g + potency(row.sequence)) / 2)


def letters_g(strings):
    return [float(string.count("G")) for string in strings]


def test_what_a_filter_rejects_by_a_computed_score_is_not_sent_out(tmp_path):
    oracle = Combined({"potency": Measured(["potency"]), "g": letters_g})
    objective = Objective([Term("potency")], filters=[HardFilter("g", low=2)], rejected=0.0)
    campaign = lab(tmp_path / "run", oracle, objective)
    for _ in range(2):
        batch = campaign.ask(Choice(8, weight=0.9))
        assert all(string.count("G") >= 2 for string in batch)
        campaign.tell(batch, [potency(string) for string in batch])
    _, _, rounds = rows(tmp_path / "run")
    counts = rounds[0].counts
    assert counts["rejected"] > 0
    parts = ("invalid", "cached", "not_evaluated", "rejected")
    assert counts["requested"] == sum(counts[name] for name in parts)
    with pytest.raises(InputError, match=r"0 invalid, \d+ rejected by filters"):
        campaign.ask(Choice(100))


def test_what_a_filter_rejects_once_it_is_measured_is_marked_and_never_chosen(tmp_path):
    objective = Objective([Term("potency")], filters=[HardFilter("potency", low=4)], rejected=0.0)
    campaign = lab(tmp_path / "run", None, objective)
    batch = campaign.ask(Choice(12))
    campaign.tell(batch, [potency(string) for string in batch])
    found, _, _ = rows(tmp_path / "run")
    rejected = [row for row in found if row.rejected]
    assert {row.sequence for row in rejected} == {s for s in batch if potency(s) < 4}
    assert {row.reason for row in rejected} == {"rejected by potency"}
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert not {row.sequence for row in summarise(store).guided.best} & {
            row.sequence for row in rejected
        }


def test_several_outputs_and_failed_measurements(tmp_path):
    oracle = Measured(["a", "b"], direction=["max", "min"])
    campaign = lab(tmp_path / "run", oracle, Objective([Term("a")], "arithmetic_mean"))
    batch = campaign.ask(4)
    campaign.tell(batch, np.array([[1.0, 2.0], [3.0, np.nan], [np.nan, np.nan], [5.0, 0.0]]))
    found, _, _ = rows(tmp_path / "run")
    assert [row.status for row in found] == ["ok", "failed", "failed", "ok"]
    assert found[1].reason == "could not be measured"
    assert [row.reward for row in found] == pytest.approx([1, 3, np.nan, 5], nan_ok=True)
    assert len(campaign.ask(4)) == 4
    nothing = lab(tmp_path / "none")
    batch = nothing.ask(3)
    nothing.tell(batch, [np.nan] * 3)
    assert len(nothing.ask(3)) == 3  # still nothing known: unguided
    assert np.isnan([d.reward for k, d in rows(tmp_path / "none")[1]]).all()


def test_values_of_an_earlier_project_guide_the_first_batch(tmp_path):
    campaign = lab(tmp_path / "run")
    with pytest.raises(StoreError, match="holds no run"):
        campaign.tell(ALL[:3], [1.0] * 3)
    campaign.run()
    with pytest.raises(DataError, match=r"row 1: 'AAAA' was not asked for \(unasked=true"):
        campaign.tell(ALL[:3], [1.0] * 3)
    some = ALL[::5]
    campaign.tell(some, [potency(s) for s in some], unasked=True)
    batch = campaign.ask(Choice(12, weight=0.9))
    assert not set(batch) & set(some)
    assert np.mean([potency(s) for s in batch]) > np.mean([potency(s) for s in ALL]) + 1.5
    found, _, _ = rows(tmp_path / "run")
    assert {row.round for row in found} == {-1}


# What is told wrongly.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: ("AXA", 1.0)}, r"row 1: 'AXA' is not valid: letter 'X' is not in the alphabet"),
        ({1: ("", 1.0)}, r"row 2: '' is not valid: empty"),
        ({2: ("AAAAA", 1.0)}, r"row 3: 'AAAAA' was not asked for"),
        ({1: (None, float("inf"))}, r"row 2: the value of '[ACGT]+' is infinite"),
        ({2: (0, 1.0)}, r"row 3: '[ACGT]+' stands in row 1 already"),
        ({0: ("N", 1.0), 2: ("", 1.0)}, r"row 1: 'N' .*; row 3: '' "),
    ],
)
def test_one_bad_row_and_nothing_is_recorded(tmp_path, change, message):
    campaign = lab(tmp_path / "run")
    batch = campaign.ask(3)
    told = [(s, 1.0) for s in batch]
    for place, (string, value) in change.items():
        string = batch[string] if isinstance(string, int) else string
        told[place] = (batch[place] if string is None else string, value)
    with pytest.raises(DataError, match=f"nothing was recorded: {message}"):
        campaign.tell([s for s, _ in told], [v for _, v in told])
    assert rows(tmp_path / "run")[0] == []


def test_telling_twice(tmp_path):
    campaign = lab(tmp_path / "run")
    batch = campaign.ask(3)
    campaign.tell(batch[:2], [0.5, np.nan])
    told = campaign.tell(batch, [0.5, np.nan, 0.7])  # the same file, one row longer
    assert (told.recorded, told.known) == (1, 2)
    with pytest.raises(DataError, match=r"row 2: '[ACGT]+' was told before, as nan"):
        campaign.tell(batch, [0.5, 0.1, 0.7])
    assert [r.scores[0] for r in rows(tmp_path / "run")[0]] == pytest.approx(
        [0.5, np.nan, 0.7], nan_ok=True
    )


def test_many_faults_are_counted(tmp_path):
    campaign = lab(tmp_path / "run")
    campaign.run()
    with pytest.raises(DataError, match=r"row 5: 'AACA' was not .*; and 251 more"):
        campaign.tell(ALL, [0.0] * 256)


def test_a_disk_that_fails_records_nothing(tmp_path, monkeypatch):
    campaign = lab(tmp_path / "run")
    batch = campaign.ask(3)

    def full(row):
        raise StoreError("cannot write: disk is full")

    monkeypatch.setattr("discdiff.campaign.schema.numbers", full)
    with pytest.raises(StoreError, match="disk is full"):
        campaign.tell(batch, [1.0, 2.0, 3.0])
    assert rows(tmp_path / "run")[0] == []


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0], DataError, r"values must be \(3, 1\), .* got shape \(1, 1\)"),
        (np.zeros((3, 2)), DataError, r"values must be \(3, 1\), .* got shape \(3, 2\)"),
        ({"activity": [1.0] * 3}, InputError, "values must be given for potency, got activity"),
    ],
)
def test_values_of_the_wrong_shape(tmp_path, values, error, message):
    campaign = lab(tmp_path / "run")
    batch = campaign.ask(3)
    with pytest.raises(error, match=message):
        campaign.tell(batch, values)


# What cannot be asked.


def test_limits(tmp_path):
    campaign = lab(tmp_path / "run", budget=10)
    with pytest.raises(InputError, match="n must be at most 10 here: 0 of a budget of 10"):
        campaign.ask(11)
    campaign.ask(8)
    with pytest.raises(InputError, match="n must be at most 2 here: 8 of a budget of 10"):
        campaign.ask(3, new=True)
    with pytest.raises(InputError, match="oversample must be a positive integer, got 0"):
        campaign.ask(2, oversample=0, new=True)
    few = lab(tmp_path / "few", budget=1000, round_size=64, patience=2)
    with pytest.raises(InputError, match=r"n must be at most \d+ here: so many new designs came"):
        few.ask(300)
    assert rows(tmp_path / "few")[1] == []


def test_what_is_computed_is_not_asked(tmp_path):
    campaign = Campaign(tmp_path / "run", SAMPLER, Unguided(), len_of, budget=4)
    for act in (lambda: campaign.ask(2), lambda: campaign.tell(["A"], [1.0])):
        with pytest.raises(UnsupportedError, match="computes its values, so nothing is asked"):
            act()
    with pytest.raises(InputError, match="baseline must be None where values are measured"):
        lab(tmp_path / "other", baseline=Unguided())
    with pytest.raises(InputError, match="one oracle must hold all that is measured"):
        lab(tmp_path / "other", Combined({"a": Measured(), "b": Measured()}))
    assert not list(tmp_path.iterdir())


def len_of(strings):
    return [len(s) for s in strings]


def test_other_settings_are_refused(tmp_path):
    lab(tmp_path / "run").ask(2)
    with pytest.raises(StoreError, match=r"rules.seed was 5, now 6"):
        lab(tmp_path / "run", seed=6).ask(2)
    changed = lab(tmp_path / "run", Measured(["potency"], explore=2.0))
    with pytest.raises(StoreError, match="oracle was 'measured@1"):
        changed.tell(["AAAA"], [1.0])


def test_the_oracle_alone_answers_nothing():
    oracle = Measured(["x", "y"], ["max", "min"])
    assert np.isnan(oracle(["A", "C"]).values).all()
    both = Combined({"m": oracle, "n": len_of})
    told = with_answers(both, lambda strings: [[1.0, 2.0] for _ in strings])
    assert told(["AC"]).values.tolist() == [[1.0, 2.0, 2.0]]
    assert both(["AC"]).status == ("not_evaluated",)  # the first is as it was
    for wrong, message in (({"explore": -1}, "explore must lie in"), ({"direction": "up"}, "max")):
        with pytest.raises(InputError, match=message):
            Measured(**wrong)


def test_the_report_and_the_summary_say_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.undo()
    campaign = lab(tmp_path / "run")
    assert campaign.run().notes == (
        "potency: 0 of 0 designs asked for in 0 batches have been told",
    )
    batch = campaign.ask(3)
    campaign.tell(batch[:2], [1.0, 2.0])
    campaign.tell(["AAAA" if "AAAA" not in batch else "CCCC"], [0.5], unasked=True)
    summary = campaign.resume()
    assert summary.notes == (
        "potency: 2 of 3 designs asked for in 1 batch have been told, and 1 that were not "
        "asked for",
    )
    assert [row.sequence for row in summary.guided.best[:2]] == batch[1::-1]
    page = (tmp_path / "run" / "report.html").read_text()
    assert summary.notes[0] in page
    assert "preview" not in page
