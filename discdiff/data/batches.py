"""Batches of rows of similar length: a deterministic, endless stream that every rank agrees on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError

_POOL = 32  # global batches that are sorted by length together


@dataclass(frozen=True)
class Batch:
    """One rank's share of one micro-step.

    Attributes:
        rows: rows of the data, `(n,)`; n is the same for all shares of a global batch.
        step: index of the global batch, which is the optimiser step.
        share: which of the `shares` (ranks × accumulation) of the global batch this is.
        shares: number of shares.
        tokens: tokens of the whole global batch.
    """

    rows: NDArray[np.int64]
    step: int
    share: int
    shares: int
    tokens: int


class LengthBatches:
    """An endless stream of shuffled batches, rows of similar length together.

    An epoch is a seeded permutation, cut into pools; a pool is sorted by length and cut into global
    batches, which are shuffled. A global batch is dealt out to `world * accumulate` shares of equal
    size, so up to that number less one of the rows are left out at the end of an epoch. The stream
    depends only on the arguments, so it can start again at any step.

    Args:
        lengths: number of tokens of every row, `(N,)`.
        rows: the rows to use, `(n,)`.
        batch_tokens: padded tokens of a share, at most; or
        batch_size: rows of a share.
        seed: of the shuffles.
        rank: this process.
        world: number of processes.
        accumulate: shares of a rank in one optimiser step.
        start: step to start at.

    Raises:
        InputError: if not exactly one of `batch_tokens` and `batch_size` is given, or there are
            fewer rows than shares.

    Example:
        >>> stream = iter(LengthBatches(np.array([3, 9, 4, 8]), np.arange(4), batch_tokens=10))
        >>> first = [next(stream) for _ in range(3)]  # the longest row of a batch sets its size
        >>> sorted(int(row) for batch in first for row in batch.rows)
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        rows: NDArray[np.int64],
        *,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        accumulate: int = 1,
        start: int = 0,
    ) -> None:
        if (batch_tokens is None) == (batch_size is None):
            raise InputError(
                "exactly one of batch_tokens and batch_size must be given and the other null, "
                f"got {batch_tokens!r} and {batch_size!r}"
            )
        self.budget = (
            None if batch_tokens is None else _check.positive_int("batch_tokens", batch_tokens)
        )
        self.size = None if batch_size is None else _check.positive_int("batch_size", batch_size)
        self.lengths, self.rows, self.seed = lengths, rows, seed
        self.rank, self.accumulate = rank, _check.positive_int("accumulate", accumulate)
        self.shares = world * accumulate
        self.start = _check.non_negative_int("start", start)
        if len(rows) < self.shares:
            raise InputError(
                f"there must be at least {self.shares} rows, one for each process and accumulated "
                f"pass of a step, got {len(rows)}"
            )

    def __iter__(self) -> Iterator[Batch]:
        first = 0
        for epoch in itertools.count():
            plan = self.epoch(epoch)
            for step in range(max(first, self.start), first + len(plan)):
                rows = plan[step - first]
                tokens = int(self.lengths[rows].sum())
                for micro in range(self.accumulate):
                    share = self.rank * self.accumulate + micro
                    yield Batch(rows[share :: self.shares], step, share, self.shares, tokens)
            first += len(plan)

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the global batches of one epoch, in order."""
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(self.rows)
        order = order[: len(order) - len(order) % self.shares]
        typical = self._rows_for(int(np.median(self.lengths[order]))) * self.shares
        batches: list[NDArray[np.int64]] = []
        for first in range(0, len(order), _POOL * typical):
            pool = order[first : first + _POOL * typical]
            batches += self._cut(pool[np.argsort(-self.lengths[pool], kind="stable")])
        return [batches[i] for i in generator.permutation(len(batches))]

    def _cut(self, pool: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        batches = []
        while len(pool):
            size = min(self._rows_for(int(self.lengths[pool[0]])), len(pool) // self.shares)
            batches.append(pool[: size * self.shares])
            pool = pool[size * self.shares :]
        return batches

    def _rows_for(self, length: int) -> int:
        if self.size is not None:
            return self.size
        return max(1, (self.budget or 1) // max(1, length))
