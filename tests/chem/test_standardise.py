from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from discdiff.chem import molecule, standardise
from discdiff.errors import DataError

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
]


@pytest.mark.parametrize(
    ("smiles", "kept"),
    [
        ("CCO", "CCO"),
        ("Cl.CN(C)C(=N)NC(=N)N", "CN(C)C(=N)NC(=N)N"),
        ("[Na+].CC(=O)[O-]", "CC(=O)[O-]"),
        ("OS(=O)(=O)O.CN", "CN"),  # the larger fragment has no carbon
        ("CCCl.CCBr", "CCBr"),  # as many atoms: the heavier
        ("CCN.CNC", "CCN"),  # as many atoms and as heavy: the first by name
        ("CO.CO", "CO"),
        ("[K+].[K+].[O-]C(=O)C(=O)[O-]", "O=C([O-])C(=O)[O-]"),
    ],
)
def test_largest_organic_fragment(smiles, kept):
    assert standardise.largest_organic_fragment(smiles) == kept


def test_a_molecule_without_carbon_has_no_organic_fragment():
    with pytest.raises(DataError, match=r"cannot use '\[Na\+\].\[Cl-\]': no organic fragment"):
        standardise.largest_organic_fragment("[Na+].[Cl-]")


@pytest.mark.parametrize("smiles", DRUGS)
def test_without_stereo_agrees_with_rdkit(smiles):
    mol = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(mol)
    flat = standardise.without_stereo(smiles)
    assert flat == Chem.CanonSmiles(Chem.MolToSmiles(mol))
    assert not set(flat) & set("@/\\")


def test_without_stereo_leaves_isotopes_and_the_shared_molecule():
    smiles = "C[C@H]([18F])Cl"
    form = molecule.canonical(smiles)
    assert standardise.without_stereo(smiles) == "CC([18F])Cl"
    assert Chem.MolToSmiles(molecule.parse(form)) == form


@pytest.mark.parametrize("smiles", DRUGS)
def test_random_spellings_are_reproducible_and_spell_the_same_molecule(smiles):
    first = [standardise.random_spelling(smiles, np.random.default_rng(i)) for i in range(8)]
    again = [standardise.random_spelling(smiles, np.random.default_rng(i)) for i in range(8)]
    assert first == again
    assert {Chem.CanonSmiles(s) for s in first} == {Chem.CanonSmiles(smiles)}
    assert len(set(first)) > 1


def test_successive_spellings_differ():
    generator = np.random.default_rng(0)
    spelt = [standardise.random_spelling("CC(=O)Oc1ccccc1C(=O)O", generator) for _ in range(50)]
    assert len(set(spelt)) > 25


def test_only_a_molecule_is_respelt():
    with pytest.raises(DataError, match="'C1CC' is not a molecule"):
        standardise.random_spelling("C1CC", np.random.default_rng(0))
