"""Children of two molecules: a piece of each, joined where both were cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from rdkit import Chem

from discdiff.chem.mutation import closed, odd_ring, opened, pick

_TRIES = 10


@dataclass(frozen=True)
class Piece:
    """A connected part of a molecule.

    Attributes:
        mol: the molecule without the cut bonds.
        atoms: those of the part.
        ends: the atoms that lost a bond, one for each cut bond.
    """

    mol: Chem.RWMol
    atoms: frozenset[int]
    ends: tuple[int, ...]


def crossover(
    first: str, second: str, generator: np.random.Generator, most_atoms: int
) -> str | None:
    """Return a child of two molecules, or None where ten tries find no valid one.

    Half of the tries cut both at a single bond outside rings, and join a piece of each by a single
    bond; the others cut two bonds of a ring of each, and join by two bonds, single or double.

    Args:
        first: a molecule.
        second: another.
        generator: of all choices.
        most_atoms: the largest child that is kept.

    Raises:
        DataError: if one is not a molecule.

    Source: A graph-based genetic algorithm and generative model/Monte Carlo tree search for the
        exploration of chemical space (Jensen, 2019, doi:10.1039/C8SC05372C)

    Example:
        >>> crossover("CCF", "NCl", np.random.default_rng(0), most_atoms=9) not in ("CCF", "NCl")
        True
    """
    parents = [opened(first), opened(second)]
    forms = [closed(Chem.RWMol(parent), most_atoms) for parent in parents]
    for _ in range(_TRIES):
        rings = generator.random() < 0.5
        cut = cut_ring if rings else cut_chain
        pieces = [pick(cut(parent, generator), generator) for parent in parents]
        if pieces[0] is None or pieces[1] is None:
            continue
        child = closed(joined(pieces[0], pieces[1], generator), most_atoms)
        if child is not None and child not in forms and not (rings and odd_ring(child)):
            return child
    return None


def cut_chain(mol: Chem.RWMol, generator: np.random.Generator) -> list[Piece]:
    """Return the two pieces that a random single bond outside rings holds together, if any.

    Example:
        >>> [sorted(piece.atoms) for piece in cut_chain(opened("CCl"), np.random.default_rng(0))]
        [[0], [1]]
    """
    single = Chem.BondType.SINGLE
    bonds = [b for b in mol.GetBonds() if b.GetBondType() == single and not b.IsInRing()]
    bond = pick(bonds, generator)
    return [] if bond is None else _pieces(mol, [bond.GetIdx()])


def cut_ring(mol: Chem.RWMol, generator: np.random.Generator) -> list[Piece]:
    """Return the two pieces that two bonds of a random ring hold together, if any.

    The two bonds either share an atom of at least three neighbours or have one bond between them.
    Pairs that leave the molecule in one piece are passed over.

    Example:
        >>> pieces = cut_ring(opened("C1CCNCC1"), np.random.default_rng(0))
        >>> sum(len(piece.atoms) for piece in pieces), [len(piece.ends) for piece in pieces]
        (6, [2, 2])
    """
    cuts = []
    for ring in mol.GetRingInfo().BondRings():
        for one, two in combinations(range(len(ring)), 2):
            apart = min(two - one, len(ring) - two + one)
            if apart == 2 or (apart == 1 and _branched(mol, ring[one], ring[two])):
                cuts.append([ring[one], ring[two]])
    order = generator.permutation(len(cuts))
    found = (_pieces(mol, cuts[i]) for i in order.tolist())
    return next((pieces for pieces in found if pieces), [])


def joined(first: Piece, second: Piece, generator: np.random.Generator) -> Chem.RWMol:
    """Return a molecule of two pieces with equally many ends, bonded end to end.

    One bond is single; of two each is single or double, and which end meets which is random.
    """
    size = first.mol.GetNumAtoms()
    both = Chem.RWMol(Chem.CombineMols(first.mol, second.mol))
    kept = first.atoms | {size + atom for atom in second.atoms}
    ends = [size + second.ends[i] for i in generator.permutation(len(second.ends))]
    for one, two in zip(first.ends, ends, strict=True):
        double = len(ends) == 2 and generator.random() < 0.5
        order = Chem.BondType.DOUBLE if double else Chem.BondType.SINGLE
        if both.GetBondBetweenAtoms(one, two) is None:
            both.AddBond(one, two, order)
    for atom in sorted(set(range(both.GetNumAtoms())) - kept, reverse=True):
        both.RemoveAtom(atom)
    return both


def _pieces(mol: Chem.RWMol, bonds: list[int]) -> list[Piece]:
    """Return the two pieces that these bonds hold together, none where there are not two."""
    cut = [mol.GetBondWithIdx(bond) for bond in bonds]
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in cut]
    broken = Chem.RWMol(mol)
    for first, second in ends:
        broken.RemoveBond(first, second)
    parts = [frozenset(part) for part in Chem.GetMolFrags(broken)]
    if len(parts) != 2:
        return []
    return [
        Piece(broken, part, tuple(one if one in part else two for one, two in ends))
        for part in parts
    ]


def _branched(mol: Chem.RWMol, first: int, second: int) -> bool:
    """Return whether the atom that two neighbouring bonds share has a third neighbour."""
    one, two = mol.GetBondWithIdx(first), mol.GetBondWithIdx(second)
    shared = {one.GetBeginAtomIdx(), one.GetEndAtomIdx()}
    shared &= {two.GetBeginAtomIdx(), two.GetEndAtomIdx()}
    return all(mol.GetAtomWithIdx(atom).GetDegree() > 2 for atom in shared)
