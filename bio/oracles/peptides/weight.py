"""The mass of a peptide."""

from __future__ import annotations

from collections.abc import Callable

from Bio import SeqUtils

from discdiff.bio.oracles.peptides.sequence import BIOPYTHON, PerPeptide, flag

# Biopython leaves it without types
_weight: Callable[..., float] = SeqUtils.molecular_weight
_AMIDE = {False: -0.9848, True: -0.984016}
_ACETYL = {False: 42.0367, True: 42.010565}
"""What NH2 in place of OH, and C2H2O, add in Da: average masses, and those of the lightest
isotopes."""


class PeptideWeight(PerPeptide):
    """Molecular weight of a peptide with free Cys, in Da.

    Args:
        monoisotopic: whether every atom is its most frequent isotope, as in mass spectrometry; else
            the average of isotopes.
        amide: whether the C terminus is an amide.
        acetyl: whether the N terminus is acetylated.

    Raises:
        InputError: if an argument is neither true nor false.

    Example:
        >>> PeptideWeight()(["YGGFL"]).round(2)
        array([555.62])
        >>> PeptideWeight(monoisotopic=True, amide=True)(["YGGFL"]).round(3)
        array([554.285])
    """

    name = "peptide_weight"
    units = "Da"
    licence = BIOPYTHON

    def __init__(
        self, monoisotopic: bool = False, amide: bool = False, acetyl: bool = False
    ) -> None:
        self.monoisotopic = flag("monoisotopic", monoisotopic)
        self._ends = flag("amide", amide) * _AMIDE[monoisotopic]
        self._ends += flag("acetyl", acetyl) * _ACETYL[monoisotopic]
        super().__init__(monoisotopic=monoisotopic, amide=amide, acetyl=acetyl)

    def value(self, residues: str, /) -> float:
        return self._ends + _weight(residues, "protein", monoisotopic=self.monoisotopic)
