"""`design`, `resume` and `report`, from the arguments to the files of the run."""

from __future__ import annotations

import csv
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from discdiff.chem.oracles.descriptors import QED

Run = Callable[..., str]
FILES = {
    "campaign.sqlite",
    "config.yaml",
    "designs.csv",
    "environment.json",
    "log.txt",
    "report.html",
}


def rows(run: Path) -> list[tuple[object, ...]]:
    """Every evaluation of a run, without its timing."""
    with sqlite3.connect(run / "campaign.sqlite") as database:
        query = "SELECT arm, round, sequence, raw, status, scores, reward FROM evaluation"
        return database.execute(f"{query} ORDER BY id").fetchall()


def test_a_campaign_leaves_the_run_folder(design: Run, tmp_path: Path):
    output = design("experiment=qed_sa", "baseline=true", "out=run")
    run = tmp_path / "run"
    assert {p.name for p in run.iterdir() if p.name[0] != "."} == FILES
    assert "run/report.html" in output
    evaluated = rows(run)
    assert [sum(row[0] == arm for row in evaluated) for arm in ("guided", "unguided")] == [40, 40]
    with (run / "designs.csv").open() as file:
        designs = list(csv.DictReader(file))
    assert {row["SMILES"] for row in designs} == {row[2] for row in evaluated}


def test_the_reward_is_the_product_of_the_scores(design: Run, tmp_path: Path):
    design("experiment=qed_sa", "out=run")
    for row in rows(tmp_path / "run"):
        qed, sa = (float(x) for x in str(row[5]).strip("[]").split(","))
        assert row[6] == pytest.approx(qed * sa)


def test_a_file_with_terms_filters_and_a_diversity_memory(design: Run, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        "oracle: {drug: {name: qed}, mass: {name: molecular_weight}}\n"
        "objective:\n"
        "  aggregation: geometric_mean\n"
        "  terms:\n"
        "    drug: {weight: 2}\n"
        "    mass: {transform: {name: sigmoid, low: 50, high: 100}, direction: max}\n"
        "  filters: [{name: range, output: mass, high: 130}]\n"
        "  diversity: {name: scaffold, bucket_size: 5}\n"
    )
    design("mine.yaml")
    assert len(rows(tmp_path / "runs" / "mine-0")) == 40


def test_several_runs_at_once(design: Run, tmp_path: Path):
    design("-m", "seed=0,1")
    assert rows(tmp_path / "runs/design-0") != rows(tmp_path / "runs/design-1")


def test_the_same_value_twice_is_one_run(design: Run, tmp_path: Path):
    design("-m", "seed=1,1")
    assert [run.name for run in (tmp_path / "runs").iterdir()] == ["design-1"]


def test_show_prints_the_configuration_and_runs_nothing(design: Run, tmp_path: Path):
    assert "budget: 40" in design("--show")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_is_resumed_to_the_same_table(
    design: Run, discdiff: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    design("out=whole")
    score = QED._score
    asked: list[str] = []

    def interrupt(self: QED, smiles: str) -> float:
        asked.append(smiles)
        if len(asked) == 30:
            raise KeyboardInterrupt
        return score(self, smiles)

    monkeypatch.setattr(QED, "_score", interrupt)
    message = design("out=part", code=130)
    assert message.endswith("Continue with: discdiff resume part")
    recorded = len(rows(tmp_path / "part"))
    assert 0 < recorded < 30
    monkeypatch.setattr(QED, "_score", score)
    discdiff("resume", "part")
    assert rows(tmp_path / "part") == rows(tmp_path / "whole")


KILL_SELF = """
import os, signal, sys
from discdiff.chem.oracles.descriptors import QED
from discdiff.cli import main
score, asked = QED._score, []
def kill(self, smiles):
    asked.append(smiles)
    if len(asked) == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return score(self, smiles)
QED._score = kill
sys.argv = ["discdiff", *sys.argv[1:]]
main()
"""


def test_a_killed_run_is_resumed_to_the_same_table(
    design: Run, discdiff: Run, tiny: Path, tmp_path: Path
):
    design("out=whole")
    arguments = ["design", f"model={tiny}", "guidance=best_of_n", "guidance.candidates=2"]
    arguments += ["round_size=8", "budget=40", "baseline=false", "out=part"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(
        [sys.executable, "-c", KILL_SELF, *arguments], env=environment, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    discdiff("resume", "part")
    assert rows(tmp_path / "part") == rows(tmp_path / "whole")


def test_a_finished_run_is_reported_again(design: Run, discdiff: Run, tmp_path: Path):
    design("out=run")
    (tmp_path / "run" / "report.html").unlink()
    output = discdiff("report", "run")
    assert "guided" in output
    assert (tmp_path / "run" / "report.html").is_file()


def test_what_filters_reject_is_counted_and_is_none_of_the_best(design: Run, tmp_path: Path):
    rule = "objective.filters=[{name: range, output: qed, low: 0.4}]"
    output = design("oracle=[qed]", rule, "out=run")
    rejected = [row for row in rows(tmp_path / "run") if row[6] == 0]
    assert rejected
    assert re.search(rf"rejected by filters\s+{len(rejected)}\b", output)
    with (tmp_path / "run" / "designs.csv").open() as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    assert reasons.count("rejected by qed") == len(rejected)
    best = output.partition("At the same")[0]
    assert "0.000" not in best


def test_filters_before_the_oracle_and_a_reference_set(design: Run, discdiff: Run, tmp_path: Path):
    (tmp_path / "known.smi").write_text("CCO\nCCN\n")
    rule = "objective.filters=[{name: confidence, at_least: 0.17}]"
    output = design("oracle=[qed]", rule, "reference=known.smi", "out=run")
    assert len(rows(tmp_path / "run")) == 40
    with (tmp_path / "run" / "designs.csv").open() as file:
        lines = list(csv.DictReader(file))
    rejected = [line for line in lines if line["status"] == "rejected"]
    evaluated = [line for line in lines if line["status"] != "rejected"]
    assert rejected
    assert len(evaluated) == 40
    assert {line["reason"] for line in rejected} == {"rejected by confidence"}
    assert max(float(line["confidence"]) for line in rejected) < 0.17
    assert min(float(line["confidence"]) for line in evaluated) >= 0.17
    assert {line["reference"] for line in lines} == {"CCO", "CCN"}
    assert all(line["alerts"].isdigit() for line in lines)
    found = re.search(r"rejected before scoring\s+(\d+)", output)
    assert found
    assert int(found[1]) >= len(rejected)
    before = (tmp_path / "run" / "designs.csv").read_text()
    discdiff("resume", "run")  # the reference set is read again
    assert (tmp_path / "run" / "designs.csv").read_text() == before
    (tmp_path / "known.smi").write_text("CCO\n")
    assert "reference.hash was" in discdiff("resume", "run", code=1)


def test_a_reference_that_is_no_set_is_refused(design: Run, tmp_path: Path):
    (tmp_path / "known.smi").write_text("CCO\nC((\n")
    message = design("reference=known.smi", "out=run", code=2)
    assert "row 2" in message
    assert not (tmp_path / "run").exists()
