"""SVDD: propose several children at every event, keep one by its value."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from discdiff import _check
from discdiff.errors import InputError
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.value import SampledValue, Value
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class SVDD(Guidance):
    r"""Soft value-based decoding: child j of M is kept with chance ∝ $e^{\lambda(v_j-v)}$.

    With `carry` the mean child weight is kept (nested sequential Monte Carlo) and particles are
    resampled when their effective number falls below half: the law is exact in their number at
    any M.

    With `fewest` a particle whose last family agreed, its weights differing by at most the share
    `agree` of their mean, has only so many children at the next event. That number is known before
    they are drawn, so that carried weights stay unbiased; one decided by the children's own values
    would not do. Without carry the error is that of `fewest` candidates at worst.

    Args:
        candidates: M children of every particle at every valued event.
        scale: inverse temperature λ.
        value: estimates values; one sampled posterior design by default.
        select: `softmax`, or `argmax` for the greedy optimiser.
        particles: K particles per returned design, of which one is drawn at the end by its weight.
        carry: keep the mean child weight; needs `select="softmax"`.
        interval: events between two selections.
        skip: events before the first, while previews still say little.
        fewest: children where the last ones agreed, from 2 to M; None for M always.
        agree: standard deviation over mean of the weights of a family that agrees.

    Raises:
        InputError: if an argument is out of range.

    Law: with `carry`, exact as particles → ∞; without, biased: value error and O(1/M) per
    selection; with `argmax`, optimiser, no law. The length is given: it is drawn before guidance.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252).

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> SVDD(candidates=10, scale=50.0).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(
        self,
        candidates: int = 10,
        scale: float = 10.0,
        value: Value | None = None,
        select: Literal["softmax", "argmax"] = "softmax",
        particles: int = 1,
        carry: bool = False,
        interval: int = 1,
        skip: int = 0,
        fewest: int | None = None,
        agree: float = 0.1,
    ) -> None:
        _check.one_of("select", select, ("softmax", "argmax"))
        if carry and select == "argmax":
            raise InputError("carry must be False with select='argmax', got True")
        if particles != 1 and not carry:
            raise InputError(f"particles must be 1 without carry, got {particles!r}")
        if fewest is not None and not 2 <= _check.positive_int("fewest", fewest) <= candidates:
            raise InputError(f"fewest must lie in [2, candidates], got {fewest} of {candidates}")
        self.particles = _check.positive_int("particles", particles)
        self.one_length = not carry
        self.loop = ParticleLoop(
            value=SampledValue() if value is None else value,
            scale=_check.finite("scale", scale),
            branch=_check.positive_int("candidates", candidates),
            fewest=fewest,
            agree=_check.in_range("agree", agree, 0.0, math.inf),
            pick=select,
            carry=carry,
            group=self.particles,
            interval=_check.positive_int("interval", interval),
            skip=_check.non_negative_int("skip", skip),
        )

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        done, ledger = self.loop.run(sampler, reward, state, progress)
        samples = conclude(sampler, done.state, done.entry, ledger, self.particles, "softmax")
        return samples if self.loop.carry else replace(samples, log_normaliser=None)
