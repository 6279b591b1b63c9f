"""Small random changes of a molecular graph, and what they start from and end in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from typing import TypeVar

import numpy as np
from rdkit import Chem, rdBase

from discdiff.chem import molecule
from discdiff.errors import DataError

Change = Callable[[Chem.RWMol, np.random.Generator], bool]
"""Changes a molecule in place at a random place; False where it has none for this change."""

T = TypeVar("T")
LARGEST_RING = 6
_TRIES = 10
_ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
_ELEMENTS = {"C": 6, "N": 7, "O": 8, "F": 9, "S": 16, "Cl": 17, "Br": 35}
_APPENDED = {1: ("C", "N", "O", "F", "S", "Cl", "Br"), 2: ("C", "N", "O"), 3: ("C", "N")}
_INSERTED = {1: ("C", "N", "O", "S"), 2: ("C", "N"), 3: ("C",)}
_ALLENE_IN_RING = Chem.MolFromSmarts("[R]=[R]=[R]")
_STRAINED = Chem.MolFromSmarts("[r3,r4]=[r3,r4]")


def opened(smiles: str) -> Chem.RWMol:
    """Return a molecule to edit: Kekulé bonds, no stereochemistry, hydrogens as valences leave.

    Raises:
        DataError: if `smiles` is not a molecule.

    Example:
        >>> Chem.MolToSmiles(opened("c1cc[nH]c1"))
        'C1=CNC=C1'
    """
    parsed = molecule.parse(smiles)
    if parsed is None:
        raise DataError(f"{smiles!r} is not a molecule")
    mol = Chem.RWMol(parsed)  # a copy: parsed molecules are shared
    Chem.RemoveStereochemistry(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    for atom in mol.GetAtoms():
        written, total = atom.GetNumExplicitHs(), atom.GetTotalNumHs()
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
        atom.UpdatePropertyCache(strict=False)
        if atom.GetTotalNumHs() != total:  # an atom whose hydrogens only its brackets tell
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(written)
            atom.UpdatePropertyCache(strict=False)
    return mol


def closed(mol: Chem.Mol, most_atoms: int) -> str | None:
    """Return the canonical SMILES of an edited molecule, or None if it is not a valid one.

    Args:
        mol: the molecule; sanitised in place.
        most_atoms: the largest that is kept.

    Example:
        >>> closed(opened("OCC"), 3), closed(opened("OCC"), 2)
        ('CCO', None)
    """
    with rdBase.BlockLogs():
        fault = Chem.SanitizeMol(mol, catchErrors=True)
    if fault != Chem.SanitizeFlags.SANITIZE_NONE:
        return None
    smiles = Chem.MolToSmiles(mol)
    if molecule.invalid_reason(smiles, max_atoms=most_atoms) is not None:
        return None
    return molecule.canonical(smiles)


def odd_ring(smiles: str) -> bool:
    """Return whether a molecule has a ring of over six atoms, or a double bond where it strains.

    Those are two double bonds at one atom of a ring, and one inside a ring of three or four.

    Example:
        >>> [odd_ring(smiles) for smiles in ("C1CCCCC1", "C1CCCCCC1", "C1=CC1", "CCC")]
        [False, True, True, False]
    """
    mol = molecule.parse(smiles)
    if mol is None:
        raise DataError(f"{smiles!r} is not a molecule")
    return (
        any(len(ring) > LARGEST_RING for ring in mol.GetRingInfo().AtomRings())
        or mol.HasSubstructMatch(_ALLENE_IN_RING)
        or mol.HasSubstructMatch(_STRAINED)
    )


def append_atom(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Add an atom, bonded once (60 %), twice (35 %) or three times (5 %)."""
    order = _order(generator)
    site = pick([a.GetIdx() for a in mol.GetAtoms() if a.GetTotalNumHs() >= order], generator)
    if site is None:
        return False
    mol.AddBond(site, _added(mol, _APPENDED[order], generator), _ORDERS[order])
    return True


def insert_atom(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Put an atom into a bond, bonded to its first end once, twice or three times as above."""
    order = _order(generator)
    sites = [
        (first.GetIdx(), second.GetIdx())
        for bond in mol.GetBonds()
        for first, second in permutations((bond.GetBeginAtom(), bond.GetEndAtom()))
        if first.GetTotalNumHs() + _count(bond) >= order
        and not (order == 3 and bond.IsInRing())  # a triple bond has no place in a small ring
    ]
    ends = pick(sites, generator)
    if ends is None:
        return False
    mol.RemoveBond(*ends)
    new = _added(mol, _INSERTED[order], generator)
    mol.AddBond(ends[0], new, _ORDERS[order])
    mol.AddBond(new, ends[1], _ORDERS[1])
    return True


def delete_atom(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Take out an atom of one to four neighbours; these are joined by single bonds.

    An end atom (25 %), or one of two (25 %), three (25 %) or four (19 %) neighbours, which become
    a chain, or of four that become a star (6 %).
    """
    shape = int(generator.choice(5, p=(0.25, 0.25, 0.25, 0.1875, 0.0625)))
    degree = min(shape + 1, 4)
    site = pick([a.GetIdx() for a in mol.GetAtoms() if a.GetDegree() == degree], generator)
    if site is None:
        return False
    near = [atom.GetIdx() for atom in mol.GetAtomWithIdx(site).GetNeighbors()]
    near = [near[i] for i in generator.permutation(len(near))]
    pairs = [(near[0], other) for other in near[1:]]
    for first, second in pairs if shape == 4 else pairwise(near):
        if mol.GetBondBetweenAtoms(first, second) is None:
            mol.AddBond(first, second, _ORDERS[1])
    mol.RemoveAtom(site)
    return True


def change_bond_order(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Make a bond single (45 %), a single one double (45 %), a triple one double or any triple."""
    new = int(generator.choice(4, p=(0.45, 0.45, 0.05, 0.05)))
    olds, order = (((2, 3), 1), ((1,), 2), ((3,), 2), ((1, 2), 3))[new]
    fitting = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if _count(bond) in olds and not (order == 3 and bond.IsInRing()) and _room(bond, order)
    ]
    site = pick(fitting, generator)
    if site is None:
        return False
    mol.GetBondWithIdx(site).SetBondType(_ORDERS[order])
    return True


def delete_ring_bond(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Take out a bond of a ring."""
    ring_bonds = [bond for bond in mol.GetBonds() if bond.IsInRing()]
    site = pick([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in ring_bonds], generator)
    if site is None:
        return False
    mol.RemoveBond(*site)
    return True


def add_ring_bond(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Close a ring of three, four (5 % each), five or six atoms (45 % each) outside other rings.

    Its two ends lie in no ring and have a hydrogen each; what is between them may lie in one.
    """
    size = int(generator.choice((3, 4, 5, 6), p=(0.05, 0.05, 0.45, 0.45)))
    apart = Chem.GetDistanceMatrix(mol)
    ends = [a.GetIdx() for a in mol.GetAtoms() if a.GetTotalNumHs() and not a.IsInRing()]
    pairs = [(i, j) for i in ends for j in ends if i < j and apart[i, j] == size - 1]
    site = pick(pairs, generator)
    if site is None:
        return False
    mol.AddBond(*site, _ORDERS[1])
    return True


def change_atom(mol: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Make one element another: C, N (15 % each), O, F, S, Cl or Br (14 % each), both drawn so."""
    numbers = list(_ELEMENTS.values())
    present = {atom.GetAtomicNum() for atom in mol.GetAtoms()}
    chance = np.array([0.15, 0.15, *[0.14] * 5])
    here = np.array([number in present for number in numbers])
    if not here.any():
        return False
    old = int(generator.choice(numbers, p=chance * here / (chance * here).sum()))
    others = np.array([number != old for number in numbers])
    new = int(generator.choice(numbers, p=chance * others / (chance * others).sum()))
    sites = [
        a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() == old and not a.GetFormalCharge()
    ]
    site = pick(sites, generator)
    if site is None:
        return False
    mol.GetAtomWithIdx(site).SetAtomicNum(new)
    return True


CHANGES: dict[Change, float] = {
    insert_atom: 0.15,
    change_bond_order: 0.14,
    delete_ring_bond: 0.14,
    add_ring_bond: 0.14,
    delete_atom: 0.14,
    change_atom: 0.14,
    append_atom: 0.15,
}
"""Every change with its probability."""


def mutate(smiles: str, generator: np.random.Generator, most_atoms: int) -> str | None:
    """Return a molecule one random change away, or None where ten tries find no valid one.

    Args:
        smiles: the molecule.
        generator: of all choices.
        most_atoms: the largest that is kept.

    Raises:
        DataError: if `smiles` is not a molecule.

    Source: A graph-based genetic algorithm and generative model/Monte Carlo tree search for the
        exploration of chemical space (Jensen, 2019, doi:10.1039/C8SC05372C)

    Example:
        >>> mutate("CCO", np.random.default_rng(0), most_atoms=9) != "CCO"
        True
    """
    form = closed(opened(smiles), most_atoms)
    for _ in range(_TRIES):
        mol = opened(smiles)
        change = list(CHANGES)[int(generator.choice(len(CHANGES), p=list(CHANGES.values())))]
        child = closed(mol, most_atoms) if change(mol, generator) else None
        if child is not None and child != form and not odd_ring(child):
            return child
    return None


def _order(generator: np.random.Generator) -> int:
    return int(generator.choice((1, 2, 3), p=(0.60, 0.35, 0.05)))


def _count(bond: Chem.Bond) -> int:
    return int(bond.GetBondTypeAsDouble())


def _room(bond: Chem.Bond, order: int) -> bool:
    more = order - _count(bond)
    return all(a.GetTotalNumHs() >= more for a in (bond.GetBeginAtom(), bond.GetEndAtom()))


def _added(mol: Chem.RWMol, elements: Sequence[str], generator: np.random.Generator) -> int:
    symbol = elements[int(generator.integers(len(elements)))]
    return int(mol.AddAtom(Chem.Atom(_ELEMENTS[symbol])))


def pick(items: Sequence[T], generator: np.random.Generator) -> T | None:
    """Return one of `items`, all equally likely, or None where there is none."""
    return items[int(generator.integers(len(items)))] if items else None
