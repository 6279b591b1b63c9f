"""Two halves that share no row: each row's place follows from a hash of what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import InputError

HALVES = ("guide", "judge", "all")
Rows = NDArray[np.int64]


class Split(NamedTuple):
    """The rows of a predictor: to train on, to stop by, and to measure on."""

    train: Rows
    valid: Rows
    test: Rows


def fraction_of(key: str, purpose: str) -> float:
    """Return a number in [0, 1) that follows from `key` and `purpose` alone.

    Example:
        >>> round(fraction_of("GATTACA", "half"), 3)
        0.822
    """
    digest = hashlib.sha256(f"{purpose}\n{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def split(
    keys: Sequence[str],
    half: str,
    *,
    test_fraction: float = 0.1,
    valid_fraction: float = 0.1,
    fixed: Sequence[bool] | None = None,
) -> Split:
    """Return the rows of one half.

    Rows with one key stay together. The test rows are those of both halves: neither trains on them,
    so guide and judge are measured on the same. The place of a row does not depend on the others: a
    row that is added later moves none.

    Args:
        keys: of the rows: canonical strings, or names of groups of near-duplicates.
        half: ``guide``, ``judge``, or ``all`` for the rows of both.
        test_fraction: share of the keys that are held out of both halves.
        valid_fraction: share of the keys of a half that tell when to stop.
        fixed: which rows are test rows, where that is decided already; then no others are.

    Raises:
        InputError: if `half` is unknown or a share is outside [0, 1].

    Example:
        >>> keys = [f"row {i}" for i in range(100)]
        >>> guide, judge = split(keys, "guide"), split(keys, "judge")
        >>> len(set(guide.train) & set(judge.train)), (guide.test == judge.test).all()
        (0, np.True_)
    """
    _check.one_of("half", half, HALVES)
    _check.fraction("test_fraction", test_fraction)
    _check.fraction("valid_fraction", valid_fraction)
    if fixed is None:
        test = np.array([fraction_of(key, "test") < test_fraction for key in keys], dtype=np.bool_)
    else:
        test = np.array(fixed, dtype=np.bool_)
    mine = ~test
    if half != "all":
        first = np.array([fraction_of(key, "half") < 0.5 for key in keys], dtype=np.bool_)
        mine &= first if half == "guide" else ~first
    stop = np.array([fraction_of(key, "valid") < valid_fraction for key in keys], dtype=np.bool_)
    return Split(np.flatnonzero(mine & ~stop), np.flatnonzero(mine & stop), np.flatnonzero(test))


def by_scaffold(strings: Sequence[str], domain: Domain) -> list[str]:
    """Return the scaffold of each valid string, as the key to split by.

    Strings of one scaffold stay together. One without any, such as a molecule that has no ring, is
    its own: sharing nothing is no likeness.

    Args:
        strings: N.
        domain: says what a scaffold is: of molecules, that of Bemis and Murcko.

    Raises:
        InputError: if strings of this kind have no scaffolds.
    """
    found = [domain.scaffold(string) for string in strings]
    if any(scaffold is None for scaffold in found):
        raise InputError(
            f"group_by must be null: {domain.name} strings have no scaffolds, molecules do"
        )
    return [scaffold or string for scaffold, string in zip(found, strings, strict=True)]
