r"""The one weighted-particle loop: propose → branch → value → weight → select.

Every particle stores the log of the potentials multiplied so far along its own lineage,
$\log\prod_tG_t$. The last potential is $e^{\lambda r(x_0)}/\prod_tG_t$, so whatever the values
were, a finished particle has the weight $e^{\lambda r(x_0)}$ times the changes of law of its
proposals: the target is $p(x)e^{\lambda r(x)}$, with $p$ the law of the base sampler.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import random
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.resample import Scheme, ancestors, effective_sample_size, offspring
from discdiff.guidance.value import Value, live_rows
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import SELECT, State

Potential = Literal["difference", "max", "sum"]
POTENTIALS: tuple[Potential, ...] = ("difference", "max", "sum")


@dataclass(frozen=True)
class Particles:
    """A state and what its rows remember of their values.

    Attributes:
        state: G × K rows; the particles of a group stand side by side.
        potential: log of the potentials so far along each lineage, float64 `(B,)`.
        memory: running maximum or sum of log-values, for those potentials, float64 `(B,)`.
        entry: number of the ledger's entry for finished rows that carry their terminal potential,
            int64 `(B,)`; -1 for the others.
    """

    state: State
    potential: Tensor
    memory: Tensor
    entry: Tensor

    @classmethod
    def begin(cls, state: State, potential: Potential) -> Particles:
        """Return particles of weight 1 that remember nothing."""
        zero = torch.zeros_like(state.log_weight)
        memory = zero - torch.inf if potential == "max" else zero
        return cls(state, zero, memory, torch.full_like(state.keys, -1))

    def gather(self, index: Tensor, keys: Tensor | None = None) -> Particles:
        """Return the rows `index`, with `keys` in place of their own when given."""
        return Particles(
            self.state.gather(index, keys),
            self.potential[index],
            self.memory[index],
            self.entry[index],
        )


@dataclass(frozen=True)
class ParticleLoop:
    """Settings of the loop; best-of-N, SVDD and FK steering are choices of them.

    Attributes:
        value: estimates log-values of unfinished rows.
        scale: inverse temperature λ of the reward.
        potential: how values become potentials.
        branch: children M proposed for each particle.
        pick: how one child of each parent is kept: `softmax` or `argmax`.
        carry: keep the mean child weight (nested SMC) in place of discarding it.
        group: particles K among which resampling happens.
        threshold: resample when the effective sample size falls below this fraction of K.
        scheme: resampling scheme.
        interval: events between two evaluations of values.
        skip: events before the first, while previews still say little.
    """

    value: Value
    scale: float
    potential: Potential = "difference"
    branch: int = 1
    pick: Literal["softmax", "argmax"] = "softmax"
    carry: bool = True
    group: int = 1
    threshold: float = 0.5
    scheme: Scheme = "ssp"
    interval: int = 1
    skip: int = 0

    def run(
        self,
        sampler: Sampler,
        reward: Reward,
        state: State,
        progress: Callable[[State], None] | None = None,
    ) -> tuple[Particles, Ledger]:
        """Return the finished particles with their weights, λ r included, and their rewards.

        When the reward's budget is spent the remaining events are unguided.
        """
        particles, ledger = Particles.begin(state, self.potential), Ledger(reward)
        while not sampler.done(particles.state) and not reward.exhausted:
            particles = self._advance(sampler, ledger, particles)
            if progress is not None:
                progress(particles.state)
        particles = replace(particles, state=sampler.run(particles.state))
        return self._terminal(sampler, ledger, particles), ledger

    def _advance(self, sampler: Sampler, ledger: Ledger, parents: Particles) -> Particles:
        past = parents.state.event - self.skip
        valued = past >= 0 and (past + 1) % self.interval == 0
        branch = self.branch if valued else 1
        if valued:  # rows that finished meanwhile are scored once, before they are copied
            parents = self._terminal(sampler, ledger, parents)
        children = self._propose(sampler, parents, branch)
        if valued:
            children = self._weigh(sampler, ledger.reward, children)
            children = self._terminal(sampler, ledger, children)
        if branch > 1:
            children = self._keep_one_child(parents, children, branch)
        if self.group > 1 and valued:
            children = self._resample(sampler, children)
        return children

    def _propose(self, sampler: Sampler, parents: Particles, branch: int) -> Particles:
        state = sampler.step(parents.state, branch=branch)
        index = torch.arange(len(parents.state), device=state.tokens.device)
        index = index.repeat_interleave(branch)
        return Particles(
            state, parents.potential[index], parents.memory[index], parents.entry[index]
        )

    def _weigh(self, sampler: Sampler, reward: Reward, particles: Particles) -> Particles:
        """Multiply the potentials of unfinished rows into their weights."""
        live = torch.zeros_like(particles.entry, dtype=torch.bool)
        live[live_rows(sampler, particles.state)] = True
        if not bool(live.any()):
            return particles
        state, value = self.value(sampler, particles.state, reward, self.scale)
        known = live & ~value.isnan()  # where nothing is known the stored value stands
        if self.potential == "difference":
            total, memory = value, particles.memory
        else:
            memory = torch.where(known, self._remember(particles.memory, value), particles.memory)
            total = particles.potential + memory
        gain = torch.where(known, total - particles.potential, 0.0)
        return replace(
            particles,
            state=replace(state, log_weight=state.log_weight + gain),
            potential=particles.potential + gain,
            memory=memory,
        )

    def _remember(self, memory: Tensor, value: Tensor) -> Tensor:
        return torch.maximum(memory, value) if self.potential == "max" else memory + value

    def _terminal(self, sampler: Sampler, ledger: Ledger, particles: Particles) -> Particles:
        """Give rows that have just finished the potential that makes their weight e^{λr}."""
        fresh = particles.entry < 0
        fresh[live_rows(sampler, particles.state)] = False
        fresh = fresh.nonzero()[:, 0]
        if len(fresh) == 0:
            return particles
        belief = particles.state.belief(sampler.process).take(fresh)
        number, found = ledger.score(particles.state.tokens[fresh], belief)
        target = torch.where(found.isnan(), -torch.inf, self.scale * found)
        potential, log_weight = particles.potential.clone(), particles.state.log_weight.clone()
        log_weight[fresh] += target - potential[fresh]
        potential[fresh] = target
        entry = particles.entry.clone()
        entry[fresh] = number
        return replace(
            particles,
            state=replace(particles.state, log_weight=log_weight),
            potential=potential,
            entry=entry,
        )

    def _keep_one_child(self, parents: Particles, children: Particles, branch: int) -> Particles:
        before = parents.state.log_weight
        log_weight = children.state.log_weight.view(-1, branch)
        # a parent of weight zero has no children to compare: all are kept alike
        gain = (log_weight - before[:, None]).nan_to_num(nan=0.0, neginf=-torch.inf)
        dead = (gain == -torch.inf).all(1)
        chance = torch.softmax(torch.where(dead[:, None], 0.0, gain), dim=1)
        if self.pick == "argmax":
            child = gain.argmax(1)
        else:
            u = random.uniform(parents.state.purpose_keys(SELECT), 1)
            child = (chance.cumsum(1) < u).sum(1).clamp(max=branch - 1)
        index = torch.arange(len(before), device=before.device) * branch + child
        kept = children.gather(index, parents.state.keys)
        mean = torch.logsumexp(gain, dim=1) - math.log(branch)
        after = before + mean if self.carry else torch.where(dead, -torch.inf, before)
        return replace(kept, state=replace(kept.state, log_weight=after))

    def _resample(self, sampler: Sampler, particles: Particles) -> Particles:
        state = particles.state
        log_weight = state.log_weight.view(-1, self.group)
        size = effective_sample_size(log_weight)
        going = torch.zeros_like(particles.entry, dtype=torch.bool)
        going[live_rows(sampler, state)] = True
        # left alone: a group without any weight, for its normaliser is zero, and one that is
        # finished, for the last choice uses its weights however long other groups go on
        poor = (size < self.threshold * self.group) & (size > 0)
        poor &= going.view(log_weight.shape).any(1)
        if not bool(poor.any()):
            return particles
        weights = torch.softmax(log_weight, dim=1).nan_to_num(1.0 / self.group)
        keys = state.purpose_keys(SELECT).view(-1, self.group)[:, 0]
        counts = offspring(weights, random.uniform(random.fold(keys, 1), self.group), self.scheme)
        counts = torch.where(poor[:, None], counts, 1)
        slots = torch.arange(len(state), device=state.tokens.device).view(-1, self.group)
        index = (slots[:, :1] + ancestors(counts)).view(-1)
        chosen = particles.gather(index, state.keys)
        mean = torch.logsumexp(log_weight, dim=1, keepdim=True) - math.log(self.group)
        after = torch.where(poor[:, None], mean, log_weight).reshape(-1)
        moved = (index != slots.view(-1)).cpu().numpy() & ~chosen.state.plan.done(state, 0.0)
        # a copy draws the rest of its plan with the key of its slot
        plan = chosen.state.plan.renew(chosen.state, moved)
        return replace(chosen, state=replace(chosen.state, log_weight=after, plan=plan))
