"""Hop tasks: keep the scaffold and change its decoration, or the reverse."""

from __future__ import annotations

from collections.abc import Sequence

from discdiff.chem.oracles.pmo.task import Part, Task, arithmetic, clip, shaped, similar
from discdiff.chem.oracles.smarts import Smarts

_REFERENCE = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
_SCAFFOLD = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
_SULFONE = "CS([#6])(=O)=O"
_BENZOTHIAZOLE = "[#7]-c1ccc2ncsc2c1"
_DECORATION = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"


class DecoHop(Task):
    """The reference's quinazoline scaffold and pharmacophore, without its two decorations.

    Example:
        >>> DecoHop()(["COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1"]).round(3)
        array([0.87])
    """

    name = "deco_hop"

    def mean(self, values: Sequence[float]) -> float:
        return arithmetic(values)

    def parts(self) -> tuple[Part, ...]:
        return (
            shaped(similar(_REFERENCE, "phco"), clip(0.85)),
            Smarts(_SULFONE, "absent").value,
            Smarts(_BENZOTHIAZOLE, "absent").value,
            Smarts(_SCAFFOLD).value,
        )


class ScaffoldHop(Task):
    """The reference's decoration and pharmacophore, without its quinazoline scaffold.

    Example:
        >>> ScaffoldHop()(["CCCOc1ccc(C(=O)Nc2ccc3ncsc3c2)cc1"]).round(3)
        array([0.771])
    """

    name = "scaffold_hop"

    def mean(self, values: Sequence[float]) -> float:
        return arithmetic(values)

    def parts(self) -> tuple[Part, ...]:
        return (
            shaped(similar(_REFERENCE, "phco"), clip(0.75)),
            Smarts(_DECORATION).value,
            Smarts(_SCAFFOLD, "absent").value,
        )
