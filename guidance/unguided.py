"""No guidance: the base sampler's designs, scored."""

from __future__ import annotations

from dataclasses import replace

from discdiff.guidance.method import Guidance, Progress
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class Unguided(Guidance):
    """Samples and scores: the baseline of every comparison.

    Law: exact: the base sampler's; with allow-lists, by the weights.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> len(Unguided().run(sampler, reward, 3, key=1).reward)
        3
    """

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        samples = sampler.finish(sampler.run(state, progress=progress))
        found = reward(samples.tokens, samples.belief)
        return replace(
            samples,
            reward=found.reward.cpu(),
            scores=found.scores,
            valid=found.valid.cpu().numpy(),
        )
