"""Families of near copies in a set of sequences, which a split must keep together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bio.metrics.edits import edit_distances
from discdiff.errors import DataError, InputError

_CHUNK = 1000  # sequences compared with the whole set at once


def families(sequences: Sequence[str], substitutions: int) -> NDArray[np.int64]:
    """Return the family of each of N sequences, `(N,)`, numbered from 0 by first appearance.

    Sequences of one length that differ in at most `substitutions` places are in one family, and so
    are those that a chain of such pairs joins (single linkage). A random split of mutants, or of
    steps of an evolution, puts copies of the training rows into the test rows; one by family does
    not.

    Args:
        sequences: N strings; upper and lower case differ.
        substitutions: most places in which two direct relatives differ.

    Raises:
        InputError: if `substitutions` is negative.
        DataError: with the number of the row (the first is 1) if a sequence is empty.

    Example:
        >>> families(["AAAA", "GGGG", "AAAC", "AACC", "AA"], substitutions=1).tolist()
        [0, 1, 0, 0, 2]
    """
    most = _check.non_negative_int("substitutions", substitutions)
    by_length: dict[int, list[int]] = {}
    for row, sequence in enumerate(sequences):
        _refuse_empty(row, sequence)
        by_length.setdefault(len(sequence), []).append(row)
    pairs = [np.zeros((2, 0), dtype=np.int64)]
    for rows in by_length.values():
        near = _near([sequences[row] for row in rows], most)
        pairs.append(np.array(rows, dtype=np.int64)[near])
    return _joined(np.concatenate(pairs, axis=1), len(sequences))


def families_by_identity(
    sequences: Sequence[str], identity: float = 0.7, run: int = 8
) -> NDArray[np.int64]:
    """Return the family of each of N sequences of any length, numbered as in `families`.

    Direct relatives are two sequences with $1-d/n$ of at least `identity`, d the edits
    (Levenshtein) and n the length of the longer; or with a run of `run` letters in common; or one
    of which is a part of the other. So fragments and overlapping windows of one protein are
    relatives too.

    Args:
        sequences: N strings; upper and lower case differ.
        identity: in (0, 1]; unrelated peptides reach about 0.4, short ones more.
        run: letters in a row that make two sequences relatives.

    Raises:
        InputError: if an argument is outside its range.
        DataError: with the number of the row (the first is 1) if a sequence is empty.
        UnsupportedError: if the package rapidfuzz is not installed.

    Example:
        >>> rows = ["GIGKFLHSAKK", "GIGKFLHSAKR", "RYYWKGIGKFLHS", "IGKF", "DDDDEE"]
        >>> families_by_identity(rows, identity=0.7, run=8).tolist()
        [0, 0, 0, 0, 1]
    """
    least = _check.in_range("identity", identity, 0.0, 1.0)
    if least == 0.0:
        raise InputError("identity must be above 0, got 0")
    size = _check.positive_int("run", run)
    for row, sequence in enumerate(sequences):
        _refuse_empty(row, sequence)
    pairs = np.concatenate([_alike(sequences, least), _overlapping(sequences, size)], axis=1)
    return _joined(pairs, len(sequences))


def _refuse_empty(row: int, sequence: str) -> None:
    if not sequence:
        raise DataError(f"row {row + 1}: the sequence is empty")


def _joined(pairs: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the connected components of `size` rows under `pairs`, by first appearance."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = pairs
    links = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, found = connected_components(links, directed=False)
    _, first, place = np.unique(found, return_index=True, return_inverse=True)
    order: NDArray[np.int64] = np.argsort(np.argsort(first))[place]
    return order


def _alike(sequences: Sequence[str], identity: float) -> NDArray[np.int64]:
    """Return the pairs of sequences with few edits for their length, `(2, P)`."""
    cdist, levenshtein = edit_distances()
    slack = identity - 1e-6  # similarities are float32
    found = [np.zeros((2, 0), dtype=np.int64)]
    for start in range(0, len(sequences), _CHUNK):
        near = cdist(
            sequences[start : start + _CHUNK],
            sequences[start:],
            scorer=levenshtein.normalized_similarity,
            score_cutoff=slack,
            dtype=np.float32,
        )
        left, right = np.nonzero(near >= slack)
        found.append(np.stack([left + start, right + start]))
    return np.concatenate(found, axis=1)


def _overlapping(sequences: Sequence[str], run: int) -> NDArray[np.int64]:
    """Return pairs that share a run or of which one is part of the other, enough to join all."""
    places = {sequence: row for row, sequence in enumerate(sequences)}
    short = sorted({len(sequence) for sequence in sequences if len(sequence) < run})
    first: dict[str, int] = {}
    found = []
    for row, sequence in enumerate(sequences):
        found.append((places[sequence], row))  # repeats
        for start in range(len(sequence) - run + 1):
            found.append((first.setdefault(sequence[start : start + run], row), row))
        for size in short:
            for start in range(len(sequence) - size + 1):
                if (part := places.get(sequence[start : start + size])) is not None:
                    found.append((part, row))
    return np.array(found, dtype=np.int64).reshape(-1, 2).T


def _near(sequences: Sequence[str], most: int) -> NDArray[np.int64]:
    """Return the pairs of sequences of one length that differ in few places, `(2, P)`."""
    letters = np.array([list(sequence) for sequence in sequences])
    # one product of 0s and 1s counts the places that agree, exactly in float32
    hot = np.concatenate([letters == letter for letter in np.unique(letters)], axis=1)
    table = hot.astype(np.float32)
    least = letters.shape[1] - most
    found = []
    for start in range(0, len(table), _CHUNK):
        agree = table[start : start + _CHUNK] @ table.T
        left, right = np.nonzero(agree >= least)
        found.append(np.stack([left + start, right]))
    return np.concatenate(found, axis=1).astype(np.int64)
