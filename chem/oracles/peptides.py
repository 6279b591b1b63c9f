"""What only peptides have: residues, N-methyl groups, macrocycles, and couplings to be made."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

from rdkit import Chem
from rdkit.Chem import Mol

from discdiff.chem.oracles.molecular import Descriptor
from discdiff.chem.peptide import EXAMPLES
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.helm import End, Link, Peptide
from discdiff.chem.peptide.monomers import Monomer, monomer
from discdiff.chem.peptide.sidechains import NATURAL
from discdiff.chem.peptide.summary import DISULFIDE, ESTER, HEAD_TO_TAIL, linkage
from discdiff.chem.peptide.traits import traits

_ASPARTIMIDE = {"G": 1.0, "D": 0.5, "R": 0.5, "N": 0.5, "C": 0.5}  # by what Asp is bonded to
SMALLEST_MACROCYCLE = 12
"""Fewest atoms of a ring that is called one."""


class MacrocycleSize(Descriptor):
    """Atoms in the largest ring of the smallest set of smallest rings; 0 where it has under 12.

    Example:
        >>> MacrocycleSize()(["CC(C)C[C@@H]1NC(=O)[C@@H]2CCCN2C(=O)[C@@H](C)NC(=O)CNC1=O", "C1CC1"])
        array([12.,  0.])
    """

    name = "macrocycle"

    def value(self, mol: Mol) -> float:
        largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
        return float(largest if largest >= SMALLEST_MACROCYCLE else 0)


class PerPeptide(Descriptor):
    """An oracle of peptides, through `of(peptide)`; other molecules get NaN."""

    examples: ClassVar[tuple[str, ...]] = EXAMPLES

    def value(self, mol: Mol) -> float:
        found = read(Chem.MolToSmiles(mol))
        return math.nan if isinstance(found, str) else self.of(found)

    @abstractmethod
    def of(self, peptide: Peptide) -> float:
        """Return the score of a peptide."""


class Residues(PerPeptide):
    """Number of amino acids of a peptide, caps not counted; NaN for other molecules.

    Residues that the library does not have count too.

    Example:
        >>> Residues()(["CC(=O)NCC(=O)NCC(N)=O"])
        array([2.])
    """

    name = "residues"

    def of(self, peptide: Peptide) -> float:
        return float(len(peptide.residues))


class NMethyl(PerPeptide):
    """Number of amino acids of a peptide with a methyl on their nitrogen; NaN for other molecules.

    Example:
        >>> NMethyl()(["CN(CC(N)=O)C(=O)[C@H](C)N"])
        array([1.])
    """

    name = "n_methyl"

    def of(self, peptide: Peptide) -> float:
        return float(sum(one.methyl for one in peptide.residues))


class PeptideSynthesis(PerPeptide):
    """Difficulty of making a peptide on solid phase, in points; NaN for other molecules.

    Every bond between residues is a coupling: 1 point. It is harder by 2 onto a nitrogen with a
    carbon on it (N-methyl, peptoid), by 2 more if the residue that is coupled is hindered
    (N-alkylated, beta-branched, or without hydrogen at the alpha carbon), by 1 where both are
    beta-branched, and by 1 for each that has no alpha hydrogen. An ester costs 2. A D residue costs
    0.25 and one that is not among the 20 costs 0.5, for the building block; Asp before Gly 1 and
    before Asp, Arg, Asn or Cys 0.5, for aspartimide; each residue beyond 20, 0.5.
    A ring from head to tail costs 2, and 3 more with fewer than 6 residues none of which helps it
    to fold (Gly, Pro, D or N-alkylated); another ring 2; each disulfide after the first 3, for the
    other pairings.

    The effects are those of the sources, the points are ours: they rank peptides of one kind, and
    say nothing about yields.

    Source:
        Solid-phase peptide synthesis: from standard procedures to the synthesis of difficult
        sequences (Coin, Beyermann and Bienert, 2007). Chemical synthesis of natural product
        peptides (Humphrey and Chamberlin, 1997). N-Methylation of peptides and proteins
        (Chatterjee, Rechenmacher and Kessler, 2013). Contemporary strategies for peptide
        macrocyclization (White and Yudin, 2011). The aspartimide problem in Fmoc-based SPPS, parts
        I and II (Mergler et al., 2003), whose rule `spps_difficulty` of sequences has too.

    Example:
        >>> PeptideSynthesis()(["NCC(=O)NCC(=O)O", "CN(CC(=O)O)C(=O)CN"])
        array([1. , 3.5])
    """

    name = "peptide_synthesis"
    version = "3"
    direction = "min"

    def of(self, peptide: Peptide) -> float:
        bonds = _bonds(peptide)
        residues = peptide.residues
        return (
            sum(_coupling(peptide, a, b) for a, b in bonds)
            + sum(map(_block, residues))
            + sum(_aspartimide(peptide, a, b) for a, b in bonds)
            + 2.0 * [linkage(peptide, Link(a, b)) for a, b in bonds].count(ESTER)
            + 0.5 * max(0, len(residues) - 20)
            + _rings(peptide)
        )


def _bonds(peptide: Peptide) -> list[tuple[End, End]]:
    """Return the bonds between residues, the carbonyl of the backbone first."""
    chained = [
        (End(c, place, 2), End(c, place + 1, 1))
        for c, chain in enumerate(peptide.chains)
        for place in range(len(chain) - 1)
    ]
    linked = [(a, b) if a.group == 2 else (b, a) for a, b in peptide.links]
    return [
        (a, b)
        for a, b in [*chained, *linked]
        if _at(peptide, a).kind == _at(peptide, b).kind == "residue"
    ]


def _at(peptide: Peptide, end: End) -> Monomer:
    return monomer(peptide.chains[end.chain][end.place])


def _coupling(peptide: Peptide, acyl: End, amine: End) -> float:
    if acyl.group > 2 and amine.group > 2:
        return 0.0  # between side chains: a ring, counted there
    first, second = (traits(_at(peptide, end).smiles) for end in (acyl, amine))
    onto_nitrogen = amine.group == 1
    hindered = first.alkylated or first.branched or first.quaternary
    alkylated = onto_nitrogen and second.alkylated
    return (
        1.0
        + 2.0 * alkylated
        + 2.0 * (alkylated and hindered)
        + 1.0 * (onto_nitrogen and first.branched and second.branched)
        + 1.0 * (first.quaternary + second.quaternary)
    )


def _block(residue: Monomer) -> float:
    bare = residue.symbol.removeprefix("d") if residue.dextro else residue.symbol
    return 0.25 * residue.dextro + 0.5 * (bare not in NATURAL and bare != "G")


def _aspartimide(peptide: Peptide, acyl: End, amine: End) -> float:
    first, second = (_at(peptide, end).symbol for end in (acyl, amine))
    if acyl.group != 2 or amine.group != 1 or first not in ("D", "dD"):
        return 0.0
    return _ASPARTIMIDE.get(second.removeprefix("d"), 0.0)


def _rings(peptide: Peptide) -> float:
    kinds = [linkage(peptide, link) for link in peptide.links]
    disulfides = kinds.count(DISULFIDE)
    points = 2.0 * peptide.rings + 3.0 * max(0, disulfides - 1)
    residues = peptide.residues
    folds = any(
        one.symbol in ("G", "P") or one.dextro or traits(one.smiles).alkylated for one in residues
    )
    if HEAD_TO_TAIL in kinds and len(residues) < 6 and not folds:
        points += 3.0
    return points
