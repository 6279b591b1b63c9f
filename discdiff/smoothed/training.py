"""Training a smoothed denoiser by least squares, on the data, clock and snapshots of any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.data.encoded import Encoded
from discdiff.data.module import DataModule, Tokens
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.model import LengthLaw
from discdiff.nn.transformer import Transformer
from discdiff.smoothed.denoiser import SmoothedNetwork
from discdiff.smoothed.loss import squared_error
from discdiff.smoothed.model import SmoothedModel
from discdiff.smoothed.walk_jump import WalkJump
from discdiff.training.averaged import AveragedTraining
from discdiff.training.fit import fit as run
from discdiff.training.lr import LearningRate
from discdiff.training.module import fast_attention, frozen_positions

_NOISE, _DROPOUT = 100, 101  # purposes of the random numbers


class SmoothedTraining(AveragedTraining):
    r"""Trains the network of a smoothed model, $\lVert\hat x(y)-x\rVert^2$ a token.

    Args:
        model: the model; its network is trained in place.
        optimiser: `adamw`, or `muon` for the matrices of the blocks.
        rate: peak learning rate.
        weight_decay: of matrices.
        betas: of AdamW.
        ema: decay of the moving average, which is validated, sampled and saved.
        frozen_fraction: fraction of rows with a random set of positions shown without noise, which
            templates need.
        seed: of noise and frozen sets.

    Raises:
        InputError: if an argument is outside its range, the model has no network, or
            `frozen_fraction` is not what the model records.
    """

    measure = "valid/squared_error"

    def __init__(
        self,
        model: SmoothedModel,
        *,
        optimiser: str = "adamw",
        rate: float = 1e-3,
        weight_decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.99),
        ema: float = 0.9999,
        frozen_fraction: float = 0.25,
        seed: int = 0,
    ) -> None:
        if not isinstance(model.denoiser, SmoothedNetwork):
            raise InputError(
                f"denoiser must be a SmoothedNetwork to be trained, got "
                f"{type(model.denoiser).__name__}"
            )
        network = model.denoiser.network
        super().__init__(network, optimiser, rate, weight_decay, betas, ema, seed)
        self.model = model
        self.frozen_fraction = _check.fraction("frozen_fraction", frozen_fraction)
        if (frozen_fraction > 0) != model.frozen_training:
            raise InputError(
                "frozen_fraction must be above 0 exactly where the model says frozen_training, "
                f"got {frozen_fraction} and {model.frozen_training}"
            )

    @property
    def averaged(self) -> SmoothedModel:
        """The model with the averaged weights."""
        own = self.model
        network: Any = self.ema.network
        denoiser = SmoothedNetwork(network, own.sigma).eval()
        return SmoothedModel(denoiser, own.domain, own.lengths, own.card, own.frozen_training)

    def draw(self, count: int, generator: torch.Generator) -> list[str]:
        return WalkJump(self.averaged).sample(count, generator=generator).strings

    def training_step(self, batch: Tokens, batch_idx: int) -> Tensor:
        step = torch.tensor(batch.step, device=batch.rows.device).expand(len(batch.rows))
        keys = random.row_keys(self.seed, batch.rows, step)
        # dropout draws from the global generator: a resumed run must draw the same
        torch.manual_seed(int(random.fold(keys[0], _DROPOUT)))
        frozen = frozen_positions(batch.x_0, keys, self.frozen_fraction)
        with fast_attention(batch.x_0.device):
            error = squared_error(self.model.denoiser, batch.x_0, frozen, random.fold(keys, _NOISE))
        # the shares of a global batch are averaged, so each is scaled to make the sum a token mean
        loss = error.sum() * (batch.shares / batch.tokens)
        self.log("train/squared_error", loss.detach(), on_step=True, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._error = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: Tokens, batch_idx: int) -> None:
        keys = random.row_keys(self.seed, batch.rows, torch.full_like(batch.rows, -1))
        free = torch.zeros_like(batch.x_0, dtype=torch.bool)
        error = squared_error(self.averaged.denoiser, batch.x_0, free, random.fold(keys, _NOISE))
        self._error[0] += error.sum()
        self._error[1] += (batch.x_0 != self.model.domain.alphabet.pad_id).sum()

    def on_validation_epoch_end(self) -> None:
        error, tokens = self.trainer.strategy.reduce(self._error, reduce_op="sum").tolist()
        self.log(self.measure, error / tokens, prog_bar=True, sync_dist=True)


def fit(
    strings: Sequence[str],
    domain: Domain,
    folder: str | Path,
    *,
    sigma: float = 0.5,
    steps: int = 2000,
    width: int = 64,
    depth: int = 3,
    heads: int = 4,
    batch_tokens: int = 4096,
    valid_fraction: float = 0.05,
    frozen_fraction: float = 0.25,
    seed: int = 0,
    progress: bool = False,
    **options: Any,
) -> SmoothedModel:
    """Return a transformer trained on `strings` at one level of noise; it is saved on the way.

    `folder` gets `last.ckpt`, from which a training that was cut off goes on when the same is
    called again, a log and `model`, which `SmoothedModel.load` reads.

    Args:
        strings: of equal or different lengths; the law of lengths is theirs.
        domain: their domain.
        folder: of the run.
        sigma: σ of the noise. Small: the walk keeps to its mode; large: the jump blurs. Published
            values lie between 0.5 and 1.
        steps: optimiser steps.
        width: of the transformer.
        depth: its blocks.
        heads: its attention heads.
        batch_tokens: tokens a step, at most.
        valid_fraction: share of the strings held out for validation.
        frozen_fraction: fraction of rows shown with tokens that are known, which templates need.
        seed: of initial weights, order, noise and the rows held out.
        progress: whether to show a progress bar.
        options: further arguments of `discdiff.training.fit.fit` and `SmoothedTraining`, such as
            `accelerator`, `max_minutes` or `rate`.

    Raises:
        InputError: if an argument is out of range.
        DataError: if the domain cannot encode a string.

    Example:
        >>> import tempfile
        >>> from discdiff.domain import Letters
        >>> model = fit(["AC", "GT"] * 20, Letters("ACGT"), tempfile.mkdtemp(), steps=2, width=16)
        >>> model.sigma, model.max_length
        (0.5, 2)
    """
    steps = _check.positive_int("steps", steps)
    encoded = Encoded.of(strings, domain)
    longest = int(encoded.lengths.max())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_check.seed("seed", seed))
        network = Transformer(len(domain.alphabet), longest, width=width, depth=depth, heads=heads)
    model = SmoothedModel(
        SmoothedNetwork(network, sigma),
        domain,
        LengthLaw(encoded.length_law(longest)),
        card={"data": f"{len(encoded)} strings", "recipe": {"steps": steps, "seed": seed}},
        frozen_training=_check.fraction("frozen_fraction", frozen_fraction) > 0,
    )
    data = DataModule(encoded.hold_out(valid_fraction, seed), batch_tokens=batch_tokens, seed=seed)
    usual: dict[str, Any] = {
        "rate": 3e-3,
        "ema": 0.99,
        "schedule": LearningRate("wsd", warmup=50, decay=0.3),
        "precision": "32-true",
        "valid_every": max(1, steps // 4),
        "log_every": max(1, min(50, steps // 4)),
    }
    return run(
        model,
        data,
        folder,
        kind=SmoothedTraining,
        max_steps=steps,
        frozen_fraction=frozen_fraction,
        progress=progress,
        seed=seed,
        **usual | options,
    )
