"""Weights & Biases for campaigns; a service that fails costs one warning, never the run."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from discdiff import _check
from discdiff.campaign.files import write_atomic
from discdiff.campaign.progress import Progress
from discdiff.campaign.rows import GUIDED, UNGUIDED
from discdiff.campaign.store import DATABASE, OTHER_FILES, Store
from discdiff.campaign.summary import Summary, summarise
from discdiff.campaign.table import design_table
from discdiff.data.tables import Cell

LOGGERS = ("none", "wandb")
RUN_ID = "wandb-id.txt"
TABLE_ROWS = 10_000  # what a table on the web page shows
PATIENCE = 120.0  # seconds for what is left to send when the campaign is over


@contextmanager
def tracked(
    logger: str,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    model: Path | None = None,
) -> Iterator[Callable[[Progress], None]]:
    """Give a function that logs a snapshot, to nowhere or to Weights & Biases.

    There every figure is drawn against evaluations. When the campaign ends its designs become a
    table, its summary the summary of the run, and its files and the model artifacts. The id of the
    W&B run is kept in the run folder, so that a resumed campaign continues it. WANDB_MODE,
    WANDB_PROJECT and the like are read by wandb itself.

    Args:
        logger: ``none`` or ``wandb``.
        folder: the run.
        config: what the run was composed of, shown beside it.
        model: folder of the model, where there is one.

    Raises:
        InputError: if `logger` is unknown.
    """
    _check.one_of("logger", logger, LOGGERS)
    if logger == "none":
        yield lambda snapshot: None
        return
    tracker = _Tracker(folder, config or {}, model)
    try:
        yield tracker.log
    except BaseException:
        tracker.finish(complete=False)
        raise
    tracker.finish(complete=True)


class _Tracker:
    """One W&B run, begun with the first snapshot; after a failure it is only ended."""

    def __init__(self, folder: Path, config: Mapping[str, Any], model: Path | None) -> None:
        self.folder, self.config, self.model = folder, dict(config), model
        self._run: Any = None
        self._broken = False

    def log(self, snapshot: Progress) -> None:
        """Send the figures of a snapshot."""
        if not self._broken:
            self._attempt(lambda: self._begun().log(_values(snapshot)))

    def finish(self, *, complete: bool) -> None:
        """Send what the campaign left, and end the run; an incomplete one counts as failed."""
        if complete and not self._broken and (self.folder / DATABASE).is_file():
            self._attempt(self._send)
        if self._run is not None:
            self._attempt(lambda: self._run.finish(exit_code=0 if complete else 1))

    def _attempt(self, act: Callable[[], object]) -> None:
        """Do what may fail: the first failure is one warning, later ones add nothing to it."""
        try:
            act()
        except Exception as error:  # a service of others: any failure of it must not end a run
            if not self._broken:
                typer.secho(
                    f"discdiff: wandb cannot be used, going on without it: {error}", err=True
                )
            self._broken = True

    def _begun(self) -> Any:
        """Return the W&B run: begun now, or going on where the folder has its id."""
        if self._run is not None:
            return self._run
        import wandb

        kept = self.folder / RUN_ID
        if not kept.is_file():
            write_atomic(kept, f"{secrets.token_hex(6)}\n")
        options: dict[str, Any] = {}
        if "finish_timeout" in getattr(wandb.Settings, "model_fields", {}):
            options["settings"] = wandb.Settings(finish_timeout=PATIENCE)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "discdiff"),
            name=os.environ.get("WANDB_NAME", self.folder.resolve().name),
            dir=self.folder,
            id=kept.read_text(encoding="utf-8").strip(),
            resume="allow",
            config=self.config,
            **options,
        )
        self._run.define_metric("evaluations")
        for arm in (GUIDED, UNGUIDED):
            self._run.define_metric(f"{arm}/*", step_metric="evaluations")
        return self._run

    def _send(self) -> None:
        """Send the designs as a table, the summary, and files and model as artifacts."""
        import wandb

        run = self._begun()
        with Store.open(self.folder, read_only=True) as store:
            run.summary.update(_summary(summarise(store)))
            table = design_table(store)
        best = sorted(table.rows, key=lambda row: _rank(row[1]))[:TABLE_ROWS]
        run.log({"designs": wandb.Table(columns=list(table.columns), data=[list(r) for r in best])})
        name = re.sub(r"[^\w.-]+", "_", self.folder.resolve().name)
        files = wandb.Artifact(f"{name}-campaign", type="campaign")
        for path in (self.folder / file for file in OTHER_FILES):
            if path.is_file():
                files.add_file(str(path), name=path.name)
        run.log_artifact(files)
        if self.model is not None:
            weights = wandb.Artifact(f"{name}-model", type="model")
            weights.add_dir(str(self.model))
            run.log_artifact(weights)


def _values(snapshot: Progress) -> dict[str, float]:
    values = {
        "best": snapshot.best,
        "median": snapshot.median,
        "valid": snapshot.validity,
        "cached": snapshot.counts.cached,
        "failed": snapshot.counts.failed,
        "seconds": snapshot.seconds,
    }
    named = {f"{snapshot.arm}/{key}": value for key, value in values.items()}
    return {"evaluations": snapshot.spent, **named}


def _summary(summary: Summary) -> dict[str, float]:
    """Return the figures of each arm at the same number of evaluations."""
    return {
        f"{arm.name}/{key}": value
        for arm in summary.arms
        for key, value in (
            ("evaluated", arm.evaluated),
            ("best_10_mean", arm.best_mean),
            ("best_10_median", arm.best_median),
            ("median_of_all", arm.median),
            ("final_designs", arm.finals),
        )
        if value == value  # NaN differs from itself
    }


def _rank(score: Cell) -> float:
    return -score if isinstance(score, float) and score == score else float("inf")
