"""The pH at which a peptide has no net charge."""

from __future__ import annotations

from discdiff import _check
from discdiff.bio.ionisation import LICENCE, SETS, Groups
from discdiff.bio.oracles.peptides.sequence import PerPeptide, flag


class IsoelectricPoint(PerPeptide):
    """The pH at which the net charge is 0; see `Charge`. NaN where no base or no acid is there.

    With the set of Bjellqvist it is ProtParam's, which stops at 4.05 and 12; this one does not.

    Args:
        pk: the set of pK values: ``bjellqvist``, ``emboss``, ``lehninger`` or ``sillero``.
        amide: whether the C terminus is an amide.
        acetyl: whether the N terminus is acetylated.

    Raises:
        InputError: if an argument is wrong.

    Source: The focusing positions of polypeptides in immobilized pH gradients can be predicted from
    their amino acid sequences (Bjellqvist et al., 1993).

    Example:
        >>> IsoelectricPoint()(["GIGKFLHSAKKFGKAFVGEIMNS", "DEDE"]).round(2)
        array([10. ,  3.7])
    """

    name = "isoelectric_point"
    units = "pH"
    licence = LICENCE

    def __init__(self, pk: str = "bjellqvist", amide: bool = False, acetyl: bool = False) -> None:
        _check.one_of("pk", pk, tuple(SETS))
        self.groups = Groups(SETS[pk], flag("amide", amide), flag("acetyl", acetyl))
        super().__init__(pk=pk, amide=amide, acetyl=acetyl)

    def value(self, residues: str, /) -> float:
        return self.groups.neutral_at(residues)
