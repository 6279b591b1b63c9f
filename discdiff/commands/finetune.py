"""`discdiff finetune`: a model tuned under a reward."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from discdiff.commands.arguments import AllowCode, Arguments, Multirun, Show, read
from discdiff.config.finetune import Finetune
from discdiff.errors import ConfigError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition
    from discdiff.finetuning.result import Result


def finetune(
    arguments: Arguments = None,
    multirun: Multirun = False,
    show: Show = False,
    allow_code: AllowCode = False,
) -> None:
    """Tune a model under a reward.

    The run folder holds `model`, a model folder, the record of every evaluation, and what
    `discdiff resume` needs.
    """
    jobs = read(
        "finetune", Finetune, arguments, multirun=multirun, show=show, allow_code=allow_code
    )
    if len(jobs) > 1 and any(settings.trainer.devices > 1 for _, settings in jobs):
        raise ConfigError("trainer.devices must be 1 where several runs are asked for with -m")
    from discdiff.campaign.store import refuse_run
    from discdiff.commands.trainings import is_main

    for _, settings in jobs:
        if is_main():
            refuse_run(Path(settings.out))  # before a model is loaded
    for source, settings in jobs:
        if len(jobs) > 1:
            typer.echo(f"{settings.out}:")
        carry_through(settings, source)


def carry_through(settings: Finetune, source: Composition, run: Path | None = None) -> None:
    """Tune from the start, or go on with `run`, and say what came of it.

    Args:
        settings: what is tuned, how, under which reward.
        source: what they were read from.
        run: the folder of a run that was begun; None to begin one.

    Raises:
        ConfigError: if a name, key or value is wrong; then nothing has been written.
    """
    from discdiff.commands.campaigns import resumable
    from discdiff.commands.handover import Handover
    from discdiff.commands.progress import Progress
    from discdiff.commands.trainings import Lines, is_main, keys_of
    from discdiff.config.build import code_option
    from discdiff.config.finetune import finetuning

    folder = Path(settings.out) if run is None else run
    with ExitStack() as stack:
        shown = stack.enter_context(Progress())
        handover = Handover()
        told = [Lines(shown, "train/loss", "loss"), handover]
        tune = stack.enter_context(finetuning(settings, source, folder, told))
        if not is_main():
            tune.follow()
            return
        runs_code = any(code_option(component) for component in settings.oracle.values())
        again = f"discdiff resume {folder}" + " --allow-code" * runs_code
        stack.enter_context(resumable(folder, again))
        stack.enter_context(keys_of("trainer", source, vars(settings.trainer)))
        step: Callable[..., Any] = tune.run if run is None else tune.resume
        step(lambda snapshot: shown.show("evaluations", snapshot.spent, snapshot.budget, ""))
    if tune.result is not None:
        handover.send(folder, folder / tune.result.model)
        _say(tune.result, folder)


def _say(result: Result, folder: Path) -> None:
    """Print the figures before, of the weights that were kept and of the last, and what to do."""
    from rich.console import Console
    from rich.table import Table

    from discdiff.campaign.page.tuning import rounded

    last = result.figures[-1]
    table = Table("", "before", "kept", "last")
    for name, before in result.figures[0].items():
        table.add_row(
            name, *(rounded(one) for one in (before, result.chosen.get(name), last[name]))
        )
    Console().print(table)
    typer.echo(result.end)
    if result.trained:
        typer.echo(result.rule)
    for said in (result.warning, f"biased: {result.bias}" if result.bias else None):
        if said is not None:
            typer.secho(said, err=True, fg=typer.colors.YELLOW)
    typer.echo(f"model: {folder / result.model}")
    typer.echo(f"report: {folder / 'report.html'}")
