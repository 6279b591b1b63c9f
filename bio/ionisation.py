"""Groups of a peptide that take or give a proton, and their charges at a pH."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from Bio.SeqUtils import IsoelectricPoint as protparam

LICENCE = "Biopython License (Biopython; pK values of Bjellqvist et al.)"
BASES, ACIDS = "KRH", "DECY"
N_END, C_END = "Nterm", "Cterm"
_FAR = -20.0, 40.0  # pH between which the net charge of any peptide with both changes sign


@dataclass(frozen=True)
class PKs:
    """A set of pK values.

    Attributes:
        groups: of side chains by letter, and of the ends as `N_END` and `C_END`.
        first: of the N terminus where it depends on the first residue.
        last: of the C terminus where it depends on the last residue.
    """

    groups: Mapping[str, float]
    first: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)


def _set(order: str, *values: float) -> PKs:
    return PKs(dict(zip([N_END, C_END, *order], values, strict=True)))


SETS: Mapping[str, PKs] = {
    "bjellqvist": PKs(
        {**protparam.positive_pKs, **protparam.negative_pKs},
        protparam.pKnterminal,
        protparam.pKcterminal,
    ),
    "emboss": _set("DECYHKR", 8.6, 3.6, 3.9, 4.1, 8.5, 10.1, 6.5, 10.8, 12.5),
    "lehninger": _set("DECYHKR", 9.69, 2.34, 3.65, 4.25, 8.18, 10.07, 6.0, 10.53, 12.48),
    "sillero": _set("DECYHKR", 8.2, 3.2, 4.0, 4.5, 9.0, 10.0, 6.4, 10.4, 12.0),
}
"""Sets of pK values by name: Bjellqvist et al. (1993, 1994), as Biopython has them; EMBOSS (Rice,
Longden and Bleasby, 2000); Lehninger Principles of Biochemistry (Nelson and Cox, 4th edition);
Isoelectric point determination of proteins and other macromolecules (Sillero and Maldonado, 2006).
"""


@dataclass(frozen=True)
class Groups:
    """The groups of a peptide with given ends.

    Args:
        pks: their pK values.
        amide: whether the C terminus is an amide.
        acetyl: whether the N terminus is acetylated.

    Example:
        >>> groups = Groups(SETS["bjellqvist"])
        >>> round(groups.charge("GK", 7.0), 3), round(groups.neutral_at("GK"), 2)
        (0.759, 8.75)
    """

    pks: PKs
    amide: bool = False
    acetyl: bool = False

    def side_chain(self, residue: str, ph: float) -> float:
        """Return the charge of a side chain, 0 where it has no group."""
        if residue in BASES:
            return _base(self.pks.groups[residue], ph)
        return _acid(self.pks.groups[residue], ph) if residue in ACIDS else 0.0

    def n_terminus(self, residue: str, ph: float) -> float:
        """Return the charge of the N terminus, whose residue may matter."""
        return (
            0.0 if self.acetyl else _base(self.pks.first.get(residue, self.pks.groups[N_END]), ph)
        )

    def c_terminus(self, residue: str, ph: float) -> float:
        """Return the charge of the C terminus, whose residue may matter."""
        return 0.0 if self.amide else _acid(self.pks.last.get(residue, self.pks.groups[C_END]), ph)

    def charge(self, residues: str, ph: float) -> float:
        """Return the net charge of a peptide."""
        return _charge(self._terms(residues), ph)

    def neutral_at(self, residues: str) -> float:
        """Return the pH at which the net charge is 0; NaN where there is none.

        There is one, since the charge falls with the pH, if and only if the peptide has both an
        acid and a base.
        """
        from scipy.optimize import brentq

        terms = self._terms(residues)
        if {sign for _, sign, _ in terms} != {1.0, -1.0}:
            return math.nan
        return float(brentq(lambda ph: _charge(terms, ph), *_FAR, xtol=1e-9))

    def _terms(self, residues: str) -> list[tuple[int, float, float]]:
        """Return number, sign of the charge and pK of the groups of each kind that are there."""
        groups, first, last = self.pks.groups, residues[0], residues[-1]
        found = [(residues.count(one), 1.0, groups[one]) for one in BASES]
        found += [(residues.count(one), -1.0, groups[one]) for one in ACIDS]
        found.append((not self.acetyl, 1.0, self.pks.first.get(first, groups[N_END])))
        found.append((not self.amide, -1.0, self.pks.last.get(last, groups[C_END])))
        return [term for term in found if term[0]]


def _charge(terms: list[tuple[int, float, float]], ph: float) -> float:
    return sum(n * sign / (1.0 + math.pow(10.0, sign * (ph - pk))) for n, sign, pk in terms)


def _base(pk: float, ph: float) -> float:
    return _charge([(1, 1.0, pk)], ph)


def _acid(pk: float, ph: float) -> float:
    return _charge([(1, -1.0, pk)], ph)
