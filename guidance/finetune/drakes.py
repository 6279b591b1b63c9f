r"""DRAKES: the reward's own gradient, back through the last steps of sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from discdiff import _check
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.anneal import Anneal, Shape
from discdiff.guidance.finetune.relaxed_path import Relax, RelaxedPath, Walk
from discdiff.model import Model
from discdiff.relaxed import Relaxed
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.state import State

GRADIENT_FREE = ("wdce", "trajectory_balance", "log_variance", "brain", "policy_gradient")


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


class DRAKES:
    r"""Fine-tunes by gradients of the reward: $\max_\theta\mathbb E[r(x_0)]-KL/\lambda$.

    Designs are drawn along a grid of steps. The reward's gradient passes through the last `window`
    of them, relaxed by straight-through Gumbel-softmax (`RelaxedPath`); the divergence from the
    pretrained model is that of the two kernels at every step (`step_kl`). The loss is
    $(w\,KL-\lambda r)/\max(1,\lambda)$, the mean over a batch, w rising to 1 in `kl_warmup` steps.

    Args:
        designs: of a draw, which is scored and recorded; the gradients need none of it.
        every: optimiser steps between two draws.
        scale: inverse temperature λ; 0 stays with the pretrained model.
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
    window is left out. With λ = 0 the pretrained model is the optimum.

    Source: Fine-Tuning Discrete Diffusion Models via Reward Optimization with Applications to DNA
    and Protein Design (Wang et al., 2024, arXiv:2410.13643), with the divergence it states.

    Example:
        >>> DRAKES(scale=20.0, window=8)
        DRAKES(scale=20.0, batch=32, path=RelaxedPath(window=8, ...))
    """

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
        self.scale = _check.non_negative("scale", scale)
        self.batch = _check.positive_int("batch", batch)
        self.path = RelaxedPath(window, relax, checkpoint, terms)
        self.temperature = Anneal(temperature, final_temperature, anneal_steps, anneal)
        self.kl_warmup = _check.non_negative_int("kl_warmup", kl_warmup)

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


def gradients_of(reward: Reward) -> Relaxed:
    """Return the relaxed form of `reward`.

    Raises:
        UnsupportedError: if it has none; the message names the methods that need none.
    """
    if reward.relaxed is None:
        raise UnsupportedError(
            "drakes needs the gradient of the reward: give every oracle a method relaxed(rows), "
            "from probabilities (N, L, V) to values (N,), and let the objective be theirs or made "
            f"of terms. Methods that need none: {', '.join(GRADIENT_FREE)}"
        )
    return reward.relaxed


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
