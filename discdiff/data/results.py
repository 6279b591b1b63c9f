"""Reading measured values from a table: every row that is not a number is named."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from discdiff import _check
from discdiff.errors import DataError
from discdiff.oracle.scores import Floats

FAILED = ("failed", "nan")
"""What a cell says, in any case, where a measurement was made and failed."""
MISSING = ("error", "skip")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_SHOWN = 5


@dataclass(frozen=True)
class Results:
    """Measured values: `rows` are their numbers in the file, 1 the first row of data.

    `values` is float64 `(N, R)`, NaN where a measurement failed.
    """

    strings: list[str]
    values: Floats
    rows: list[int]


def read_results(
    path: str | Path,
    outputs: Sequence[str],
    column: str | None = None,
    *,
    default: str | None = None,
    missing: str = "error",
) -> Results:
    """Return what a CSV or TSV file with a header says.

    Args:
        path: the file.
        outputs: names of the R columns with values.
        column: name of the column with strings; by default `default` where there is one, else the
            first.
        default: usual name of that column.
        missing: ``error``: a row with an empty cell is an error; ``skip``: it is left out.

    Raises:
        DataError: if the file cannot be read, lacks a column, or has a cell that is neither a
            finite number nor `failed`; each such row is named.
    """
    _check.one_of("missing", missing, MISSING)
    path = Path(path)
    if path.suffix.lower() not in _DELIMITERS:
        raise DataError(f"results must be a .csv or .tsv file, got {str(path)!r}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = csv.reader(file, delimiter=_DELIMITERS[path.suffix.lower()]) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} cannot be read: {reason}") from error
    except ValueError as error:
        raise DataError(f"{path} must have a header, got an empty file") from error
    first = column or (default if default in header else header[0] if header else "")
    places = [_place(path, name or "", header) for name in (first, *outputs)]
    strings: list[str] = []
    values: list[list[float]] = []
    rows: list[int] = []
    faults: list[str] = []
    for number, line in enumerate(lines, start=1):
        cells = [line[place].strip() if place < len(line) else "" for place in places]
        if not any(cell.strip() for cell in line) or (missing == "skip" and "" in cells[1:]):
            continue
        found = [_value(name, cell) for name, cell in zip(outputs, cells[1:], strict=True)]
        wrong = [fault for fault in found if isinstance(fault, str)]
        if wrong:
            faults.append(f"row {number}: {', '.join(wrong)}")
        strings.append(cells[0])
        values.append([value for value in found if isinstance(value, float)])
        rows.append(number)
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" * (len(faults) > _SHOWN)
        raise DataError(f"{path}: nothing was recorded: {'; '.join(faults[:_SHOWN])}{more}")
    if not rows:
        raise DataError(f"{path} must hold at least one result, got none")
    return Results(strings, np.array(values, dtype=np.float64), rows)


def _value(name: str, cell: str) -> float | str:
    """Return the number in a cell, or what is wrong with it."""
    if not cell:
        return f"{name} is missing (write 'failed' if it could not be measured, or missing=skip)"
    if cell.lower() in FAILED:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return f"{name} must be a number, got {cell!r}"
    return value if math.isfinite(value) else f"{name} must be a finite number, got {cell!r}"


def _place(path: Path, name: str, header: Sequence[str]) -> int:
    if header.count(name) != 1:
        what = "must have a column" if name not in header else "must have only one column"
        hint = _check.suggestion(name, header) if name not in header else ""
        raise DataError(f"{path} {what} {name!r}, got {', '.join(header)}.{hint}")
    return header.index(name)
