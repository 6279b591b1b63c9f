"""Ending a training that no longer gets better with the weights of its best validation."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from discdiff import _check
from discdiff.data.module import DataModule
from discdiff.errors import InputError

_MEASURE = "valid/nats_per_token"


def early_stopping(patience: int, data: DataModule) -> list[pl.Callback]:
    """Return the callbacks that end a run after `patience` validations without a lower NELBO.

    Raises:
        InputError: if `patience` is negative, or positive without rows to validate on.
    """
    if not _check.non_negative_int("patience", patience):
        return []
    if not len(data.valid_rows):
        raise InputError(
            f"patience must be 0 where nothing is held out to validate on, got {patience}"
        )
    stop = pl.callbacks.EarlyStopping(_MEASURE, patience=patience, check_on_train_epoch_end=False)
    return [stop, Best()]


class Best(pl.Callback):
    """Keeps the averaged weights of the lowest validation NELBO, and ends the run with them."""

    def __init__(self) -> None:
        self.lowest = float("inf")
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        nats = float(trainer.callback_metrics[_MEASURE])
        if nats < self.lowest:
            self.lowest = nats
            weights = pl_module.ema.network.state_dict()
            self.weights = {name: value.detach().clone() for name, value in weights.items()}

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.weights:
            pl_module.ema.network.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.lowest, self.weights = float(state_dict["lowest"]), dict(state_dict["weights"])
