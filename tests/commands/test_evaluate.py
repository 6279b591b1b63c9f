"""What `discdiff evaluate` says of strings that are not valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from discdiff import registry
from discdiff.cli import app


def sizes(strings, reference=None, *, fcd, sample, seed):
    """Measures of a plug-in that names no rows."""
    return {"count": float(len(strings))}


HELM = "PEPTIDE1{A.G}$$$$\nPEPTIDE1{A.[dLe]}$$$$\nPEPTIDE1{A.[Nle}$$$$\nC1CC\n"


def evaluated(tmp_path: Path, name: str, text: str, metrics: str) -> list[str]:
    """Return the lines on standard error."""
    file = tmp_path / name
    file.write_text(text)
    result = CliRunner().invoke(app, ["evaluate", str(file), f"metrics={metrics}"])
    assert result.exit_code == 0, result.output
    return [line.removeprefix(f"{file}") for line in result.stderr.splitlines()]


@pytest.mark.parametrize(
    ("name", "text", "metrics", "messages"),
    [
        (
            "a.fasta",
            ">a\nYGGFL\n>b\nyggfl\n>c\nGIBK\n>d\nGI\nJK\n",
            "peptide",
            [
                ", record 'b' (header in line 3): residue 1 is in lower case, 'y'",
                ", record 'c' (header in line 5): residue 3 is 'B', ambiguous: it must be D or N",
                ", record 'd' (header in line 7): residue 3 is 'J', ambiguous",
            ],
        ),
        ("a.csv", "sequence\nACGU\nACGT\n", "rna", [", row 2: base 4 is 'T', not one of ACGU"]),
        (
            "a.helm",
            HELM,
            "peptide_smiles",
            [
                ", row 2: PEPTIDE1, residue 2 (character 12): monomer 'dLe' is not in",
                ", row 3: ",
                ", row 4: syntax error",
            ],
        ),
        (
            "a.smi",
            "CCO\n" + "C1CC\n" * 7,
            "smiles",
            [*[f", row {n}: syntax error" for n in range(2, 7)], ": 2 more are not valid"],
        ),
    ],
)
def test_the_first_strings_that_are_not_valid_are_named(tmp_path, name, text, metrics, messages):
    lines = evaluated(tmp_path, name, text, metrics)
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith(message)


def test_measures_that_name_no_rows_are_taken_too(tmp_path, monkeypatch):
    find = registry.find
    monkeypatch.setattr(
        registry, "find", lambda kind, name: sizes if kind == "metrics" else find(kind, name)
    )
    (tmp_path / "a.smi").write_text("CCO\nC1CC\n")
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "a.smi"), "metrics=smiles"])
    assert "count\t2.0000" in result.output
