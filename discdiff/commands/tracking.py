"""What campaigns and benchmarks log to Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from discdiff import _check
from discdiff.bench import record
from discdiff.bench.cell import Cell as Contender
from discdiff.bench.cell import Outcome
from discdiff.campaign.progress import Progress
from discdiff.campaign.rows import GUIDED, UNGUIDED
from discdiff.campaign.store import DATABASE, OTHER_FILES, Store
from discdiff.campaign.summary import Summary, summarise
from discdiff.campaign.table import design_table
from discdiff.commands.wandb_run import WandbRun, add_files
from discdiff.data.tables import Cell

LOGGERS = ("none", "wandb")
TABLE_ROWS = 10_000  # what a table on the web page shows


@contextmanager
def tracked(
    logger: str,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    model: Path | None = None,
) -> Iterator[Callable[[Progress], None]]:
    """Give a function that logs a snapshot, to nowhere or to Weights & Biases.

    There every figure is drawn against evaluations. When the campaign ends its designs become a
    table, its summary the summary of the run, and its files and the model artifacts.

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
    service = WandbRun(folder, config or {}, "evaluations", [f"{a}/*" for a in (GUIDED, UNGUIDED)])
    try:
        yield lambda snapshot: service.log(_values(snapshot))
    except BaseException:
        service.finish(None)
        raise
    service.finish(lambda run: _send(run, service.name, folder, model))


def _send(run: Any, name: str, folder: Path, model: Path | None) -> None:
    """Send the designs as a table, the summary, and files and model as artifacts."""
    import wandb

    if not (folder / DATABASE).is_file():
        return
    with Store.open(folder, read_only=True) as store:
        run.summary.update(_summary(summarise(store)))
        table = design_table(store)
    best = sorted(table.rows, key=lambda row: _rank(row[1]))[:TABLE_ROWS]
    run.log({"designs": wandb.Table(columns=list(table.columns), data=[list(r) for r in best])})
    add_files(run, f"{name}-campaign", "campaign", [folder / file for file in OTHER_FILES])
    if model is not None:
        weights = wandb.Artifact(f"{name}-model", type="model")
        weights.add_dir(str(model))
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


@contextmanager
def tracked_bench(
    logger: str, folder: Path, config: Mapping[str, Any]
) -> Iterator[Callable[[Contender, Sequence[Outcome]], None]]:
    """Give a function that logs the figures of a finished cell, to nowhere or to Weights & Biases.

    There each figure is drawn against budget, task by task and method by method, and at the end the
    figures become a table and the files of the benchmark an artifact.

    Args:
        logger: ``none`` or ``wandb``.
        folder: of the benchmark.
        config: what it was composed of.

    Raises:
        InputError: if `logger` is unknown.
    """
    _check.one_of("logger", logger, LOGGERS)
    if logger == "none":
        yield lambda cell, outcomes: None
        return
    service = WandbRun(folder, config, "budget", ["*/*"])

    def log(cell: Contender, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            prefix = f"{cell.task}/{cell.method}/seed-{cell.seed}"
            figures = {f"{prefix}/{name}": value for name, value in one.figures.items()}
            service.log({"budget": one.budget, **figures})

    try:
        yield log
    except BaseException:
        service.finish(None)
        raise
    service.finish(lambda run: _send_bench(run, service.name, folder))


def _send_bench(run: Any, name: str, folder: Path) -> None:
    import pyarrow.parquet as pq
    import wandb

    found = pq.read_table(folder / record.FIGURES)
    rows = [list(row.values()) for row in found.to_pylist()]
    run.log({"figures": wandb.Table(columns=found.column_names, data=rows)})
    files = (record.TABLE, record.FIGURES, record.CURVES, record.PLOT)
    add_files(run, f"{name}-benchmark", "benchmark", [folder / file for file in files])
