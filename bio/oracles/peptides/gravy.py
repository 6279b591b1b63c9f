"""The grand average of hydropathy."""

from __future__ import annotations

from Bio.SeqUtils import ProtParamData

from discdiff.bio.oracles.peptides.sequence import BIOPYTHON, Averaged
from discdiff.domain import Domain


class Gravy(Averaged):
    """Grand average of hydropathy: the mean of Kyte and Doolittle's scale; more is more apolar.

    It takes relaxed rows, for guidance by gradients.

    Args:
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.

    Source: A simple method for displaying the hydropathic character of a protein (Kyte and
    Doolittle, 1982).

    Example:
        >>> Gravy()(["LLIV", "KRDE"])
        array([ 4.075, -3.85 ])
    """

    name = "gravy"
    signed = True
    licence = BIOPYTHON

    def __init__(self, domain: Domain | None = None) -> None:
        super().__init__(ProtParamData.kd, domain)
