"""Standard forms and random spellings of molecules, shared by the domains that hold them."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from discdiff.chem import molecule
from discdiff.chem.grammar import shown
from discdiff.errors import DataError


def largest_organic_fragment(smiles: str) -> str:
    """Return the fragment with carbon that has most atoms; charges stay as they are.

    Ties go to the heavier fragment, then to the first in alphabetical order.

    Args:
        smiles: a valid molecule of any number of fragments.

    Raises:
        DataError: if no fragment holds carbon.

    Example:
        >>> largest_organic_fragment("[Na+].CC(=O)[O-]")
        'CC(=O)[O-]'
    """
    fragments = []
    for form in molecule.canonical(smiles).split("."):
        mol = _mol(form)
        if any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms()):
            mass = sum(atom.GetMass() for atom in mol.GetAtoms())
            fragments.append((-mol.GetNumAtoms(), -mass, form))
    if not fragments:
        raise DataError(f"cannot use {shown(smiles)}: no organic fragment")
    return molecule.canonical(min(fragments)[2])


def without_stereo(smiles: str) -> str:
    """Return the canonical SMILES of a valid molecule without its stereochemistry.

    Example:
        >>> without_stereo("C[C@H](F)/C=C/Cl")
        'CC(F)C=CCl'
    """
    form = molecule.canonical(smiles)
    if not any(mark in form for mark in "@/\\"):
        return form
    mol = Chem.Mol(_mol(form))  # a copy: parsed molecules are shared
    Chem.RemoveStereochemistry(mol)
    return molecule.canonical(Chem.MolToSmiles(mol))


def random_spelling(smiles: str, generator: np.random.Generator) -> str:
    """Return another SMILES of the same molecule, from a random atom in a random order.

    Args:
        smiles: a valid molecule.
        generator: one integer is drawn from it.

    Example:
        >>> spelling = random_spelling("CCO", np.random.default_rng(0))
        >>> molecule.canonical(spelling)
        'CCO'
    """
    seed = int(generator.integers(1, 2**31 - 1))
    spelling: str = Chem.MolToRandomSmilesVect(_mol(smiles), 1, randomSeed=seed)[0]
    return spelling


def _mol(smiles: str) -> Chem.Mol:
    mol = molecule.parse(smiles)
    if mol is None:
        raise DataError(f"{shown(smiles)} is not a molecule")
    return mol
