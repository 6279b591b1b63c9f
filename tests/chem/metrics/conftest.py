"""Two small sets of molecules that overlap, with duplicates and stereoisomers in one."""

from __future__ import annotations

import json

import pytest
from rdkit import Chem


def _single(golden_folder, start, stop):
    """Those of the golden molecules that are one fragment."""
    rows = json.loads((golden_folder / "pmo.json").read_text())["rows"]
    return [row[0] for row in rows[start:stop] if "." not in row[0]]


@pytest.fixture(scope="session")
def reference_smiles(golden_folder):
    """About 40 distinct molecules, two of them equal but for stereochemistry."""
    return _single(golden_folder, 0, 40)


@pytest.fixture(scope="session")
def generated_smiles(golden_folder):
    """30 molecules, 8 of them in the reference, one drawn twice, and a pair of stereoisomers."""
    drawn = _single(golden_folder, 32, 59)
    return [*drawn, drawn[-1], "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"]


@pytest.fixture(scope="session")
def reference(reference_smiles):
    return [Chem.MolFromSmiles(s) for s in reference_smiles]


@pytest.fixture(scope="session")
def generated(generated_smiles):
    return [Chem.MolFromSmiles(s) for s in generated_smiles]
