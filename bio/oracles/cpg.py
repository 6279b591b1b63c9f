"""CpG dinucleotides, against what the composition lets expect."""

from __future__ import annotations

from discdiff.bio.oracles.sequence import PerSequence


class CpG(PerSequence):
    r"""Observed over expected CpG, $n_{CG}L/(n_C n_G)$; 0 where there is no C or no G.

    Around 0.2 in bulk vertebrate DNA, above 0.6 in CpG islands.

    Source:
        CpG islands in vertebrate genomes (Gardiner-Garden and Frommer, 1987).

    Example:
        >>> CpG()(["CGCG", "GGCC", "AATT"])
        array([2., 0., 0.])
    """

    name = "cpg"

    def __init__(self) -> None:
        super().__init__()

    def value(self, bases: str) -> float:
        expected = bases.count("C") * bases.count("G") / len(bases)
        return bases.count("CG") / expected if expected else 0.0
