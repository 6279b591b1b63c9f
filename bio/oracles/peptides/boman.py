"""How readily a peptide binds to other proteins, by the solubility of its side chains."""

from __future__ import annotations

from discdiff.bio.oracles.peptides.sequence import Averaged
from discdiff.domain import Domain

_TRANSFER = {
    **{"L": 4.92, "I": 4.92, "V": 4.04, "F": 2.98, "M": 2.35, "W": 2.33, "A": 1.81, "C": 1.28},
    **{"G": 0.94, "P": 0.0, "Y": -0.14, "T": -2.57, "S": -3.40, "H": -4.66, "Q": -5.54},
    **{"K": -5.55, "N": -6.64, "E": -6.81, "D": -8.72, "R": -14.92},
}
"""Free energies of transfer of side chains from cyclohexane to water, in kcal/mol; 0 for Pro."""


class Boman(Averaged):
    """Boman index: minus the mean energy of transfer of side chains to water, in kcal/mol.

    Above 2.48 a peptide is likely to bind to other proteins; antimicrobial peptides, which go for
    membranes, tend to be below 1. It takes relaxed rows, for guidance by gradients.

    Args:
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.

    Source: Antibacterial peptides: basic facts and emerging concepts (Boman, 2003); the energies:
    Comparing the polarities of the amino acids (Radzicka and Wolfenden, 1988).

    Example:
        >>> Boman()(["FLPVLAGLTPSIVPKLVCLLTKKC", "RRRR"]).round(3)
        array([-1.236, 14.92 ])
    """

    name = "boman"
    units = "kcal/mol"
    signed = True

    def __init__(self, domain: Domain | None = None) -> None:
        super().__init__({residue: -energy for residue, energy in _TRANSFER.items()}, domain)
