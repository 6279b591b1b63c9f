"""Similarity to the nearest of known peptides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from discdiff.bio.oracles.peptides.sequence import PerPeptide
from discdiff.bio.residues import read_residues
from discdiff.data.readers import Columns, read_chunks
from discdiff.errors import DataError, InputError
from discdiff.similarity import shared_runs


class NearestPeptide(PerPeptide):
    """Largest similarity to a peptide of a reference set, in [0, 1]; 1 for one of the set.

    Runs of one to three residues are compared; see `discdiff.similarity.shared_runs`.

    Args:
        reference: a data file (CSV, FASTA or Parquet), or a list of peptides.
        column: the column of the file that holds them; by default the one named ``sequence``.

    Raises:
        InputError: if the set is empty.
        DataError: if the file cannot be read, or a row is no peptide of the 20 amino acids.

    Example:
        >>> NearestPeptide(["YGGFL", "RRWQWR"])(["YGGFM", "YGGFL"]).round(2)
        array([0.6, 1. ])
    """

    name = "nearest_peptide"

    def __init__(self, reference: str | Sequence[str], column: str | None = None) -> None:
        known = [_peptide(place, text) for place, text in _rows(reference, column)]
        if not known:
            raise InputError(f"reference must hold at least one peptide, got {reference!r}")
        self._likeness = shared_runs(known)
        self._arguments = (reference, column)
        super().__init__(reference=hashlib.sha256("\n".join(known).encode()).hexdigest())

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self._arguments

    def value(self, residues: str, /) -> float:
        return float(self._likeness(residues).max())


def _rows(reference: str | Sequence[str], column: str | None) -> list[tuple[str, str]]:
    if not isinstance(reference, str):
        return [(f"row {place}: ", text) for place, text in enumerate(reference, start=1)]
    return [
        (row.place or f"row {row.number}: ", row.string or "")
        for chunk in read_chunks(reference, Columns(column), usual="sequence")
        for row in chunk
    ]


def _peptide(place: str, text: str) -> str:
    residues = read_residues(text)
    if residues is None:
        raise DataError(f"{place}reference must hold peptides of the 20 amino acids, got {text!r}")
    return residues
