"""Tables of designs: written as CSV, Parquet or lines; other formats register like any part."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from discdiff import _check, registry
from discdiff.campaign.files import write_atomic
from discdiff.errors import DataError, InputError

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under the names of columns; the first column holds the strings.

    NaN and None are cells without a value.

    Raises:
        InputError: if a row has more or fewer cells than there are columns.

    Example:
        >>> Table(("SMILES", "Score"), [("CCO", 0.5)]).column("Score")
        [0.5]
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(f"a row must have {len(self.columns)} cells, got {len(row)}")

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def text_of(cell: Cell) -> str:
    """Return a cell as text: nothing where it has no value, a float so that it reads back."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return repr(cell) if isinstance(cell, float) else str(cell)


def csv_bytes(table: Table) -> bytes:
    """Write a header and one line a row, separated by commas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([text_of(cell) for cell in row] for row in table.rows)
    return text.getvalue().encode()


def lines_bytes(table: Table) -> bytes:
    """Write one string a line, and after a tab its number where there is a column `id`."""
    strings = [text_of(row[0]) for row in table.rows]
    if "id" not in table.columns:
        return "".join(f"{string}\n" for string in strings).encode()
    ids = map(text_of, table.column("id"))
    return "".join(f"{s}\t{i}\n" for s, i in zip(strings, ids, strict=True)).encode()


def helm_bytes(table: Table) -> bytes:
    r"""Write the column `helm`, a peptide a line, after a tab its number where there is an `id`.

    Raises:
        DataError: if there is no such column, or a row has none, with the row.

    Example:
        >>> helm_bytes(Table(("SMILES", "helm"), [("NCC(=O)NCC(=O)O", "PEPTIDE1{G.G}$$$$V2.0")]))
        b'PEPTIDE1{G.G}$$$$V2.0\n'
    """
    if "helm" not in table.columns:
        raise DataError(f"a HELM file needs peptides: strings of {table.columns[0]} have no HELM")
    cells = table.column("helm")
    for number, cell in enumerate(cells, start=1):
        if not cell:
            raise DataError(f"row {number}: {text_of(table.rows[number - 1][0])!r} has no HELM")
    numbered = "id" in table.columns
    ids = table.column("id") if numbered else cells
    rows = [(cell, one) if numbered else (cell,) for cell, one in zip(cells, ids, strict=True)]
    return lines_bytes(Table(("helm", "id")[: 1 + numbered], rows))


def parquet_bytes(table: Table) -> bytes:
    """Write columns with types, those of numbers and of true or false as such."""
    import pyarrow
    import pyarrow.parquet

    columns = {name: table.column(name) for name in table.columns}
    written = pyarrow.table(
        {name: pyarrow.array(cells, from_pandas=True) for name, cells in columns.items()}
    )
    file = io.BytesIO()
    pyarrow.parquet.write_table(written, file)
    return file.getvalue()


def check_target(out: str | Path) -> Path:
    """Return `out` as a path that a table can be written to.

    Raises:
        InputError: if no format has its suffix, its folder is missing, or it exists.
    """
    path = Path(out)
    known = sorted(entry.name for entry in registry.names("formats"))
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in known:
        raise InputError(
            f"out must end in {', '.join(f'.{name}' for name in known)}, got {str(out)!r}."
            f"{_check.suggestion(suffix, known)}"
        )
    if not path.parent.is_dir():
        raise InputError(f"out must lie in a folder that exists, got {str(out)!r}")
    if path.exists():
        raise InputError(f"out must be a new file, got {str(out)!r}, which exists")
    return path


def write_table(table: Table, out: str | Path, options: Mapping[str, object] | None = None) -> Path:
    """Write `table` to a new file in the format that its suffix names, whole or not at all.

    Args:
        table: what to write.
        out: the file.
        options: arguments of the format, such as the motifs of a .bed file.

    Raises:
        InputError: as for `check_target`, if an option is unknown or missing, or if the format
            cannot hold the table.
        StoreError: if the file cannot be written.
    """
    path = check_target(out)
    name = path.suffix.removeprefix(".").lower()
    given = dict(options or {})
    _, *known = registry.options("formats", name).values()
    for key in given:
        if key not in [one.name for one in known]:
            listed = ", ".join(one.name for one in known) or "none"
            raise InputError(f"format must have the options of .{name}, {listed}, got {key!r}")
    for one in known:
        if one.default is one.empty and one.name not in given:
            raise InputError(
                f"format must have {one.name} for a .{name} file: give format.{one.name}=…"
            )
    write_atomic(path, registry.find("formats", name)(table, **given))
    return path
