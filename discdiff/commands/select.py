"""`discdiff select` and `discdiff export`: designs of a run as files of their own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from discdiff.commands.arguments import Arguments, Show, read
from discdiff.config.settings import Export, Select

Run = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]


def select(run: Run, arguments: Arguments = None, show: Show = False) -> None:
    """Choose designs of a run that are good and unlike one another.

    To RUN/selected.csv, or to out=FILE in the format of its suffix. The run may still be going on.
    """
    ((source, settings),) = read("select", Select, arguments, show=show)
    from discdiff.campaign import choosing
    from discdiff.campaign.store import Store
    from discdiff.config.build import located
    from discdiff.data.tables import check_target, write_table

    options = {k: v for k, v in asdict(settings).items() if k not in ("arm", "out")}
    with located(source), Store.open(run, read_only=True) as store:
        out = check_target(run / "selected.csv" if settings.out is None else settings.out)
        choice = choosing.Choice(**options)
        write_table(choosing.select(store, choice, settings.arm), out)
    typer.echo(f"{choice.n} designs: {out}")


def export(run: Run, arguments: Arguments = None, show: Show = False) -> None:
    """Write the designs of a run to out=FILE, in the format of its suffix.

    The columns are those of designs.csv. The run may still be going on.
    """
    ((source, settings),) = read("export", Export, arguments, show=show)
    from discdiff.campaign import choosing
    from discdiff.campaign.store import Store
    from discdiff.config.build import located
    from discdiff.data.tables import check_target, write_table

    with located(source), Store.open(run, read_only=True) as store:
        out = check_target(settings.out)
        table = choosing.export(store, settings.arm, final=settings.final, top=settings.top)
        write_table(table, out, settings.format)
    typer.echo(f"{len(table.rows)} designs: {out}")
