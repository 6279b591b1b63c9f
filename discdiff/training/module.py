r"""Training: the Lightning module of both processes, and `fit`, which runs it.

The loss is the token mean of the NELBO: nats of the global batch over its tokens, with times
stratified over all of its rows, whatever the number of ranks and accumulation steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from discdiff import _check, random
from discdiff.data.module import Tokens
from discdiff.errors import InputError
from discdiff.loss import nelbo, stratified
from discdiff.model import Model
from discdiff.samplers.recommended import recommended
from discdiff.training.averaged import AveragedTraining

_TIME, _NOISE, _FROZEN, _VALID, _DROPOUT = range(5)  # purposes of the random numbers


class Training(AveragedTraining):
    r"""Trains a model's denoiser and keeps its moving average.

    Args:
        model: the model; its denoiser is trained in place.
        optimiser: `adamw`, or `muon` for the matrices of the blocks.
        rate: peak learning rate.
        weight_decay: of matrices; embeddings, norms and biases have none.
        betas: of AdamW.
        ema: decay of the moving average, which is validated, sampled and saved.
        frozen_fraction: fraction of rows with a random set of positions held at noise level 0 and
            not scored, which a uniform or class-masked model needs to be used with fixed positions.
        wrong_context: chance of a visible token to be shown as a random one; masked models only.
        seed: of times, noise and frozen sets.

    Raises:
        InputError: if an argument is outside its range, or `frozen_fraction` is given to a model
            that does not record it.
    """

    measure = "valid/nats_per_token"

    def __init__(
        self,
        model: Model,
        *,
        optimiser: str = "adamw",
        rate: float = 1e-3,
        weight_decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.99),
        ema: float = 0.9999,
        frozen_fraction: float = 0.0,
        wrong_context: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(model.denoiser, optimiser, rate, weight_decay, betas, ema, seed)
        self.model = model
        self.frozen_fraction = _check.fraction("frozen_fraction", frozen_fraction)
        if model.process.needs_time and (frozen_fraction > 0) != model.frozen_training:
            raise InputError(
                "frozen_fraction must be above 0 exactly where the model says frozen_training, "
                f"got {frozen_fraction} and {model.frozen_training}"
            )
        self.wrong_context = _check.fraction("wrong_context", wrong_context)

    @property
    def averaged(self) -> Model:
        """The model with the averaged weights."""
        own = self.model
        return Model(
            self.ema.network,  # type: ignore[arg-type]
            own.process,
            own.domain,
            own.lengths,
            own.card,
            own.frozen_training,
        )

    def draw(self, count: int, generator: torch.Generator) -> list[str]:
        return recommended(self.averaged).sample(count, generator=generator).strings

    def training_step(self, batch: Tokens, batch_idx: int) -> Tensor:
        x_0, step = batch.x_0, torch.tensor(batch.step, device=batch.x_0.device)
        keys = random.row_keys(self.seed, batch.rows, step.expand(len(batch.rows)))
        active = self._active(x_0, keys)
        # dropout draws from the global generator: a resumed run must draw the same
        torch.manual_seed(int(random.fold(keys[0], _DROPOUT)))
        u = self._times(batch).to(x_0.device)
        with fast_attention(x_0.device):
            nats = nelbo(
                self.model.denoiser,
                self.model.process,
                x_0,
                active,
                random.fold(keys, _NOISE),
                cond=batch.cond,
                u=u,
                reconstruction=False,
                wrong_context=self.wrong_context,
            ).sum()
        # the shares of a global batch are averaged, so each is scaled to make the sum a token mean
        loss = nats * (batch.shares / batch.tokens)
        self.log("train/nats_per_token", loss.detach(), on_step=True, prog_bar=True)
        return loss.float()

    def on_validation_epoch_start(self) -> None:
        self._nats = torch.zeros(3, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: Tokens, batch_idx: int) -> None:
        keys = random.row_keys(self.seed, batch.rows, torch.full_like(batch.rows, -1))
        active = batch.x_0 < self.model.vocab_size
        network: Any = self.ema.network
        nats = nelbo(
            network,
            self.model.process,
            batch.x_0,
            active,
            random.fold(keys, _VALID),
            form="count",
            cond=batch.cond,
        )
        self._nats[0] += nats.sum()
        self._nats[1] += active.sum()
        self._nats[2] += len(nats)

    def on_validation_epoch_end(self) -> None:
        nats, tokens, rows = self.trainer.strategy.reduce(self._nats, reduce_op="sum").tolist()
        measured = {self.measure: nats / tokens, "valid/nats_per_row": nats / rows}
        self.log_dict(measured, prog_bar=True, sync_dist=True)

    def _times(self, batch: Tokens) -> Tensor:
        seed = random.fold(torch.tensor(self.seed), torch.tensor(batch.step))
        seed = random.fold(seed, _TIME)
        return stratified(len(batch.rows), int(seed), batch.share, batch.shares)

    def _active(self, x_0: Tensor, keys: Tensor) -> Tensor:
        active = x_0 < self.model.vocab_size  # neither padding nor what was not seen
        return active & ~frozen_positions(x_0, keys, self.frozen_fraction)


def frozen_positions(x_0: Tensor, keys: Tensor, fraction: float) -> Tensor:
    """Return positions that are known, bool `(B, L)`: a random set in a `fraction` of the rows.

    Args:
        x_0: tokens `(B, L)`.
        keys: of the rows `(B,)`.
        fraction: of rows that have such positions.
    """
    if not fraction:
        return torch.zeros_like(x_0, dtype=torch.bool)
    u = random.uniform(random.fold(keys, _FROZEN), x_0.shape[1] + 2)
    return (u[:, :1] < fraction) & (u[:, 2:] < u[:, 1:2])


@contextmanager
def fast_attention(device: torch.device) -> Iterator[None]:
    """Choose the kernel of attention that trains fastest on `device`."""
    # the backward pass of the CPU's flash kernel is several times slower than plain products
    if device.type == "cpu":
        with sdpa_kernel(SDPBackend.MATH):
            yield
    else:
        yield
