"""How far sequences are from the nearest of a set, in single edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discdiff.errors import InputError, UnsupportedError

_CHUNK = 256  # sequences compared with the whole set at once


def nearest_edits(sequences: Sequence[str], reference: Sequence[str]) -> NDArray[np.int64]:
    """Return the edit distance of each sequence to the nearest of `reference`, `(N,)`.

    Letters substituted, inserted or deleted (Levenshtein), on the strand as it is.

    Args:
        sequences: N strings.
        reference: at least one string.

    Raises:
        InputError: if `reference` is empty.
        UnsupportedError: if the package rapidfuzz is not installed.

    Example:
        >>> nearest_edits(["GATTACA", "ACGT"], ["GATACA", "ACGT"]).tolist()
        [1, 0]
    """
    if not reference:
        raise InputError("reference must hold at least one sequence, got none")
    cdist, levenshtein = edit_distances()
    found = [
        cdist(sequences[i : i + _CHUNK], reference, scorer=levenshtein.distance).min(axis=1)
        for i in range(0, len(sequences), _CHUNK)
    ]
    return np.concatenate([np.zeros(0), *found]).astype(np.int64)


def edit_distances() -> tuple[Any, Any]:
    """Return rapidfuzz's comparison of all pairs, and its Levenshtein distances.

    Raises:
        UnsupportedError: if the package rapidfuzz is not installed.
    """
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "rapidfuzz":
            raise
        raise UnsupportedError(
            "edit distances need the package rapidfuzz: pip install 'discdiff[edit]'"
        ) from error
    return cdist, Levenshtein
