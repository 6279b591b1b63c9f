"""Posterior distillation: the policy's shares of a group of designs made those of the target."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.denoiser import Denoiser
from discdiff.errors import DiscdiffError, InputError
from discdiff.guidance.finetune.paths import log_likelihood
from discdiff.guidance.finetune.replay import Buffered, Replay


class BRAIn(Buffered):
    r"""Minimises the cross-entropy of two laws on each group of n designs of one length.

    With q the law that drew them, on their paths ω,
    $a_i\propto p(\omega_i)e^{\lambda r(x_i)}/q(\omega_i)$ is the share of design i in the target
    and $b_i\propto p_\theta(\omega_i)/q(\omega_i)$ that in the policy. The gradient of
    $-\sum_ia_i\log b_i$ is $-\sum_i(a_i-b_i)\nabla\log p_\theta(\omega_i)$: it has the baseline in
    it, and is 0 on every group at the optimum.

    Args:
        designs: of a draw, a multiple of `group`.
        every: optimiser steps between two draws.
        scale: inverse temperature λ.
        group: n.
        groups: of a pass; each costs a network row for each event of n paths, with gradients.
        buffer: groups that are kept, the newest.

    Raises:
        InputError: if an argument is out of range.

    Law: exact as the group → ∞, within each length, where the pretrained conditionals agree in
    every order; else the nearest law that a network has.

    Source: BRAIn: Bayesian Reward-conditioned Amortized Inference for natural language generation
    from feedback (Pandey et al., 2024, arXiv:2402.02479).
    """

    name: ClassVar[str] = "brain"

    def __init__(
        self,
        designs: int = 32,
        every: int = 10,
        scale: float = 10.0,
        group: int = 8,
        groups: int = 1,
        buffer: int = 16,
    ) -> None:
        super().__init__(designs, every, scale)
        self.group = _check.positive_int("group", group)
        if designs % group or group < 2:
            raise InputError(
                f"group must be at least 2 and divide the {designs} designs, got {group}"
            )
        self.groups = _check.positive_int("groups", groups)
        self.replay = Replay(_check.positive_int("buffer", buffer) * group, "newest", group)

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        held = self.replay.held
        scored = (~held.reward.isnan()).view(-1, self.group).any(1).nonzero()[:, 0]
        if not len(scored):
            raise DiscdiffError("no design with a reward was drawn: there is nothing to train on")
        u = random.uniform(key.cpu()[None], self.groups)[0]
        first = scored[(u * len(scored)).long()] * self.group
        index = first[:, None] + torch.arange(self.group)
        items = held.take(index.flatten()).to(key.device)
        log_q = items.paths.log_prob
        target = items.log_pre + self.scale * items.reward - log_q
        target = target.nan_to_num(nan=-torch.inf)
        own = log_likelihood(policy, self.pretrained.process, items.paths) - log_q
        shape = (self.groups, self.group)
        loss, left = distillation(target.view(shape), own.view(shape))
        return loss, {"divergence": float(left.detach())}


def distillation(log_target: Tensor, log_policy: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return $-\sum_ia_i\log b_i$, and $\mathrm{KL}(a\|b)$, both means over groups, `()`.

    Args:
        log_target: log-weights of the target against the law that drew, `(G, n)`; -inf for none.
        log_policy: those of the policy `(G, n)`.

    Example:
        >>> loss, divergence = distillation(torch.zeros(1, 4), torch.zeros(1, 4))
        >>> round(loss.exp().item(), 6), abs(divergence.item()) < 1e-6
        (4.0, True)
    """
    log_a, log_b = torch.log_softmax(log_target, 1), torch.log_softmax(log_policy, 1)
    a = log_a.exp()
    cross = -(a * log_b).sum(1).mean()
    entropy = torch.where(a > 0, a * log_a, 0.0).sum(1).mean()
    return cross, cross + entropy
