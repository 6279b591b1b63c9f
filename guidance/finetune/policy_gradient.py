"""Policy gradient on the steps of the chain: the baseline of the other methods."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError
from discdiff.guidance.finetune.kl import row_kl
from discdiff.guidance.finetune.method import Drawn
from discdiff.guidance.finetune.paths import laws, summed
from discdiff.guidance.finetune.replay import Buffered, Items, Replay

Penalty = Literal["step", "path"]


class PolicyGradient(Buffered):
    r"""Raises the chance of the steps of designs that are better than others of their group.

    The advantage A of a design is its reward less the mean of its group, over the group's standard
    deviation. Each step is rewarded with
    $\lambda\min(\rho A,\operatorname{clip}(\rho,1-\epsilon,1+\epsilon)A)$, ρ the ratio of its
    probabilities under the network and under that which drew it, less the divergence of the step
    from the pretrained one. With `kl=path` there is no such term, and the log-ratio of the path's
    probabilities is taken off its reward instead.

    Args:
        designs: of a draw, a multiple of `group`; the last draw alone is trained on.
        every: optimiser steps between two draws.
        scale: λ, in units of the group's standard deviation unless `normalise` is false.
        group: designs whose rewards are compared.
        batch: groups of a pass.
        steps: events of each path that a pass takes, at random; None for all.
        clip: ε; None for no clipping.
        kl: `step` or `path`.
        normalise: whether advantages are divided by the group's standard deviation.
        invalid: reward of invalid designs; to be set below all others where those may be negative,
            as docking scores are: else training makes designs invalid.

    Raises:
        InputError: if an argument is out of range.

    Law: biased. A step's divergence has no credit for where the step leads, so that what is reached
    is $p_\theta(x_s\mid x_t)\propto p(x_s\mid x_t)e^{\lambda\mathbb E_\theta[r\mid x_s]}$, the mean
    reward in place of the soft value, and the standard deviation rescales λ. With `kl=path` and
    without normalising exact, within each length.

    Source: DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models (Shao
    et al., 2024, arXiv:2402.03300); Training Diffusion Models with Reinforcement Learning (Black et
    al., 2023, arXiv:2305.13301).
    """

    name: ClassVar[str] = "policy_gradient"

    def __init__(
        self,
        designs: int = 32,
        every: int = 4,
        scale: float = 10.0,
        group: int = 8,
        batch: int = 1,
        steps: int | None = 16,
        clip: float | None = 0.2,
        kl: Penalty = "step",
        normalise: bool = True,
        invalid: float = 0.0,
    ) -> None:
        super().__init__(designs, every, scale)
        self.group = _check.positive_int("group", group)
        if designs % group or group < 2:
            raise InputError(
                f"group must be at least 2 and divide the {designs} designs, got {group}"
            )
        self.batch = _check.positive_int("batch", batch)
        self.steps = None if steps is None else _check.positive_int("steps", steps)
        self.clip = None if clip is None else _check.positive("clip", clip)
        self.kl = _check.one_of("kl", kl, ("step", "path"))
        self.normalise, self.invalid = bool(normalise), _check.finite("invalid", invalid)
        self.replay = Replay(designs, "newest", group)

    def take(self, drawn: Drawn) -> None:
        before, self.replay.items = self.replay.items, None
        self.replay.add(drawn)
        if self.replay.items is None:  # the budget ended within every group
            self.replay.items = before

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        held = self.replay.held
        place = int(random.uniform_at(key.cpu(), torch.tensor(0)) * (len(held) // self.group))
        first = (place + torch.arange(self.batch)) % (len(held) // self.group)
        index = (first[:, None] * self.group + torch.arange(self.group)).flatten()
        items = held.take(index).to(key.device)
        gain, spent, clipped = self.terms(policy, items, self.advantages(items), key)
        figures = {"step_divergence": float(spent.detach().mean()), "clipped": float(clipped)}
        loss = -self.scale * gain.mean()
        return (loss + spent.mean() if self.kl == "step" else loss), figures

    @property
    def bias(self) -> str | None:
        why = ["the mean reward stands in place of the soft value"] * (self.kl == "step")
        why += ["λ is per standard deviation of a group"] * self.normalise
        return "; ".join(why) or None

    def advantages(self, items: Items) -> Tensor:
        """Return the advantage of each design over its group, `(N,)`."""
        worth = items.rewards(self.invalid)
        if self.kl == "path":
            worth = worth - (items.paths.log_prob - items.log_pre) / self.scale
        grouped = worth.view(-1, self.group)
        found = grouped - grouped.mean(1, keepdim=True)
        if self.normalise:
            found = found / (grouped.std(1, keepdim=True) + 1e-6)
        return found.flatten()

    def terms(
        self, policy: Denoiser, items: Items, advantage: Tensor, key: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the clipped gain of each path, its divergence, `(N,)` each, and what is clipped.

        Args:
            policy: the network that is trained.
            items: N designs.
            advantage: theirs `(N,)`.
            key: chooses the events that are taken.
        """
        paths = items.paths
        rows, events, weight = self._events(items, key)
        moments = paths.before(rows, events, self.pretrained.process.mask_id)
        log_law = laws(policy, self.pretrained.process, moments)
        with torch.no_grad():
            before = laws(self.pretrained.denoiser, self.pretrained.process, moments)
        owner = moments.at[0]
        now = log_law.gather(-1, moments.drawn[:, None])[:, 0]
        own = summed(now, owner, len(rows))
        ratio = (own - paths.log_probs[rows, events]).exp()
        gain = advantage[rows] * ratio
        held = ratio
        if self.clip is not None:
            held = ratio.clamp(1 - self.clip, 1 + self.clip)
            gain = torch.minimum(gain, advantage[rows] * held)
        spent = summed(row_kl(log_law, before), owner, len(rows))
        clipped = (held != ratio).double().mean()
        count = len(paths)
        return summed(weight * gain, rows, count), summed(weight * spent, rows, count), clipped

    def _events(self, items: Items, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows, events and weights of what a pass takes: of every path as many at random."""
        rows, events = items.paths.pairs()
        count = items.paths.count
        taken = count if self.steps is None else count.clamp(max=self.steps)
        if self.steps is not None:
            number = torch.arange(len(count), device=key.device)
            score = random.uniform(random.fold(key, number), items.paths.clocks.shape[1])
            beyond = torch.arange(score.shape[1], device=count.device) >= count[:, None]
            rank = score.masked_fill(beyond, 2.0).argsort(1).argsort(1)
            chosen = rank[rows, events] < self.steps
            rows, events = rows[chosen], events[chosen]
        weight = count.double() / taken.clamp(min=1)
        return rows, events, weight[rows]
