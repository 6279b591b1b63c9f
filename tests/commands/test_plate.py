"""The README's way from a clone to a plate of 96 molecules, command by command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from rdkit import Chem

from tests.test_documents import Block, blocks

SECTION = "## From a clone to a plate of 96"
SCAFFOLD = "c1ccc2[nH]c(*)nc2c1"
INSTALLED = ". .venv/bin/activate"


def section() -> dict[str, Block]:
    """The section's blocks by language; that of the commands has none."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    first = text.count("\n", 0, text.index(SECTION)) + 1
    last = text.count("\n", 0, text.index("\n## ", text.index(SECTION) + 1)) + 1
    found = [block for block in blocks("README.md") if first < block.line <= last]
    assert len(found) == 3
    return {block.language: block for block in found}


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command of the section has run."""
    folder = tmp_path_factory.mktemp("first_day")
    parts = section()
    for language in ("python", "yaml"):
        code = parts[language].code
        (folder / code.splitlines()[0].removeprefix("# ")).write_text(code)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    commands = [line.split("  #")[0].strip() for line in parts[""].code.splitlines()]
    assert commands[0] == INSTALLED  # the environment that runs the tests stands for it
    for command in commands[1:]:
        ran = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    return folder


def test_the_plate_holds_96_designs_that_hold_the_scaffold(plate: Path):
    found = list(Chem.SDMolSupplier(str(plate / "plate.sdf")))
    assert len(found) == 96
    assert len({Chem.MolToSmiles(mol) for mol in found}) == 96
    scaffold = Chem.MolFromSmarts(SCAFFOLD)
    assert all(mol.HasSubstructMatch(scaffold) for mol in found)


def test_their_scores_are_those_of_the_program(plate: Path):
    for mol in Chem.SDMolSupplier(str(plate / "plate.sdf")):
        nitrogens = sum(atom.GetSymbol() == "N" for atom in mol.GetAtoms())
        assert float(mol.GetProp("nitrogens (raw)")) == nitrogens


def test_both_arms_spent_their_budget_and_the_guided_one_found_more(plate: Path):
    table = pandas.read_csv(plate / "runs" / "mine" / "designs.csv", engine="python")
    scored = table[table.status == "ok"]
    assert scored.arm.value_counts().to_dict() == {"guided": 300, "unguided": 300}
    best = scored.groupby("arm").Score.nlargest(10).groupby("arm").mean()
    assert best["guided"] > best["unguided"]
    assert (plate / "runs" / "mine" / "report.html").stat().st_size > 10_000
