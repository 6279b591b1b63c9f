"""Constraints on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import yaml

from discdiff.model import Model

Run = Callable[..., str]


pytestmark = pytest.mark.usefixtures("no_report")


def test_samples_meet_it_and_carry_weights(discdiff: Run):
    asked = ("constraint.smiles=closed", "constraint.required=C#N", "constraint.forbidden=[OO]")
    discdiff("sample", "model=qm9_masked", "n=20", "length=10", "out=found.csv", *asked)
    found = pandas.read_csv("found.csv")
    assert found.SMILES.str.contains("C#N", regex=False).all()
    assert (found.SMILES.str.count(r"\(") == found.SMILES.str.count(r"\)")).all()
    for digit in "123456":
        assert (found.SMILES.str.count(digit) % 2 == 0).all()
    assert found.log_weight.nunique() > 10


def test_a_pattern_needs_no_quotes(discdiff: Run):
    lines = discdiff(
        "sample", "model=qm9_masked", "n=5", "length=8", "constraint.regex=C{2,3}[^C](C|N).*"
    ).splitlines()
    assert all(line.startswith("CC") for line in lines)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("constraint.regex=C(C|O", "command line: constraint.regex 'C(C|O' has no ')' for the '('"),
        ("constraint.regx=C", "got 'regx'. Did you mean 'regex'?"),
        ("constraint.required=CXe", "unexpected 'X' at position 1 of 'CXe'"),
        (
            "constraint.smiles.rngs=3",
            "must be one of depth, rings, got 'rngs'. Did you mean",
        ),
        ("constraint=5", "constraint must be"),
        ("constraint.iupac=ACGT", "must be left out for tokens that are no bases"),
        ("constraint.homopolymer=0", "constraint.homopolymer must be a positive integer, got 0"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(discdiff: Run, asked: str, message: str):
    assert message in discdiff("sample", "model=qm9_masked", "n=2", asked, code=2)


def test_a_file_is_named(discdiff: Run):
    Path("mine.yaml").write_text("model: qm9_masked\nconstraint: {forbidden: [Q]}\n")
    told = discdiff("sample", "mine.yaml", "n=2", code=2)
    assert "mine.yaml: constraint.forbidden: unexpected 'Q' at position 0 of 'Q'" in told


def test_a_run_keeps_to_it_and_resumes_with_it(design: Run, discdiff: Run):
    asked = (
        "model=qm9_masked",
        "length=8",
        "constraint.forbidden=[O,o]",
        "constraint.smiles=closed",
    )
    design("out=run", *asked)
    table = pandas.read_csv("run/designs.csv")
    assert len(table) > 5
    assert not table.SMILES.str.contains("[Oo]").any()
    stored = yaml.safe_load(Path("run/config.yaml").read_text())
    assert stored["constraint"] == {"forbidden": ["O", "o"], "smiles": "closed"}
    before = Path("run/designs.csv").read_text()
    discdiff("resume", "run")
    assert Path("run/designs.csv").read_text() == before
    Path("run/config.yaml").write_text(yaml.safe_dump(stored | {"constraint": {"forbidden": "O"}}))
    told = discdiff("resume", "run", code=1)
    assert "sampler.constraint.keys.forbidden was ['O', 'o'], now 'O'" in told


def test_a_model_whose_symbols_do_not_spell_its_strings_is_refused(discdiff: Run, tiny: Path):
    told = discdiff("sample", f"model={tiny}", "n=2", "constraint.homopolymer=3", code=2)
    assert "constraint needs strings that their tokens spell, got selfies" in told


def test_a_card_asks_for_it_and_the_command_line_switches_it_off(discdiff: Run, tmp_path: Path):
    model = Model.load("qm9_masked")
    named = {"name": "first_hitting", "constraint": {"smiles": "closed"}}
    model.card["recommended sampler"] = named
    model.save(tmp_path / "asking")
    card = json.loads((tmp_path / "asking" / "config.json").read_text())["card"]
    assert card["recommended sampler"] == named
    same = ("sample", "n=8", "seed=3")
    closed = discdiff(*same, "model=asking")
    assert closed == discdiff(*same, "model=qm9_masked", "constraint.smiles=closed")
    plain = discdiff(*same, "model=qm9_masked")
    assert closed != plain
    assert discdiff(*same, "model=asking", "constraint.smiles=null") == plain
