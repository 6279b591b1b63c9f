"""The columns of a report's table: numbers, levels and text, whatever the run recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from discdiff.data.tables import Cell, Table, text_of

STRING, NUMBER, LEVEL, TEXT = "string", "number", "level", "text"
_DIGITS = 6  # significant ones that a page keeps; `designs.csv` has all
_LEVELS = 12  # a text column with no more different values is one to choose from
_DASH = "–"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        name: what it is called in `designs.csv`.
        label: what the page calls it.
        kind: ``string`` (the designs), ``number``, ``level`` (few different texts) or ``text``.
        cells: one a row; NaN and None are cells without a value.
        note: direction and units, where it has any.
        digits: decimals shown, None for three significant digits.
    """

    name: str
    label: str
    kind: str
    cells: Sequence[Cell]
    note: str = ""
    digits: int | None = None

    def shown(self, row: int) -> str:
        """Return a cell as the page shows it.

        Example:
            >>> Column("Score", "reward", "number", [0.51234], digits=3).shown(0)
            '0.512'
        """
        cell = self.cells[row]
        if self.kind != NUMBER:
            return text_of(cell)
        if not _is_number(cell):
            return _DASH
        return f"{cell:.3g}" if self.digits is None else f"{cell:.{self.digits}f}"

    def plain(self) -> dict[str, Any]:
        """Return the column as JSON values, numbers to six significant digits."""
        found: dict[str, Any] = {"label": self.label, "kind": self.kind, "note": self.note}
        if self.kind == NUMBER:
            return found | {"digits": self.digits, "cells": [_rounded(c) for c in self.cells]}
        texts = [text_of(cell) for cell in self.cells]
        if self.kind != LEVEL:
            return found | {"cells": texts}
        levels = sorted(set(texts))
        places = {level: place for place, level in enumerate(levels)}
        return found | {"levels": levels, "cells": [places[text] for text in texts]}


def columns_of(
    table: Table, labels: Mapping[str, str], notes: Mapping[str, str]
) -> tuple[Column, ...]:
    """Return the columns of `table` that say something.

    The first holds the designs. Of the others those without any value are left out, and levels
    that are all the same.

    Args:
        table: one row a design.
        labels: what columns are called on the page, where it is not their name.
        notes: direction and units, by the name of the column.

    Example:
        >>> table = Table(("SMILES", "Score", "arm"), [("C", 0.5, "a"), ("N", None, "b")])
        >>> [(column.label, column.kind) for column in columns_of(table, {"Score": "reward"}, {})]
        [('SMILES', 'string'), ('reward', 'number'), ('arm', 'level')]
    """
    found = []
    for place, name in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        kind = STRING if place == 0 else _kind(cells)
        if kind is not None:
            digits = digits_of([c for c in cells if _is_number(c)]) if kind == NUMBER else None
            label = labels.get(name, name.replace("_", " "))
            found.append(Column(name, label, kind, cells, notes.get(name, ""), digits))
    return tuple(found)


def digits_of(numbers: Sequence[Any]) -> int | None:
    """Return the decimals with which `numbers` are best read; None where three digits must do.

    Example:
        >>> digits_of([0.25, 0.5]), digits_of([3, 12]), digits_of([310.2]), digits_of([1e-9])
        (3, 0, 1, None)
    """
    if all(float(number).is_integer() for number in numbers):
        return 0
    sizes = [abs(number) for number in numbers if number]
    digits = max(1, 3 - math.ceil(math.log10(max(sizes))))
    return None if median(sizes) < 0.5 * 10.0**-digits or digits > 5 else digits


def _kind(cells: Sequence[Cell]) -> str | None:
    """Return the kind of a column after the first, None where it says nothing."""
    given = [cell for cell in cells if text_of(cell)]
    if not given:
        return None
    if all(_is_number(cell) for cell in given):
        return NUMBER
    levels = {text_of(cell) for cell in cells}
    if len(levels) == 1 and len(cells) > 1:
        return None
    return LEVEL if len(levels) <= _LEVELS and "" not in levels else TEXT


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)


def _rounded(cell: Cell) -> Cell:
    if not _is_number(cell):
        return None
    return cell if isinstance(cell, int) else float(f"{cell:.{_DIGITS}g}")
