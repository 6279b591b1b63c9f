"""The instability index, by pairs of neighbours."""

from __future__ import annotations

from itertools import pairwise

from Bio.SeqUtils import ProtParamData

from discdiff.bio.oracles.peptides.sequence import BIOPYTHON, PerPeptide


class Instability(PerPeptide):
    r"""Instability index, $\frac{10}L\sum_i w(x_i,x_{i+1})$ with weights of pairs of neighbours.

    Proteins above 40 tend to live shorter in a cell. The weights were fitted to proteins: of short
    peptides it says little.

    Source: Correlation between stability of a protein and its dipeptide composition (Guruprasad,
    Reddy and Pandit, 1990).

    Example:
        >>> Instability()(["QWGRRCCGWGPGRRYCVRWC", "G"]).round(2)
        array([83.68,  0.  ])
    """

    name = "instability"
    direction = "min"
    signed = True
    licence = BIOPYTHON

    def __init__(self) -> None:
        super().__init__()

    def value(self, residues: str, /) -> float:
        weights = (ProtParamData.DIWV[one][other] for one, other in pairwise(residues))
        return 10.0 * sum(weights) / len(residues)
