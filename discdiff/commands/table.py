"""Tables of plain text: columns on a terminal, tabs in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; in a pipe as tab-separated lines, the title first in each.

    Args:
        title: what the rows are.
        header: names of the columns; columns without any text are left out.
        rows: one cell for each column.
    """
    console = Console()
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join((title, *row)))
        return
    kept = [i for i in range(len(header)) if i == 0 or any(row[i] for row in rows)]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for i in kept:
        table.add_column(header[i], overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*(Text(row[i]) for i in kept))  # Text: a bracket is no markup here
    console.print(table)
