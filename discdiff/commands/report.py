"""`discdiff report`: the report of a run, written again from its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discdiff.errors import DiscdiffError

if TYPE_CHECKING:
    from discdiff.campaign.insight import Insight
    from discdiff.campaign.store import Store


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
        written = write_report(store, _insight(run, store))
        write_designs(store)
        Console().print(summary.render(summary.summarise(store)))
    typer.echo(f"report: {written}")


def _insight(run: Path, store: Store) -> Insight | None:
    """Return the domain of the run, and its reward where that runs no code of a stranger.

    Only where designs are sequences, whose figures need it; None where the domain is not installed.
    """
    from discdiff.campaign.insight import Insight
    from discdiff.campaign.report import domain_of
    from discdiff.commands.resume import begun
    from discdiff.config import build
    from discdiff.config.settings import Design, fill
    from discdiff.reward import Reward

    domain = domain_of(store)
    if domain is None or not domain.colours:
        return None if domain is None else Insight(domain)
    try:
        source = begun(run, False)
        settings = fill(Design, source)
        owner = build.model(settings.model, "cpu", source)
        owner = owner.in_domain(**settings.domain) if settings.domain else owner
        scored = build.oracle(settings.oracle, source, owner)
        objective = build.objective(settings.objective, scored, source)
        return Insight(domain, Reward(domain, scored, objective))
    except DiscdiffError as error:  # the record can be read without them
        return Insight(domain, why=str(error))
