"""Training a predictor: by gradients with Lightning, or in closed form where members are linear."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from discdiff import _check, random
from discdiff.data.encoded import Report
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.licence import MADE_WITH
from discdiff.oracle.scores import Floats
from discdiff.predictor.applicability import Applicability
from discdiff.predictor.closed import fit_linear
from discdiff.predictor.described import described, taken
from discdiff.predictor.ensemble import Ensemble
from discdiff.predictor.forest import refuse_forest
from discdiff.predictor.onehot import OneHot
from discdiff.predictor.predictor import TASKS, Origin, Predictor
from discdiff.predictor.representation import Representation
from discdiff.predictor.rows import Batch, TableModule
from discdiff.predictor.splits import Split, split
from discdiff.predictor.table import LARGEST, Table
from discdiff.training.averaged import AveragedTraining
from discdiff.training.fit import fit as run
from discdiff.training.lr import LearningRate
from discdiff.training.pace import Pace

_DROPOUT = 200  # purpose of the random numbers


class PredictorTraining(AveragedTraining):
    r"""Trains the members of a predictor on the same batches, each from its own initial weights.

    The loss of a member is the mean over known values of the squared error of the standardised
    value, or of the log-loss; the loss of the ensemble, which is validated, is that of its mean.

    Args:
        model: the predictor; its ensemble is trained in place.
        optimiser: `adamw`, or `muon` for matrices.
        rate: peak learning rate.
        weight_decay: of matrices.
        betas: of AdamW.
        ema: decay of the moving average, which is validated and saved.
        seed: of dropout.
    """

    measure = "valid/error"

    def __init__(
        self,
        model: Predictor,
        *,
        optimiser: str = "adamw",
        rate: float = 1e-3,
        weight_decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.99),
        ema: float = 0.99,
        seed: int = 0,
    ) -> None:
        super().__init__(model.ensemble, optimiser, rate, weight_decay, betas, ema, seed)
        self.model = model

    @property
    def averaged(self) -> Predictor:
        """The predictor with the averaged weights."""
        own, ensemble = self.model, self.ema.network
        if not isinstance(ensemble, Ensemble):
            raise TypeError(f"the average must be of an ensemble, got {type(ensemble).__name__}")
        return Predictor(
            ensemble, own.outputs, own.task, own.applicability, own.origin, own.card, own.quality
        )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        # dropout draws from the global generator: a resumed run must draw the same
        key = random.fold(torch.tensor(self.seed), torch.tensor(batch.step))
        torch.manual_seed(int(random.fold(key, _DROPOUT)))
        ensemble = self.model.ensemble
        said = ensemble(batch.inputs)
        known = ~batch.values.isnan()
        target = (batch.values - ensemble.centre) / ensemble.scale
        target = target.nan_to_num(nan=0.0).expand_as(said)
        if ensemble.binary:
            errors = F.binary_cross_entropy_with_logits(said.float(), target, reduction="none")
        else:
            errors = (said.float() - target).square()
        count = known.sum().clamp(min=1) * len(said)
        loss = errors.masked_fill(~known, 0.0).sum() / count
        self.log("train/error", loss.detach(), on_step=True, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._error = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        ensemble: Any = self.ema.network
        mean = ensemble.values(batch.inputs).mean(0)
        known = ~batch.values.isnan()
        target = batch.values.nan_to_num(nan=0.0)
        if ensemble.binary:
            mean = mean.clamp(1e-6, 1.0 - 1e-6)
            errors = F.binary_cross_entropy(mean, target, reduction="none")
        else:
            errors = ((mean - target) / ensemble.scale).square()
        self._error[0] += errors.masked_fill(~known, 0.0).sum()
        self._error[1] += known.sum()

    def on_validation_epoch_end(self) -> None:
        error, count = self.trainer.strategy.reduce(self._error, reduce_op="sum").tolist()
        self.log(self.measure, error / max(1.0, count), prog_bar=True)


@dataclass(frozen=True)
class Applied:
    """How the applicability domain is set: see `Applicability.of`."""

    percentile: float = 1.0
    references: int = 1000


def train(
    table: Table,
    rows: Split,
    representation: Representation,
    out: Path,
    *,
    origin: Origin,
    task: str = "regression",
    members: int = 5,
    batch_size: int = 64,
    augment: bool = False,
    applied: Applied | None = None,
    card: Mapping[str, object] | None = None,
    forest: int = 0,
    seed: int = 0,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Predictor:
    """Return a predictor trained on some rows of a table and measured on others.

    Args:
        table: strings and values.
        rows: to train on, to stop by, to measure on.
        representation: what is read of the strings; its domain is theirs.
        out: the folder of the run, from which a training that was cut off goes on.
        origin: what the rows are, for the predictor's record.
        task: ``regression`` or ``classification``.
        members: networks of the ensemble.
        batch_size: rows of a step.
        augment: respell training rows through `Domain.augment`.
        applied: how the applicability domain is set.
        card: headings of the model card, to which recipe, hardware, time and quality are added.
        forest: trees of a random forest on fingerprints, measured beside it; 0 for none.
        seed: of everything random.
        callbacks: further callbacks of Lightning.
        options: arguments of `discdiff.training.fit.fit`, and of `PredictorTraining`; of no effect
            where members are linear.

    Raises:
        InputError: if an argument is outside its range.
        DataError: if a part of the rows is empty, or a string cannot be read.
    """
    _check.one_of("task", task, TASKS)
    began = monotonic()
    refuse_empty(table, rows, task)
    applied = applied or Applied()
    refuse_forest(domain := representation.domain, forest)
    applicability = Applicability.of(
        domain,
        taken(table.strings, rows.train),
        taken(table.strings, np.concatenate([rows.valid, rows.test])),
        percentile=applied.percentile,
        references=applied.references,
        seed=seed,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_check.seed("seed", seed))
        ensemble = Ensemble(representation, len(table.outputs), members, task == "classification")
    recipe = {"members": members, "seed": seed, **asdict(applied)}
    card = _with_licences(card or {}, representation)
    predictor = Predictor(ensemble, table.outputs, task, applicability, origin, card)
    if representation.linear:
        kept = np.concatenate([rows.train, rows.valid])
        strings = taken(table.strings, kept)
        recipe["penalties"] = fit_linear(ensemble, strings, table.values[kept], seed)
    else:
        _standardise(ensemble, table.values[rows.train])
        data = TableModule(
            representation,
            table.strings,
            table.values,
            rows.train,
            rows.valid,
            batch_size=batch_size,
            augment=augment,
            seed=seed,
        )
        clock = _Clock()
        usual: dict[str, Any] = {
            "max_steps": 2000,
            "rate": 2e-3,
            "ema": 0.99,
            "schedule": LearningRate("wsd", warmup=50, decay=0.3),
            "precision": "32-true",
            "valid_every": 100,
            "patience": 10,
            "progress": False,
        }
        given = usual | options
        predictor = run(
            predictor,
            data,
            out,
            kind=PredictorTraining,
            seed=seed,
            callbacks=[clock, *callbacks],
            **given,
        )
        recipe |= {"batch_size": batch_size, "augment": augment, "steps": clock.steps}
        recipe |= {k: given[k] for k in ("max_steps", "rate", "ema", "patience", "precision")}
    minutes = (monotonic() - began) / 60.0 if representation.linear else clock.seconds / 60.0
    return described(predictor, table, rows, recipe, minutes, forest)


def _with_licences(card: Mapping[str, object], read: Representation) -> Mapping[str, object]:
    return {**card, MADE_WITH: dict(read.made_with)} if read.made_with else card


def fit(
    strings: Sequence[str],
    values: Mapping[str, Sequence[float]],
    domain: Domain,
    folder: str | Path | None = None,
    *,
    half: str = "all",
    groups: Sequence[str] | None = None,
    task: str = "regression",
    representation: Representation | None = None,
    members: int = 5,
    steps: int = 1000,
    width: int = 32,
    depth: int = 2,
    test_fraction: float = 0.1,
    valid_fraction: float = 0.1,
    seed: int = 0,
    **options: Any,
) -> Predictor:
    """Return a predictor of values of strings.

    Args:
        strings: N distinct valid canonical ones.
        values: N numbers by output; NaN where there is none.
        domain: of the strings.
        folder: of the run, from which a training that was cut off goes on; None keeps nothing.
        half: ``guide``, ``judge`` or ``all``; see `discdiff.predictor.splits.split`.
        groups: N names of groups of near-duplicates, which stay together.
        task: ``regression``, or ``classification`` of 0 and 1.
        representation: what is read; by default one-hot tokens by a network of `width` and `depth`.
        members: networks of the ensemble.
        steps: optimiser steps.
        width: channels of the network.
        depth: its blocks.
        test_fraction: share of rows that quality is measured on.
        valid_fraction: share of the other rows that tell when to stop.
        seed: of everything random.
        options: further arguments of `train`.

    Raises:
        InputError: if an argument is outside its range, columns are not of one length, a string is
            there twice, or a value is infinite, or of a classification neither 0 nor 1.
        DataError: if there are too few rows, or a string cannot be read.

    Example:
        >>> from discdiff.domain import Letters
        >>> strings = [f"{a}{b}{c}{d}" for a in "ACGT" for b in "ACGT" for c in "AC" for d in "GT"]
        >>> values = {"g": [float(s.count("G")) for s in strings]}
        >>> found = fit(strings, values, Letters("ACGT"), steps=60, members=2, width=8, depth=1)
        >>> found.quality["g"]["predictor"]["rows"] == found.quality["g"]["mean"]["rows"] > 0
        True
    """
    _refuse_columns(strings, values, groups, _check.one_of("task", task, TASKS))
    table = Table(
        tuple(strings),
        np.stack([np.asarray(column, dtype=np.float64) for column in values.values()], axis=1),
        tuple(values),
        tuple(strings if groups is None else groups),
        ("",) * len(strings),
        Report(len(strings), 0, ()),
    )
    rows = split(table.groups, half, test_fraction=test_fraction, valid_fraction=valid_fraction)
    usual: dict[str, Any] = {
        "max_steps": steps,
        "valid_every": min(100, steps),
        "logger": "none",
    }
    with tempfile.TemporaryDirectory() as scratch:
        return train(
            table,
            rows,
            representation or OneHot(domain, width=width, depth=depth),
            Path(scratch if folder is None else folder),
            origin=Origin(table.digest, half),
            task=task,
            members=members,
            seed=seed,
            **usual | options,
        )


def _refuse_columns(
    strings: Sequence[str],
    values: Mapping[str, Sequence[float]],
    groups: Sequence[str] | None,
    task: str,
) -> None:
    """Raise `InputError` if columns do not fit each other, or hold what no file may."""
    if not values:
        raise InputError("values must have an output, got none")
    if len(set(strings)) < len(strings):
        raise InputError("strings must be distinct: average the values of repeats")
    for name, column in {**values, "groups": strings if groups is None else groups}.items():
        if len(column) != len(strings):
            raise InputError(f"{name} must have {len(strings)} rows, got {len(column)}")
    for name, column in values.items():
        known = [float(value) for value in column if not math.isnan(value)]
        most = max(map(abs, known), default=0.0)
        if most > LARGEST:
            raise InputError(f"{name} must be numbers of at most {LARGEST:g}, got {most:g}")
        if task == "classification" and not {*known} <= {0.0, 1.0}:
            raise InputError(f"{name} must be 0 or 1 for a classification, got {most:g}")


class _Clock(pl.Callback):
    """Remembers how long and how far a training went, over all of its starts."""

    seconds = 0.0
    steps = 0

    def on_train_end(self, trainer: Any, pl_module: pl.LightningModule) -> None:
        (pace,) = (found for found in trainer.callbacks if isinstance(found, Pace))
        self.seconds, self.steps = pace.seconds, trainer.global_step


def refuse_empty(table: Table, rows: Split, task: str) -> None:
    """Raise `DataError` if some rows cannot be trained on.

    Args:
        table: strings and values.
        rows: to train on, to stop by, to measure on.
        task: ``regression`` or ``classification``.
    """
    parts = {"train on": rows.train, "stop by": rows.valid}
    for purpose, part in parts.items():
        if not len(part):
            raise DataError(
                f"there must be rows to {purpose}, got {', '.join(map(str, map(len, rows)))} of "
                f"{len(table.strings)} to train on, to stop by and to measure on: give more rows, "
                "other shares, or smaller groups"
            )
    for j, output in enumerate(table.outputs):
        known = table.values[rows.train, j]
        known = known[~np.isnan(known)]
        if len(known) < 2 or np.ptp(known) == 0:
            what = "both classes" if task == "classification" else "different values"
            same = f", all {known[0]:g}" if len(known) else ""
            raise DataError(
                f"output {output!r} must have {what} to train on, got {len(known)} rows{same}"
            )


def _standardise(ensemble: Ensemble, values: Floats) -> None:
    """Set the units of a regression: mean 0 and standard deviation 1 of every output."""
    if ensemble.binary:
        return
    scale = np.nanstd(values, axis=0)
    ensemble.centre.copy_(torch.from_numpy(np.nanmean(values, axis=0)))
    ensemble.scale.copy_(torch.from_numpy(np.where(scale > 0, scale, 1.0)))
