"""`discdiff evaluate`: measures of a file of strings, against a reference where one is given."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discdiff.commands.arguments import Arguments, Show, new_file, read
from discdiff.config.settings import Evaluate

if TYPE_CHECKING:
    from discdiff.data.readers import Row

_SHOWN = 5


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, SMILES or Parquet file of strings.", show_default=False),
    ],
    arguments: Arguments = None,
    show: Show = False,
) -> None:
    """Measure the strings of a file.

    Validity, uniqueness, diversity and properties; with reference=FILE also novelty and likeness.
    """
    ((source, settings),) = read("evaluate", Evaluate, arguments, show=show)
    out = new_file(source, settings.out, (".json",))
    from discdiff import registry
    from discdiff.commands import table
    from discdiff.config import build

    with build.located(source, "metrics"):
        measure = registry.find("metrics", settings.metrics)
    usual = registry.find("domains", settings.metrics).column
    rows, reference = _rows(file, settings.column, usual), None
    if settings.reference is not None:
        known = _rows(Path(settings.reference), settings.reference_column, usual)
        reference = [_string(row) for row in known]
    refused: list[str] = []
    told = {"refuse": lambda place, reason: refused.append(f"{rows[place].where}: {reason}")}
    if "refuse" not in inspect.signature(measure).parameters:  # of a plug-in that names no rows
        told = {}
    with build.located(source):
        found = measure(
            [_string(row) for row in rows],
            reference,
            fcd=settings.fcd,
            sample=settings.sample,
            seed=settings.seed,
            **told,
        )
    _tell(file, refused)
    if out is None:
        table.show(file.name, ("measure", "value"), [(k, _number(v)) for k, v in found.items()])
    else:
        from discdiff.campaign.files import write_atomic

        write_atomic(out, json.dumps(found, indent=2) + "\n")
        typer.echo(f"measures: {out}")


def _rows(path: Path, column: str | None, usual: str) -> list[Row]:
    from discdiff.data.readers import Columns, read_chunks

    chunks = read_chunks(path, Columns(column), usual=usual)
    return [row for chunk in chunks for row in chunk]


def _string(row: Row) -> str:
    return row.string or ""  # an empty one is kept, it counts as invalid


def _tell(file: Path, refused: list[str]) -> None:
    """Name the first of the rows that are not valid, and how many more there are."""
    for reason in refused[:_SHOWN]:
        typer.echo(f"{file}, {reason}", err=True)
    if len(refused) > _SHOWN:
        typer.echo(f"{file}: {len(refused) - _SHOWN} more are not valid", err=True)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
