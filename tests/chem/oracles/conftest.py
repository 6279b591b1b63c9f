"""Reference values of the closed-form oracles."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture(scope="session")
def golden(golden_folder):
    """Column name to its 74 values, and under "constants" single numbers."""
    file = json.loads((golden_folder / "pmo.json").read_text())
    table = dict(zip(file["columns"], zip(*file["rows"], strict=True), strict=True))
    numbers = {name: np.array(column) for name, column in table.items() if name != "smiles"}
    return {"smiles": list(table["smiles"]), "constants": file["constants"]} | numbers


@pytest.fixture(scope="session")
def smiles(golden):
    """74 molecules: drugs, ZINC molecules, cages, salts and charged ones."""
    return golden["smiles"]
