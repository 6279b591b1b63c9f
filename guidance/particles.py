r"""The one weighted-particle loop: propose → branch → value → weight → select.

Every particle stores the log of the potentials multiplied so far along its own lineage,
$\log\prod_tG_t$. The last potential is $e^{\lambda r(x_0)}/\prod_tG_t$, so whatever the values
were, a finished particle has the weight $e^{\lambda r(x_0)}$ times the changes of law of its
proposals: the target is $p(x)e^{\lambda r(x)}$, with $p$ the law of the base sampler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from discdiff.guidance.ledger import Ledger
from discdiff.guidance.population import Particles, Potential
from discdiff.guidance.resample import Scheme
from discdiff.guidance.select import best_children, first_children, one_child, resample
from discdiff.guidance.value import Value, live_rows
from discdiff.reward import Reward
from discdiff.samplers.draw import Tilt
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Event
from discdiff.samplers.state import State


class Twist(Protocol):
    """Looks ahead from unfinished rows: what they are worth, and what would make them better."""

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor, Tensor]:
        """Return the state (with its network pass), log-values and what to add to the next draw.

        Log-values are `(B,)`, NaN where nothing is known; what is added to log-laws is
        `(B, W, V)` and finite. It may be anything: the weight undoes it.

        Args:
            sampler: the base sampler.
            state: B rows, of which finished ones are ignored.
            reward: tokens to reward.
            scale: the inverse temperature λ.
        """


@dataclass(frozen=True)
class ParticleLoop:
    """Settings of the loop; best-of-N, SVDD, FK steering, twists, correctors, beams are choices.

    Attributes:
        value: estimates log-values of unfinished rows; None where the twist does.
        scale: inverse temperature λ of the reward.
        ramp: events over which the λ of values and twists rises to that of the reward.
        potential: how values become potentials.
        branch: children M proposed for each particle.
        fewest: children of a particle whose last family agreed; None for M always.
        agree: standard deviation over mean of a family's weights up to which it agrees.
        pick: how one child of each parent is kept: `softmax` or `argmax`; or `best`: the best
            children of the whole group.
        carry: keep the mean child weight (nested SMC) in place of discarding it.
        group: particles K among which resampling happens.
        threshold: resample when the effective sample size falls below this fraction of K.
        scheme: resampling scheme.
        interval: events between two evaluations of values.
        skip: events before the first, while previews still say little.
        twist: tilts the proposals; the weight undoes it.
        target: multiplies the law itself; the weight gains the normaliser.
    """

    value: Value | None
    scale: float
    ramp: int = 0
    potential: Potential = "difference"
    branch: int = 1
    fewest: int | None = None
    agree: float = 0.0
    pick: Literal["softmax", "argmax", "best"] = "softmax"
    carry: bool = True
    group: int = 1
    threshold: float = 0.5
    scheme: Scheme = "ssp"
    interval: int = 1
    skip: int = 0
    twist: Twist | None = None
    target: Tilt | None = None

    def run(
        self,
        sampler: Sampler,
        reward: Reward,
        state: State,
        progress: Callable[[State], None] | None = None,
    ) -> tuple[Particles, Ledger]:
        """Return the finished particles with their weights, λ r included, and their rewards.

        When the reward's budget is spent the remaining events have no values and no twists.
        """
        particles, ledger = Particles.begin(state, self.potential), Ledger(reward)
        while not sampler.done(particles.state) and not reward.exhausted:
            particles = self._advance(sampler, ledger, particles)
            if progress is not None:
                progress(particles.state)
        while not sampler.done(particles.state):
            after = sampler.step(particles.state, target=self.target)
            particles = replace(particles, state=after)
        return self._terminal(sampler, ledger, particles), ledger

    def scale_at(self, event: int) -> float:
        """Return the λ of values after `event` events."""
        return self.scale * min(1.0, event / self.ramp) if self.ramp else self.scale

    def _advance(self, sampler: Sampler, ledger: Ledger, parents: Particles) -> Particles:
        past = parents.state.event - self.skip
        valued = past >= 0 and (past + 1) % self.interval == 0
        branch = self.branch if valued else 1
        if valued:  # rows that finished meanwhile are scored once, before they are copied
            parents = self._terminal(sampler, ledger, parents)
        if self.twist is not None and parents.slope is None:
            parents, _ = self._look(self.twist, sampler, ledger.reward, parents)
        children = self._propose(sampler, parents, branch)
        counts = None
        if branch > 1 and self.fewest is not None:  # decided by the past: the weights stay right
            counts = torch.where(parents.spread <= self.agree, self.fewest, branch)
            children = first_children(children, branch, counts)
        if valued:
            children = self._weigh(sampler, ledger.reward, children)
            children = self._terminal(sampler, ledger, children)
        if valued and self.pick == "best":
            return best_children(parents, children, self.group)
        if branch > 1 and self.pick != "best":
            children = one_child(parents, children, branch, counts, self.pick, self.carry)
        if self.group > 1 and valued:
            options = (self.group, self.threshold, self.scheme)
            children = resample(sampler, children, *options)
        return children

    def _propose(self, sampler: Sampler, parents: Particles, branch: int) -> Particles:
        tilt = None if parents.slope is None else _tilted(parents.slope, branch)
        state = sampler.step(parents.state, branch=branch, tilt=tilt, target=self.target)
        index = torch.arange(len(parents.state), device=state.tokens.device)
        return replace(parents, slope=None).become(state, index.repeat_interleave(branch))

    def _look(
        self, twist: Twist, sampler: Sampler, reward: Reward, particles: Particles
    ) -> tuple[Particles, Tensor]:
        scale = self.scale_at(particles.state.event)
        state, value, slope = twist(sampler, particles.state, reward, scale)
        return replace(particles, state=state, slope=slope), value

    def _estimate(
        self, sampler: Sampler, reward: Reward, particles: Particles
    ) -> tuple[Particles, Tensor]:
        """Return the particles, with passes that were made, and the log-values of live ones."""
        value = torch.full_like(particles.potential, torch.nan)
        if self.twist is not None:
            particles, value = self._look(self.twist, sampler, reward, particles)
        if self.value is not None:
            scale = self.scale_at(particles.state.event)
            state, value = self.value(sampler, particles.state, reward, scale)
            particles = replace(particles, state=state)
        return particles, value

    def _weigh(self, sampler: Sampler, reward: Reward, particles: Particles) -> Particles:
        """Multiply the potentials of unfinished rows into their weights."""
        live = torch.zeros_like(particles.entry, dtype=torch.bool)
        live[live_rows(sampler, particles.state)] = True
        if not bool(live.any()):
            return particles
        particles, value = self._estimate(sampler, reward, particles)
        known = live & ~value.isnan()  # where nothing is known the stored value stands
        if self.potential == "difference":
            total, memory = value, particles.memory
        else:
            memory = torch.where(known, self._remember(particles.memory, value), particles.memory)
            total = particles.potential + memory
        gain = torch.where(known, total - particles.potential, 0.0)
        state = particles.state
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


def _tilted(slope: Tensor, branch: int) -> Tilt:
    """Return the tilt that adds the parent's `slope (B, W, V)` to each of its children's draws."""

    def tilt(state: State, event: Event, law: Tensor) -> Tensor:
        rows = torch.from_numpy(event.rows).to(slope.device) // branch
        return slope[rows, torch.from_numpy(event.cols).to(slope.device)]

    return tilt
