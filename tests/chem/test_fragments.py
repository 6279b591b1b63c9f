"""Fragments of a SMILES are what hangs on the rest by one bond, as RDKit sees it."""

from pathlib import Path

import pytest
from rdkit import Chem

from discdiff.chem.fragments import fragments
from discdiff.chem.grammar import is_atom, split

LINES = Path(__file__).parents[1].joinpath("golden/molecules.smi").read_text().splitlines()
MOLECULES = [line.split()[0] for line in LINES]


def hanging(smiles):
    """By RDKit: the atom sets that one bond outside rings holds to atoms written before them."""
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    Chem.FastFindRings(mol)
    found = set()
    for bond in mol.GetBonds():
        if bond.IsInRing():
            continue
        broken = Chem.RWMol(mol)
        broken.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        last = max(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        parts = Chem.GetMolFrags(broken)
        found.add(next(frozenset(part) for part in parts if last in part))
    return found


def test_each_bond_outside_rings_gives_one_fragment():
    for smiles in MOLECULES:
        if "." in smiles:
            continue
        tokens = split(smiles)
        number = [sum(map(is_atom, tokens[:place])) for place in range(len(tokens) + 1)]
        found = fragments(tokens)
        atoms = [frozenset(range(number[first], number[after])) for first, after in found]
        assert len(atoms) == len(set(atoms)), smiles
        assert set(atoms) == hanging(smiles), smiles


@pytest.mark.parametrize("smiles", ["CC(C", "CC)C", "C(", ""])
def test_what_does_not_close_has_none(smiles):
    assert fragments(split(smiles)) == []


def test_the_bond_of_a_ring_digit_begins_none():
    assert fragments(split("CC=1CCC=1")) == [(1, 9)]
    assert fragments(split("CC=")) == [(1, 3)]


def test_an_open_ring_does_not_disturb():
    assert fragments(split("CC1CC")) == [(1, 5), (3, 5), (4, 5)]
