"""The contract of guidance methods, and the last selection that they share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import random
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Templates
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.resample import one_of
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.start import Seeds
from discdiff.samplers.state import END, SELECT, State

Progress = Callable[[State], None]


class Guidance(ABC):
    """Draws designs from a sampler's law tilted by a reward, or searches for good ones.

    Attributes:
        particles: rows per population.
        returned: designs returned of each population.
        one_length: whether the rows of a population share their length.
        anytime: whether what is returned means the same wherever a budget ends the run.
        redraws: whether it draws parts of finished designs again, of which the model then says
            nothing (`Belief`).
    """

    particles: int = 1
    returned: int = 1
    one_length: bool = False
    anytime: bool = False
    redraws: bool = False

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
        template: Templates | None = None,
        seeds: Seeds | None = None,
        cond: int | None = None,
        progress: Progress | None = None,
    ) -> Samples:
        """Return n designs with their rewards.

        Args:
            sampler: the base sampler, whose law is tilted.
            reward: tokens to reward.
            n: designs returned; particles and candidates are constructor arguments.
            key: the run's key; drawn from `generator` when None.
            generator: source of the key.
            first_design: index of the first design, so that shards agree with the whole.
            length: tokens per design; drawn from the model's length law when None.
            template: fixed tokens and per-position alphabets; of several, each design draws one.
            seeds: strings to start from in place of noise.
            cond: class for a conditional network.
            progress: called with the state after every event.

        Raises:
            InputError: if n or `first_design` does not divide into populations.
            UnsupportedError: if `sampler` has no discrete steps to guide.
        """
        if not isinstance(sampler, Sampler):
            raise UnsupportedError(
                f"sampler must be one of discrete steps, got a {type(sampler).__name__}: a "
                "WalkJump is guided by its own sample(reward=...)"
            )
        for name, count in (("n", n), ("first_design", first_design)):
            if count % self.returned:
                raise InputError(
                    f"{name} must be a multiple of the {self.returned} designs that a run of "
                    f"{type(self).__name__} returns together, got {count}"
                )
        state = sampler.init(
            n // self.returned,
            particles=self.particles,
            key=key,
            generator=generator,
            first_design=first_design // self.returned,
            length=length,
            template=template,
            seeds=seeds,
            cond=cond,
            length_per_design=self.one_length,
        )
        return self.guide(sampler, reward, state, progress)

    @abstractmethod
    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        """Return the designs that populations of noise become.

        Args:
            sampler: the base sampler.
            reward: tokens to reward.
            state: populations of `particles` rows at t = 1, side by side.
            progress: called with the state after every event.
        """


def conclude(
    sampler: Sampler,
    state: State,
    entry: Tensor,
    ledger: Ledger,
    group: int,
    pick: Literal["softmax", "argmax", "all"],
) -> Samples:
    r"""Return one design of every group (or all of them) with its reward.

    `softmax` draws a particle in proportion to its weight, `argmax` takes the largest; then
    `log_weight` is 0. With `all` the weights are returned. $\log\hat Z$ is the log mean weight of
    the group. A group without any weight returns its first particle, flagged as fallback.

    Args:
        sampler: decodes the tokens.
        state: finished rows whose `log_weight` includes λ r.
        entry: the ledger's entry of each row, int64 `(B,)`.
        ledger: what the reward said of them.
        group: particles K in a group.
        pick: which are returned.
    """
    log_weight = state.log_weight.view(-1, group)
    log_mean = torch.logsumexp(log_weight, dim=1) - math.log(group)
    empty = (log_weight == -torch.inf).all(1)
    first = torch.arange(len(log_weight), device=log_weight.device) * group
    if pick == "all":
        index = torch.arange(len(state), device=log_weight.device)
    else:
        index = first + _choose(state, log_weight, pick)
    chosen = state.gather(index)
    samples = sampler.finish(chosen)
    found = ledger.read(entry[index])
    repeats = group if pick == "all" else 1
    return replace(
        samples,
        reward=found.reward,
        scores=found.scores,
        valid=found.valid.numpy(),
        log_weight=chosen.log_weight if pick == "all" else torch.zeros_like(chosen.log_weight),
        log_normaliser=log_mean.repeat_interleave(repeats),
        fallback=empty.repeat_interleave(repeats),
    )


def _choose(state: State, log_weight: Tensor, pick: Literal["softmax", "argmax"]) -> Tensor:
    if pick == "argmax":
        return log_weight.argmax(1)
    keys = state.purpose_keys(SELECT, END).view(log_weight.shape)[:, 0]
    return one_of(log_weight, random.uniform(keys, 1))
