r"""FASTA: sequences under headers that may carry values, ``>name key=value …``.

Blanks, ``=``, ``%`` and control characters of names, keys and values are percent-encoded, so what
is written reads back; a word of a header without ``=`` is a remark and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from discdiff.data.tables import Table, text_of
from discdiff.errors import DataError

SUFFIXES = (".fasta", ".fa", ".fna", ".faa")
WIDTH = 70
_UNSAFE = re.compile(r"[^!-$&-<>-~]")  # all but printable ASCII without blanks, % and =

_SEQUENCE = re.compile(r"[!-=?-~]+")  # a line of it must not look like a header


@dataclass(frozen=True)
class Record:
    """One sequence of a FASTA file.

    Attributes:
        name: the first word of its header, decoded.
        sequence: its lines end to end.
        line: number of the header in the file, the first is 1.
        values: what the header says as ``key=value``, in its order, decoded.
    """

    name: str
    sequence: str
    line: int
    values: Mapping[str, str] = field(default_factory=dict)


def records(lines: Iterable[str]) -> Iterator[Record]:
    r"""Yield the records of a FASTA file.

    Blank lines are skipped, also inside a sequence; no character of a sequence is judged here.

    Args:
        lines: the lines of the file.

    Raises:
        DataError: with the line, where there is a sequence before the first header, a header
            without a name or without a sequence, a blank inside a line of a sequence, or a key
            twice.

    Example:
        >>> found = records([">a Score=0.5 remark\n", "ACG\n", "T\n", "\n", ">b\n", "GG\n"])
        >>> [(r.name, r.sequence, r.line, dict(r.values)) for r in found]
        [('a', 'ACGT', 1, {'Score': '0.5'}), ('b', 'GG', 5, {})]
    """
    header: tuple[int, str] | None = None
    parts: list[str] = []
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if line.startswith(">"):
            if header is not None:
                yield _record(*header, parts)
            header, parts = (number, line[1:]), []
        elif line and header is None:
            raise DataError(f"line {number}: a record must start with '>', got {line[:30]!r}")
        elif len(line.split()) > 1:
            raise DataError(f"line {number}: a sequence must hold no blank, got {line[:30]!r}")
        elif line:
            parts.append(line)
    if header is not None:
        yield _record(*header, parts)


def fasta_bytes(table: Table) -> bytes:
    """Write one record a row, named after the column `id` where there is one, else numbered.

    The other columns stand in the header as ``column=value``, cells without a value left out.

    Args:
        table: its first column holds the sequences.

    Raises:
        DataError: if a sequence is empty or would not read back, with its row.

    Example:
        >>> table = Table(("sequence", "Score", "gc (raw)"), [("ACGT", 0.5, 0.25)])
        >>> print(fasta_bytes(table).decode(), end="")
        >1 Score=0.5 gc%20(raw)=0.25
        ACGT
    """
    names = table.column("id") if "id" in table.columns else [None] * len(table.rows)
    text: list[str] = []
    for number, (row, name) in enumerate(zip(table.rows, names, strict=True), start=1):
        sequence = text_of(row[0])
        if not _SEQUENCE.fullmatch(sequence):
            raise DataError(f"row {number}: FASTA cannot hold the sequence {sequence!r}")
        pairs = [
            f"{_safe(column)}={_safe(text_of(cell))}"
            for column, cell in zip(table.columns[1:], row[1:], strict=True)
            if column != "id" and text_of(cell)
        ]
        text.append(f">{' '.join([_safe(text_of(name) or str(number)), *pairs])}\n")
        text += [f"{sequence[i : i + WIDTH]}\n" for i in range(0, len(sequence), WIDTH)]
    return "".join(text).encode()


def _record(line: int, header: str, parts: list[str]) -> Record:
    words = header.split()
    if not words:
        raise DataError(f"line {line}: a record must have a name after '>'")
    if not parts:
        raise DataError(f"line {line}: record {words[0]!r} must have a sequence, got none")
    values: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if equals and unquote(key) in values:
            raise DataError(f"line {line}: a header must give {unquote(key)!r} once, got it twice")
        if equals:
            values[unquote(key)] = unquote(value)
    return Record(unquote(words[0]), "".join(parts), line, values)


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), text)
