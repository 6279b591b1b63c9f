import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from discdiff.chem.molecule import parse
from discdiff.chem.scaffolds import murcko, scaffold

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "O=C1CCCCC1",
    "CCCO",
    "C1CC1CC1CC1.CC",
]


@pytest.mark.parametrize("smiles", SMILES)
def test_equals_rdkit(smiles):
    assert scaffold(parse(smiles)) == MurckoScaffold.MurckoScaffoldSmiles(
        smiles, includeChirality=True
    )
    assert scaffold(parse(smiles), stereo=False) == MurckoScaffold.MurckoScaffoldSmiles(smiles)


def test_generic_scaffold_has_rings_and_chains_only():
    assert scaffold(parse("O=C1CCCN1Cc1ccncc1"), generic=True) == "C1CCC(CC2CCCC2)CC1"


def test_acyclic_has_none():
    assert murcko(parse("CCO")).GetNumAtoms() == 0
    assert scaffold(parse("CCO")) == scaffold(parse("CCO"), generic=True) == ""


def test_the_molecule_is_not_changed():
    mol = parse("C12C3C4C1C5C2C3C45")
    before = mol.GetRingInfo().NumRings()
    scaffold(mol, generic=True)
    assert mol.GetRingInfo().NumRings() == before == 6
    assert Chem.MolToSmiles(mol)
