"""The data module: encoded rows in padded batches, the same on any number of processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from discdiff import _check
from discdiff.data.batches import Batch, LengthBatches
from discdiff.data.encoded import Encoded
from discdiff.domain import Domain
from discdiff.errors import DataError


class Tokens(NamedTuple):
    """A padded batch: `x_0` int64 `(B, L)`, rows `(B,)`, classes `(B,)` or None, and its place."""

    x_0: Tensor
    rows: Tensor
    cond: Tensor | None
    step: int
    share: int
    shares: int
    tokens: int


def collate(
    encoded: Encoded,
    batch: Batch,
    generator: np.random.Generator | None = None,
    max_length: int | None = None,
) -> Tokens:
    r"""Return the rows of `batch`, right padded to the longest; respelt where a generator is given.

    A row stays as it is where its new spelling has more than `max_length` tokens (by default the
    longest row's) or one that is not in the alphabet.

    Example:
        >>> import numpy as np, tempfile, pathlib
        >>> from discdiff.domain import Letters
        >>> from discdiff.data.encoding import encode_file
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "dna.txt"
        >>> _ = file.write_text("GATT\nAC\n")
        >>> data = encode_file(file, Letters("ACGT"))
        >>> collate(data, Batch(np.array([1, 0]), 0, 0, 1, 6)).x_0.tolist()
        [[0, 1, 5, 5], [2, 0, 3, 3]]
    """
    domain = encoded.domain
    rows = [encoded.ids(int(row)) for row in batch.rows]
    if generator is not None:
        longest = int(encoded.lengths.max()) if max_length is None else max_length
        rows = [_respelt(domain, ids, generator, longest) for ids in rows]
    x_0 = np.full((len(rows), max(map(len, rows))), domain.alphabet.pad_id, np.int64)
    for i, ids in enumerate(rows):
        x_0[i, : len(ids)] = ids
    labels = torch.from_numpy(encoded.label[batch.rows])
    cond = labels if bool((labels >= 0).all()) else None
    place = (batch.step, batch.share, batch.shares, batch.tokens)
    return Tokens(torch.from_numpy(x_0), torch.from_numpy(batch.rows), cond, *place)


def _respelt(
    domain: Domain, ids: NDArray[np.uint16], generator: np.random.Generator, max_length: int
) -> NDArray[np.uint16]:
    letters = [*domain.alphabet.tokens, domain.unobserved or ""]
    string = domain.augment(domain.join([letters[i] for i in ids.tolist()]), generator)
    try:
        spelt = domain.encode(string)
    except DataError:  # another spelling may need tokens that the data does not hold
        return ids
    return np.array(spelt, np.uint16) if len(spelt) <= max_length else ids


class _Stream(IterableDataset[Tokens]):
    """Training batches without end, from a given step on."""

    def __init__(
        self, encoded: Encoded, batches: LengthBatches, augment: bool, max_length: int | None
    ) -> None:
        self.encoded, self.batches = encoded, batches
        self.augment, self.max_length = augment, max_length

    def __iter__(self) -> Iterator[Tokens]:
        for batch in self.batches:
            seed = (self.batches.seed, batch.step, batch.share)
            generator = np.random.default_rng(seed) if self.augment else None
            yield collate(self.encoded, batch, generator, self.max_length)


class _Fixed(IterableDataset[Tokens]):
    """Every given row once, sorted by length, in as many batches on every rank."""

    def __init__(
        self, encoded: Encoded, rows: NDArray[np.int64], size: int, rank: int, world: int
    ) -> None:
        if len(rows) < world:
            raise DataError(
                f"there must be a validation row for each of {world} processes, got {len(rows)}"
            )
        order = rows[np.argsort(encoded.lengths[rows], kind="stable")]
        count = math.ceil(math.ceil(len(rows) / world) / size)
        self.encoded, self.batches = encoded, np.array_split(order[rank::world], count)

    def __iter__(self) -> Iterator[Tokens]:
        for i, rows in enumerate(self.batches):
            tokens = int(self.encoded.lengths[rows].sum())
            yield collate(self.encoded, Batch(rows, i, 0, 1, tokens))


class DataModule(pl.LightningDataModule):
    """Endless training batches and a fixed validation set out of one encoded file.

    The training stream starts at the trainer's step, so a resumed run sees the rows that an
    uninterrupted one would see.

    Args:
        encoded: the rows.
        batch_tokens: padded tokens of one forward pass, at most; or
        batch_size: rows of one forward pass.
        augment: respell every training row each time, through `Domain.augment`.
        valid_rows: validation rows to use, the first of the split.
        seed: of the shuffles and respellings.
        train_split: name of the split to train on.
        valid_split: name of the split to validate on; None for no validation.
        max_length: most tokens of a new spelling, those of the longest row when None; a row that
            would be longer keeps its own spelling.

    Raises:
        DataError: if a split does not exist or holds nothing.
    """

    def __init__(
        self,
        encoded: Encoded,
        *,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        augment: bool = False,
        valid_rows: int = 2048,
        seed: int = 0,
        train_split: str = "train",
        valid_split: str | None = "valid",
        max_length: int | None = None,
    ) -> None:
        super().__init__()
        self.encoded = encoded
        self.batch_tokens, self.batch_size = batch_tokens, batch_size
        self.augment, self.seed = augment, _check.seed("seed", seed)
        self.max_length = max_length
        self.train_rows = encoded.where(train_split)
        none = np.zeros(0, np.int64)
        self.valid_rows = none if valid_split is None else encoded.where(valid_split)
        self.valid_rows = self.valid_rows[: _check.positive_int("valid_rows", valid_rows)]
        if not len(self.train_rows) or (valid_split is not None and not len(self.valid_rows)):
            raise DataError(f"splits {train_split!r} and {valid_split!r} must hold rows")

    @property
    def whole(self) -> bool:
        """Whether every position of every row was seen."""
        return self.encoded.whole

    def refuse_shares(self, world: int, accumulate: int) -> None:
        """Raise `InputError` if the rows are too few to be dealt out so.

        Args:
            world: number of processes.
            accumulate: forward passes of a process in one optimiser step.
        """
        self._batches(world=world, accumulate=accumulate)
        if len(self.valid_rows):
            self._validation(0, world)

    def train_dataloader(self) -> DataLoader[Tokens]:
        trainer = self.trainer
        if trainer is None:
            batches = self._batches()
        else:
            batches = self._batches(
                rank=trainer.global_rank,
                world=trainer.world_size,
                accumulate=trainer.accumulate_grad_batches,
                start=trainer.global_step,
            )
        stream = _Stream(self.encoded, batches, self.augment, self.max_length)
        return DataLoader(stream, batch_size=None)

    def val_dataloader(self) -> DataLoader[Tokens] | list[object]:
        if not len(self.valid_rows):
            return []
        rank, world = (
            (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        )
        return DataLoader(self._validation(rank, world), batch_size=None)

    def _batches(self, **place: int) -> LengthBatches:
        return LengthBatches(
            self.encoded.lengths,
            self.train_rows,
            batch_tokens=self.batch_tokens,
            batch_size=self.batch_size,
            seed=self.seed,
            **place,
        )

    def _validation(self, rank: int, world: int) -> _Fixed:
        return _Fixed(self.encoded, self.valid_rows, 128, rank, world)
