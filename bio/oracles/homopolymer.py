"""The longest run of one base."""

from __future__ import annotations

from itertools import groupby

from discdiff.bio.oracles.sequence import PerSequence
from discdiff.errors import InputError


class Homopolymer(PerSequence):
    """Bases in the longest run of one base.

    Args:
        bases: the bases that count, such as ``"GC"``.

    Raises:
        InputError: if `bases` is empty or has another letter.

    Example:
        >>> Homopolymer()(["GATTTACA", "ACGT"]), Homopolymer("G")(["GATTTACA"])
        (array([3., 1.]), array([1.]))
    """

    name = "homopolymer"
    direction = "min"
    units = "bases"

    def __init__(self, bases: str = "ACGT") -> None:
        if not isinstance(bases, str) or not bases or not set(bases) <= set("ACGTU"):
            raise InputError(f"bases must be some of ACGT, got {bases!r}")
        self.bases = set(bases.replace("U", "T"))
        super().__init__(bases=bases)

    def value(self, bases: str) -> float:
        runs = (len(list(run)) for base, run in groupby(bases) if base in self.bases)
        return float(max(runs, default=0))
