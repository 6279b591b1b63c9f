"""Rows of a table as batches for a predictor, the same stream whenever a training goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from discdiff import _check
from discdiff.data.batches import LengthBatches
from discdiff.errors import DataError
from discdiff.oracle.scores import Floats
from discdiff.predictor.representation import Representation, Unread
from discdiff.predictor.splits import Rows

_VALID_BATCH = 256


class Batch(NamedTuple):
    """What is read of some rows, their values `(N, R)`, NaN where there is none, and the step."""

    inputs: Any
    values: Tensor
    step: int


class TableModule(pl.LightningDataModule):
    """Endless training batches and a fixed validation set out of strings and values.

    Args:
        representation: reads the strings.
        strings: N.
        values: `(N, R)`.
        train_rows: rows to train on.
        valid_rows: rows to validate on.
        batch_size: rows of a batch.
        augment: respell every training row each time, through `Domain.augment`.
        seed: of the shuffles and respellings.

    Raises:
        DataError: if there is no row on either side, or one cannot be read.
    """

    def __init__(
        self,
        representation: Representation,
        strings: Sequence[str],
        values: Floats,
        train_rows: Rows,
        valid_rows: Rows,
        *,
        batch_size: int = 64,
        augment: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not len(train_rows) or not len(valid_rows):
            raise DataError(
                "there must be rows to train on and to validate on, got "
                f"{len(train_rows)} and {len(valid_rows)}"
            )
        self.representation, self.strings = representation, strings
        self.values = torch.from_numpy(values).float()
        self.train_rows, self.valid_rows = train_rows, valid_rows
        self.batch_size = _check.positive_int("batch_size", batch_size)
        self.augment, self.seed = augment, _check.seed("seed", seed)
        self.items = read_items(representation, strings)

    @property
    def whole(self) -> bool:
        """Whether every position of every row was seen: a valid string has no other."""
        return True

    def train_dataloader(self) -> DataLoader[Batch]:
        start = 0 if self.trainer is None else self.trainer.global_step
        return DataLoader(_Stream(self, start), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(_Fixed(self), batch_size=None)

    def batch(self, rows: Rows, step: int, generator: np.random.Generator | None = None) -> Batch:
        """Return the given rows, respelt where a generator is given.

        A row stays as it is where its new spelling cannot be read.
        """
        items = [self.items[int(row)] for row in rows]
        if generator is not None:
            domain = self.representation.domain
            respelt = [domain.augment(self.strings[int(row)], generator) for row in rows]
            others = self.representation.items(respelt)
            items = [a if isinstance(b, Unread) else b for a, b in zip(items, others, strict=True)]
        return Batch(self.representation.collate(items), self.values[rows], step)

    def sizes(self) -> Rows:
        """Return the sizes of all rows, `(N,)`."""
        return np.array([self.representation.size(item) for item in self.items], dtype=np.int64)


def read_items(representation: Representation, strings: Sequence[str]) -> list[Any]:
    """Return what is read of each string.

    Raises:
        DataError: with the first string that cannot be read.
    """
    items = representation.items(strings)
    for row, (string, item) in enumerate(zip(strings, items, strict=True), start=1):
        if isinstance(item, Unread):
            raise DataError(f"row {row}, {string!r}, cannot be read: {item.reason}")
    return items


class _Stream(IterableDataset[Batch]):
    """Training batches without end, from a given step on."""

    def __init__(self, module: TableModule, start: int) -> None:
        self.module, self.start = module, start

    def __iter__(self) -> Iterator[Batch]:
        module = self.module
        stream = LengthBatches(
            module.sizes(),
            module.train_rows,
            batch_size=module.batch_size,
            seed=module.seed,
            start=self.start,
        )
        for batch in stream:
            seed = (module.seed, batch.step)
            generator = np.random.default_rng(seed) if module.augment else None
            yield module.batch(batch.rows, batch.step, generator)


class _Fixed(IterableDataset[Batch]):
    """Every validation row once, sorted by size."""

    def __init__(self, module: TableModule) -> None:
        self.module = module

    def __iter__(self) -> Iterator[Batch]:
        rows = self.module.valid_rows
        order = rows[np.argsort(self.module.sizes()[rows], kind="stable")]
        for start in range(0, len(order), _VALID_BATCH):
            yield self.module.batch(order[start : start + _VALID_BATCH], 0)
