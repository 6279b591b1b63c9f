"""Properties that RDKit computes from a molecule alone, one small class each."""

from __future__ import annotations

from collections.abc import Callable

from rdkit.Chem import Descriptors, GraphDescriptors, Mol, rdMolDescriptors
from rdkit.Chem.QED import qed

from discdiff.chem.oracles.molecular import Descriptor

# RDKit's stubs leave these three without types.
_qed: Callable[[Mol], float] = qed
_bertz: Callable[[Mol], float] = GraphDescriptors.BertzCT
_weight: Callable[[Mol], float] = vars(Descriptors)["MolWt"]


class QED(Descriptor):
    r"""Quantitative estimate of drug-likeness, mean weights, in [0, 1].

    `QED = exp(sum_i w_i log d_i / sum_i w_i)` over eight desirability functions `d_i`.

    Source:
        Quantifying the chemical beauty of drugs (Bickerton et al., 2012).

    Example:
        >>> QED()(["CC(=O)Oc1ccccc1C(=O)O"]).round(4)
        array([0.5501])
    """

    name = "qed"

    def value(self, mol: Mol) -> float:
        return _qed(mol)


class LogP(Descriptor):
    """Octanol-water partition coefficient, log10, by Crippen's atom contributions.

    Source:
        Prediction of physicochemical parameters by atomic contributions (Wildman and Crippen,
        1999).

    Example:
        >>> LogP()(["c1ccccc1"]).round(4)
        array([1.6866])
    """

    name = "logp"
    signed = True

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcCrippenDescriptors(mol)[0])


class TPSA(Descriptor):
    """Topological polar surface area in square angstrom, of nitrogen and oxygen only.

    Source:
        Fast calculation of molecular polar surface area (Ertl et al., 2000).

    Example:
        >>> TPSA()(["CCO"])
        array([20.23])
    """

    name = "tpsa"

    def value(self, mol: Mol) -> float:
        return rdMolDescriptors.CalcTPSA(mol)


class MolecularWeight(Descriptor):
    """Average molecular weight in dalton, hydrogens included.

    Example:
        >>> MolecularWeight()(["O"]).round(3)
        array([18.015])
    """

    name = "molecular_weight"

    def value(self, mol: Mol) -> float:
        return _weight(mol)


class HBondAcceptors(Descriptor):
    """Number of hydrogen bond acceptors.

    Example:
        >>> HBondAcceptors()(["CC(=O)N"])
        array([1.])
    """

    name = "hba"

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcNumHBA(mol))


class HBondDonors(Descriptor):
    """Number of hydrogen bond donors.

    Example:
        >>> HBondDonors()(["CC(=O)N"])
        array([1.])
    """

    name = "hbd"

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcNumHBD(mol))


class RotatableBonds(Descriptor):
    """Number of rotatable bonds, amide bonds and the like not counted.

    Example:
        >>> RotatableBonds()(["CCCC"])
        array([1.])
    """

    name = "rotatable_bonds"

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcNumRotatableBonds(mol))


class Rings(Descriptor):
    """Number of rings in the symmetrised smallest set of smallest rings.

    In a bridged cage it exceeds the number of independent cycles: 6 against 5 in cubane.

    Example:
        >>> Rings()(["C12C3C4C1C5C2C3C45", "c1ccccc1"])
        array([6., 1.])
    """

    name = "rings"

    def value(self, mol: Mol) -> float:
        return float(mol.GetRingInfo().NumRings())


class AromaticRings(Descriptor):
    """Number of aromatic rings.

    Example:
        >>> AromaticRings()(["c1ccc2ccccc2c1"])
        array([2.])
    """

    name = "aromatic_rings"

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcNumAromaticRings(mol))


class Fsp3(Descriptor):
    """Fraction of the carbon atoms that are sp3, in [0, 1].

    Example:
        >>> Fsp3()(["Cc1ccccc1"]).round(4)
        array([0.1429])
    """

    name = "fsp3"

    def value(self, mol: Mol) -> float:
        return rdMolDescriptors.CalcFractionCSP3(mol)


class HeavyAtoms(Descriptor):
    """Number of atoms other than hydrogen.

    Example:
        >>> HeavyAtoms()(["CCO"])
        array([3.])
    """

    name = "heavy_atoms"

    def value(self, mol: Mol) -> float:
        return float(rdMolDescriptors.CalcNumHeavyAtoms(mol))


class BertzCT(Descriptor):
    """Bertz's index of molecular complexity: bond multiplicity, heteroatoms, symmetry.

    Source:
        The first general index of molecular complexity (Bertz, 1981).

    Example:
        >>> BertzCT()(["c1ccccc1"]).round(2)
        array([71.96])
    """

    name = "bertz_ct"

    def value(self, mol: Mol) -> float:
        return _bertz(mol)
