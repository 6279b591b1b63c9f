"""Trajectory balance: forward and backward flow of every path made equal."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from discdiff import _check, random
from discdiff.denoiser import Denoiser
from discdiff.guidance.finetune.method import Drawn
from discdiff.guidance.finetune.paths import log_likelihood
from discdiff.guidance.finetune.replay import Buffered, Items, Keep, Replay, by_rank
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler

_PRIORITY, _EVEN = 0, 1  # purposes of the random numbers


class Balanced(Buffered):
    r"""What methods on whole paths share: a buffer, a target, and which paths a step takes.

    The masking process is the backward policy: an order of masking has the same chance under every
    model, so that the target of a path is $\lambda r+\log p(\omega)$, or without a prior
    $\lambda r$, up to a constant of its length. Any law of paths may be trained on.

    Args:
        designs: of a draw.
        every: optimiser steps between two draws.
        scale: inverse temperature λ.
        buffer: designs that are kept.
        batch: paths of a pass; each costs a network row for each event, with gradients.
        priority: half of the paths are taken by reward, rank k with a chance ∝ k^-priority, the
            others evenly; 0 takes all evenly.
        keep: `newest`, or `best` by reward.
        prior: whether the target has the pretrained law as a factor.
        invalid: reward of invalid designs; to be set below all others where those may be negative,
            as docking scores are: else training makes designs invalid.
    """

    def __init__(
        self,
        designs: int = 32,
        every: int = 10,
        scale: float = 10.0,
        buffer: int = 512,
        batch: int = 8,
        priority: float = 0.5,
        keep: Keep = "newest",
        prior: bool = True,
        invalid: float = 0.0,
    ) -> None:
        super().__init__(designs, every, scale)
        self.replay = Replay(buffer, keep, self.group)
        self.batch = _check.positive_int("batch", batch)
        self.priority = _check.non_negative("priority", priority)
        self.prior, self.invalid = bool(prior), _check.finite("invalid", invalid)

    def chosen(self, count: int, key: Tensor) -> Tensor:
        """Return `count` places in the buffer, half of them by rank, `(count,)`."""
        worth = self.replay.held.rewards(self.invalid)
        half = count // 2 if self.priority else 0
        ranked = by_rank(worth, half, self.priority, random.fold(key, _PRIORITY))
        return torch.cat([ranked, by_rank(worth, count - half, 0.0, random.fold(key, _EVEN))])

    def log_target(self, items: Items) -> Tensor:
        r"""Return $\lambda r$, with $\log p(\omega)$ where there is a prior, `(N,)`."""
        target = self.scale * items.rewards(self.invalid)
        return target + items.log_pre if self.prior else target


class TrajectoryBalance(Balanced):
    r"""Minimises $(\log Z_L+\log p_\theta(\omega)-\lambda r(x)-\log p(\omega))^2$.

    $\log Z_L$ is a parameter for each length. Without a prior the target is $e^{\lambda r}$ alone:
    the pretrained network is then no more than where training starts.

    Args:
        designs: of a draw.
        every: optimiser steps between two draws.
        scale: inverse temperature λ.
        buffer: designs that are kept.
        batch: paths of a pass; each costs a network row for each event, with gradients.
        priority: as in `Balanced`.
        keep: `newest`, or `best` by reward: any law may be trained on.
        prior: whether the target has the pretrained law as a factor.
        invalid: reward of invalid designs; to be set below all others where those may be negative,
            as docking scores are: else training makes designs invalid.
        pace: how many times faster than a weight $\log Z_L$ learns.

    Raises:
        InputError: if an argument is out of range.

    Law: exact, within each length, where the pretrained conditionals agree in every order; else
    the nearest law that a network has.

    Source: Trajectory balance: Improved credit assignment in GFlowNets (Malkin et al., 2022,
    arXiv:2201.13259).
    """

    name: ClassVar[str] = "trajectory_balance"

    def __init__(
        self,
        designs: int = 32,
        every: int = 10,
        scale: float = 10.0,
        buffer: int = 512,
        batch: int = 8,
        priority: float = 0.5,
        keep: Keep = "newest",
        prior: bool = True,
        invalid: float = 0.0,
        pace: float = 100.0,
    ) -> None:
        super().__init__(designs, every, scale, buffer, batch, priority, keep, prior, invalid)
        self.pace = _check.positive("pace", pace)

    def begin(self, pretrained: Model, sampler: Sampler, reward: Reward) -> None:
        super().begin(pretrained, sampler, reward)
        self.log_z = nn.Parameter(torch.zeros(pretrained.max_length + 1))

    def take(self, drawn: Drawn) -> None:
        super().take(drawn)
        items = Items.of(drawn)
        ratio, lengths = self.log_target(items) - items.paths.log_prob, items.paths.active.sum(1)
        with torch.no_grad():
            for length in sorted(set(lengths.tolist())):
                if self.log_z[length] == 0.0:  # from designs of the first draw of this length
                    own = ratio[lengths == length]
                    estimate = torch.logsumexp(own, 0) - math.log(len(own))
                    self.log_z[length] = float(estimate) / self.pace

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        items = self.replay.held.take(self.chosen(self.batch, key.cpu())).to(key.device)
        own = log_likelihood(policy, self.pretrained.process, items.paths)
        log_z = self.pace * self.log_z[items.paths.active.sum(1)]
        gap = imbalance(log_z, own, self.log_target(items))
        return gap.square().mean(), {"log_z": float(log_z.detach().mean())}


def imbalance(log_z: Tensor, log_policy: Tensor, log_target: Tensor) -> Tensor:
    """Return log Z + log p_θ - log target of each path, `(N,)`: 0 for all at the optimum."""
    return log_z + log_policy - log_target
