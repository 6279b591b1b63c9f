"""`discdiff resume`: go on with a campaign or a training that was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discdiff.commands.arguments import AllowCode
from discdiff.errors import StoreError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    allow_code: AllowCode = False,
) -> None:
    """Continue a run that was stopped or killed.

    Nothing that was recorded is computed again.
    """
    from discdiff.campaign.store import CONFIG, DATABASE
    from discdiff.config import build, composition
    from discdiff.config.settings import Design, Train, fill

    if not (run / CONFIG).is_file():
        raise StoreError(f"{run} holds no run: it has no file {CONFIG}")
    if "method" in (began := composition.stored("design", run / CONFIG)).values:
        from discdiff.commands import finetune
        from discdiff.config.finetune import Finetune

        source = replace(began, trusted=allow_code)
        finetune.carry_through(fill(Finetune, source), source, run)
        return
    if (run / DATABASE).is_file():
        from discdiff.commands.campaigns import carry_through

        source = begun(run, allow_code)
        settings = fill(Design, source)
        with build.campaign(settings, source, run) as campaign:
            carry_through(campaign.resume, run, settings, source)
        return
    source = composition.stored("train", run / CONFIG)
    if "representation" in source.values:
        from discdiff.commands import predictors
        from discdiff.config.predictor import TrainPredictor

        asked = replace(fill(TrainPredictor, source), out=str(run))
        predictors.carry_through(asked, source)
    else:
        from discdiff.commands import trainings

        trainings.carry_through(replace(fill(Train, source), out=str(run)), source)


def begun(run: Path, allow_code: bool) -> Composition:
    """Return the configuration that the campaign in `run` was begun with.

    Args:
        run: its folder.
        allow_code: whether the files and commands it names may run.

    Raises:
        StoreError: if there is none, or it was begun from Python.
    """
    from discdiff.campaign.store import CONFIG, DATABASE
    from discdiff.config import composition

    if not (run / DATABASE).is_file():
        raise StoreError(f"{run} holds no run: it has no file {DATABASE}")
    source = replace(composition.stored("design", run / CONFIG), trusted=allow_code)
    if "oracle" not in source.values or "rules" in source.values:
        raise StoreError(
            f"{run} was begun from Python: continue it there, with the same Campaign(...) and its "
            "methods"
        )
    return source
