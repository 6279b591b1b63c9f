"""Training data: files of strings become compact arrays of token ids, bad rows are reported."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.readers import Columns, Row, read_chunks

_SHOWN = 20
_FIRST = Columns()
_CACHE_VERSION = 1
_ARRAYS = ("tokens", "offsets", "split", "label")
_NO_IDS: NDArray[np.uint16] = np.zeros(0, np.uint16)
_NO_ROWS: NDArray[np.int64] = np.zeros(0, np.int64)


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
        tokens: ids of all rows, `(sum of lengths,)`.
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

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of every row, `(N,)`."""
        return np.diff(self.offsets)

    def ids(self, row: int) -> NDArray[np.uint16]:
        """Return the token ids of one row."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def where(self, split: str) -> NDArray[np.int64]:
        """Return the rows of one split, `(n,)`; raises `DataError` if there is no such split."""
        if split not in self.splits:
            hint = _check.suggestion(split, self.splits)
            raise DataError(f"split must be one of {', '.join(self.splits)}, got {split!r}.{hint}")
        return np.flatnonzero(self.split == self.splits.index(split))

    def length_law(self, max_length: int, split: str = "train") -> list[float]:
        """Return the fraction of rows of every length 0..max_length."""
        count = np.bincount(self.lengths[self.where(split)], minlength=max_length + 1)
        return [float(c) for c in count / max(1, count.sum())]


class _Chunk(NamedTuple):
    """What a worker returns: ids in a local alphabet, row by row, and the bad rows."""

    alphabet: tuple[str, ...]
    ids: NDArray[np.uint16]
    lengths: NDArray[np.int64]
    rows: list[Row]
    bad: list[BadRow]


def encode_file(
    path: str | Path,
    domain: Domain | type[Domain],
    columns: Columns = _FIRST,
    *,
    options: Mapping[str, object] | None = None,
    max_length: int | None = None,
    max_bad_fraction: float = 0.01,
    split: str = "train",
    cache: str | Path | None = None,
    workers: int = 0,
) -> Encoded:
    r"""Return the rows of a file as token ids, prepared by the domain.

    A row is bad if it is empty, the domain cannot prepare it, it has a token outside the alphabet,
    it is too long, or its label is not a class id. Bad rows are left out and reported.

    Args:
        path: a CSV, SMILES or Parquet file, see `read_chunks`.
        domain: the domain, or its class to take the alphabet from the rows of `split`.
        columns: names of the columns of strings, splits and labels.
        options: arguments of the domain's `fit`, where a class is given.
        max_length: longest row that is kept; None for no limit.
        max_bad_fraction: more bad rows than this fraction are an error.
        split: the split of rows that have none, and the one an alphabet is taken from.
        cache: folder for the encoded file, found again by content and settings; None for none.
        workers: processes that encode; 0 encodes in this one.

    Raises:
        DataError: if the file cannot be read, no row is good, or too many are bad.

    Example:
        >>> import tempfile
        >>> from discdiff.domain import Letters
        >>> file = Path(tempfile.mkdtemp()) / "dna.txt"
        >>> _ = file.write_text("GATT\nACXA\n")
        >>> data = encode_file(file, Letters("ACGT"), max_bad_fraction=0.5)
        >>> data.ids(0).tolist(), data.report.first[0].row
        ([2, 0, 3, 3], 2)
    """
    path, options = Path(path), dict(options or {})
    _check.fraction("max_bad_fraction", max_bad_fraction)
    stored = None
    if cache is not None and path.is_file():
        key = _cache_key(path, domain, columns, options, max_length, split)
        stored = Path(cache) / f"{key}.npz"
    if stored is not None and stored.is_file():
        encoded = _load(stored, domain)
    else:
        encoded = _encode(path, domain, columns, options, max_length, split, workers)
        if stored is not None:
            _save(stored, encoded)
    report = encoded.report
    if not len(encoded) or report.bad > max_bad_fraction * report.rows:
        raise DataError(
            f"at most {max_bad_fraction:.3g} of the rows of {path} may be bad and one must be "
            f"good, got: {report}"
        )
    return encoded


def _encode(
    path: Path,
    domain: Domain | type[Domain],
    columns: Columns,
    options: Mapping[str, object],
    max_length: int | None,
    split: str,
    workers: int,
) -> Encoded:
    known: dict[str, int] = {}
    cover: dict[str, str] = {}  # a training row for every token: the alphabet is taken from these
    chunks: list[_Chunk] = []
    bad: list[BadRow] = []
    work = partial(_encode_chunk, domain, options)
    for chunk in _map(work, read_chunks(path, columns), workers):
        place = np.array([known.setdefault(t, len(known)) for t in chunk.alphabet], np.uint16)
        ends = np.cumsum(chunk.lengths)
        for row, end, length in zip(chunk.rows, ends, chunk.lengths, strict=True):
            if (row.split or split) == split:
                for i in set(chunk.ids[end - length : end].tolist()):
                    cover.setdefault(chunk.alphabet[i], str(row.string))
        bad += chunk.bad
        rows = [row._replace(string=None) for row in chunk.rows]
        chunks.append(chunk._replace(ids=place[chunk.ids], rows=rows, bad=[]))
    if isinstance(domain, type):
        if not cover:
            raise DataError(f"{path} must have a good row, got: {_report(len(bad), bad)}")
        domain = domain.fit(sorted(set(cover.values())), **options)
    return _assemble(domain, list(known), chunks, bad, max_length, split)


def _encode_chunk(
    domain: Domain | type[Domain], options: Mapping[str, object], rows: list[Row]
) -> _Chunk:
    bad: list[BadRow] = []
    kept: list[Row] = []
    ids: list[int] = []
    lengths: list[int] = []
    if isinstance(domain, type):
        try:
            domain = domain.fit([row.string for row in rows if row.string], **options)
        except InputError as error:  # no row of this chunk can be used
            return _Chunk((), _NO_IDS, _NO_ROWS, [], [BadRow(r.number, str(error)) for r in rows])
    for row in rows:
        try:
            encoded = domain.encode(domain.prepare(_string(row)))
            if not encoded:
                raise DataError("no tokens")
            _class_id(row)
        except DataError as error:
            bad.append(BadRow(row.number, str(error)))
            continue
        kept.append(row)
        ids += encoded
        lengths.append(len(encoded))
    flat, size = np.array(ids, np.uint16), np.array(lengths, np.int64)
    return _Chunk(domain.alphabet.tokens, flat, size, kept, bad)


def _string(row: Row) -> str:
    if not row.string or not row.string.strip():
        raise DataError("empty")
    return row.string.strip()


def _class_id(row: Row) -> int:
    if row.label is None:
        return -1
    try:
        label = int(row.label)
    except ValueError:
        label = -1
    if label < 0:
        raise DataError(f"label must be a class id, got {row.label!r}")
    return label


def _map(
    work: Callable[[list[Row]], _Chunk], chunks: Iterator[list[Row]], workers: int
) -> Iterator[_Chunk]:
    """Yield `work(chunk)` in order; at most two chunks a worker are held in memory."""
    if not workers:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[_Chunk]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(work, chunk))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _assemble(
    domain: Domain,
    known: list[str],
    chunks: list[_Chunk],
    bad: list[BadRow],
    max_length: int | None,
    split: str,
) -> Encoded:
    """Join the chunks, in the ids of `domain`; rows that do not fit it become bad rows."""
    rows = [row for chunk in chunks for row in chunk.rows]
    total = len(rows) + len(bad)
    lengths = np.concatenate([_NO_ROWS, *(chunk.lengths for chunk in chunks)])
    flat = np.concatenate([_NO_IDS, *(chunk.ids for chunk in chunks)])
    stray = np.array([token not in domain.alphabet for token in known], bool)
    place = np.array(
        [0 if out else domain.alphabet.index(t) for t, out in zip(known, stray, strict=True)],
        np.uint16,
    )
    owner = np.repeat(np.arange(len(rows)), lengths)
    good = np.ones(len(rows), bool)
    for i in np.flatnonzero(stray[flat]):
        if good[owner[i]]:
            token = known[flat[i]]
            bad.append(BadRow(rows[owner[i]].number, f"token {token!r} is not in the alphabet"))
        good[owner[i]] = False
    if max_length is not None:
        for i in np.flatnonzero(good & (lengths > max_length)):
            reason = f"{lengths[i]} tokens, at most {max_length} are allowed"
            bad.append(BadRow(rows[i].number, reason))
            good[i] = False
    names = [row.split or split for row in rows]
    splits = tuple(sorted({split, *names}))
    return Encoded(
        domain=domain,
        tokens=place[flat[good[owner]]],
        offsets=np.concatenate([[0], np.cumsum(lengths[good])]).astype(np.int64),
        split=np.array([splits.index(name) for name in names], np.int8)[good],
        splits=splits,
        label=np.array([_class_id(row) for row in rows], np.int64)[good],
        report=_report(total, bad),
    )


def _report(rows: int, bad: Sequence[BadRow]) -> Report:
    return Report(rows, len(bad), tuple(sorted(bad)[:_SHOWN]))


def _cache_key(
    path: Path,
    domain: Domain | type[Domain],
    columns: Columns,
    options: Mapping[str, object],
    max_length: int | None,
    split: str,
) -> str:
    settings = dict(options) if isinstance(domain, type) else domain.settings()
    parts = [_CACHE_VERSION, domain.name, settings, columns, max_length, split, path.suffixes]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _save(path: Path, encoded: Encoded) -> None:
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


def _load(path: Path, domain: Domain | type[Domain]) -> Encoded:
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
