"""Reading strings, split and label from CSV, SMILES, FASTA and Parquet files, chunk by chunk."""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from discdiff import _check
from discdiff.data import fasta
from discdiff.errors import DataError

SUFFIXES = (".csv", ".tsv", ".smi", ".smiles", ".helm", ".txt", *fasta.SUFFIXES, ".parquet")
_FIELD_LIMIT = 1 << 20


class Row(NamedTuple):
    """One row of a file: its number (1 is the first row of data), string, split and label.

    In FASTA a row is a record, and `place` begins messages with its name and its header's line.
    """

    number: int
    string: str | None
    split: str | None = None
    label: str | None = None
    place: str | None = None

    @property
    def where(self) -> str:
        """What the row is called in messages that do not number it otherwise."""
        return f"row {self.number}" if self.place is None else self.place.removesuffix(": ")


class Columns(NamedTuple):
    """Which columns to read; None for `string` is found by name, None for another is not read."""

    string: str | None = None
    split: str | None = None
    label: str | None = None


def read_chunks(
    path: str | Path, columns: Columns, size: int = 4096, usual: str = ""
) -> Iterator[list[Row]]:
    """Yield the rows of a file in lists of `size`; the file is never held in memory as a whole.

    ``.csv`` and ``.tsv`` have a header; ``.smi``, ``.smiles``, ``.helm`` and ``.txt`` hold one
    string a line, up to the first blank, and no columns; ``.fasta``, ``.fa``, ``.fna`` and
    ``.faa`` have records, and as columns the keys of their headers (``>name key=value``);
    ``.parquet`` has named columns. Text files may end in ``.gz``.

    Args:
        path: the file.
        columns: names of the columns.
        size: rows in a list.
        usual: what a column of strings is called, in any case; it is read where none is named. A
            file of one column needs no name.

    Raises:
        DataError: if the file is missing, of another kind, broken, holds no row, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"data file must exist, got {str(path)!r}")
    kind = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if kind not in SUFFIXES or (kind == ".parquet" and path.suffix == ".gz"):
        raise DataError(f"data file must end in {', '.join(SUFFIXES)} (text: or .gz), got {path}")
    is_table = kind == ".parquet"
    rows = _parquet(path, columns, size, usual) if is_table else _text(path, kind, columns, usual)
    empty = True
    while chunk := list(itertools.islice(rows, size)):
        empty = False
        yield chunk
    if empty:
        raise DataError(f"{path} must hold at least one row, got none")


def _text(path: Path, kind: str, columns: Columns, usual: str) -> Iterator[Row]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        # a byte that is not UTF-8 becomes U+FFFD, so its row is reported and the rest is read
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            text = cast(IO[str], file)
            if kind in (".csv", ".tsv"):
                yield from _csv(path, text, "\t" if kind == ".tsv" else ",", columns, usual)
            elif kind in fasta.SUFFIXES:
                yield from _records(path, text, columns)
            else:
                yield from _lines(path, text, columns)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _lines(path: Path, text: IO[str], columns: Columns) -> Iterator[Row]:
    if any(columns):
        raise DataError(f"{path} has no columns, but columns were asked for: {columns}")
    for number, line in enumerate(text, start=1):
        fields = line.split()
        yield Row(number, fields[0] if fields else None)


def _records(path: Path, text: IO[str], columns: Columns) -> Iterator[Row]:
    if columns.string is not None:
        raise DataError(f"{path} has its strings below headers, not in a column {columns.string!r}")
    try:
        for number, record in enumerate(fasta.records(text), start=1):
            for name in columns:
                if name is not None and name not in record.values:
                    raise DataError(f"line {record.line}: the header must say {name}=…")
            split, label = (None if n is None else record.values[n] for n in columns[1:])
            place = f"record {record.name!r} (header in line {record.line}): "
            yield Row(number, record.sequence, split, label, place)
    except DataError as error:
        raise DataError(f"{path}, {error}") from error


def _csv(path: Path, text: IO[str], delimiter: str, columns: Columns, usual: str) -> Iterator[Row]:
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(text, delimiter=delimiter)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise DataError(f"{path}, the header cannot be read: {error}") from error
    if not header:
        raise DataError(f"{path} must have a header, got an empty file")
    places = [_place(path, name, header) for name in columns]
    if columns.string is None:
        places[0] = _of_strings(path, header, usual)
    number = 0
    while True:
        number += 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}, row {number} cannot be read: {error}") from error
        if fields is None:
            return
        if any(field.strip() for field in fields[len(header) :]):
            raise DataError(
                f"{path}, row {number} must have at most the {len(header)} fields of the header, "
                f"got {len(fields)}"
            )
        values = [None if i is None or i >= len(fields) else fields[i] for i in places]
        yield Row(number, *values)


def _parquet(path: Path, columns: Columns, size: int, usual: str) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        header = list(file.schema_arrow.names)
        if not header:
            raise DataError(f"{path} must have a column, got none")
        string = columns.string
        if string is None:
            string = header[_of_strings(path, header, usual)]
        wanted = [name for name in (string, *columns[1:]) if name is not None]
        for name in wanted:
            _place(path, name, header)
        number = 0
        for batch in file.iter_batches(batch_size=size, columns=wanted):
            held = {name: batch.column(name).to_pylist() for name in wanted}
            for i in range(batch.num_rows):
                number += 1
                values = [held[n][i] if n else None for n in (string, *columns[1:])]
                yield Row(number, *(v if v is None else str(v) for v in values))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _of_strings(path: Path, header: list[str], usual: str) -> int:
    found = [i for i, name in enumerate(header) if name.strip().lower() == usual.lower()]
    if not found and len(header) > 1:
        raise DataError(
            f"{path} has the columns {', '.join(header)}: say which one holds the strings"
        )
    return _only(path, found, header) if found else 0


def _place(path: Path, name: str | None, header: list[str]) -> int | None:
    if name is None:
        return None
    if name not in header:
        hint = _check.suggestion(name, header)
        raise DataError(f"{path} must have a column {name!r}, got {', '.join(header)}.{hint}")
    return _only(path, [place for place, other in enumerate(header) if other == name], header)


def _only(path: Path, places: list[int], header: list[str]) -> int:
    if len(places) > 1:
        numbers = ", ".join(str(place + 1) for place in places)
        raise DataError(f"{path} must have one column {header[places[0]]!r}, got columns {numbers}")
    return places[0]
