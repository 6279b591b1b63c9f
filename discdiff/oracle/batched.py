"""The oracle is called with batches of a bounded size."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from discdiff import _check
from discdiff.oracle.scores import Part
from discdiff.oracle.wrapper import Distinct, Wrapper


class Batched(Wrapper):
    """Call the oracle with at most `batch_size` distinct sequences at a time, and time it.

    Args:
        oracle: the oracle inside.
        batch_size: sequences a call, at least 1.

    Raises:
        InputError: if `batch_size` is not a positive integer.

    Example:
        >>> sizes = []
        >>> batched = Batched(lambda s: sizes.append(len(s)) or [0.0] * len(s), batch_size=2)
        >>> _ = batched(["A", "C", "A", "G"])
        >>> sizes
        [2, 1]
    """

    def __init__(self, oracle: Any, batch_size: int = 64) -> None:
        super().__init__(oracle)
        self.batch_size = _check.positive_int("batch_size", batch_size)

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield a part for each batch."""
        distinct = Distinct.of(sequences)
        for start in range(0, len(distinct.sequences), self.batch_size):
            batch = distinct.sequences[start : start + self.batch_size]
            began = time.perf_counter()
            scores = self.oracle(batch)
            seconds = np.full(len(batch), (time.perf_counter() - began) / len(batch))
            yield distinct.expand(
                range(start, start + len(batch)), replace(scores, seconds=seconds)
            )
