"""Similarity to the nearest molecule of a set, such as the training set of a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem.fingerprints import comparer, fingerprint
from discdiff.chem.molecule import parse
from discdiff.chem.oracles.molecular import PerMolecule
from discdiff.data.readers import Columns, read_chunks
from discdiff.errors import DataError, InputError
from discdiff.objective.transform import edges
from discdiff.oracle.scores import Bools, Floats


class Nearest(PerMolecule):
    r"""Largest Tanimoto similarity s to a molecule of a reference set, or closeness to a band.

    Without a band the value is s, and the distance to the set is 1 - s. With a band it is 1 for
    `low <= s <= high`, `s / low` below, `(1 - s) / (1 - high)` above: near enough to what the model
    has learnt to be trusted, far enough to be new.

    Args:
        reference: a data file (CSV, SMILES or Parquet), or a list of SMILES.
        column: the column of the file that holds SMILES; by default the one of that name.
        low: lower edge of the band, in [0, 1]; no band if both edges are None.
        high: upper edge of the band, in [0, 1].
        fingerprint: a name that `discdiff.chem.fingerprints.fingerprint` knows; folded bits are
            much faster and smaller on a large set.

    Raises:
        InputError: if the set is empty, the fingerprint is unknown, or the band is empty.
        DataError: if the file cannot be read, or a row is not a molecule.

    Example:
        >>> Nearest(["CCO", "c1ccccc1"])(["OCC", "Cc1ccccc1"]).round(3)
        array([1.   , 0.273])
        >>> Nearest(["CCO", "c1ccccc1"], high=0.8)(["OCC", "Cc1ccccc1"]).round(3)
        array([0., 1.])
    """

    name = "nearest"

    def __init__(
        self,
        reference: str | Sequence[str],
        column: str | None = None,
        low: float | None = None,
        high: float | None = None,
        fingerprint: str = "ecfp4_2048",
    ) -> None:
        self._make = _fingerprint(fingerprint)
        self._band = _band(low, high)
        strings = _read(reference, column)
        vectors = [self._make(_molecule(row, s)) for row, s in enumerate(strings, start=1)]
        if not vectors:
            raise InputError(f"reference must hold at least one molecule, got {reference!r}")
        self._similarities = comparer(vectors)
        digest = hashlib.sha256("\n".join(strings).encode()).hexdigest()
        self._arguments = (reference, column, low, high, fingerprint)
        super().__init__(reference=digest, low=low, high=high, fingerprint=fingerprint)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self._arguments

    def value(self, mol: Mol) -> float:
        similarity = float(self._similarities(self._make(mol)).max())
        if self._band is None:
            return similarity
        low, high = self._band
        if similarity < low:
            return similarity / low
        return (1.0 - similarity) / (1.0 - high) if similarity > high else 1.0


class NearestFilter:
    """Pass molecules whose similarity to the nearest one of a reference set is in a band.

    It looks at the string, so the oracle is not asked for what it rejects; what is no molecule does
    not pass.

    Args:
        reference: a data file (CSV, SMILES or Parquet), or a list of SMILES.
        column: the column of the file that holds SMILES; by default the one of that name.
        at_least: least similarity, in [0, 1]; None for no lower edge.
        at_most: largest similarity, in [0, 1]; None for no upper edge.
        fingerprint: a name that `discdiff.chem.fingerprints.fingerprint` knows.

    Raises:
        InputError: if the set is empty, the fingerprint is unknown, or the edges are both None, out
            of range or in the wrong order.
        DataError: if the file cannot be read, or a row is not a molecule.

    Example:
        >>> import numpy as np
        >>> near = NearestFilter(["CCO", "c1ccccc1"], at_least=0.3)
        >>> near(np.empty((2, 0)), ["CCO", "Cc1ccccc1"]).tolist()
        [True, False]
    """

    name = "nearest"
    outputs: tuple[str, ...] = ()

    def __init__(
        self,
        reference: str | Sequence[str],
        column: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        fingerprint: str = "ecfp4_2048",
    ) -> None:
        for name, edge in (("at_least", at_least), ("at_most", at_most)):
            if edge is not None:
                _check.fraction(name, edge)
        self.at_least, self.at_most = edges(at_least, at_most, ("at_least", "at_most"))
        self._nearest = Nearest(reference, column, fingerprint=fingerprint)
        self.reference = self._nearest.parameters["reference"]

    def __call__(self, values: Floats, strings: Sequence[str], /) -> Bools:
        """Return `(N,)`, True where the string passes; `values` `(N, 0)` are not needed."""
        similarity = self._nearest(strings)
        passes: Bools = (similarity >= self.at_least) & (similarity <= self.at_most)
        return passes


_fingerprint = fingerprint  # the constructor's argument has the same name


def _band(low: float | None, high: float | None) -> tuple[float, float] | None:
    if low is None and high is None:
        return None
    bottom = _check.fraction("low", 0.0 if low is None else low)
    top = _check.fraction("high", 1.0 if high is None else high)
    if bottom > top:
        raise InputError(f"low must not exceed high, got {low!r} and {high!r}")
    return bottom, top


def _read(reference: str | Sequence[str], column: str | None) -> list[str]:
    if not isinstance(reference, str):
        return list(reference)
    rows = (
        row for chunk in read_chunks(reference, Columns(column), usual="smiles") for row in chunk
    )
    return [row.string or "" for row in rows]


def _molecule(row: int, smiles: str) -> Mol:
    mol = parse(smiles)
    if mol is None:
        raise DataError(
            f"reference must hold SMILES that can be parsed, got {smiles!r} in row {row}"
        )
    return mol
