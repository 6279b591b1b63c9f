"""The contract of fine-tuning methods: designs are drawn now and then, each step has a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from discdiff import _check
from discdiff.denoiser import Denoiser
from discdiff.errors import DiscdiffError, InputError
from discdiff.guidance.finetune.paths import Paths, follow, log_likelihood
from discdiff.guidance.finetune.support import refuse_plan
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples


@dataclass(frozen=True)
class Drawn:
    """Designs that were drawn and scored, and the paths they were drawn on.

    Attributes:
        samples: the designs, with rewards.
        paths: their paths.
        reward: float64 `(N,)`; NaN where there is none.
        invalid: bool `(N,)`, designs that no reward is defined for; else it could not be had.
        log_pre: log-probability of the paths under the pretrained network, float64 `(N,)`.
        biased: whether the law that they were drawn from is not known.
    """

    samples: Samples
    paths: Paths
    reward: Tensor
    invalid: Tensor
    log_pre: Tensor
    biased: bool = False

    @property
    def divergence(self) -> Tensor:
        """One-sample estimates of the divergence from the pretrained path law, `(N,)`."""
        return self.paths.log_prob - self.log_pre


class FineTuner(nn.Module, ABC):
    r"""Trains a network so that the sampler's law p becomes $\propto p(x)e^{\lambda r(x)}$.

    Whoever runs it calls `begin` once, then `draw` and `take` every so many steps and `loss` at
    each; it owns optimiser, averages, checkpoints and records. A method's own parameters are
    trained with the network, and `state` is kept with it. Lengths are drawn before, so that the
    law of designs of each length is tilted and lengths are as they were.

    Args:
        designs: of a draw.
        every: optimiser steps between two draws.
        scale: inverse temperature λ, above 0 and finite.

    Attributes:
        name: in the support table.
        title: what it is called on the card of the model.
        group: designs that are drawn side by side with one length.

    Raises:
        InputError: if an argument is out of range.
    """

    name: ClassVar[str]
    group: int = 1

    def __init__(self, designs: int, every: int, scale: float) -> None:
        super().__init__()
        self.title = self.name
        self.designs = _check.positive_int("designs", designs)
        self.every = _check.positive_int("every", every)
        self.scale = _check.positive("scale", scale)

    @property
    def returned(self) -> int:
        """Designs that are drawn together."""
        return self.group

    def begin(self, pretrained: Model, sampler: Sampler, reward: Reward) -> None:
        """Take in what is to be tuned, and forget what was taken in before.

        Args:
            pretrained: the model before, which stays as it is.
            sampler: what the tuned model will be sampled by.
            reward: of designs.

        Raises:
            UnsupportedError: if the method is not for such a process or sampler.
            InputError: if the sampler's law is not that of its model, or alphabets disagree.
        """
        refuse_plan(self.name, sampler)
        if sampler.temperature != 1.0 or sampler.top_p != 1.0 or sampler.constraint is not None:
            raise InputError(
                "sampler must have temperature 1, top_p 1 and no constraint to be fine-tuned: "
                "the law of its paths must be that of the network"
            )
        own, other = (part.domain.alphabet.tokens for part in (pretrained, reward))
        if own != other:
            raise InputError(
                f"reward must be of the model's alphabet, {' '.join(own)}, got {' '.join(other)}"
            )
        # in a tuple, so that its weights are not those of the method
        self._before = (pretrained,)
        self.forget()

    def forget(self) -> None:
        """Be as if no designs had been taken in."""

    @property
    def pretrained(self) -> Model:
        """The model before."""
        return self._before[0]

    def draw(
        self, sampler: Sampler, reward: Reward, n: int, *, key: int, first_design: int, **given: Any
    ) -> Drawn:
        """Draw and score n designs.

        Args:
            sampler: of the averaged network.
            reward: of designs; what it evaluates is recorded.
            n: designs.
            key: of the run.
            first_design: number of the first.
            given: what is fixed of every design: its length or class.

        Raises:
            DiscdiffError: if none has a reward.
        """
        state = sampler.init(
            n // self.group,
            particles=self.group,
            key=key,
            first_design=first_design // self.group,
            length_per_design=True,
            **given,
        )
        with torch.no_grad():
            state, paths = follow(sampler, state)
            samples = sampler.finish(state)
            found = reward(samples.tokens, samples.belief)
            samples = replace(
                samples,
                reward=found.reward.cpu(),
                scores=found.scores,
                valid=found.valid.cpu().numpy(),
            )
            before = log_likelihood(self.pretrained.denoiser, sampler.process, paths)
        drawn = on_host(Drawn(samples, paths, found.reward, ~found.valid, before))
        refuse_unscored(drawn, reward)
        return drawn

    @abstractmethod
    def take(self, drawn: Drawn) -> None:
        """Take in designs, to train on from now on; the same ones in every process."""

    @abstractmethod
    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of one pass, and figures to log.

        Args:
            policy: the network that is trained.
            key: int64 `()` on its device, of the pass, new for each one of each process.
        """

    def state(self) -> dict[str, Any]:
        """Return tensors and numbers from which `restore` goes on."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""

    @property
    def bias(self) -> str | None:
        """Why the law that is reached is another than the tilted one; None where it is not."""
        return None


def on_host(drawn: Drawn) -> Drawn:
    """Return what was drawn in the memory of the host, where buffers are kept."""
    host, samples = torch.device("cpu"), drawn.samples
    names = ("tokens", "log_weight", "log_likelihood", "confidence")
    moved: dict[str, Any] = {name: getattr(samples, name).to(host) for name in names}
    return Drawn(
        replace(samples, **moved),
        drawn.paths.to(host),
        drawn.reward.to(host),
        drawn.invalid.to(host),
        drawn.log_pre.to(host),
        drawn.biased,
    )


def refuse_unscored(drawn: Drawn, reward: Reward) -> None:
    """Raise `DiscdiffError` if no design has a reward although there is budget left."""
    if not bool(drawn.reward.isnan().all()) or reward.exhausted:
        return
    scores = drawn.samples.scores
    told = [] if scores is None else [r for r in scores.reasons if r]
    why = f"; the last reason: {told[-1]}" if told else ""
    raise DiscdiffError(
        f"none of {len(drawn.reward)} designs has a reward, {int(drawn.invalid.sum())} are "
        f"invalid: there is nothing to learn from{why}"
    )
