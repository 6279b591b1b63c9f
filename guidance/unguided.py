"""No guidance: the base sampler's designs, scored."""

from __future__ import annotations

from dataclasses import replace

import torch

from discdiff.domain import Template
from discdiff.guidance.method import Guidance, Progress
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples


class Unguided(Guidance):
    """Samples and scores: the baseline of every comparison.

    Law: exact: the base sampler's.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> len(Unguided().run(sampler, reward, 3, key=1).reward)
        3
    """

    def run(
        self,
        sampler: Sampler,
        reward: Reward,
        n: int,
        *,
        key: int | None = None,
        generator: torch.Generator | None = None,
        first_design: int = 0,
        length: int | None = None,
        template: Template | None = None,
        progress: Progress | None = None,
    ) -> Samples:
        state = sampler.init(
            n,
            key=key,
            generator=generator,
            first_design=first_design,
            length=length,
            template=template,
        )
        samples = sampler.finish(sampler.run(state, progress=progress))
        found = reward(samples.tokens)
        return replace(
            samples,
            reward=found.reward.cpu(),
            scores=found.scores,
            valid=found.valid.cpu().numpy(),
        )
