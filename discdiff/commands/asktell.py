"""`discdiff ask` and `discdiff tell`: batches to measure, and their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discdiff.commands.arguments import AllowCode, Arguments, Show, read
from discdiff.config.settings import Ask, Tell, fill

if TYPE_CHECKING:
    from discdiff.campaign.runner import Campaign

Run = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]


def ask(
    run: Run, arguments: Arguments = None, show: Show = False, allow_code: AllowCode = False
) -> None:
    """Write the next batch to measure, of a run with oracle=measured.

    To RUN/batch-K.csv, or to out=FILE in the format of its suffix, with an empty column for each
    measured value. Asking again gives the same batch until some of its results are told.
    """
    ((source, settings),) = read("ask", Ask, arguments, show=show)
    from discdiff.campaign.choosing import Choice
    from discdiff.campaign.laboratory import batch_table
    from discdiff.campaign.rows import GUIDED
    from discdiff.campaign.store import Store
    from discdiff.commands.progress import Progress
    from discdiff.config.build import located
    from discdiff.data.tables import check_target, write_table

    with located(source):
        given = None if settings.out is None else check_target(settings.out)
        choice = Choice(
            settings.n,
            settings.method,
            settings.weight,
            settings.pool,
            settings.max_per_scaffold,
        )
    with _campaign(run, allow_code) as campaign, located(source), Progress() as progress:
        asked = campaign.ask(
            choice,
            oversample=settings.oversample,
            new=settings.new,
            seen=lambda found, wanted: progress.show("designs drawn", found, wanted),
        )
        with Store.open(run, read_only=True) as store:
            number = store.draws(GUIDED)[-1][0]
            table = batch_table(store, number, campaign.domain)
    out = given or run / f"batch-{number}.csv"
    if given is None and out.exists():  # it may hold results by now
        typer.echo(f"batch {number} is still out: {out}")
        return
    write_table(table, out)
    typer.echo(f"batch {number}, {len(asked)} designs: {out}")


def tell(
    run: Run,
    results: Annotated[
        Path, typer.Argument(help="CSV or TSV file of measured values.", show_default=False)
    ],
    arguments: Arguments = None,
    show: Show = False,
    allow_code: AllowCode = False,
) -> None:
    """Record measured values for a run with oracle=measured, all or none.

    The file has a column of strings and one for each measured output; a cell `failed` says that a
    measurement was made and gave nothing. The next `discdiff ask` goes on from what is recorded.
    """
    ((source, settings),) = read("tell", Tell, arguments, show=show)
    from discdiff.config.build import located
    from discdiff.data.results import read_results
    from discdiff.errors import DataError

    with _campaign(run, allow_code) as campaign, located(source):
        found = read_results(
            results,
            campaign.measured_outputs,
            settings.column,
            default=campaign.domain.column,
            missing=settings.missing,
        )
        try:
            told = campaign.tell(
                found.strings, found.values, unasked=settings.unasked, rows=found.rows
            )
        except DataError as error:
            raise DataError(f"{results}: {error}") from error
    known = f", {told.known} known before" if told.known else ""
    typer.echo(f"{told.recorded} results recorded{known}; next: discdiff ask {run}")


@contextmanager
def _campaign(run: Path, allow_code: bool) -> Iterator[Campaign]:
    """Give the campaign of a run folder, as it was begun."""
    from discdiff.commands.resume import begun
    from discdiff.config import build
    from discdiff.config.settings import Design

    source = begun(run, allow_code)
    with build.campaign(fill(Design, source), source, run) as campaign:
        yield campaign
