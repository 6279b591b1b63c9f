r"""DRAKES: the reward's own gradient, back through the last steps of sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.anneal import Anneal, Shape
from discdiff.guidance.finetune.method import Drawn, FineTuner
from discdiff.guidance.finetune.relaxed_path import Relax, RelaxedPath, Walk
from discdiff.guidance.finetune.support import LAWS
from discdiff.model import Model
from discdiff.relaxed import Relaxed, needed
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import State

_START = 0  # purpose of the random numbers below the keys of rows


@dataclass(frozen=True, eq=False)
class Objective:
    """What one batch of designs says.

    Attributes:
        loss: the number to be made small, with gradients.
        reward: relaxed reward of each design `(B,)`, NaN where it has none; without gradients.
        kl: divergence from the reference along each path `(B,)`, in nats; without gradients.
        walk: the designs.
    """

    loss: Tensor
    reward: Tensor
    kl: Tensor
    walk: Walk


class Held(NamedTuple):
    """The designs of the last draw: their lengths, what is fixed in them, their classes."""

    tokens: Tensor
    active: Tensor
    cond: Tensor | None


class DRAKES(FineTuner):
    r"""Fine-tunes by gradients of the reward: $\max_\theta\mathbb E[r(x_0)]-KL/\lambda$.

    Designs are drawn along a grid of steps. The reward's gradient passes through the last `window`
    of them, relaxed by straight-through Gumbel-softmax (`RelaxedPath`); the divergence from the
    pretrained model is that of the two kernels at every step (`step_kl`). The loss is
    $(w\,KL-\lambda r)/\max(1,\lambda)$, the mean over a batch, w rising to 1 in `kl_warmup` steps.

    What the gradients come from is no evaluation: it counts against no budget, and filters and a
    predictor's domain of applicability are not in it. The draws, which are scored in full, show
    whether it holds.

    Args:
        designs: of a draw, which is scored and recorded; the gradients need none of it.
        every: optimiser steps between two draws.
        scale: inverse temperature λ, above 0.
        batch: designs of a pass.
        window: steps at the end that gradients pass through.
        relax: `straight_through` or `soft`, as in `RelaxedPath`.
        temperature: τ of the relaxation.
        final_temperature: τ at the end; `temperature` by default.
        anneal: `constant`, `linear` or `exponential`, the way from one to the other.
        anneal_steps: passes that it takes.
        kl_warmup: passes in which w rises from 0 to 1; 0 for at once.
        checkpoint: whether activations are computed again rather than kept.
        terms: hard steps whose divergence is taken; None for all.

    Raises:
        InputError: if an argument is out of range.

    Law: biased: relaxation and truncation. With exact gradients the optimum is the tilted law of
    the sampler's paths, $p(x_0)e^{\lambda r(x_0)}$, as steps → ∞. The estimates are exact for the
    divergence at given states, and for the reward as temperature → 0 where it is linear in the
    tokens and what is shown later does not depend on them; what would pass through steps before the
    window is left out.

    Source: Fine-Tuning Discrete Diffusion Models via Reward Optimization with Applications to DNA
    and Protein Design (Wang et al., 2024, arXiv:2410.13643), with the divergence it states.

    Example:
        >>> DRAKES(scale=20.0, window=8)
        DRAKES(scale=20.0, batch=32, path=RelaxedPath(window=8, ...))
    """

    name: ClassVar[str] = "drakes"

    def __init__(
        self,
        designs: int = 64,
        every: int = 50,
        scale: float = 10.0,
        batch: int = 32,
        window: int = 16,
        relax: Relax = "straight_through",
        temperature: float = 0.5,
        final_temperature: float | None = None,
        anneal: Shape = "constant",
        anneal_steps: int = 1,
        kl_warmup: int = 0,
        checkpoint: bool = True,
        terms: int | None = 8,
    ) -> None:
        super().__init__(designs, every, scale)
        self.batch = _check.positive_int("batch", batch)
        self.path = RelaxedPath(window, relax, checkpoint, terms)
        self.temperature = Anneal(temperature, final_temperature, anneal_steps, anneal)
        self.kl_warmup = _check.non_negative_int("kl_warmup", kl_warmup)
        self.passes = 0
        self.held: Held | None = None

    def begin(self, pretrained: Model, sampler: Sampler, reward: Reward) -> None:
        super().begin(pretrained, sampler, reward)
        if not isinstance(sampler, Ancestral):
            raise UnsupportedError(
                f"drakes needs the steps of Ancestral, got {type(sampler).__name__}"
            )
        if self.path.window > sampler.steps:
            raise InputError(
                f"window must be at most the sampler's {sampler.steps} steps, "
                f"got {self.path.window}"
            )
        others = ", ".join(name for name in LAWS if name != self.name)
        instead = f". Methods that need none: {others}"
        self._relaxed = needed(reward.relaxed, self.name, instead)
        self._grid = (sampler.steps, sampler.grid)

    @property
    def bias(self) -> str | None:
        return "gradients are those of a relaxation, through the last steps alone"

    def forget(self) -> None:
        self.passes, self.held = 0, None

    def take(self, drawn: Drawn) -> None:
        paths = drawn.paths
        self.held = Held(paths.tokens, paths.active, paths.cond)

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        if self.held is None:
            raise InputError("take must be called with designs before loss")
        own = self.pretrained
        model = Model(
            policy, own.process, own.domain, own.lengths, frozen_training=own.frozen_training
        )
        sampler = Ancestral(model, *self._grid)
        found = self.objective(
            sampler, own, self._relaxed, self._noise(sampler, self.held, key), self.passes
        )
        figures = {
            "relaxed_reward": float(found.reward.nanmean()),
            "kl": float(found.kl.mean()),
            "temperature": self.temperature(self.passes),
        }
        self.passes += 1
        return found.loss, figures

    def _noise(self, sampler: Ancestral, held: Held, key: Tensor) -> State:
        """Return noise in the place of designs that were drawn: of their lengths and classes."""
        keys, device = random.fold(key, torch.arange(self.batch, device=key.device)), key.device
        chosen = (random.uniform(keys, 1)[:, 0] * len(held.tokens)).long().to(held.tokens.device)
        tokens, active = held.tokens[chosen].to(device), held.active[chosen].to(device)
        cond = None if held.cond is None else held.cond[chosen].to(device)
        keys = random.fold(keys, _START)
        x_t = sampler.process.prior(tokens, active, keys)
        return sampler.start(x_t, torch.ones(len(x_t), device=device), active, keys=keys, cond=cond)

    def state(self) -> dict[str, Any]:
        return {"passes": self.passes, "held": None if self.held is None else tuple(self.held)}

    def restore(self, state: dict[str, Any]) -> None:
        self.passes = int(state["passes"])
        self.held = None if state["held"] is None else Held(*state["held"])

    def objective(
        self, sampler: Ancestral, reference: Model, relaxed: Relaxed, state: State, step: int = 0
    ) -> Objective:
        """Return the loss of designs, with gradients by the weights of the sampler's model.

        Args:
            sampler: of the model that is trained.
            reference: the pretrained one, whose weights have no gradient.
            relaxed: the reward of rows `(N, L, V)`.
            state: rows of noise, which become the designs.
            step: passes so far, for the temperature and the warm-up.

        Raises:
            InputError: if no design has a reward, or the sampler has fewer steps than the window.
            UnsupportedError: if tokens are masked by class, or a network does not take relaxed
                rows.
        """
        with torch.enable_grad():
            walk = self.path(sampler, reference, state, self.temperature(step))
        gain, rewards = straight(relaxed, walk, sampler.model.vocab_size)
        warmth = min(1.0, (step + 1) / self.kl_warmup) if self.kl_warmup else 1.0
        loss = (warmth * walk.kl.mean() - self.scale * gain) / max(1.0, self.scale)
        return Objective(loss, rewards, walk.kl.detach(), walk)

    def __repr__(self) -> str:
        return f"DRAKES(scale={self.scale}, batch={self.batch}, path={self.path!r})"


def straight(relaxed: Relaxed, walk: Walk, size: int) -> tuple[Tensor, Tensor]:
    """Return the mean reward `()` with the gradient of rows, and the rewards `(B,)` without.

    A design without a reward has no part in the mean, nor has its gradient. Designs are asked for
    by length, since those of a call have one.

    Args:
        relaxed: from rows `(N, L, V)` to rewards `(N,)`.
        walk: the designs.
        size: V.

    Raises:
        InputError: if no design has a reward.
    """
    lengths = walk.state.lengths
    shown = walk.rows[..., :size].detach()
    slopes = torch.zeros_like(shown)
    rewards = torch.full((len(shown),), torch.nan, dtype=torch.float64, device=shown.device)
    for length in np.unique(lengths).tolist():
        mine = torch.from_numpy(np.flatnonzero(lengths == length)).to(shown.device)
        # in full precision, whatever the network computes in
        with torch.enable_grad(), torch.autocast(shown.device.type, enabled=False):
            leaf = shown[mine, :length].requires_grad_()
            found = relaxed(leaf)
            (slope,) = torch.autograd.grad(found.nansum(), leaf)
        known = found.detach().isfinite()
        rewards[mine[known]] = found.detach()[known].double()
        slopes[mine[known], :length] = slope[known]
    known = rewards.isfinite()
    if not bool(known.any()):
        raise InputError(
            f"reward must be a number for some design of a batch, got none for all {len(rewards)}, "
            f"such as tokens {walk.tokens[0, : int(lengths[0])].tolist()}"
        )
    moved = (walk.rows[..., :size] - shown) * slopes  # 0, with the gradient of the reward
    return (rewards[known].sum() + moved.double().sum()) / known.sum(), rewards
