"""Closeness of the molecular formula to a given one."""

from __future__ import annotations

import math
import re
from collections import Counter

from rdkit import Chem
from rdkit.Chem import Mol

from discdiff.chem.oracles.molecular import PerMolecule
from discdiff.errors import InputError

_TERM = re.compile(r"([A-Z][a-z]?)(\d*)")
_SYMBOLS = frozenset(Chem.GetPeriodicTable().GetElementSymbol(z) for z in range(1, 119))


class Isomer(PerMolecule):
    r"""Closeness of the formula to `formula`, in (0, 1]; 1 for every isomer of it.

    The geometric mean of `exp(-(n_e - m_e)^2 / 2)` over the elements e of the formula, hydrogen
    included if named, and of `exp(-(n - m)^2 / 8)` for the number of all atoms with hydrogens; n
    counts the molecule, m the formula.

    Args:
        formula: element symbols, each with an optional count, for example ``C7H8N2O2``.

    Raises:
        InputError: if it is not a formula.

    Source:
        GuacaMol: benchmarking models for de novo molecular design (Brown et al., 2019, 1811.09621).

    Example:
        >>> Isomer("C2H6O")(["CCO", "COC", "CCN"]).round(3)
        array([1.   , 1.   , 0.755])
    """

    name = "isomer"

    def __init__(self, formula: str) -> None:
        self._wanted = _read(formula)
        self._total = sum(self._wanted.values())
        super().__init__(formula=formula)

    def value(self, mol: Mol) -> float:
        found = _formula(mol)
        squares = [float((found[e] - n) ** 2) for e, n in self._wanted.items()]
        squares.append((sum(found.values()) - self._total) ** 2 / 4)
        return math.exp(-sum(squares) / 2 / len(squares))


def _read(formula: object) -> Counter[str]:
    counts: Counter[str] = Counter()
    if isinstance(formula, str) and formula and _TERM.sub("", formula) == "":
        for symbol, number in _TERM.findall(formula):
            counts[symbol] += int(number or 1)
    if not counts or not _SYMBOLS.issuperset(counts):
        raise InputError(
            "formula must be element symbols, each with an optional count, as in C7H8N2O2, "
            f"got {formula!r}"
        )
    return counts


def _formula(mol: Mol) -> Counter[str]:
    counts: Counter[str] = Counter()
    for atom in mol.GetAtoms():
        counts[atom.GetSymbol()] += 1
        counts["H"] += atom.GetTotalNumHs()
    return counts
