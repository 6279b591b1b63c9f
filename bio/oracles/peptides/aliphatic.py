"""The volume of aliphatic side chains."""

from __future__ import annotations

from discdiff.bio.oracles.peptides.sequence import Averaged
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.domain import Domain

_VOLUMES = {"A": 1.0, "V": 2.9, "I": 3.9, "L": 3.9}


class AliphaticIndex(Averaged):
    r"""Relative volume of aliphatic side chains, $100(x_A+2.9x_V+3.9(x_I+x_L))$ of fractions $x$.

    It takes relaxed rows, for guidance by gradients.

    Args:
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.

    Source: Thermostability and aliphatic index of globular proteins (Ikai, 1980).

    Example:
        >>> AliphaticIndex()(["AVIL", "GKGK"])
        array([292.5,   0. ])
    """

    name = "aliphatic_index"

    def __init__(self, domain: Domain | None = None) -> None:
        super().__init__({one: 100.0 * _VOLUMES.get(one, 0.0) for one in AMINO_ACIDS}, domain)
