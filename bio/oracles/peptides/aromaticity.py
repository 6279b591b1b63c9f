"""The share of aromatic residues."""

from __future__ import annotations

from discdiff.bio.oracles.peptides.sequence import Averaged
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.domain import Domain


class Aromaticity(Averaged):
    """Fraction of residues that are Phe, Trp or Tyr, in [0, 1].

    It takes relaxed rows, for guidance by gradients.

    Args:
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.

    Source: Hydrophobicity, expressivity and aromaticity are the major trends of amino-acid usage in
    999 Escherichia coli chromosome-encoded genes (Lobry and Gautier, 1994).

    Example:
        >>> Aromaticity()(["RRWQWRFY", "GGGG"])
        array([0.5, 0. ])
    """

    name = "aromaticity"

    def __init__(self, domain: Domain | None = None) -> None:
        super().__init__({residue: float(residue in "FWY") for residue in AMINO_ACIDS}, domain)
