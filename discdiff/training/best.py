"""Ending a training that no longer gets better with the weights of its best validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from torch import Tensor

from discdiff import _check
from discdiff.data.module import DataModule
from discdiff.errors import InputError

if TYPE_CHECKING:
    from discdiff.finetuning.ticks import Ticks
    from discdiff.predictor.rows import TableModule


def early_stopping(
    patience: int, data: DataModule | TableModule | Ticks, measure: str
) -> list[pl.Callback]:
    """Return the callbacks that end a run after `patience` validations without a lower `measure`.

    Raises:
        InputError: if `patience` is negative, or positive without rows to validate on.
    """
    if not _check.non_negative_int("patience", patience):
        return []
    if not len(data.valid_rows):
        raise InputError(
            f"patience must be 0 where nothing is held out to validate on, got {patience}"
        )
    stop = pl.callbacks.EarlyStopping(measure, patience=patience, check_on_train_epoch_end=False)
    return [stop, Best(measure)]


class Best(pl.Callback):
    """Keeps the averaged weights of the lowest `measure`, and ends the run with them."""

    def __init__(self, measure: str) -> None:
        self.measure = measure
        self.lowest = float("inf")
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        found = float(trainer.callback_metrics[self.measure])
        if found < self.lowest:
            self.lowest = found
            weights = pl_module.ema.network.state_dict()
            self.weights = {name: value.detach().clone() for name, value in weights.items()}

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.weights:
            pl_module.ema.network.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.lowest, self.weights = float(state_dict["lowest"]), dict(state_dict["weights"])
