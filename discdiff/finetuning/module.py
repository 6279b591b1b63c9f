"""The Lightning module of a fine-tuning: draws at their steps, a loss at each, all of it resumable.

What is drawn, judged and saved is the averaged network. Draws are made by rank 0, which owns the
record, and handed to the others.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from discdiff import random
from discdiff.errors import CheckpointError, DiscdiffError
from discdiff.finetuning.adapters import LoRA, merged
from discdiff.finetuning.contract import FineTuner
from discdiff.finetuning.draws import Draws
from discdiff.finetuning.figures import Figures, best_draw
from discdiff.model import Model
from discdiff.samplers.engine import Sampler
from discdiff.training.averaged import AveragedTraining
from discdiff.training.module import fast_attention

_LOSS, _DROPOUT = 0, 1  # purposes of the random numbers
STATE = "finetuning"


class FineTuning(AveragedTraining):
    """Trains a copy of a model by a method.

    Args:
        model: the model before; it stays as it is.
        method: what draws and what is minimised.
        sampler: makes a sampler of a model.
        draws: makes and records draws; None but in the process of rank 0.
        rate: peak learning rate.
        weight_decay: of matrices.
        betas: of AdamW.
        ema: decay of the moving average; 0 for none.
        lora: adapters to train in place of all weights; None for all weights.
        seed: of all that is random.

    Attributes:
        history: the figures of every draw.
        best: weights of the averaged network at the best draw so far.
        spent: whether a draw was due that the budget did not pay for.
    """

    measure = "reward"

    def __init__(
        self,
        model: Model,
        method: FineTuner,
        sampler: Callable[[Model], Sampler],
        draws: Draws | None,
        *,
        rate: float = 1e-4,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99),
        ema: float = 0.0,
        lora: LoRA | None = None,
        seed: int = 0,
    ) -> None:
        network = copy.deepcopy(model.denoiser).requires_grad_(True)
        if lora is not None:
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(seed)  # one factor of an adapter begins at random
                lora.adapt(network)
        network.train()
        super().__init__(network, "adamw", rate, weight_decay, betas, ema, seed)
        self.pretrained, self.method, self.draws = model, method, draws
        self.sampler = sampler(self._model(self.ema.network))
        self.history: list[Figures] = []
        self.best: dict[str, Tensor] = {}
        self.spent = False

    @property
    def averaged(self) -> Model:
        return self._model(merged(self.ema.network))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        chosen = super().configure_optimizers()
        own = list(self.method.parameters())
        if own:
            chosen.add_param_group({"params": own, "weight_decay": 0.0})
        return chosen

    @property
    def snapshot_due(self) -> bool:
        # a resumed run makes the last draw again: by weights that were trained once more it would
        # be another one where training does not repeat to the bit, as on a GPU
        return self.trainer.global_step % self.method.every == 0

    def on_fit_start(self) -> None:
        self._home = self.device
        self.pretrained.to(self.device)

    @property
    def last_step(self) -> int:
        """Optimiser steps that were made."""
        return int(self.trainer.global_step)

    def on_train_batch_start(self, batch: int, batch_idx: int) -> int | None:
        """Draw at the steps that are due; end the training where the budget is spent."""
        step = self.trainer.global_step
        if batch_idx % self.trainer.accumulate_grad_batches or step % self.method.every:
            return None
        found = None if self.draws is None else self._draw_now(self.draws, step)
        found = self.trainer.strategy.broadcast(found)
        if found is None:
            self.spent = self.trainer.should_stop = True
            return -1
        drawn, figures = found
        self.method.take(drawn)
        for logger in self.trainer.loggers:
            logged = {f"draw/{k}": v for k, v in figures.items() if not math.isnan(v)}
            logger.log_metrics(logged, step=step)
        return None

    def draw_last(self) -> None:
        """Draw once more after the training, unless the budget is spent or nothing was trained."""
        step = self.last_step
        if self.draws is None or (self.history and self.history[-1]["step"] == step):
            return
        self.to(self._home)
        self._draw_now(self.draws, step)

    def _draw_now(self, draws: Draws, step: int) -> tuple[Any, Figures] | None:
        """Make the next draw and keep the weights if they are the best; None: no budget left."""
        found = draws(self.sampler, len(self.history), step)
        if found is None:
            return None
        self.history.append(found[1])
        draws.note(self.history)
        if best_draw(self.history, self.method.scale) == len(self.history) - 1:
            weights = self.ema.network.state_dict()
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        return found

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        trainer = self.trainer
        share = batch_idx % trainer.accumulate_grad_batches
        share = share * trainer.world_size + trainer.global_rank
        key = random.fold(torch.tensor(self.seed), torch.tensor(trainer.global_step))
        key = random.fold(key, share)
        # dropout draws from the global generator: a resumed run must draw the same
        torch.manual_seed(int(random.fold(key, _DROPOUT)))
        with fast_attention(self.device):
            loss, figures = self.method.loss(
                self.denoiser,  # type: ignore[arg-type]
                random.fold(key, _LOSS).to(self.device),
            )
        if not bool(torch.isfinite(loss)):
            raise DiscdiffError(
                f"the loss of {self.method.name} is {float(loss)} at step {trainer.global_step}: "
                "lower the rate or the scale"
            )
        named = {f"train/{name}": value for name, value in figures.items()}
        self.log_dict({"train/loss": loss.detach().float(), **named}, on_step=True)
        return loss.float()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[STATE] = {
            "method": self.method.state(),
            "history": [dict(one) for one in self.history],
            "best": self.best,
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        held = checkpoint.get(STATE)
        if held is None:
            raise CheckpointError("the checkpoint is that of another kind of training")
        self.method.restore(held["method"])
        self.history = [dict(one) for one in held["history"]]
        self.best = dict(held["best"])

    def _model(self, network: Any) -> Model:
        own = self.pretrained
        return Model(network, own.process, own.domain, own.lengths, own.card, own.frozen_training)
