"""Molecules that hold a given scaffold, with their substituents where it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdkit import Chem
from rdkit.Chem import Mol

from discdiff.chem import molecule, template
from discdiff.domain import Domain
from discdiff.gapped import Point
from discdiff.wrapped import Wrapped

LOST = "scaffold lost"


class Scaffolded(Wrapped):
    """SMILES whose molecules hold a scaffold and are substituted at its points and nowhere else.

    Designs start from the scaffold's tokens; that it is still there when the runs have grown is
    checked on the molecule. An atom of the scaffold has as many neighbours as in the template, and
    each point one substituent; stereochemistry counts where the template states it.

    Args:
        inner: the domain of the strings.
        scaffold: a SMILES with attachment points ``[*:1]``, ``[*:2]``, …
        points: what may grow at a point, by its number.
        longest: most tokens of a design.

    Raises:
        InputError: if the template is no such SMILES, or cannot be written or filled.

    Example:
        >>> from discdiff.chem.smiles import Smiles
        >>> inner = Smiles.fit(["Cc1ccccc1", "OC1CC1", "CNC"])
        >>> held = Scaffolded(inner, "c1ccccc1[*:1]", {}, longest=12)
        >>> [held.invalid_reason(s) for s in ("CNc1ccccc1", "Cc1ccccc1O", "CNC")]
        [None, 'scaffold lost', 'scaffold lost']
    """

    def __init__(
        self, inner: Domain, scaffold: str, points: Mapping[int, Point], longest: int
    ) -> None:
        super().__init__(inner)
        found = template.read(scaffold)
        self.smiles = scaffold
        self.template = template.gapped(found, self.alphabet, points, longest)
        self._query = substituted(found.mol)
        self._kekule_query = _kekule(self._query)

    def invalid_reason(self, string: str) -> str | None:
        reason = self.inner.invalid_reason(string)
        if reason is not None:
            return reason
        mol = molecule.parse(string)
        return None if mol is not None and self._is_held(mol) else LOST

    def demands(self) -> dict[str, object]:
        parts = None if self.template is None else self.template.parts
        return {**self.inner.demands(), "template": self.smiles, "parts": parts}

    def _is_held(self, mol: Mol) -> bool:
        """Return whether the scaffold is in `mol`, whose substituents may change its aromaticity.

        A ring with a double bond out of it is aromatic where that leads to oxygen, and is not where
        it leads to a point; then single and double bonds are compared.
        """
        if mol.HasSubstructMatch(self._query, useChirality=True):
            return True
        return bool(_kekule(mol).HasSubstructMatch(self._kekule_query, useChirality=True))


def substituted(mol: Mol) -> Mol:
    """Return the query for molecules that are `mol` with something on each dummy atom only.

    Example:
        >>> query = substituted(molecule.parse("OCC[*:1]"))
        >>> [molecule.parse(s).HasSubstructMatch(query) for s in ("OCCN", "OC(C)CN", "OCC")]
        [True, False, False]
    """
    rules: Any = Chem.AdjustQueryParameters.NoAdjustments()  # RDKit's stubs err here
    rules.adjustDegree = True
    rules.adjustDegreeFlags = Chem.ADJUST_IGNOREDUMMIES
    rules.makeDummiesQueries = True
    return Chem.AdjustQueryProperties(mol, rules)


def _kekule(mol: Mol) -> Mol:
    plain = Chem.Mol(mol)
    Chem.Kekulize(plain, clearAromaticFlags=True)
    return plain
