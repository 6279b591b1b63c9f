"""SDF files: RDKit reads back every molecule and every property."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from discdiff.chem.sdf import sdf_bytes
from discdiff.data.tables import Table, write_table
from discdiff.errors import DataError

SMILES = ["CCO", "c1ccc2[nH]ccc2c1", "C[C@H](N)C(=O)O", "F/C=C/Cl", "[O-][N+](=O)c1ccccc1"]


def test_rdkit_reads_back_molecules_properties_and_coordinates(tmp_path: Path):
    rows = [(s, i / 3, i > 1, math.nan if i else 1e-9, f"n{i}") for i, s in enumerate(SMILES)]
    table = Table(("SMILES", "Score", "final", "qed (raw)", "id"), rows)
    path = write_table(table, tmp_path / "out.sdf")
    found = list(Chem.SDMolSupplier(str(path)))
    assert [Chem.MolToSmiles(mol) for mol in found] == [Chem.CanonSmiles(s) for s in SMILES]
    assert [mol.GetProp("_Name") for mol in found] == [f"n{i}" for i in range(5)]
    assert [float(mol.GetProp("Score")) for mol in found] == [i / 3 for i in range(5)]
    assert [mol.GetProp("final") for mol in found] == ["false", "false", "true", "true", "true"]
    assert [mol.HasProp("qed (raw)") for mol in found] == [1, 0, 0, 0, 0]
    for mol in found:
        place = mol.GetConformer().GetPositions()
        apart = np.linalg.norm(place[:, None] - place[None], axis=-1) + 9 * np.eye(len(place))
        assert not mol.GetConformer().Is3D()
        assert apart.min() > 0.5


def test_no_cell_or_column_can_end_a_record(tmp_path: Path):
    nasty = "a\n\n$$$$\nb\r\n>  <Score>"
    table = Table(("SMILES", "reason", "x>  <y"), [("CCO", nasty, 1.0), ("CCN", "", 2.0)])
    found = list(Chem.SDMolSupplier(str(write_table(table, tmp_path / "out.sdf"))))
    assert [Chem.MolToSmiles(mol) for mol in found] == ["CCO", "CCN"]
    assert found[0].GetProp("reason") == "a  $$$$ b >  <Score>"
    assert found[1].GetProp("x)  (y") == "2.0"


def test_what_is_no_molecule_is_refused_with_its_row(tmp_path: Path):
    with pytest.raises(DataError, match=r"row 2: 'C1CC' is no molecule: syntax error"):
        write_table(Table(("SMILES",), [("CCO",), ("C1CC",)]), tmp_path / "out.sdf")
    with pytest.raises(DataError, match="needs a first column SMILES, got 'sequence'"):
        sdf_bytes(Table(("sequence",), [("CCC",)]))
    assert not list(tmp_path.iterdir())


def test_molecules_are_alike_by_tanimoto_and_share_scaffolds():
    from rdkit.Chem import rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    from discdiff.chem.smiles import Smiles

    domain = Smiles.fit(SMILES)
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    bits = [make(Chem.MolFromSmiles(s)) for s in SMILES]
    likeness = domain.likeness(SMILES)
    for i, smiles in enumerate(SMILES):
        expected = [TanimotoSimilarity(bits[i], other) for other in bits]
        assert likeness(smiles) == pytest.approx(expected, abs=1e-12)
    assert domain.scaffold("CCc1ccc2[nH]ccc2c1") == domain.scaffold(SMILES[1])
    assert domain.scaffold("CCO") == ""
    with pytest.raises(DataError, match="'C1CC' is not a molecule"):
        domain.scaffold("C1CC")
