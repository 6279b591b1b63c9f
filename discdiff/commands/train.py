"""`discdiff train`: a model from a file of strings."""

from __future__ import annotations

from pathlib import Path

import typer

from discdiff.commands.arguments import Arguments, Multirun, Show, read
from discdiff.settings import Train, fill


def train(arguments: Arguments = None, multirun: Multirun = False, show: Show = False) -> None:
    """Train a model on a file of strings; OUT/model is the model folder."""
    jobs = [
        (source, fill(Train, source))
        for source in read("train", arguments, multirun=multirun, show=show)
    ]
    from discdiff.commands import trainings

    for source, settings in jobs:
        trainings.refuse_run(Path(settings.out))
        typer.echo(f"{settings.out}:")
        trainings.carry_through(settings, source)
