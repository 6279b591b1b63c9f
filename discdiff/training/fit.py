"""Running a training: the trainer, its loggers and the quality of its samples."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import CSVLogger, Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from discdiff import _check
from discdiff.data.module import DataModule
from discdiff.errors import InputError
from discdiff.model import Model
from discdiff.process import Absorbing
from discdiff.training.averaged import AveragedTraining
from discdiff.training.best import early_stopping
from discdiff.training.lr import LearningRate
from discdiff.training.module import Training
from discdiff.training.pace import Pace
from discdiff.training.snapshots import LAST, AtomicCheckpointIO, Snapshots

if TYPE_CHECKING:
    from discdiff.finetuning.ticks import Ticks
    from discdiff.predictor.predictor import Predictor
    from discdiff.predictor.rows import TableModule
    from discdiff.smoothed.model import SmoothedModel

__all__ = ["LAST", "SampleQuality", "fit", "make_logger", "quality", "quiet"]

spoken = logging.getLogger("discdiff.training")
Trained = TypeVar("Trained", bound="Model | SmoothedModel | Predictor")
PRECISIONS = ("bf16-mixed", "16-mixed", "32-true", "64-true", "bf16-true", "16-true")
# What Lightning says about things that are meant.
_MEANT = (".*in eval mode at the start of training", ".*LeafSpec", ".*does not have many workers")


class SampleQuality(pl.Callback):
    """Logs validity and uniqueness of samples of the averaged model after each validation.

    Args:
        samples: how many to draw; 0 for none.
        seed: of the draws, the same each time.
    """

    def __init__(self, samples: int, seed: int = 0) -> None:
        self.samples = _check.non_negative_int("samples", samples)
        self.seed = seed

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or not self.samples or not trainer.is_global_zero:
            return
        model = pl_module.averaged
        generator = torch.Generator(device="cpu").manual_seed(self.seed)
        found = quality(model, pl_module.draw(self.samples, generator))
        for logger in trainer.loggers:
            logger.log_metrics(found, step=trainer.global_step)


def quality(model: Model | SmoothedModel, strings: list[str]) -> dict[str, float]:
    """Return validity (of all) and uniqueness (of the valid, in canonical form) of samples.

    Example:
        >>> from discdiff.domain import Letters
        >>> from types import SimpleNamespace
        >>> quality(SimpleNamespace(domain=Letters("AB")), ["A", "A", "B", ""])["sample/valid"]
        0.75
    """
    valid = [s for s in strings if model.domain.invalid_reason(s) is None]
    distinct = {model.domain.canonical(s) for s in valid}
    return {
        "sample/valid": len(valid) / max(1, len(strings)),
        "sample/unique": len(distinct) / max(1, len(valid)),
    }


def make_logger(name: str, out: Path, settings: dict[str, object] | None = None) -> Logger | bool:
    """Return the logger called `name`: `csv`, `wandb` or `none`.

    Weights & Biases that cannot be reached is one warning, and the run goes on with `csv`.

    Raises:
        InputError: if `name` is unknown.
    """
    _check.one_of("logger", name, ("csv", "wandb", "none"))
    if name == "none":
        return False
    if name == "wandb":
        try:
            from pytorch_lightning.loggers import WandbLogger

            logger = WandbLogger(project="discdiff", name=out.name, save_dir=out)
            logger.experiment.config.update(settings or {})
            return logger
        except Exception as error:  # a service of others: any failure of it must not end a run
            spoken.warning("discdiff: wandb cannot be used, logging to csv: %s", _first_line(error))
    return CSVLogger(out, name="log")  # a new version for every resume: nothing is overwritten


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def fit(
    model: Trained,
    data: DataModule | TableModule | Ticks,
    out: str | Path,
    *,
    kind: Callable[..., AveragedTraining] = Training,
    max_steps: int = 100_000,
    max_minutes: float | None = None,
    schedule: LearningRate | None = None,
    accumulate: int = 1,
    clip: float = 1.0,
    precision: str = "bf16-mixed",
    accelerator: str = "cpu",
    devices: int = 1,
    strategy: str = "auto",
    logger: str = "csv",
    log_every: int = 50,
    valid_every: int = 500,
    patience: int = 0,
    samples: int = 0,
    snapshot_minutes: float = 5.0,
    snapshot_steps: int = 0,
    dtype: str = "float32",
    progress: bool = True,
    seed: int = 0,
    callbacks: Sequence[pl.Callback] = (),
    **training: Any,
) -> Trained:
    """Train `model` on `data` and return it with averaged weights, in evaluation mode.

    The run folder gets `last.ckpt`, which continues the run when `fit` is called again with the
    same arguments, a `log` of every start, and `model`, a model folder.

    Args:
        model: what to train; its denoiser is changed in place.
        data: the data module.
        out: the run folder.
        kind: the Lightning module that trains such a model.
        max_steps: optimiser steps.
        max_minutes: minutes of training, if they are over first; kept across resumes.
        schedule: learning rate over the run; warm-up, constant and decay by default.
        accumulate: forward passes of a rank in an optimiser step.
        clip: largest norm of the gradient.
        precision: Lightning's name of the precision, such as `bf16-mixed` or `32-true`.
        accelerator: Lightning's name of the device.
        devices: number of devices or processes.
        strategy: Lightning's name of the strategy, such as `ddp`.
        logger: `csv`, `wandb` or `none`.
        log_every: steps between two lines of the log.
        valid_every: steps between two validations.
        patience: validations in a row without a lower NELBO, or whatever `kind` measures, after
            which the run ends; the weights with the lowest are then kept. 0 trains to the end and
            keeps the last.
        samples: samples drawn after each validation; 0 for none.
        snapshot_minutes: minutes between two checkpoints.
        snapshot_steps: steps between two checkpoints; 0 for minutes alone.
        dtype: of the weights of the model folder.
        progress: whether to show a progress bar.
        seed: of everything random.
        callbacks: further callbacks of Lightning.
        training: further arguments of `kind`.

    Raises:
        InputError: if an argument is outside its range.
        CheckpointError: if `last.ckpt` cannot be continued.
    """
    out = Path(out)
    masked = isinstance(model, Model) and isinstance(model.process, Absorbing)
    if not (masked or data.whole):
        raise InputError(
            "data must be seen at every position where there is no mask to show in the place of "
            "what was not: use process=masked"
        )
    _check_device(precision, accelerator)
    module = kind(model, seed=seed, **training)
    pace = Pace(LearningRate() if schedule is None else schedule, max_minutes)
    snapshots = Snapshots(out, pace, snapshot_minutes, snapshot_steps, dtype)
    stopping = early_stopping(patience, data, module.measure)
    last = out / LAST
    with quiet():
        trainer = _trainer(
            max_steps=_check.positive_int("max_steps", max_steps),
            max_epochs=-1,
            accumulate_grad_batches=_check.positive_int("accumulate", accumulate),
            gradient_clip_val=_check.positive("clip", clip),
            precision=precision,
            accelerator=accelerator,
            devices=_check.positive_int("devices", devices),
            strategy=strategy,
            logger=make_logger(logger, out, model.card),
            log_every_n_steps=_check.positive_int("log_every", log_every),
            val_check_interval=_check.positive_int("valid_every", valid_every) * accumulate,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            limit_val_batches=1.0 if len(data.valid_rows) else 0,
            enable_checkpointing=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=[
                pace,
                SampleQuality(samples, seed),
                *stopping,
                snapshots,
                _OwnSignals(),
                *callbacks,
            ],
            plugins=[AtomicCheckpointIO()],
            default_root_dir=out,
            enable_autolog_hparams=False,
        )
        with _interruptible():
            trainer.fit(module, data, ckpt_path=last if last.is_file() else None, weights_only=True)
    averaged: Trained = module.averaged
    return averaged


def _check_device(precision: str, accelerator: str) -> None:
    _check.one_of("precision", precision, PRECISIONS)
    _check.one_of("accelerator", accelerator, ("auto", "cpu", "gpu", "cuda", "mps"))
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    present["gpu"] = any(present.values())
    if not present.get(accelerator, True):
        raise InputError(
            f"accelerator must be cpu or auto where torch finds no GPU, got {accelerator!r}"
        )


def _trainer(strategy: str, **options: Any) -> pl.Trainer:
    try:
        return pl.Trainer(strategy=strategy, **options)
    except (ValueError, MisconfigurationException) as error:
        raise InputError(
            f"strategy must fit the accelerator and the number of devices, got {strategy!r}: "
            f"{error}"
        ) from error


class _OwnSignals(pl.Callback):
    """Has a termination handled as it was before the training, at once.

    Lightning would end the process after the step, as if it had done its work.
    """

    def __init__(self) -> None:
        self.before = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if callable(self.before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.before)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let an interruption reach the caller, which Lightning makes an exit that ignores more."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as left:
        stopped = isinstance(left, SIGTERMException)
        if not (stopped or isinstance(left.__context__, KeyboardInterrupt)):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from left


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Lightning says about things that are meant from the user."""
    speaker = logging.getLogger("pytorch_lightning")
    level = speaker.level
    speaker.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _MEANT:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        speaker.setLevel(level)
