"""Markov chains over letters: what a model must beat to have learnt more than short words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bio.bases import DNA_BASES, read_bases
from discdiff.errors import DataError, InputError

Floats = NDArray[np.float64]
_MOST = 4**11  # numbers of a table


class Markov:
    r"""A Markov chain of a given order, with a table of each lower order for the first letters.

    $p(x)=\prod_i p_{\min(i,k)}(x_i\mid x_{i-\min(i,k)},\dots,x_{i-1})$ with
    $p_j(b\mid w)=(n_j(wb)+a)/(n_j(w)+Va)$, where $n$ counts words anywhere in the sequences, $a$
    is the pseudocount and V the number of letters. Positions are not told apart.

    Args:
        sequences: what to count in; DNA or RNA, each strand as it is, or of other letters.
        order: k, the letters before that a letter depends on.
        pseudocount: a, above 0.
        letters: what sequences are made of, such as those of the amino acids.

    Raises:
        InputError: if the order is negative or makes a table of more than 4^11 numbers, the
            pseudocount is not positive, or there are under two distinct letters.
        DataError: with the number of the row if a sequence has another letter.

    Example:
        >>> chain = Markov(["ACACACAC"], order=1)
        >>> bool(chain.nats(["ACAC"])[0] < chain.nats(["AACC"])[0])
        True
    """

    def __init__(
        self,
        sequences: Sequence[str],
        order: int,
        pseudocount: float = 0.5,
        letters: str = DNA_BASES,
    ) -> None:
        self.order = _check.non_negative_int("order", order)
        self.letters = letters
        if len(set(letters)) < max(2, len(letters)):
            raise InputError(f"letters must be two or more distinct ones, got {letters!r}")
        count = len(letters)
        if count ** (order + 1) > _MOST:
            most = max(k for k in range(12) if count ** (k + 1) <= _MOST)
            raise InputError(f"order must be at most {most}, got {order}")
        added = _check.positive("pseudocount", pseudocount)
        rows = self._ids(sequences)
        self._log = []
        for size in range(1, order + 2):
            found = [np.zeros(0, np.int64), *(_words(row, size, count) for row in rows)]
            words = np.concatenate(found)
            table = np.bincount(words, minlength=count**size).reshape(-1, count) + added
            self._log.append(np.log(table / table.sum(1, keepdims=True)).ravel())

    @classmethod
    def best(
        cls,
        train: Sequence[str],
        valid: Sequence[str],
        most: int = 6,
        letters: str = DNA_BASES,
    ) -> Self:
        """Return the chain of the order up to `most` that makes `valid` likeliest a sequence."""
        orders = range(_check.non_negative_int("most", most) + 1)
        chains = [cls(train, order, letters=letters) for order in orders]
        return min(chains, key=lambda chain: float(chain.nats(valid).mean()))

    def nats(self, sequences: Sequence[str]) -> Floats:
        r"""Return $-\log p(x)$ of each sequence, `(N,)`, in nats.

        Raises:
            DataError: with the number of the row if a sequence has another letter.
        """
        found, count = np.zeros(len(sequences)), len(self.letters)
        for place, row in enumerate(self._ids(sequences)):
            start = min(self.order, len(row))
            for k in range(start):  # letters with too little before them
                found[place] -= self._log[k][_words(row[: k + 1], k + 1, count)[-1]]
            if len(row) > self.order:
                found[place] -= self._log[self.order][_words(row, self.order + 1, count)].sum()
        return found

    def sample(self, count: int, length: int, seed: int = 0) -> list[str]:
        """Return `count` sequences of `length` letters."""
        rng = np.random.default_rng(_check.seed("seed", seed))
        shape = (_check.positive_int("count", count), _check.positive_int("length", length))
        rows: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        size = len(self.letters)
        for place in range(length):
            k = min(place, self.order)
            context = rows[:, place - k : place] @ size ** np.arange(k - 1, -1, -1)
            cumulative = np.exp(self._log[k]).reshape(-1, size)[context].cumsum(axis=1)
            rows[:, place] = (rng.random((count, 1)) > cumulative[:, : size - 1]).sum(axis=1)
        return ["".join(self.letters[int(letter)] for letter in row) for row in rows]

    def _ids(self, sequences: Sequence[str]) -> list[NDArray[np.int64]]:
        rows = []
        for number, sequence in enumerate(sequences, start=1):
            if self.letters == DNA_BASES:
                read, what = read_bases(sequence), "no DNA or RNA"
            else:
                known = sequence and set(sequence) <= set(self.letters)
                read, what = sequence if known else None, f"not of {self.letters}"
            if read is None:
                raise DataError(f"sequence {number}: {sequence!r} is {what}")
            rows.append(np.array([self.letters.index(letter) for letter in read], dtype=np.int64))
        return rows


def _words(row: NDArray[np.int64], size: int, base: int) -> NDArray[np.int64]:
    """Return the number of each word of `size` letters, in `base`, in order."""
    count = len(row) - size + 1
    found = np.zeros(max(0, count), dtype=np.int64)
    for place in range(size if count > 0 else 0):
        found = base * found + row[place : place + count]
    return found
