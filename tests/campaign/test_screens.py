"""Filters before the oracle, and what is recorded of a design beside its scores."""

from __future__ import annotations

import csv
import itertools
import math
import sqlite3
from collections import Counter

import numpy as np
import pytest

from discdiff.campaign import Campaign, Choice, Store, runner, summarise
from discdiff.campaign.background import Background
from discdiff.campaign.report import render_report
from discdiff.campaign.rows import Draw, Row
from discdiff.campaign.schema import FORMAT, ROWS
from discdiff.errors import DataError, InputError, StoreError
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.objective.filters import ConfidenceFilter
from discdiff.oracle.measured import Measured
from discdiff.samplers.first_hitting import FirstHitting
from tests.campaign.doubles import Climb, NoTT, fake_sampler, without_times

WORDS = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
WEIGHTS = np.random.default_rng(1).dirichlet(np.full(len(WORDS), 0.3))
LAW = dict(zip(WORDS, WEIGHTS, strict=True))
SAMPLER = FirstHitting(Model.tabular(WORDS, WEIGHTS.tolist()))
LEAST = 0.3
REFERENCE = ["GATT", "CCCC"]


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


class Share:
    """The share of G; notes what it is asked, and can stop the run before its n-th call."""

    name, version, outputs = "g", "1", ("g",)

    def __init__(self, stop=None):
        self._asked, self._left = [], stop

    def __call__(self, strings):
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        self._asked.extend(strings)
        return [s.count("G") / 4 for s in strings]


def campaign(folder, oracle, guidance=None, rules=None, **changes):
    filters = [NoTT(), ConfidenceFilter(at_least=LEAST)] if rules is None else rules
    objective = Objective([Term("g")], filters=filters, rejected=0)
    guidance = FKSteering(particles=4, scale=4.0) if guidance is None else guidance
    options = {"budget": 40, "round_size": 8, "batch_size": 4, "baseline": Unguided()}
    options |= {"reference": REFERENCE, **changes}
    return Campaign(folder, SAMPLER, guidance, oracle, objective, **options)


@pytest.fixture(scope="module")
def whole(shared_path):
    """An untouched run, and what its oracle was asked."""
    oracle = Share()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "write_report", lambda store, draw: None)
        campaign(shared_path / "run", oracle).run()
    return shared_path / "run", oracle._asked


def contents(folder):
    with Store.open(folder, read_only=True) as store:
        return without_times(store), (folder / "designs.csv").read_text()


def test_what_is_rejected_is_recorded_and_neither_asked_nor_charged(whole):
    folder, asked = whole
    with Store.open(folder, read_only=True) as store:
        rows, rejected = store.rows(), store.rejections()
        rounds = [found for arm in ("guided", "unguided") for found in store.rounds(arm)]
    assert len([r for r in rows if r.arm == "guided"]) == 40
    assert {r.sequence for r in rows} == set(asked)
    reasons = {row.reason for row in rejected}
    assert reasons == {"rejected by tt", "rejected by confidence"}
    assert all("TT" not in s for s in asked)
    for row in rows:
        assert row.confidence >= LEAST
        assert row.reward == row.scores[0] == row.sequence.count("G") / 4
    for row in rejected:
        assert (row.id, row.status, math.isnan(row.reward)) == (0, "rejected", True)
        assert ("TT" in row.sequence) == (row.reason == "rejected by tt")
        assert row.reason == "rejected by tt" or row.confidence < LEAST
        assert len(row.scores) == 1
    evaluated = {(row.arm, row.sequence) for row in rows}
    assert not evaluated & {(row.arm, row.sequence) for row in rejected}
    for arm in ("guided", "unguided"):
        asked_for = [row.request for row in rows if row.arm == arm]
        assert asked_for == sorted(set(asked_for))
        total = Counter()
        for found in rounds:
            total.update(found.counts if found.arm == arm else {})
        # the invalid and the repeated ones between two evaluations count as well
        paid = total["requested"] - total["rejected"] - total["not_evaluated"]
        assert 40 <= asked_for[-1] <= paid
    for found in rounds:
        counts = found.counts
        parts = ("invalid", "cached", "evaluated", "not_evaluated", "rejected")
        assert sum(counts[part] for part in parts) == counts["requested"]
    assert sum(found.counts["rejected"] for found in rounds) >= len(rejected)


def test_finished_designs_have_the_likelihood_of_the_exact_model(whole):
    folder, _ = whole
    with Store.open(folder, read_only=True) as store:
        rows = store.rows("unguided")  # nothing is previewed there
        draws = [draw for _, draw in store.draws("guided")]
    for found in [*rows, *draws]:
        assert found.log_likelihood == pytest.approx(math.log(LAW[found.sequence]), abs=1e-5)
        assert found.confidence == pytest.approx(LAW[found.sequence] ** 0.25, rel=1e-5)


def test_the_table_has_the_columns_and_the_rejected(whole):
    folder, _ = whole
    with (folder / "designs.csv").open() as file:
        lines = list(csv.DictReader(file))
    with Store.open(folder, read_only=True) as store:
        rows = [*store.rows(), *store.rejections()]
        assert "rejected before scoring" in render_report(store, lambda s: None)
    assert len(lines) == len(rows)
    likeness = SAMPLER.model.domain.likeness(REFERENCE)
    for line, row in zip(lines, rows, strict=True):
        assert float(line["confidence"]) == row.confidence
        assert float(line["log_likelihood"]) == row.log_likelihood
        assert line["alerts"] == ""  # letters have none
        near = likeness(row.sequence)
        assert line["reference"] == REFERENCE[int(near.argmax())]
        assert float(line["reference_similarity"]) == near.max()
        if row.status == "rejected":
            assert (line["Score"], line["g (raw)"], line["id"]) == ("", "", "")
            assert line["reason"].startswith("rejected by ")


@pytest.mark.parametrize("stop", [0, 1, 2, 5, 9])
def test_an_interrupted_run_ends_with_the_same_table(whole, tmp_path, stop):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        campaign(folder, Share(stop)).run()
    campaign(folder, Share()).resume()
    assert contents(folder) == contents(whole[0])


def test_a_run_of_which_everything_is_rejected_ends(tmp_path):
    folder = tmp_path / "run"
    oracle = Share()
    summary = campaign(folder, oracle, rules=[ConfidenceFilter(at_least=1.0)], patience=3).run()
    assert oracle._asked == []
    assert summary.guided.evaluated == 0
    assert "rejected by filters" in summary.notes[0]


def test_svdd_is_screened_as_well(tmp_path):
    campaign(tmp_path / "run", Share(), SVDD(candidates=3), baseline=None).run()
    with Store.open(tmp_path / "run") as store:
        assert all(row.confidence >= LEAST for row in store.rows())
        assert store.rejections("guided")
        assert store.rejections("unguided") == []


def test_a_method_that_keeps_the_models_word_to_itself_is_named(tmp_path):
    objective = Objective([Term("g")], filters=[ConfidenceFilter(at_least=0.1)])
    run = Campaign(tmp_path / "run", fake_sampler(), Climb(), Share(), objective, budget=5)
    with pytest.raises(InputError, match="a guidance method must hand it on"):
        run.run()


@pytest.mark.parametrize("method", [Evolution(8, 8, 4, 8), ISIRGibbs(2)])
def test_a_method_that_redraws_is_refused_before_anything_is_asked(tmp_path, method):
    oracle = Share()
    with pytest.raises(InputError, match="filter 'confidence' needs what the model says of every"):
        campaign(tmp_path / "run", oracle, method)
    assert oracle._asked == []
    assert not (tmp_path / "run").exists()


def test_another_reference_set_is_another_run(whole, tmp_path):
    folder, _ = whole
    with pytest.raises(StoreError, match="reference.hash was"):
        campaign(folder, Share(), reference=["ACGT", "CCCC"]).resume()
    with pytest.raises(StoreError, match="reference was .*, now not set"):
        campaign(folder, Share(), reference=None).resume()


def test_a_reference_that_cannot_be_read_is_named_by_row():
    from discdiff.chem.smiles import Smiles

    domain = Smiles.fit(["CCO"])
    with pytest.raises(DataError, match="reference must hold strings that can be read, row 2: "):
        Background(domain, ["CCO", "C(("])
    remark = Background(domain, ["CCO", "O=C1C=CC(=O)C=C1"]).remark("O=C1C=CC(=O)C=C1C")
    assert remark.reference == "O=C1C=CC(=O)C=C1"
    assert remark.alerts >= 1
    assert Background(domain).remark("CCO").alerts == 0
    assert Background(domain).settings() is None


# Laboratories.


def test_what_filters_reject_is_not_sent_to_the_laboratory(tmp_path):
    objective = Objective([Term("p")], filters=[NoTT(), ConfidenceFilter(at_least=0.2)], rejected=0)
    lab = Campaign(
        tmp_path / "lab",
        SAMPLER,
        Unguided(),
        Measured(["p"]),
        objective,
        budget=60,
        reference=REFERENCE,
    )
    for _ in range(2):
        batch = lab.ask(Choice(8), oversample=2)
        assert all("TT" not in string for string in batch)
        assert all(LAW[string] ** 0.25 >= 0.2 for string in batch)
        lab.tell(batch, [string.count("G") for string in batch])
    told = lab.tell(["TTTT"], [9.0], unasked=True)  # measured is measured
    assert told.recorded == 1
    with Store.open(tmp_path / "lab") as store:
        rows = store.rows()
    assert rows[-1].scores == (9.0,)
    assert rows[-1].reward == 0.0
    assert math.isnan(rows[-1].confidence)
    for row in rows[:-1]:
        assert row.confidence == pytest.approx(LAW[row.sequence] ** 0.25, rel=1e-5)
    assert all(row.reference in REFERENCE for row in rows)


# Runs of an older version.

FORMAT_1 = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE round (
    arm TEXT NOT NULL, number INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (arm, number)
) WITHOUT ROWID;
CREATE TABLE evaluation (
    id INTEGER PRIMARY KEY, arm TEXT NOT NULL, round INTEGER NOT NULL, sequence TEXT NOT NULL,
    raw TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, scores TEXT NOT NULL,
    reward REAL, seconds REAL NOT NULL, UNIQUE (sequence, arm)
);
CREATE TABLE draw (
    arm TEXT NOT NULL, round INTEGER NOT NULL, place INTEGER NOT NULL, raw TEXT NOT NULL,
    sequence TEXT, final INTEGER NOT NULL, reward REAL, log_weight REAL, log_likelihood REAL,
    confidence REAL, PRIMARY KEY (arm, round, place)
);
CREATE INDEX evaluation_round ON evaluation (arm, round);
CREATE INDEX draw_sequence ON draw (sequence, arm, final, log_likelihood);
CREATE VIEW design AS
    SELECT evaluation.*,
           EXISTS (
               SELECT 1 FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm AND draw.final
           ) AS final,
           (
               SELECT MAX(log_likelihood) FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm
           ) AS log_likelihood
    FROM evaluation;
PRAGMA application_id = 0x64646966;
PRAGMA user_version = 1;
"""


def aged(folder):
    """Rewrite a run as a version that knew no remarks and no rejections had left it."""
    path = folder / "campaign.sqlite"
    new = sqlite3.connect(path)
    kept = {
        name: new.execute(f"SELECT {columns} FROM {name}").fetchall()
        for name, columns in {
            "setting": "name, value",
            "round": "arm, number, finished, counts",
            "evaluation": "id, arm, round, sequence, raw, status, reason, scores, reward, seconds",
            "draw": "*",
        }.items()
    }
    new.close()
    for name in ("campaign.sqlite", "campaign.sqlite-wal", "campaign.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    old = sqlite3.connect(path)
    old.executescript(FORMAT_1)
    for name, rows in kept.items():
        if rows:
            old.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    old.commit()
    old.close()


def test_a_run_of_an_older_version_is_read_reported_and_continued(tmp_path):
    options = {"rules": [], "reference": None}
    folder, fresh = tmp_path / "run", tmp_path / "fresh"
    campaign(fresh, Share(), **options).run()
    with pytest.raises(KeyboardInterrupt):
        campaign(folder, Share(12), **options).run()
    aged(folder)
    version = "PRAGMA user_version"
    with Store.open(folder, read_only=True) as store:
        rows = store.rows()
        assert 0 < len(rows) < 80
        assert all(math.isnan(row.confidence) and row.reference == "" for row in rows)
        assert any(row.log_likelihood < 0 for row in rows)  # of the finished designs, as before
        assert store.rejections() == []
        assert store.find("guided", [rows[0].sequence])[rows[0].sequence].id == 1
        assert summarise(store).guided.evaluated
        page = render_report(store, lambda s: None)
        assert "guided" in page
    connection = sqlite3.connect(folder / "campaign.sqlite")
    assert connection.execute(version).fetchone() == (1,)  # reading left it as it was
    campaign(folder, Share(), **options).resume()
    assert connection.execute(version).fetchone() == (FORMAT,)
    connection.close()
    with Store.open(folder) as store, Store.open(fresh) as other:
        assert [r.sequence for r in store.rows()] == [r.sequence for r in other.rows()]
        assert [r.reward for r in store.rows()] == [r.reward for r in other.rows()]
        assert store.rows()[-1].confidence == other.rows()[-1].confidence > 0
        assert store.rows()[-1].request == other.rows()[-1].request > 0


def test_a_run_that_does_not_say_what_was_asked_before_is_read_and_continued(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        campaign(folder, Share(12)).run()
    connection = sqlite3.connect(folder / "campaign.sqlite")
    (view,) = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'view'").fetchone()
    connection.executescript(
        "DROP VIEW design; ALTER TABLE evaluation DROP COLUMN request; "
        f"{view.replace(', request', '')}; PRAGMA user_version = 2;"
    )
    connection.close()
    with Store.open(folder, read_only=True) as store:
        rows, rejected = store.rows(), store.rejections()
        assert ROWS[2].endswith("NULL FROM design")
    assert rejected
    assert {row.request for row in rows} == {0}
    campaign(folder, Share()).resume()
    with Store.open(folder) as store:
        assert [row.sequence for row in store.rows("guided")][: len(rows)] == [
            row.sequence for row in rows
        ]
        assert store.rows("guided")[-1].request > 40
        assert len(store.rejections()) >= len(rejected)


def test_the_remark_of_the_first_path_stays(tmp_path):
    from discdiff.campaign.rows import Remark

    with Store.create(tmp_path / "run", {"outputs": ["g"]}) as store:
        store.record([Row(1, "guided", 0, "AC", "AC", "ok", "", (1.0,), 0.1)])
        for value in (-2.0, -3.0):
            store.reward("guided", {"AC": 1.0}, None, {"AC": Remark(value, 0.5, 0.0)})
        store.finish_round("guided", 0, [Draw("AC", "AC", 1, log_likelihood=-1.0)], {})
        (row,) = store.rows()
        assert (row.log_likelihood, row.confidence, row.alerts) == (-2.0, 0.5, 0.0)
        for reason in ("rejected by a", "rejected by b"):
            store.reject([Row(0, "guided", 0, "GG", "GG", "rejected", reason, (), 0.0)])
        store.reject([Row(0, "guided", 0, "AC", "AC", "rejected", "rejected by a", (), 0.0)])
        (kept,) = store.rejections()  # what was evaluated after all is not listed
        assert (kept.sequence, kept.reason) == ("GG", "rejected by a")
