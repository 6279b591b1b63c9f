"""`discdiff evaluate`: measures of a file of strings, against a reference where one is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from discdiff.commands.arguments import Arguments, Show, new_file, read
from discdiff.config.settings import Evaluate
from discdiff.errors import DataError


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
    strings, reference = _strings(file, settings.column, usual), None
    if settings.reference is not None:
        reference = _strings(Path(settings.reference), settings.reference_column, usual)
    with build.located(source):
        found = measure(
            strings,
            reference,
            fcd=settings.fcd,
            sample=settings.sample,
            seed=settings.seed,
        )
    if out is None:
        table.show(file.name, ("measure", "value"), [(k, _number(v)) for k, v in found.items()])
    else:
        from discdiff.campaign.files import write_atomic

        write_atomic(out, json.dumps(found, indent=2) + "\n")
        typer.echo(f"measures: {out}")


def _strings(path: Path, column: str | None, usual: str) -> list[str]:
    """Return the strings of a file; an empty one is kept, it counts as invalid."""
    from discdiff.data.readers import Columns, read_chunks

    chunks = read_chunks(path, Columns(column), usual=usual)
    rows = [row for chunk in chunks for row in chunk]
    if not rows:
        raise DataError(f"{path} must hold at least one string, got an empty file")
    return [row.string or "" for row in rows]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
