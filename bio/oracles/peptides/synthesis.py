"""How hard a peptide is to make on a solid support."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from discdiff import _check
from discdiff.bio.oracles.peptides.sequence import PerPeptide
from discdiff.errors import InputError

BRANCHED = "VIT"
HYDROPHOBIC = "AVILMFWY"
_STRETCH = re.compile(f"[{HYDROPHOBIC}]+")
_ASPARTIMIDE = {"G": 1.0, "D": 0.5, "R": 0.5, "N": 0.5, "C": 0.5}
_LONG, _RUN = 20, 4


class SPPSDifficulty(PerPeptide):
    r"""Difficulty of making a peptide on solid phase, in points; 0 where nothing is expected.

    The sum of these figures, each times its points:

    * ``length``: residues beyond 20;
    * ``branched``: couplings of a β-branched residue (Val, Ile, Thr) onto another;
    * ``proline``: couplings of a β-branched residue onto Pro, a hindered secondary amine;
    * ``hydrophobic``: residues beyond the fourth of each run of Ala, Val, Ile, Leu, Met, Phe, Trp
      and Tyr, where the growing chains aggregate;
    * ``aspartimide``: Asp before Gly, and one half for Asp before Asp, Arg, Asn or Cys;
    * ``n_terminal``: Gln at the N terminus, which closes to pyroglutamate, or Asn, whose protection
      is slow to leave.

    The effects are those of the sources, the points are ours: they rank linear peptides of natural
    residues, and say nothing about yields.

    Args:
        points: those that replace the defaults, by figure; 0 leaves one out.

    Raises:
        InputError: if a figure is unknown, or points are negative.

    Source: Solid-phase peptide synthesis: from standard procedures to the synthesis of difficult
    sequences (Coin, Beyermann and Bienert, 2007); The aspartimide problem in Fmoc-based SPPS, parts
    I and II (Mergler et al., 2003), whose rule `peptide_synthesis` of molecules has too.

    Example:
        >>> SPPSDifficulty()(["KGSKEG", "QVVDGAILFVW"])
        array([0., 5.])
        >>> SPPSDifficulty().figures("VIPDN")["aspartimide"]
        0.5
    """

    name = "spps_difficulty"
    direction = "min"
    POINTS: ClassVar[dict[str, float]] = {
        "length": 0.5,
        "branched": 1.0,
        "proline": 1.0,
        "hydrophobic": 1.0,
        "aspartimide": 1.0,
        "n_terminal": 1.0,
    }

    def __init__(self, points: Mapping[str, object] | None = None) -> None:
        if points is not None and not isinstance(points, Mapping):
            raise InputError(f"points must map figures to numbers, got {points!r}")
        asked = {
            _check.one_of("figure", figure, tuple(self.POINTS)): _check.non_negative(figure, value)
            for figure, value in (points or {}).items()
        }
        self.points = {**self.POINTS, **asked}
        super().__init__(points=None if points is None else {**points})

    def value(self, residues: str, /) -> float:
        return sum(self.points[name] * figure for name, figure in self.figures(residues).items())

    def figures(self, residues: str) -> dict[str, float]:
        """Return the figures of a peptide, by name, before they are weighed."""
        bonds = list(pairwise(residues))
        runs = [len(run) for run in _STRETCH.findall(residues)]
        return {
            "length": float(max(0, len(residues) - _LONG)),
            "branched": float(sum(a in BRANCHED and b in BRANCHED for a, b in bonds)),
            "proline": float(sum(a in BRANCHED and b == "P" for a, b in bonds)),
            "hydrophobic": float(sum(max(0, run - _RUN) for run in runs)),
            "aspartimide": sum(_ASPARTIMIDE.get(b, 0.0) for a, b in bonds if a == "D"),
            "n_terminal": float(residues[0] in "QN"),
        }
