"""Encoded data: token sequences in one compact array, and the file it is cached in."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.padding import END, Padded

_ARRAYS = ("tokens", "offsets", "split", "label")


class BadRow(NamedTuple):
    """A row that cannot be used: its number in the file (1 is the first row of data) and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Report:
    """What became of the rows of a file: how many there were, how many are bad, the first bad."""

    rows: int
    bad: int
    first: tuple[BadRow, ...]

    def __str__(self) -> str:
        lines = [f"{self.rows} rows read, {self.bad} cannot be used"]
        lines += [f"  row {bad.row}: {bad.reason}" for bad in self.first]
        if self.bad > len(self.first):
            lines.append(f"  and {self.bad - len(self.first)} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Encoded:
    """Token sequences end to end in one array.

    Attributes:
        domain: the domain whose alphabet the ids belong to.
        tokens: ids of all rows, `(sum of lengths,)`; the mask's where a position was not seen.
        offsets: row i is `tokens[offsets[i]:offsets[i + 1]]`, `(N + 1,)`.
        split: index into `splits` of every row, `(N,)`.
        splits: names of the splits.
        label: class id of every row, -1 without one, `(N,)`.
        report: what became of the rows of the file.
    """

    domain: Domain
    tokens: NDArray[np.uint16]
    offsets: NDArray[np.int64]
    split: NDArray[np.int8]
    splits: tuple[str, ...]
    label: NDArray[np.int64]
    report: Report

    @classmethod
    def of(cls, strings: Sequence[str], domain: Domain) -> Encoded:
        """Return `strings` as rows of the split `train`, without classes.

        Raises:
            DataError: if there is none, or the domain cannot prepare or encode one.

        Example:
            >>> from discdiff.domain import Letters
            >>> Encoded.of(["GATT", "AC"], Letters("ACGT")).ids(1).tolist()
            [0, 1]
        """
        rows = [domain.encode(domain.prepare(string)) for string in strings]
        if not all(rows) or not rows:
            raise DataError(f"strings must be one or more with tokens, got {len(rows)}")
        return cls(
            domain=domain,
            tokens=np.concatenate([np.array(row, np.uint16) for row in rows]),
            offsets=np.cumsum([0, *map(len, rows)]).astype(np.int64),
            split=np.zeros(len(rows), np.int8),
            splits=("train",),
            label=np.full(len(rows), -1, np.int64),
            report=Report(len(rows), 0, ()),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of every row, `(N,)`."""
        return np.diff(self.offsets)

    @property
    def whole(self) -> bool:
        """Whether every position of every row was seen."""
        return not bool((self.tokens == self.domain.alphabet.mask_id).any())

    def ids(self, row: int) -> NDArray[np.uint16]:
        """Return the token ids of one row."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def where(self, split: str) -> NDArray[np.int64]:
        """Return the rows of one split, `(n,)`; raises `DataError` if there is no such split."""
        if split not in self.splits:
            hint = _check.suggestion(split, self.splits)
            raise DataError(f"split must be one of {', '.join(self.splits)}, got {split!r}.{hint}")
        return np.flatnonzero(self.split == self.splits.index(split))

    def hold_out(self, fraction: float, seed: int = 0) -> Encoded:
        """Return the same rows with a random `fraction` of split `train` moved to split `valid`.

        Raises:
            DataError: if there is a split `valid` already, or a split would have no row.
        """
        train = self.where("train")
        if "valid" in self.splits:
            raise DataError("valid_fraction must be 0 where the file has a split 'valid'")
        count = round(_check.fraction("valid_fraction", fraction) * len(train))
        if not 0 < count < len(train):
            raise DataError(
                f"valid_fraction must leave rows on both sides, got {count} of {len(train)}"
            )
        split = self.split.copy()
        generator = np.random.default_rng(_check.seed("seed", seed))
        split[generator.permutation(train)[:count]] = len(self.splits)
        return replace(self, split=split, splits=(*self.splits, "valid"))

    def padded(self, width: int) -> Encoded:
        """Return the same rows with end tokens up to `width`; see `padding`.

        Raises:
            InputError: if a row has more than `width` tokens.
        """
        longest = int(self.lengths.max())
        if longest > width:
            raise InputError(f"width must be at least {longest}, the longest row, got {width}")
        domain = Padded(self.domain, width)
        unseen = self.tokens == self.domain.alphabet.mask_id
        tokens = np.full((len(self), width), domain.alphabet.index(END), np.uint16)
        own = np.where(unseen, domain.alphabet.mask_id, self.tokens)
        tokens[np.arange(width) < self.lengths[:, None]] = own
        offsets = np.arange(len(self) + 1, dtype=np.int64) * width
        return replace(self, domain=domain, tokens=tokens.reshape(-1), offsets=offsets)

    def length_law(self, max_length: int, split: str = "train") -> list[float]:
        """Return the fraction of rows of every length 0..max_length."""
        count = np.bincount(self.lengths[self.where(split)], minlength=max_length + 1)
        return [float(c) for c in count / max(1, count.sum())]


def save(path: Path, encoded: Encoded) -> None:
    """Write `encoded` to an .npz file, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "domain": encoded.domain.settings(),
        "splits": encoded.splits,
        "report": [encoded.report.rows, encoded.report.bad, encoded.report.first],
    }
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
    np.savez(
        temporary,
        about=np.array(json.dumps(about)),
        **{name: getattr(encoded, name) for name in _ARRAYS},
    )
    os.replace(temporary, path)


def load(path: Path, domain: Domain | type[Domain]) -> Encoded:
    """Return what `save` wrote, for a domain of the same class.

    Raises:
        DataError: if the file is broken.
    """
    kind = domain if isinstance(domain, type) else type(domain)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            arrays = {name: stored[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not an encoded data file, delete it: {error}") from error
    rows, bad, first = about["report"]
    report = Report(rows, bad, tuple(BadRow(*b) for b in first))
    rebuilt = kind(**about["domain"])
    return Encoded(domain=rebuilt, splits=tuple(about["splits"]), report=report, **arrays)
