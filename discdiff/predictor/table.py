"""Tables of sequences with measured values: read, checked row by row, and merged."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from discdiff import _check
from discdiff.data.encoded import BadRow, Report
from discdiff.data.readers import Columns, Row, read_chunks
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.oracle.scores import Floats

MISSING = ("", "na", "n/a", "nan", "none", "null")
_CLASSES = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "0.0": 0.0, "1.0": 1.0}
LARGEST = 1e18
"""Most that a value may be: its square, of which fits are made, has room in float32."""
_SHOWN = 20
_MOST_CONDITIONS = 100  # more are no conditions but a column chosen by mistake


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a file are read.

    Attributes:
        targets: columns of values, one an output.
        string: column of the strings; None: the only one, or by its name.
        group: column that names groups of near-duplicates, which stay in one half.
        split: column that says which rows are held out.
        condition: column that says under which condition a row's value, of the only target, was
            measured: each condition becomes an output.
        limits: lowest and highest value that the measurement can tell; values beyond are set to
            these.
    """

    targets: tuple[str, ...]
    string: str | None = None
    group: str | None = None
    split: str | None = None
    condition: str | None = None
    limits: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.targets or len(set(self.targets)) < len(self.targets):
            raise InputError(f"target must be one or more distinct columns, got {self.targets}")
        if self.condition is not None and len(self.targets) > 1:
            raise InputError(
                f"target must be one column where condition is given, got {list(self.targets)}"
            )
        if self.limits is not None and not (
            len(self.limits) == 2 and self.limits[0] < self.limits[1]
        ):
            raise InputError(f"limits must be [low, high], low < high, got {list(self.limits)}")


@dataclass(frozen=True, eq=False)
class Table:
    """Distinct canonical strings with values; NaN is not measured.

    Attributes:
        strings: N.
        values: `(N, R)`.
        outputs: R names.
        groups: what keeps rows together, N.
        splits: names of splits, N; empty where the file has none.
        report: what became of the rows of the file.
        merged: rows that were another's repeat.
    """

    strings: tuple[str, ...]
    values: Floats
    outputs: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    report: Report
    merged: int = 0

    @property
    def digest(self) -> str:
        """A short hash of strings, values, outputs and groups, whatever their order."""
        rows = sorted(zip(self.strings, self.groups, self.values.tolist(), strict=True), key=str)
        return hashlib.sha256(json.dumps([self.outputs, rows]).encode()).hexdigest()[:16]


def read_table(
    path: str | Path,
    domain: Domain,
    columns: TableColumns,
    *,
    task: str = "regression",
    max_bad_fraction: float = 0.01,
) -> Table:
    r"""Return the rows of a file, those with one canonical string made one.

    A row is bad if its string is not valid, a value is neither a number nor missing, or it has no
    value at all; bad rows are left out and reported. Values of one string are averaged; where its
    classes differ it is left out, and reported.

    Args:
        path: a file that `discdiff.data.readers.read_chunks` reads.
        domain: prepares and judges the strings.
        columns: names of the columns.
        task: ``regression``, or ``classification``, whose values are 0 and 1.
        max_bad_fraction: more bad rows than this fraction are an error.

    Raises:
        InputError: if an argument is wrong.
        DataError: if the file cannot be read, or too many rows are bad.

    Example:
        >>> import tempfile
        >>> from discdiff.domain import Letters
        >>> file = Path(tempfile.mkdtemp()) / "mine.csv"
        >>> _ = file.write_text("sequence,a,b\nGATT,1.5,2\nGATT,2.5,\nAC,,3\n")
        >>> table = read_table(file, Letters("ACGT"), TableColumns(("a", "b")))
        >>> table.strings, table.values.tolist(), table.merged
        (('GATT', 'AC'), [[2.0, 2.0], [nan, 3.0]], 1)
    """
    _check.fraction("max_bad_fraction", max_bad_fraction)
    bad: list[BadRow] = []
    kept: dict[str, _Merged] = {}
    conditions: dict[str, None] = {}
    count = 0
    for row, cells in _rows(Path(path), columns, domain.column):
        count += 1
        try:
            string = _canonical(row, domain)
            values = _values(cells, columns, task)
        except DataError as error:
            bad.append(BadRow(row.number, f"{row.place or ''}{error}"))
            continue
        conditions |= dict.fromkeys(values)
        if columns.condition is not None and len(conditions) > _MOST_CONDITIONS:
            raise DataError(
                f"{path}: column {columns.condition!r} must hold at most {_MOST_CONDITIONS} "
                f"conditions, got more by row {row.number}"
            )
        place = kept.setdefault(string, _Merged(row.number, cells, {}))
        for name, value in values.items():
            place.values.setdefault(name, []).append(value)
    outputs = columns.targets if columns.condition is None else tuple(sorted(conditions))
    repeats = count - len(bad) - len(kept)
    if task == "classification":
        kept = dict(_agreeing(kept, bad))
    report = Report(count, len(bad), tuple(sorted(bad)[:_SHOWN]))
    if not kept or len(bad) > max_bad_fraction * count:
        raise DataError(
            f"at most {max_bad_fraction:.3g} of the rows of {path} may be bad and one must be "
            f"good, got: {report}"
        )
    return _table(kept, outputs, columns, report, repeats)


@dataclass(frozen=True)
class _Merged:
    """The rows of one string: number and cells of the first, values by output."""

    number: int
    cells: Mapping[str, str]
    values: dict[str, list[float]]


def _table(
    kept: Mapping[str, _Merged],
    outputs: tuple[str, ...],
    columns: TableColumns,
    report: Report,
    merged: int,
) -> Table:
    rows = [
        [float(np.mean(found.values[o])) if o in found.values else math.nan for o in outputs]
        for found in kept.values()
    ]
    return Table(
        tuple(kept),
        np.array(rows, dtype=np.float64),
        outputs,
        tuple(
            string if columns.group is None else found.cells[columns.group] or string
            for string, found in kept.items()
        ),
        tuple("" if columns.split is None else f.cells[columns.split] for f in kept.values()),
        report,
        merged,
    )


def _rows(path: Path, columns: TableColumns, usual: str) -> Iterator[tuple[Row, Mapping[str, str]]]:
    """Yield the rows with the cells of the other columns, by name."""
    others = [columns.group, columns.split, columns.condition]
    names = [*columns.targets, *(name for name in others if name is not None)]
    passes = [
        chain.from_iterable(read_chunks(path, Columns(columns.string, None, name), usual=usual))
        for name in dict.fromkeys(names)
    ]
    for several in zip(*passes, strict=True):
        cells = {n: (r.label or "").strip() for n, r in zip(dict.fromkeys(names), several)}  # noqa: B905
        yield several[0], cells


def _canonical(row: Row, domain: Domain) -> str:
    if not row.string or not row.string.strip():
        raise DataError("empty")
    string = domain.prepare(row.string.strip())
    reason = domain.invalid_reason(string)
    if reason is not None:
        raise DataError(f"{string!r}: {reason}")
    return domain.canonical(string)


def _values(cells: Mapping[str, str], columns: TableColumns, task: str) -> dict[str, float]:
    found = {}
    for target in columns.targets:
        text = cells[target]
        if text.lower() in MISSING:
            continue
        output = target if columns.condition is None else cells[columns.condition]
        if not output:
            raise DataError(f"column {columns.condition!r} must name a condition, got nothing")
        number = _number(text, target, task)
        if columns.limits is not None:
            number = min(max(number, columns.limits[0]), columns.limits[1])
        found[output] = number
    if not found:
        raise DataError(f"no value in {_spelt(columns.targets)}")
    return found


def _number(text: str, column: str, task: str) -> float:
    if task == "classification":
        if text.lower() not in _CLASSES:
            raise DataError(f"column {column!r} must be 0 or 1, or empty, got {text!r}")
        return _CLASSES[text.lower()]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"column {column!r} must be a number, or empty, got {text!r}")
    if abs(number) > LARGEST:
        raise DataError(f"column {column!r} must be at most {LARGEST:g}, got {text!r}")
    return number


def _spelt(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _agreeing(kept: Mapping[str, _Merged], bad: list[BadRow]) -> Iterator[tuple[str, _Merged]]:
    """Yield the strings of one class each; the others become bad rows."""
    for string, found in kept.items():
        split = [name for name, values in found.values.items() if len(set(values)) > 1]
        if split:
            reason = f"{string!r} is of both classes of {_spelt(split)}, in different rows"
            bad.append(BadRow(found.number, reason))
        else:
            yield string, found
