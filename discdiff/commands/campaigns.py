"""Running a campaign from the command line: progress, summary, how to go on after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import typer
from rich.console import Console

from discdiff.campaign import summary
from discdiff.campaign.progress import Progress as Snapshot
from discdiff.checkpoint import locate
from discdiff.commands.progress import Progress
from discdiff.commands.tracking import tracked
from discdiff.config.build import code_option
from discdiff.config.composition import Composition
from discdiff.config.settings import Design
from discdiff.errors import OracleError

Step = Callable[[Callable[[Snapshot], None] | None], summary.Summary]


def carry_through(step: Step, folder: Path, settings: Design, source: Composition) -> None:
    """Run or resume a campaign with live progress, then print what it found.

    Args:
        step: `Campaign.run` or `Campaign.resume`.
        folder: the run.
        settings: say where it is logged, and which model it has.
        source: what they were read from.
    """
    model = locate(settings.model)
    with ExitStack() as stack:
        stack.enter_context(resumable(folder, _resuming(folder, settings)))
        shown = stack.enter_context(Progress())
        log = stack.enter_context(tracked(settings.logger["name"], folder, source.values, model))

        def progress(snapshot: Snapshot) -> None:
            shown.show(snapshot.arm, snapshot.spent, snapshot.budget, _note(snapshot))
            log(snapshot)

        found = step(progress)
    Console().print(summary.render(found))
    typer.echo(f"run folder: {folder}")
    typer.echo(f"report: {folder / 'report.html'}")


@contextmanager
def resumable(folder: Path, again: str) -> Iterator[None]:
    """Say where a run is, and how to go on where it is interrupted or an oracle fails.

    Args:
        folder: the run.
        again: the command that continues it.
    """
    typer.echo(f"run folder: {folder} (after a stop, continue with: {again})", err=True)
    advice = f"What was evaluated is kept. Continue with: {again}"
    try:
        yield
    except KeyboardInterrupt:
        typer.secho(f"discdiff: interrupted. {advice}", err=True, fg=typer.colors.YELLOW)
        raise typer.Exit(130) from None
    except OracleError as error:
        raise OracleError(f"{error}\n{advice}") from error


def _resuming(folder: Path, settings: Design) -> str:
    runs_code = any(code_option(component) for component in settings.oracle.values())
    return f"discdiff resume {folder}" + (" --allow-code" if runs_code else "")


def _note(snapshot: Snapshot) -> str:
    return (
        f"valid {snapshot.validity:.1%}, best {summary.number(snapshot.best)}, "
        f"median {summary.number(snapshot.median)}"
    )
