"""Log-variance: the log-ratio of target and policy made the same on all paths."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from discdiff import _check
from discdiff.denoiser import Denoiser
from discdiff.guidance.finetune.paths import log_likelihood
from discdiff.guidance.finetune.replay import Keep
from discdiff.guidance.finetune.trajectory_balance import Balanced


class LogVariance(Balanced):
    r"""Minimises the variance of $W_\theta=\lambda r+\log p(\omega)-\log p_\theta(\omega)$.

    Where W is the same on all paths, the policy is proportional to the target. The variance is that
    among the paths of a pass that have the same length.

    Args:
        designs: of a draw.
        every: optimiser steps between two draws.
        scale: inverse temperature λ.
        buffer: designs that are kept.
        batch: paths of a pass, at least 2; each costs a network row for each event, with gradients.
        priority: as in `Balanced`.
        keep: `newest`, or `best` by reward: any law may be trained on.
        prior: whether the target has the pretrained law as a factor.
        invalid: reward of invalid designs; to be set below all others where those may be negative,
            as docking scores are: else training makes designs invalid.

    Raises:
        InputError: if an argument is out of range.

    Law: exact, within each length, where the pretrained conditionals agree in every order; else
    the nearest law that a network has.

    Source: VarGrad: A Low-Variance Gradient Estimator for Variational Inference (Richter et al.,
    2020, arXiv:2010.10436).
    """

    name: ClassVar[str] = "log_variance"

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
        super().__init__(designs, every, scale, buffer, batch, priority, keep, prior, invalid)
        _check.in_range("batch", float(batch), 2.0, float("inf"))

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        held = self.replay.held
        index = self.chosen(self.batch, key.cpu())
        lengths = held.paths.active.sum(1)
        if bool((lengths != lengths[0]).any()):
            index = like_lengths(lengths, index)
        items = held.take(index).to(key.device)
        ratio = self.log_target(items) - log_likelihood(
            policy, self.pretrained.process, items.paths
        )
        return variance(ratio, items.paths.active.sum(1)), {
            "log_ratio": float(ratio.detach().mean())
        }


def like_lengths(lengths: Tensor, index: Tensor) -> Tensor:
    """Return as many places, those after the first the next ones of its length.

    Where each length is rare, a pass of many would have no two paths to compare.

    Args:
        lengths: of all designs `(N,)`.
        index: places that were chosen `(B,)`.
    """
    same = (lengths == lengths[index[0]]).nonzero()[:, 0]
    place = int((same == index[0]).nonzero()[0])
    return same.roll(-place)[torch.arange(len(index), device=same.device) % len(same)]


def variance(log_ratio: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean squared distance `()` of log-ratios `(N,)` from the mean of their length.

    Example:
        >>> variance(torch.tensor([1.0, 3.0, 9.0, 9.0]), torch.tensor([5, 5, 6, 6])).item()
        0.5
    """
    size = int(lengths.max()) + 1
    zeros = torch.zeros(size, dtype=log_ratio.dtype, device=log_ratio.device)
    count = zeros.index_add(0, lengths, torch.ones_like(log_ratio)).clamp(min=1.0)
    mean = zeros.index_add(0, lengths, log_ratio) / count
    return (log_ratio - mean[lengths]).square().mean()
