"""Tasks about one or two known drugs or about a formula: find it again, resemble it, or both."""

from __future__ import annotations

from discdiff.chem.oracles.isomer import Isomer
from discdiff.chem.oracles.pmo.task import Part, Task, clip, shaped, similar

_CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
_TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
_THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
_ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
_MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
_CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
_MENTHOL = "CC(C)C1CCC(C)CC1O"
_TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
_SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"


class CelecoxibRediscovery(Task):
    """ECFP4 similarity to celecoxib.

    Example:
        >>> CelecoxibRediscovery()(["Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"]).round(3)
        array([1.])
    """

    name = "celecoxib_rediscovery"

    def parts(self) -> tuple[Part, ...]:
        return (similar(_CELECOXIB, "ecfp4"),)


class TroglitazoneRediscovery(Task):
    """ECFP4 similarity to troglitazone.

    Example:
        >>> TroglitazoneRediscovery()(["CCc1ccc(CCOc2ccc(CC3SC(=O)NC3=O)cc2)nc1"]).round(3)
        array([0.411])
    """

    name = "troglitazone_rediscovery"

    def parts(self) -> tuple[Part, ...]:
        return (similar(_TROGLITAZONE, "ecfp4"),)


class ThiothixeneRediscovery(Task):
    """ECFP4 similarity to thiothixene.

    Example:
        >>> ThiothixeneRediscovery()(["COc1ccccc1OCC(O)CN1CCN(CC(=O)Nc2c(C)cccc2C)CC1"]).round(3)
        array([0.291])
    """

    name = "thiothixene_rediscovery"

    def parts(self) -> tuple[Part, ...]:
        return (similar(_THIOTHIXENE, "ecfp4"),)


class AlbuterolSimilarity(Task):
    """FCFP4 similarity to albuterol, 1 from 0.75 on.

    Example:
        >>> AlbuterolSimilarity()(["CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"]).round(3)
        array([1.])
    """

    name = "albuterol_similarity"

    def parts(self) -> tuple[Part, ...]:
        return (shaped(similar(_ALBUTEROL, "fcfp4"), clip(0.75)),)


class MestranolSimilarity(Task):
    """Atom-pair similarity to mestranol, 1 from 0.75 on.

    Example:
        >>> MestranolSimilarity()(["CC[C@H]1CC(=O)N(Cc2ccccc2C#CCCO)C1"]).round(3)
        array([0.277])
    """

    name = "mestranol_similarity"

    def parts(self) -> tuple[Part, ...]:
        return (shaped(similar(_MESTRANOL, "ap"), clip(0.75)),)


class Median1(Task):
    """Geometric mean of the ECFP4 similarities to camphor and to menthol.

    Example:
        >>> Median1()(["CC1CCC(C(C)C)C(O)C1"]).round(3)
        array([0.4])
    """

    name = "median1"

    def parts(self) -> tuple[Part, ...]:
        return similar(_CAMPHOR, "ecfp4"), similar(_MENTHOL, "ecfp4")


class Median2(Task):
    """Geometric mean of the ECFP6 similarities to tadalafil and to sildenafil.

    Example:
        >>> Median2()(["CN1CC(=O)N2C(Cc3c([nH]c4ccccc34)C2c2ccc3c(c2)OCO3)C1=O"]).round(3)
        array([0.362])
    """

    name = "median2"

    def parts(self) -> tuple[Part, ...]:
        return similar(_TADALAFIL, "ecfp6"), similar(_SILDENAFIL, "ecfp6")


class IsomersC7H8N2O2(Task):
    """Closeness of the formula to C7H8N2O2.

    Example:
        >>> IsomersC7H8N2O2()(["NNC(=O)c1ccc(O)cc1"]).round(3)
        array([1.])
    """

    name = "isomers_c7h8n2o2"

    def parts(self) -> tuple[Part, ...]:
        return (Isomer("C7H8N2O2").value,)


class IsomersC9H10N2O2PF2Cl(Task):
    """Closeness of the formula to C9H10N2O2PF2Cl.

    Example:
        >>> IsomersC9H10N2O2PF2Cl()(["O=P(Nc1ccc(Cl)cc1)(N1CC1)OC(F)F"]).round(3)
        array([1.])
    """

    name = "isomers_c9h10n2o2pf2cl"

    def parts(self) -> tuple[Part, ...]:
        return (Isomer("C9H10N2O2PF2Cl").value,)
