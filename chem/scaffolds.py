"""Murcko scaffolds: the rings of a molecule and the chains that join them."""

from __future__ import annotations

from collections.abc import Callable

from rdkit import Chem
from rdkit.Chem import Mol
from rdkit.Chem.Scaffolds import MurckoScaffold

# RDKit's stubs leave these without types.
_murcko: Callable[[Mol], Mol] = MurckoScaffold.GetScaffoldForMol
_without_elements: Callable[[Mol], Mol] = MurckoScaffold.MakeScaffoldGeneric


def murcko(mol: Mol) -> Mol:
    """Return the Murcko scaffold of `mol`; it has no atoms if `mol` has no ring."""
    return _murcko(mol)


def scaffold(mol: Mol, *, stereo: bool = True, generic: bool = False) -> str:
    """Return the SMILES of the Murcko scaffold of `mol`; empty if it has no ring.

    Args:
        mol: the molecule.
        stereo: keep stereochemistry.
        generic: replace every atom by carbon and every bond by a single bond.

    Source:
        The properties of known drugs. 1. Molecular frameworks (Bemis and Murcko, 1996).

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> scaffold(parse("CCc1ccc(CN2CCOCC2)cc1"))
        'c1ccc(CN2CCOCC2)cc1'
        >>> scaffold(parse("CCc1ccccn1"), generic=True)
        'C1CCCCC1'
    """
    core = _murcko(mol)
    if generic:
        # Exocyclic double bonds become single, so what hangs on them is now a side chain.
        core = _murcko(_without_elements(core))
    return Chem.MolToSmiles(core, isomericSmiles=stereo)
