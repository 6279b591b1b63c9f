"""`discdiff train-predictor`: oracles learned from a table of sequences and values."""

from __future__ import annotations

from pathlib import Path

import typer

from discdiff.commands.arguments import Arguments, Multirun, Show, read
from discdiff.config.predictor import TrainPredictor


def train_predictor(
    arguments: Arguments = None, multirun: Multirun = False, show: Show = False
) -> None:
    """Train predictors of measured values, for use as oracles.

    The run folder gets `guide` and `judge`, trained on halves that share no row: let one guide a
    design and the other judge it. `discdiff resume` goes on with what was cut off.
    """
    jobs = read("train_predictor", TrainPredictor, arguments, multirun=multirun, show=show)
    from discdiff.commands import predictors, trainings

    for source, settings in jobs:
        trainings.refuse_run(Path(settings.out))
        predictors.refuse_other_domain(settings, source)
    for source, settings in jobs:
        if len(jobs) > 1:
            typer.echo(f"{settings.out}:")
        predictors.carry_through(settings, source)
