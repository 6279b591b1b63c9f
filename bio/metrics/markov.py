"""Markov chains over bases: what a model must beat to have learnt more than short words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bio.bases import DNA_BASES, read_bases
from discdiff.errors import DataError, InputError

Floats = NDArray[np.float64]
_MOST = 10  # 4^11 numbers


class Markov:
    r"""A Markov chain of a given order, with a table of each lower order for the first bases.

    $p(x)=\prod_i p_{\min(i,k)}(x_i\mid x_{i-\min(i,k)},\dots,x_{i-1})$ with
    $p_j(b\mid w)=(n_j(wb)+a)/(n_j(w)+4a)$, where $n$ counts words anywhere in the sequences and $a$
    is the pseudocount. Positions are not told apart.

    Args:
        sequences: what to count in, DNA or RNA, each strand as it is.
        order: k, the bases before that a base depends on.
        pseudocount: a, above 0.

    Raises:
        InputError: if the order lies outside [0, 10] or the pseudocount is not positive.
        DataError: with the number of the row if a sequence is no DNA or RNA.

    Example:
        >>> chain = Markov(["ACACACAC"], order=1)
        >>> bool(chain.nats(["ACAC"])[0] < chain.nats(["AACC"])[0])
        True
    """

    def __init__(self, sequences: Sequence[str], order: int, pseudocount: float = 0.5) -> None:
        self.order = _check.non_negative_int("order", order)
        if order > _MOST:
            raise InputError(f"order must be at most {_MOST}, got {order}")
        added = _check.positive("pseudocount", pseudocount)
        rows = _ids(sequences)
        self._log = []
        for size in range(1, order + 2):
            words = np.concatenate([np.zeros(0, np.int64), *(_words(row, size) for row in rows)])
            table = np.bincount(words, minlength=4**size).reshape(-1, 4) + added
            self._log.append(np.log(table / table.sum(1, keepdims=True)).ravel())

    @classmethod
    def best(cls, train: Sequence[str], valid: Sequence[str], most: int = 6) -> Self:
        """Return the chain of the order up to `most` that makes `valid` likeliest a sequence."""
        chains = [cls(train, order) for order in range(_check.non_negative_int("most", most) + 1)]
        return min(chains, key=lambda chain: float(chain.nats(valid).mean()))

    def nats(self, sequences: Sequence[str]) -> Floats:
        r"""Return $-\log p(x)$ of each sequence, `(N,)`, in nats.

        Raises:
            DataError: with the number of the row if a sequence is no DNA or RNA.
        """
        found = np.zeros(len(sequences))
        for place, row in enumerate(_ids(sequences)):
            start = min(self.order, len(row))
            for k in range(start):  # bases with too little before them
                found[place] -= self._log[k][_words(row[: k + 1], k + 1)[-1]]
            if len(row) > self.order:
                found[place] -= self._log[self.order][_words(row, self.order + 1)].sum()
        return found

    def sample(self, count: int, length: int, seed: int = 0) -> list[str]:
        """Return `count` sequences of `length` bases of DNA."""
        rng = np.random.default_rng(_check.seed("seed", seed))
        shape = (_check.positive_int("count", count), _check.positive_int("length", length))
        rows: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        for place in range(length):
            k = min(place, self.order)
            context = rows[:, place - k : place] @ 4 ** np.arange(k - 1, -1, -1)
            cumulative = np.exp(self._log[k]).reshape(-1, 4)[context].cumsum(axis=1)
            rows[:, place] = (rng.random((count, 1)) > cumulative[:, :3]).sum(axis=1)
        return ["".join(DNA_BASES[int(base)] for base in row) for row in rows]


def _ids(sequences: Sequence[str]) -> list[NDArray[np.int64]]:
    rows = []
    for number, sequence in enumerate(sequences, start=1):
        bases = read_bases(sequence)
        if bases is None:
            raise DataError(f"sequence {number}: {sequence!r} is no DNA or RNA")
        rows.append(np.array([DNA_BASES.index(base) for base in bases], dtype=np.int64))
    return rows


def _words(row: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the number of each word of `size` bases, in base 4, in order."""
    count = len(row) - size + 1
    found = np.zeros(max(0, count), dtype=np.int64)
    for place in range(size if count > 0 else 0):
        found = 4 * found + row[place : place + count]
    return found
