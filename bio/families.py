"""Families of near copies in a set of sequences, which a split must keep together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import DataError

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
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    most = _check.non_negative_int("substitutions", substitutions)
    by_length: dict[int, list[int]] = {}
    for row, sequence in enumerate(sequences):
        if not sequence:
            raise DataError(f"row {row + 1}: the sequence is empty")
        by_length.setdefault(len(sequence), []).append(row)
    pairs = [np.zeros((2, 0), dtype=np.int64)]
    for rows in by_length.values():
        near = _near([sequences[row] for row in rows], most)
        pairs.append(np.array(rows, dtype=np.int64)[near])
    left, right = np.concatenate(pairs, axis=1)
    size = len(sequences)
    links = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, found = connected_components(links, directed=False)
    _, first, place = np.unique(found, return_index=True, return_inverse=True)
    order: NDArray[np.int64] = np.argsort(np.argsort(first))[place]
    return order


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
