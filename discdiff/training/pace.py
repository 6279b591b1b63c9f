"""The clock of a training run: how much of it is over, and the learning rate that follows."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytorch_lightning as pl

from discdiff import _check
from discdiff.training.lr import LearningRate


class Pace(pl.Callback):
    """Sets the learning rate before each optimiser step and ends the run in time.

    Training time is counted across resumes, and rank 0's clock is everybody's: with clocks of
    their own the ranks would train at different rates.

    Args:
        schedule: factor of every parameter group's peak rate.
        max_minutes: training time after which the run is over; None for steps alone.

    Raises:
        InputError: if `max_minutes` is not positive.
    """

    def __init__(self, schedule: LearningRate, max_minutes: float | None = None) -> None:
        self.schedule = schedule
        self.max_minutes = (
            None if max_minutes is None else _check.positive("max_minutes", max_minutes)
        )
        self.seconds = 0.0
        self._since = monotonic()
        self._peaks: list[float] = []

    def progress(self, trainer: pl.Trainer) -> float:
        """Return the fraction of the run that is over: of its steps or its minutes."""
        steps = trainer.global_step / trainer.max_steps
        if self.max_minutes is None:
            return steps
        return max(steps, self.seconds / 60.0 / self.max_minutes)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._since = monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = monotonic()
        # a checkpoint restores the rate it was written at, `defaults` keep the peak
        self._peaks = [o.defaults["lr"] for o in trainer.optimizers]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        now = monotonic()
        seconds, self._since = self.seconds + now - self._since, now
        self.seconds = float(trainer.strategy.broadcast(seconds))
        factor = self.schedule.factor(trainer.global_step, self.progress(trainer))
        for optimiser, peak in zip(trainer.optimizers, self._peaks, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * factor

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        pl_module.log_dict({"train/rate": rate, "train/minutes": self.seconds / 60.0})
        if self.progress(trainer) >= 1.0:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds = float(state_dict["seconds"])
