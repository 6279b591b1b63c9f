"""What about a residue makes it hard to couple, read off its atoms."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rdkit.Chem import HybridizationType

from discdiff.chem.peptide.backbone import Graph, units
from discdiff.chem.peptide.monomers import molecule


class Traits(NamedTuple):
    """Of one residue; all false for a cap.

    `alkylated`: its nitrogen carries carbon beside the backbone, not in a ring with it.
    `branched`: its beta carbon is a branching point (Val, Ile, Thr).
    `quaternary`: its alpha carbon has no hydrogen (Aib).
    """

    alkylated: bool = False
    branched: bool = False
    quaternary: bool = False


@lru_cache(maxsize=4_096)
def traits(smiles: str) -> Traits:
    """Return the traits of a monomer.

    Args:
        smiles: of the monomer, with its R-groups.

    Example:
        >>> from discdiff.chem.peptide.monomers import monomer
        >>> [traits(monomer(symbol).smiles).alkylated for symbol in ("meV", "Bn_Gly", "P")]
        [True, True, False]
        >>> traits(monomer("T").smiles).branched, traits(monomer("Aib").smiles).quaternary
        (True, True)
    """
    mol = molecule(smiles)
    graph = Graph.of(mol)
    found = units(graph, list(range(mol.GetNumAtoms())))
    if not found:
        return Traits()
    head, path, carbonyl = found[0]
    alpha = path[-1]
    rings = mol.GetRingInfo()
    extra = [j for j in graph.neighbours[head] if j != path[0] and graph.elements[j] == 6]
    sides = [
        j
        for j in graph.neighbours[alpha]
        if j not in (head, carbonyl, *path) and graph.elements[j] == 6
    ]
    return Traits(
        alkylated=any(not rings.AreAtomsInSameRing(head, j) for j in extra),
        branched=len(sides) == 1
        and len(graph.neighbours[sides[0]]) > 2
        and mol.GetAtomWithIdx(sides[0]).GetHybridization() == HybridizationType.SP3,
        quaternary=len(sides) == 2,
    )
