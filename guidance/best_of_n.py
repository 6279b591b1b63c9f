"""Best-of-N: draw N, keep one."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from discdiff import _check
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class BestOfN(Guidance):
    r"""Draws N designs for each one returned, keeps the best or one with chance ∝ $e^{\lambda r}$.

    The hard choice returns the argmax: its law has density $N\,p(x)F(r(x))^{N-1}$ for continuous
    rewards, within $\log N-(N-1)/N$ nats of $p$. The soft choice is self-normalised importance
    sampling.

    Args:
        candidates: N.
        select: `hard` or `soft`.
        scale: inverse temperature λ of the soft choice.

    Raises:
        InputError: if an argument is out of range.

    Law: hard: optimiser, the best of N draws; soft: exact as candidates → ∞, biased by O(1/N).

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> BestOfN(candidates=20).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(
        self,
        candidates: int = 16,
        select: Literal["hard", "soft"] = "hard",
        scale: float = 10.0,
    ) -> None:
        self.particles = _check.positive_int("candidates", candidates)
        self.select = _check.one_of("select", select, ("hard", "soft"))
        self.scale = _check.finite("scale", scale)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        state = sampler.run(state, progress=progress)
        ledger = Ledger(reward)
        entry, found = ledger.score(state.tokens, state.belief(sampler.process))
        hard = self.select == "hard"
        gain = found if hard else self.scale * found
        # the hard choice looks at the reward alone
        before = torch.zeros_like(gain) if hard else state.log_weight
        weight = torch.where(found.isnan(), -torch.inf, before + gain)
        state = replace(state, log_weight=weight)
        pick: Literal["argmax", "softmax"] = "argmax" if hard else "softmax"
        samples = conclude(sampler, state, entry, ledger, self.particles, pick)
        return replace(samples, log_normaliser=None) if hard else samples
