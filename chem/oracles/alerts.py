"""Structural alerts: substructures known for assay interference, reactivity or toxicity."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import Mol
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from discdiff import _check
from discdiff.chem.oracles.molecular import PerMolecule, reference_molecule
from discdiff.errors import InputError

_SETS = {
    "pains": FilterCatalogParams.FilterCatalogs.PAINS,
    "brenk": FilterCatalogParams.FilterCatalogs.BRENK,
    "nih": FilterCatalogParams.FilterCatalogs.NIH,
}


@cache
def _catalog(sets: tuple[str, ...]) -> FilterCatalog:
    parameters = FilterCatalogParams()
    for name in sets:
        parameters.AddCatalog(_SETS[name])
    return FilterCatalog(parameters)


class Alerts(PerMolecule):
    """Number of distinct structural alerts that match; 0 is clean.

    Args:
        sets: which collections to search, of ``pains``, ``brenk`` and ``nih``.

    Raises:
        InputError: if `sets` is empty or names an unknown collection.

    Source:
        New substructure filters for removal of pan assay interference compounds (Baell and
        Holloway, 2010); Lessons learnt from assembling screening libraries (Brenk et al., 2008);
        the NIH molecular libraries filters (Jadhav et al., 2010; Doveston et al., 2015).

    Example:
        >>> Alerts()(["CCO", "O=Cc1ccc(cc1)N=Nc1ccccc1"])
        array([0., 5.])
        >>> Alerts(sets=["pains"]).describe("O=C1C=CC(=O)C=C1")
        ['quinone_A(370)']
    """

    name = "alerts"
    direction = "min"

    def __init__(self, sets: Sequence[str] = ("pains", "brenk", "nih")) -> None:
        if isinstance(sets, str) or not sets:
            raise InputError(
                f"sets must be a list of at least one of {', '.join(_SETS)}, got {sets!r}"
            )
        self.sets = tuple(sorted({_check.one_of("sets", name, tuple(_SETS)) for name in sets}))
        self._catalog = _catalog(self.sets)
        super().__init__(sets=list(self.sets))

    def value(self, mol: Mol) -> float:
        return float(len(self._catalog.GetMatches(mol)))

    def describe(self, smiles: str) -> list[str]:
        """Return the names of the alerts that match `smiles`."""
        mol = reference_molecule("smiles", smiles)
        return [match.GetDescription() for match in self._catalog.GetMatches(mol)]


class AlertFilter:
    """Pass molecules with at most a given number of structural alerts.

    It looks at the string, so the oracle is not asked for what it rejects; what is no molecule does
    not pass.

    Args:
        sets: which collections to search, of ``pains``, ``brenk`` and ``nih``.
        most: alerts that are tolerated.

    Raises:
        InputError: if `sets` names an unknown collection or `most` is negative.

    Example:
        >>> import numpy as np
        >>> AlertFilter()(np.empty((2, 0)), ["CCO", "O=Cc1ccc(cc1)N=Nc1ccccc1"])
        array([ True, False])
    """

    name = "alerts"
    outputs: tuple[str, ...] = ()

    def __init__(self, sets: Sequence[str] = ("pains", "brenk", "nih"), most: int = 0) -> None:
        self._alerts = Alerts(sets)
        self.sets = self._alerts.sets
        self.most = _check.non_negative_int("most", most)

    def __call__(self, values: NDArray[np.float64], strings: Sequence[str], /) -> NDArray[np.bool_]:
        """Return `(N,)`, True where the string passes; `values` `(N, 0)` are not needed."""
        passes: NDArray[np.bool_] = self._alerts(strings) <= self.most
        return passes
