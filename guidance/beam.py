"""Beam search: of all children of a population, keep the best."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from discdiff import _check
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.value import SampledValue, Value
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class Beam(Guidance):
    """Keeps, of the K × M children of K particles, the K of the largest values.

    Children with equal tokens count once, so that the beam does not become one design. With K = 1
    it is the greedy choice of `SVDD`.

    Args:
        particles: K, the width of the beam.
        candidates: M children of every particle at every valued event.
        value: estimates values; one sampled posterior design by default.
        interval: events between two selections.
        skip: events before the first, while previews still say little.
        keep: `one` design of each beam, its best, or `all` K.

    Raises:
        InputError: if an argument is out of range, or n is no multiple of K with `keep="all"`.

    Law: optimiser, no law.

    Source: The Harpy Speech Recognition System (Lowerre, 1976) for the search; values in place of
    likelihoods as in arXiv:2408.08252.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> Beam(particles=2, candidates=5).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(
        self,
        particles: int = 4,
        candidates: int = 4,
        value: Value | None = None,
        interval: int = 1,
        skip: int = 0,
        keep: Literal["one", "all"] = "one",
    ) -> None:
        self.keep = _check.one_of("keep", keep, ("one", "all"))
        self.particles = _check.positive_int("particles", particles)
        self.returned = particles if keep == "all" else 1
        self.loop = ParticleLoop(
            value=SampledValue() if value is None else value,
            scale=1.0,
            branch=_check.positive_int("candidates", candidates),
            pick="best",
            group=self.particles,
            interval=_check.positive_int("interval", interval),
            skip=_check.non_negative_int("skip", skip),
        )

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        done, ledger = self.loop.run(sampler, reward, state, progress)
        ranked = replace(done.state, log_weight=done.potential)
        pick: Literal["all", "argmax"] = "all" if self.keep == "all" else "argmax"
        samples = conclude(sampler, ranked, done.entry, ledger, self.particles, pick)
        unweighted = torch.zeros_like(samples.log_weight)
        return replace(samples, log_weight=unweighted, log_normaliser=None)
