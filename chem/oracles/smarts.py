"""Presence, absence or number of a substructure."""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem.oracles.molecular import PerMolecule
from discdiff.errors import InputError

_MODES = ("has", "absent", "count")
_ALL = 1_000_000  # RDKit stops at 1,000 matches unless told


class Smarts(PerMolecule):
    """Whether, or how often, a SMARTS pattern matches.

    Args:
        pattern: the SMARTS; chirality in it is not matched.
        mode: ``has`` (1 if it matches, else 0), ``absent`` (the reverse) or ``count`` (number of
            matches that differ in at least one atom).

    Raises:
        InputError: if the pattern cannot be parsed or the mode is unknown.

    Example:
        >>> Smarts("[OX2H]", mode="count")(["OCCO", "CC"])
        array([2., 0.])
        >>> Smarts("c1ccccc1", mode="absent")(["Oc1ccccc1", "CC"])
        array([0., 1.])
    """

    name = "smarts"

    def __init__(self, pattern: str, mode: str = "has") -> None:
        query = Chem.MolFromSmarts(pattern) if isinstance(pattern, str) and pattern else None
        if query is None:
            raise InputError(f"pattern must be a SMARTS that RDKit can parse, got {pattern!r}")
        self._query = query
        self.mode = _check.one_of("mode", mode, _MODES)
        super().__init__(pattern=pattern, mode=mode)

    def value(self, mol: Mol) -> float:
        if self.mode == "count":
            return float(len(mol.GetSubstructMatches(self._query, maxMatches=_ALL)))
        return float(mol.HasSubstructMatch(self._query) == (self.mode == "has"))
