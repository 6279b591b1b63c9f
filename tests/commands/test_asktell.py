"""`ask` and `tell`: a laboratory campaign from the command line, and what is refused."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

from discdiff.campaign import runner

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow figures; `design` and `report` have them in their own tests."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


@pytest.fixture
def lab(design: Run, tmp_path: Path) -> Path:
    """A begun run: `potency` is measured, QED computed."""
    (tmp_path / "lab.yaml").write_text(
        "oracle: {potency: {name: measured}, drug: {name: qed}}\nobjective: arithmetic_mean\n"
    )
    output = design("lab.yaml", "out=lab", "budget=100")
    assert "potency: 0 of 0 designs asked for in 0 batches have been told" in " ".join(
        output.split()
    )
    return tmp_path / "lab"


def measure(path: Path, out: str) -> None:
    """Fill in the empty column of a batch: the number of oxygens."""
    batch = pandas.read_csv(path)
    batch["potency"] = [s.count("O") for s in batch.SMILES]
    batch.to_csv(out, index=False)


def told(run: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(run / "campaign.sqlite") as database:
        return database.execute(
            "SELECT sequence, round, status, scores, reward FROM evaluation ORDER BY id"
        ).fetchall()


def test_two_batches(discdiff: Run, lab: Path):
    assert "batch 0, 5 designs: lab/batch-0.csv" in discdiff("ask", "lab", "n=5")
    batch = pandas.read_csv(lab / "batch-0.csv")
    assert batch.columns.tolist() == ["SMILES", "potency", "batch", "rank", "scaffold", "expected"]
    assert batch.potency.isna().all()
    assert batch["rank"].tolist() == [1, 2, 3, 4, 5]
    measure(lab / "batch-0.csv", "results.csv")
    output = discdiff("tell", "lab", "results.csv")
    assert "5 results recorded; next: discdiff ask lab" in output
    assert "0 results recorded, 5 known before" in discdiff("tell", "lab", "results.csv")
    designs = pandas.read_csv(lab / "designs.csv")
    assert designs.SMILES.tolist() == batch.SMILES.tolist()
    assert designs["potency (raw)"].tolist() == [s.count("O") for s in batch.SMILES]
    mean = (designs["potency (raw)"] + designs["drug (raw)"]) / 2
    assert designs.Score.tolist() == pytest.approx(mean.tolist())
    discdiff("ask", "lab", "n=3", "method=maxmin", "out=second.csv")
    second = pandas.read_csv("second.csv")
    assert not set(second.SMILES) & set(batch.SMILES)
    assert second.expected.notna().all()
    assert set(second.batch) == {1}
    assert "5 of 8 designs asked for in 2 batches have been told" in " ".join(
        discdiff("resume", "lab").split()
    )


def test_asking_again_keeps_what_was_filled_in(discdiff: Run, lab: Path):
    discdiff("ask", "lab", "n=4")
    (lab / "batch-0.csv").write_text("half filled in")
    assert "batch 0 is still out: lab/batch-0.csv" in discdiff("ask", "lab", "n=4")
    assert (lab / "batch-0.csv").read_text() == "half filled in"
    discdiff("ask", "lab", "n=4", "out=again.csv")
    assert len(pandas.read_csv("again.csv")) == 4


def test_a_batch_as_sdf_and_results_with_gaps(discdiff: Run, lab: Path):
    discdiff("ask", "lab", "n=4", "out=batch.sdf")
    discdiff("ask", "lab", "n=4", "out=batch.csv")
    batch = pandas.read_csv("batch.csv", dtype={"potency": object})
    batch["potency"] = ["1.5", "failed", None, "2"]
    batch.to_csv("results.csv", index=False)
    assert "row 3: potency is missing" in discdiff("tell", "lab", "results.csv", code=2)
    assert told(lab) == []
    assert "3 results recorded" in discdiff("tell", "lab", "results.csv", "missing=skip")
    assert [(row[0], row[2]) for row in told(lab)] == list(
        zip(batch.SMILES[[0, 1, 3]], ("ok", "failed", "ok"), strict=True)
    )


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("SMILES,potency\nCCO,1\n", [], r"row 1: 'CCO' was not asked for \(unasked=true"),
        ("SMILES,potency\nC1CC,1\n", [], r"row 1: 'C1CC' is not valid: syntax error"),
        ("SMILES,potency\nCCO,1\nOCC,1\n", ["unasked=true"], "row 2: 'OCC' stands in row 1 alrea"),
        ("SMILES,potency\nCCO,\nCCN,2\nCCN,2\n", ["unasked=true", "missing=skip"], "row 3: 'CCN' "),
        ("SMILES,potency\nCCO,high\n", [], "row 1: potency must be a number, got 'high'"),
        ("SMILES,potncy\nCCO,1\n", [], "must have a column 'potency'.*Did you mean 'potncy'"),
        ("SMILES,potency\nCCO,1\n", ["column=smiles"], "must have a column 'smiles'"),
        (
            "SMILES,potency\nCCO,1\n",
            ["unaskd=true"],
            "unknown key 'unaskd'.*Did you mean 'unasked'",
        ),
    ],
)
def test_wrong_results(
    discdiff: Run, lab: Path, tmp_path: Path, text: str, arguments: list[str], message: str
):
    (tmp_path / "results.csv").write_text(text)
    error = discdiff("tell", "lab", "results.csv", *arguments, code=2)
    assert re.search(message, error)
    assert len(error.splitlines()) == 1
    assert told(lab) == []


def test_wrong_batches(discdiff: Run, lab: Path, tmp_path: Path):
    (tmp_path / "there.csv").write_text("mine")
    for arguments, message in (
        (["n=0"], "n must be a positive integer"),
        (["n=101"], "n must be at most 100 here: 0 of a budget of 100"),
        (["oversample=0"], "oversample must be a positive integer"),
        (["method=best"], "method must be one of dpp, maxmin"),
        (["out=x.pdf"], "out must end in"),
        (["out=there.csv"], "out must be a new file"),
    ):
        error = discdiff("ask", "lab", *arguments, code=2)
        assert message in error
        assert len(error.splitlines()) == 1
    with sqlite3.connect(lab / "campaign.sqlite") as database:
        assert database.execute("SELECT count(*) FROM draw").fetchone() == (0,)
    assert not list(lab.glob("batch*"))


def test_a_run_that_is_none_or_computes(discdiff: Run, design: Run, lab: Path, tmp_path: Path):
    (tmp_path / "results.csv").write_text("SMILES,qed\nCCO,1\n")
    assert "nothing holds no run" in discdiff("ask", "nothing", code=1)
    assert "nothing holds no run" in discdiff("tell", "nothing", "results.csv", code=1)
    design("out=computed", "budget=4")
    assert "choose designs with `discdiff select`" in discdiff("ask", "computed", "n=2", code=2)
    assert "computes its values" in discdiff("tell", "computed", "results.csv", code=2)
    assert "workers must be 0" in design("oracle=measured", "workers=1", "out=x", code=2)
    assert not (tmp_path / "x").exists()
    shutil.copytree(lab, tmp_path / "broken")
    (tmp_path / "broken" / "campaign.sqlite").write_text("not a database")
    assert "broken" in discdiff("ask", "broken", "n=2", code=1)
