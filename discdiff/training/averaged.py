"""What every training of a network shares: the optimiser, and the moving average it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from discdiff import _check
from discdiff.errors import InputError, UnsupportedError
from discdiff.training.ema import EMA
from discdiff.training.optimiser import OPTIMISERS, optimiser


class AveragedTraining(pl.LightningModule, ABC):
    """Trains a network, for most a denoiser, and keeps its moving average.

    Args:
        denoiser: the network; it is trained in place.
        optimiser: `adamw`, or `muon` for the matrices of the blocks.
        rate: peak learning rate.
        weight_decay: of matrices; embeddings, norms and biases have none.
        betas: of AdamW.
        ema: decay of the moving average, which is validated, sampled and saved.
        seed: of all that is random.

    Attributes:
        measure: what is validated, lower is better.

    Raises:
        InputError: if an argument is outside its range.
    """

    measure: str

    def __init__(
        self,
        denoiser: nn.Module,
        optimiser: str,
        rate: float,
        weight_decay: float,
        betas: tuple[float, float],
        ema: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.optimiser = _check.one_of("optimiser", optimiser, OPTIMISERS)
        self.rate = _check.positive("rate", rate)
        self.weight_decay = _check.in_range("weight_decay", weight_decay, 0.0, 1e6)
        if len(betas) != 2 or not all(0 <= _check.finite("betas", beta) < 1 for beta in betas):
            raise InputError(f"betas must be two numbers in [0, 1), got {list(betas)}")
        self.betas = betas
        self.ema = EMA(denoiser, _check.fraction("ema", ema))
        self.seed = _check.seed("seed", seed)

    @property
    @abstractmethod
    def averaged(self) -> Any:
        """The model with the averaged weights; it has a method `save`."""

    @property
    def snapshot_due(self) -> bool:
        """Whether the weights must be on disk before the next step, whatever the clock says."""
        return False

    def draw(self, count: int, generator: torch.Generator) -> list[str]:
        """Return strings that the averaged model writes.

        Raises:
            UnsupportedError: if it writes none.
        """
        raise UnsupportedError(f"{type(self).__name__} trains a network that writes no strings")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimiser(
            self.denoiser,
            self.optimiser,
            rate=self.rate,
            weight_decay=self.weight_decay,
            betas=self.betas,
        )

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.ema.update(self.denoiser)
