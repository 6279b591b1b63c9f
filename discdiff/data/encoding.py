"""From files of strings to token ids: every row is encoded or reported with its number."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.data.encoded import BadRow, Encoded, Report, load, save
from discdiff.data.readers import Columns, Row, read_chunks
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError

__all__ = ["BadRow", "Encoded", "Report", "encode_file"]

_SHOWN = 20
_MOST_SPLITS = 100  # more are no splits but a column chosen by mistake
_MOST_CLASSES = 10_000  # a network has weights for every id up to the largest
_FIRST = Columns()
_CACHE_VERSION = 1


class _Chunk(NamedTuple):
    """What a worker returns: the ids of its good rows in a local alphabet, and the bad rows."""

    alphabet: tuple[str | None, ...]  # None: what was not seen
    ids: NDArray[np.uint16]
    lengths: list[int]
    rows: list[Row]
    labels: list[int]
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
    progress: Callable[[int], None] | None = None,
) -> Encoded:
    r"""Return the rows of a file as token ids, prepared by the domain.

    A row is bad if it is empty, the domain cannot prepare it, it has a token outside the alphabet,
    it is too long, or its label is not a class id below 10,000. Bad rows are left out and
    reported.

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
        progress: called with the number of rows read.

    Raises:
        InputError: if an argument or an option of the domain is wrong.
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
    _check.non_negative_int("workers", workers)
    if max_length is not None:
        _check.positive_int("max_length", max_length)
    stored = None
    if cache is not None and path.is_file():
        key = _cache_key(path, domain, columns, options, max_length, split)
        stored = Path(cache) / f"{key}.npz"
    if stored is not None and stored.is_file():
        encoded = load(stored, domain)
    else:
        encoded = _encode(path, domain, columns, options, max_length, split, workers, progress)
        if stored is not None:
            save(stored, encoded)
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
    progress: Callable[[int], None] | None,
) -> Encoded:
    table = _Table(path, split)
    work = partial(_encode_chunk, domain, options)
    for chunk in _map(work, read_chunks(path, columns, usual=domain.column), workers):
        table.add(chunk)
        if progress is not None:
            progress(table.report().rows)
    if isinstance(domain, type):
        if not table.cover:
            raise DataError(f"{path} must have a good row, got: {table.report()}")
        domain = _fitted(domain, sorted(set(table.cover.values())), options)
    return table.encoded(domain, max_length)


def _encode_chunk(
    domain: Domain | type[Domain], options: Mapping[str, object], rows: list[Row]
) -> _Chunk:
    bad: list[BadRow] = []
    kept: list[Row] = []
    ids: list[int] = []
    lengths: list[int] = []
    labels: list[int] = []
    if isinstance(domain, type):
        try:
            domain = _fitted(domain, [row.string for row in rows if row.string], options)
        except DataError as error:  # no row of this chunk can be used
            bad = [BadRow(row.number, f"{row.place or ''}{error}") for row in rows]
            return _Chunk((), np.zeros(0, np.uint16), [], [], [], bad)
    for row in rows:
        try:
            encoded = domain.encode(domain.prepare(_string(row)))
            if not encoded:
                raise DataError("no tokens")
            label = _class_id(row)
        except DataError as error:
            bad.append(BadRow(row.number, f"{row.place or ''}{error}"))
            continue
        kept.append(row)
        labels.append(label)
        ids += encoded
        lengths.append(len(encoded))
    flat = np.array(ids, np.uint16)
    return _Chunk((*domain.alphabet.tokens, None), flat, lengths, kept, labels, bad)


def _fitted(kind: type[Domain], strings: list[str], options: Mapping[str, object]) -> Domain:
    try:
        return kind.fit(strings, **options)
    except DataError:
        raise
    except InputError as error:  # of an option
        raise InputError(f"domain {kind.name!r}: {error}") from error


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
    if not 0 <= label < _MOST_CLASSES:
        raise DataError(f"label must be a class id in [0, {_MOST_CLASSES}), got {row.label!r}")
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


class _Table:
    """All chunks together, in arrays, with ids in order of first appearance.

    Attributes:
        cover: a training row for every token of the training rows: an alphabet is taken from it.
    """

    def __init__(self, path: Path, split: str) -> None:
        self.path, self.default = path, split
        self.cover: dict[str, str] = {}
        self._known: dict[str | None, int] = {}
        self._splits: dict[str, int] = {split: 0}
        self._bad: list[BadRow] = []
        self._ids = [np.zeros(0, np.uint16)]
        # number in the file, length, split and label of every row
        self._rows = [np.zeros((0, 4), np.int64)]

    def add(self, chunk: _Chunk) -> None:
        end = 0
        table = np.zeros((len(chunk.rows), 4), np.int64)
        for i, row in enumerate(chunk.rows):
            start, end = end, end + chunk.lengths[i]
            name = row.split or self.default
            code = self._splits.setdefault(name, len(self._splits))
            if code >= _MOST_SPLITS:
                raise DataError(
                    f"{self.path} must name at most {_MOST_SPLITS} splits, got {name!r} as one "
                    f"more in row {row.number}"
                )
            table[i] = row.number, chunk.lengths[i], code, chunk.labels[i]
            if name == self.default:
                for place in set(chunk.ids[start:end].tolist()):
                    token = chunk.alphabet[place]
                    if token is not None:
                        self.cover.setdefault(token, str(row.string))
        known = self._known
        numbers = np.array([known.setdefault(t, len(known)) for t in chunk.alphabet], np.uint16)
        self._ids.append(numbers[chunk.ids])
        self._rows.append(table)
        self._bad += chunk.bad

    def report(self) -> Report:
        rows = sum(map(len, self._rows)) + len(self._bad)
        return Report(rows, len(self._bad), tuple(sorted(self._bad)[:_SHOWN]))

    def encoded(self, domain: Domain, max_length: int | None) -> Encoded:
        """Return the rows in the ids of `domain`; those that do not fit it become bad rows."""
        flat, (number, length, code, label) = (
            np.concatenate(self._ids),
            np.concatenate(self._rows).T,
        )
        known, alphabet = list(self._known), domain.alphabet
        stray = np.array([t is not None and t not in alphabet for t in known], bool)
        ids = [
            alphabet.mask_id if t is None or t not in alphabet else alphabet.index(t) for t in known
        ]
        place = np.array(ids, np.uint16)
        owner = np.repeat(np.arange(len(number)), length)
        good = np.ones(len(number), bool)
        bad = []
        for i in np.flatnonzero(stray[flat]):
            row, token = owner[i], known[flat[i]]
            if good[row]:
                bad.append(BadRow(int(number[row]), f"token {token!r} is not in the alphabet"))
            good[row] = False
        limit = np.inf if max_length is None else max_length
        for row in np.flatnonzero(good & (length > limit)):
            reason = f"{length[row]} tokens, at most {max_length} are allowed"
            bad.append(BadRow(int(number[row]), reason))
            good[row] = False
        total, first = self.report(), sorted([*self._bad, *bad])[:_SHOWN]
        splits = tuple(sorted(self._splits))
        order = np.array([splits.index(name) for name in self._splits], np.int8)
        return Encoded(
            domain=domain,
            tokens=place[flat[good[owner]]],
            offsets=np.concatenate([[0], np.cumsum(length[good])]).astype(np.int64),
            split=order[code[good]],
            splits=splits,
            label=label[good],
            report=Report(total.rows, total.bad + len(bad), tuple(first)),
        )


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
