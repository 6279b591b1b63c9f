"""`discdiff design`: a campaign from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from discdiff.commands.arguments import AllowCode, Arguments, Multirun, Show, read
from discdiff.config.settings import Design

if TYPE_CHECKING:
    from discdiff.config.composition import Composition


def design(
    arguments: Arguments = None,
    multirun: Multirun = False,
    show: Show = False,
    allow_code: AllowCode = False,
) -> None:
    """Design sequences of high reward.

    The main job: a campaign under a budget of evaluations, with an unguided baseline beside it.
    """
    jobs = read("design", Design, arguments, multirun=multirun, show=show, allow_code=allow_code)
    from discdiff.campaign.store import refuse_run

    for _, settings in jobs:
        refuse_run(Path(settings.out))  # before a model is loaded
    for source, settings in jobs:
        if len(jobs) > 1:
            typer.echo(f"{settings.out}:")
        _run(source, settings)


def _run(source: Composition, settings: Design) -> None:
    from discdiff.commands.campaigns import carry_through
    from discdiff.config import build

    with build.campaign(settings, source) as campaign:
        carry_through(campaign.run, Path(settings.out), settings, source)
