"""`discdiff report`: the report of a run, written again from its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
) -> None:
    """Write the report and the table of a run again.

    Prints its summary too. The run may still be going on.
    """
    from rich.console import Console

    from discdiff.campaign import summary
    from discdiff.campaign.report import write_report
    from discdiff.campaign.store import Store
    from discdiff.campaign.table import write_designs

    with Store.open(run, read_only=True) as store:
        written = write_report(store)
        write_designs(store)
        Console().print(summary.render(summary.summarise(store)))
    typer.echo(f"report: {written}")
