"""Weights & Biases for campaigns; a service that fails costs one warning, never the run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from discdiff import _check
from discdiff.campaign.progress import Progress

LOGGERS = ("none", "wandb")


@contextmanager
def tracked(logger: str, folder: Path) -> Iterator[Callable[[Progress], None]]:
    """Give a function that logs a snapshot, to nowhere or to Weights & Biases.

    WANDB_MODE, WANDB_PROJECT and the like are read by wandb itself; a resumed campaign continues
    its own wandb run.

    Args:
        logger: ``none`` or ``wandb``.
        folder: the run.

    Raises:
        InputError: if `logger` is unknown.
    """
    _check.one_of("logger", logger, LOGGERS)
    if logger == "none":
        yield lambda snapshot: None
        return
    run: Any = None
    broken = False

    def log(snapshot: Progress) -> None:
        nonlocal run, broken
        if broken:
            return
        try:
            run = run or _start(folder)
            run.log(_values(snapshot))
        except Exception as error:  # a service of others: any failure of it must not end a run
            broken = True
            _warn(error)

    try:
        yield log
    finally:
        if run is not None and not broken:
            _finish(run)


def _start(folder: Path) -> Any:
    import wandb

    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return wandb.init(project="discdiff", name=folder.name, dir=folder, id=name, resume="allow")


def _values(snapshot: Progress) -> dict[str, float]:
    values = {
        "spent": snapshot.spent,
        "best": snapshot.best,
        "median": snapshot.median,
        "valid": snapshot.validity,
    }
    return {f"{snapshot.arm}/{key}": value for key, value in values.items()}


def _finish(run: Any) -> None:
    try:
        run.finish()
    except Exception as error:  # a service of others: any failure of it must not end a run
        _warn(error)


def _warn(error: Exception) -> None:
    typer.secho(f"discdiff: wandb cannot be used, going on without it: {error}", err=True)
