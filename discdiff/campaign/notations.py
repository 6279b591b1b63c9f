"""Designs in the other notations of their domain, as columns of a table."""

from __future__ import annotations

from discdiff.data.tables import Table
from discdiff.domain import Domain


def noted(table: Table, domain: Domain) -> Table:
    """Return `table` with a column for each notation of `domain`, such as ``helm``, at its end.

    A notation that no design can be written in gets no column; a cell is empty where a string is
    not valid or cannot be written so.

    Args:
        table: its first column holds strings of the domain.
        domain: of the strings.

    Example:
        >>> from discdiff.domain import Letters
        >>> class Spoken(Letters):
        ...     notations = ("spoken",)
        ...     def written(self, string, notation):
        ...         return "-".join(string)
        >>> noted(Table(("sequence", "Score"), [("GAT", 1.0)]), Spoken("ACGT")).rows
        [('GAT', 1.0, 'G-A-T')]
    """
    strings = [str(row[0]) for row in table.rows]
    valid = [domain.invalid_reason(string) is None for string in strings]
    for notation in domain.notations:
        if notation in table.columns:
            continue
        cells = [
            domain.written(string, notation) if fine else None
            for string, fine in zip(strings, valid, strict=True)
        ]
        if any(cell is not None for cell in cells):
            rows = [(*row, cell) for row, cell in zip(table.rows, cells, strict=True)]
            table = Table((*table.columns, notation), rows)
    return table
