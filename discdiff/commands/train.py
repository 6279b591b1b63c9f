"""`discdiff train`: a model from a file of strings."""

from __future__ import annotations

from pathlib import Path

import typer

from discdiff.commands.arguments import Arguments, Multirun, Show, read
from discdiff.config.settings import Train
from discdiff.errors import ConfigError


def train(arguments: Arguments = None, multirun: Multirun = False, show: Show = False) -> None:
    """Train a model on a file of strings.

    The run folder holds `model`, a model folder, and what `discdiff resume` needs.
    """
    jobs = read("train", Train, arguments, multirun=multirun, show=show)
    if len(jobs) > 1 and any(settings.trainer.devices > 1 for _, settings in jobs):
        raise ConfigError("trainer.devices must be 1 where several runs are asked for with -m")
    from discdiff.commands import trainings

    for source, settings in jobs:
        trainings.refuse_run(Path(settings.out))
        trainings.refuse_other_parts(settings, source)
    for source, settings in jobs:
        if len(jobs) > 1:
            typer.echo(f"{settings.out}:")
        trainings.carry_through(settings, source)
