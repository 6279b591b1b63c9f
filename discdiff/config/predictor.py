"""The keys of `discdiff train-predictor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from discdiff.config.settings import Component, RateKeys, _key


@dataclass(frozen=True, kw_only=True)
class TableKeys:
    """A table of sequences and values."""

    path: str = _key("CSV, Parquet or FASTA file, .gz allowed")
    column: str | None = _key("column of strings; null: the only one, or by its name", None)
    group_column: str | None = _key(
        "column that names groups of near-duplicates, which stay in one half; null: none", None
    )
    group_by: str | None = _key(
        "scaffold: molecules of one Bemis-Murcko scaffold stay together; null: nothing more", None
    )
    split_column: str | None = _key("column of split names; null: rows are held out by hash", None)
    test_split: str | int = _key("split that is held out, where there is a split_column", "test")
    condition_column: str | None = _key(
        "column that says under which condition the only target was measured: each condition "
        "becomes an output; null: none",
        None,
    )
    limits: list[float] | None = _key(
        "[low, high]: values beyond what the assay can tell are set to these; null: none", None
    )
    test_fraction: float = _key("share held out of both halves, to measure on", 0.1)
    valid_fraction: float = _key("share of a half that tells when to stop", 0.1)
    max_bad_fraction: float = _key("more bad rows than this are an error", 0.01)
    augment: bool = _key("respell every row each time it is used", False)
    batch_size: int = _key("rows per step", 64)
    source: str | None = _key("where the data come from, for the card", None)
    licence: str | None = _key("licence of the data, for the card", None)


@dataclass(frozen=True, kw_only=True)
class FitKeys:
    """How the networks are trained; of no effect on closed forms."""

    max_steps: int = _key("optimiser steps")
    max_minutes: float | None = _key("minutes, if they are over first", None)
    rate: float = _key("peak learning rate")
    schedule: RateKeys = _key("the learning rate over the run")
    weight_decay: float = _key("of matrices", 0.01)
    ema: float = _key("decay of the moving average of the weights", 0.99)
    clip: float = _key("largest norm of the gradient", 1.0)
    precision: str = _key("32-true, bf16-mixed, ...", "32-true")
    accelerator: str = _key("cpu, gpu or auto", "auto")
    log_every: int = _key("steps between two lines of the log", 50)
    valid_every: int = _key("steps between two validations", 100)
    patience: int = _key(
        "validations without a lower error after which training ends with the best weights", 10
    )
    snapshot_minutes: float = _key("minutes between two checkpoints", 5.0)
    snapshot_steps: int = _key("steps between two checkpoints; 0: by minutes alone", 0)


@dataclass(frozen=True, kw_only=True)
class ApplicabilityKeys:
    """Where a predictor may be believed."""

    percentile: float = _key("of the held-out similarities, that is the threshold", 1.0)
    references: int = _key("most training strings that are kept to compare with", 1000)


@dataclass(frozen=True, kw_only=True)
class TrainPredictor:
    """Keys of `discdiff train-predictor`."""

    name: str = _key("name of the predictor, and of the default output folder")
    target: str | list[Any] = _key("column of values, or [several], one an output")
    task: str = _key("regression, or classification of 0 and 1")
    split: str | int = _key("both, 1 (guide), 2 (judge), or all for one of all rows")
    members: int = _key("networks of an ensemble")
    data: TableKeys = _key("what is learnt")
    domain: Component = _key("what the strings are; of features: that of the model")
    representation: Component = _key("what is read of a string, and by what network")
    forest: int = _key(
        "trees of a random forest on fingerprints, measured beside the predictor; 0: none"
    )
    applicability: ApplicabilityKeys = _key("where it may be believed")
    trainer: FitKeys = _key("how it is trained")
    seed: int = _key("of everything random")
    out: str = _key("folder of the run, with the predictors guide and judge")
    logger: Component = _key("csv, wandb or none")
