"""Multi-property tasks: like a drug, or unlike it, with properties in a stated range."""

from __future__ import annotations

from rdkit.Chem import Mol

from discdiff.chem.oracles.descriptors import TPSA, AromaticRings, BertzCT, LogP, Rings
from discdiff.chem.oracles.isomer import Isomer
from discdiff.chem.oracles.molecular import reference_molecule
from discdiff.chem.oracles.pmo.task import (
    Part,
    Task,
    at_least,
    at_most,
    clip,
    gaussian,
    shaped,
    similar,
)
from discdiff.chem.oracles.smarts import Smarts

_OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
_FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
_RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
_PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
_AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
_SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
_ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"
_VALSARTAN_PATTERN = "CN(C=O)Cc1ccc(c2ccccc2)cc1"

_logp = LogP().value
_tpsa = TPSA().value
_bertz = BertzCT().value


def _fluorines(mol: Mol) -> float:
    return sum(atom.GetAtomicNum() == 9 for atom in mol.GetAtoms())


class OsimertinibMPO(Task):
    """Like osimertinib by features but not by ECFP6, TPSA from 100 on, logP up to 1.

    Example:
        >>> OsimertinibMPO()(["COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]"]).round(3)
        array([0.598])
    """

    name = "osimertinib_mpo"

    def parts(self) -> tuple[Part, ...]:
        return (
            shaped(similar(_OSIMERTINIB, "fcfp4"), clip(0.8)),
            shaped(similar(_OSIMERTINIB, "ecfp6"), at_most(0.85, 0.1)),
            shaped(_tpsa, at_least(100, 10)),
            shaped(_logp, at_most(1, 1)),
        )


class FexofenadineMPO(Task):
    """Like fexofenadine by atom pairs, TPSA from 90 on, logP up to 4.

    Example:
        >>> FexofenadineMPO()(["O=C(c1cc2cc([N+](=O)[O-])ccc2oc1=O)N1CCN(Cc2ccccc2)CC1"]).round(3)
        array([0.693])
    """

    name = "fexofenadine_mpo"

    def parts(self) -> tuple[Part, ...]:
        return (
            shaped(similar(_FEXOFENADINE, "ap"), clip(0.8)),
            shaped(_tpsa, at_least(90, 10)),
            shaped(_logp, at_most(4, 1)),
        )


class RanolazineMPO(Task):
    """Like ranolazine by atom pairs, logP from 7 on, TPSA from 95 on, one fluorine.

    Example:
        >>> RanolazineMPO()(["CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"]).round(3)
        array([0.406])
    """

    name = "ranolazine_mpo"

    def parts(self) -> tuple[Part, ...]:
        return (
            shaped(similar(_RANOLAZINE, "ap"), clip(0.7)),
            shaped(_logp, at_least(7, 1)),
            shaped(_tpsa, at_least(95, 20)),
            shaped(_fluorines, gaussian(1, 1)),
        )


class PerindoprilMPO(Task):
    """ECFP4 similarity to perindopril with two aromatic rings (it has none).

    Example:
        >>> PerindoprilMPO()(["COc1ccccc1OCC(O)CN1CCN(CC(=O)Nc2c(C)cccc2C)CC1"]).round(3)
        array([0.357])
    """

    name = "perindopril_mpo"

    def parts(self) -> tuple[Part, ...]:
        return (
            similar(_PERINDOPRIL, "ecfp4"),
            shaped(AromaticRings().value, gaussian(2, 0.5)),
        )


class AmlodipineMPO(Task):
    """ECFP4 similarity to amlodipine with three rings (it has two).

    Example:
        >>> AmlodipineMPO()(["COc1ccccc1OCC(O)CN1CCN(CC(=O)Nc2c(C)cccc2C)CC1"]).round(3)
        array([0.452])
    """

    name = "amlodipine_mpo"

    def parts(self) -> tuple[Part, ...]:
        return similar(_AMLODIPINE, "ecfp4"), shaped(Rings().value, gaussian(3, 0.5))


class SitagliptinMPO(Task):
    """Formula, logP and TPSA of sitagliptin, but no ECFP4 similarity to it.

    Example:
        >>> SitagliptinMPO()(["CCCc1cc(C(=O)NNC(=O)c2cccc(Br)c2)[nH]n1"]).round(3)
        array([0.152])
    """

    name = "sitagliptin_mpo"

    def parts(self) -> tuple[Part, ...]:
        target = reference_molecule("target", _SITAGLIPTIN)
        return (
            shaped(similar(_SITAGLIPTIN, "ecfp4"), gaussian(0, 0.1)),
            shaped(_logp, gaussian(_logp(target), 0.2)),
            shaped(_tpsa, gaussian(_tpsa(target), 5)),
            Isomer("C16H15F6N5O").value,
        )


class ZaleplonMPO(Task):
    """ECFP4 similarity to zaleplon with the formula C19H17N3O2.

    Example:
        >>> ZaleplonMPO()(["CCN(C(C)=O)c1cccc(-c2ccnc3c(C#N)cnn23)c1"]).round(3)
        array([0.466])
    """

    name = "zaleplon_mpo"

    def parts(self) -> tuple[Part, ...]:
        return similar(_ZALEPLON, "ecfp4"), Isomer("C19H17N3O2").value


class ValsartanSmarts(Task):
    """The biphenyl amide of valsartan with logP, TPSA and complexity of sitagliptin.

    Example:
        >>> ValsartanSmarts()(["CC(=O)N(CC(N)=O)Cc1ccc(-c2ccc(F)cc2)cc1"]).round(3)
        array([0.])
    """

    name = "valsartan_smarts"

    def parts(self) -> tuple[Part, ...]:
        target = reference_molecule("target", _SITAGLIPTIN)
        return (
            Smarts(_VALSARTAN_PATTERN).value,
            shaped(_logp, gaussian(_logp(target), 0.2)),
            shaped(_tpsa, gaussian(_tpsa(target), 5)),
            shaped(_bertz, gaussian(_bertz(target), 30)),
        )
