"""Evolution: a population whose members are noised and redrawn, and of which the best stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.redraw import Levels, redraw
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Finished
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import CHILD, SELECT, SWEEP, State


class Evolution(Guidance):
    r"""Redraws parts of the best designs so far, generation after generation.

    The first population is the best P of `initial` draws of the sampler. In a generation each of
    C children takes the best of `tournament` random members as its parent $x_0$, is noised,
    $x_t\sim q(\cdot\mid x_0)$ at a level of its own, and redrawn by the sampler from there; the P
    best distinct of members and children are the next population. So the population is always the
    P best distinct designs of all that were evaluated, whenever the budget ends the search. The
    model keeps children plausible, the reward is all that selects.

    Args:
        population: P, members, all of which are returned, the best first.
        children: C, redrawn designs of a generation.
        generations: how many at most; a budget may end the search before.
        initial: draws of the sampler that it begins with, at least P.
        level: the time t in (0, 1] that parents are noised to, or its range, uniform.
        tournament: members of which a parent is the best; 1 takes any, more press harder.

    Raises:
        InputError: if an argument is out of range, or `initial` is less than `population`.

    Law: optimiser, no law.

    Source: GenMol: A Drug Discovery Generalist with Discrete Diffusion (Lee et al., 2025,
    arXiv:2501.06158) for remasking and redrawing members of a population, there by fragments.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["ACA", "GTT", "GGT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> Evolution(population=2, initial=4, generations=9).run(sampler, reward, 2, key=1).strings
        ['GGT', 'GTT']
    """

    anytime = True

    def __init__(
        self,
        population: int = 20,
        children: int = 20,
        generations: int = 50,
        initial: int = 100,
        level: float | Sequence[float] = (0.1, 0.6),
        tournament: int = 2,
    ) -> None:
        self.returned = _check.positive_int("population", population)
        self.children = _check.positive_int("children", children)
        self.generations = _check.positive_int("generations", generations)
        self.particles = _check.positive_int("initial", initial)
        if initial < population:
            raise InputError(
                f"initial must be at least the population of {population}, got {initial}"
            )
        self.levels = Levels(level)
        self.tournament = _check.positive_int("tournament", tournament)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        ledger = Ledger(reward)
        state = sampler.run(state, progress=progress)
        base = state.keys[:: self.particles]
        pool = Pool(state, *ledger.score(state.tokens, state.belief(sampler.process)))
        members = self._best(ledger, pool, len(base))
        for number in range(self.generations):
            if reward.exhausted:
                break
            keys = random.fold(random.fold(base, SWEEP), number)
            born = self._children(sampler, members, keys, progress)
            scored = ledger.score(born.tokens, born.belief(sampler.process))
            pool = members.beside(Pool(born, *scored), len(base))
            members = self._best(ledger, pool, len(base))
        dead = members.reward.isnan()
        weight = torch.zeros_like(members.reward).masked_fill(dead, -torch.inf)
        samples = conclude(
            sampler, replace(members.state, log_weight=weight), members.entry, ledger, 1, "all"
        )
        return replace(samples, log_weight=torch.zeros_like(weight), log_normaliser=None)

    def _children(
        self, sampler: Sampler, members: Pool, keys: Tensor, progress: Progress | None
    ) -> State:
        """Return C redrawn rows of every population, side by side."""
        groups, old = len(keys), members.state
        number = torch.arange(self.children, device=keys.device).repeat(groups)
        group = torch.arange(groups, device=keys.device).repeat_interleave(self.children)
        own = random.fold(random.fold(keys, CHILD)[group], number)
        place = random.uniform(random.fold(own, SELECT), self.tournament) * self.returned
        parent = group * self.returned + place.long().amin(1)  # members stand best first
        return redraw(
            *(sampler, old.gather(parent), self.levels, own, own),
            restricted=True,
            progress=progress,
        )

    def _best(self, ledger: Ledger, pool: Pool, groups: int) -> Pool:
        """Return the P best of each of G groups that stand side by side, best first.

        Repeats of a design come after all others, and last what has no reward.
        """
        found = ledger.read(pool.entry)
        pairs = zip(found.scores.canonical, found.strings, strict=True)
        names = [known or string for known, string in pairs]
        rewards = pool.reward.nan_to_num(nan=-torch.inf).tolist()
        size = len(names) // groups
        index: list[int] = []
        for first in range(0, len(names), size):
            order = sorted(range(first, first + size), key=lambda row: -rewards[row])
            leader = {names[row]: row for row in reversed(order)}
            order.sort(key=lambda row: (rewards[row] == -torch.inf, leader[names[row]] != row))
            index += order[: self.returned]
        return pool.take(torch.tensor(index, device=pool.entry.device))


@dataclass(frozen=True)
class Pool:
    """Finished designs and what is known of them.

    Attributes:
        state: rows of G populations, those of one side by side.
        entry: the ledger's entry of each row, int64 `(B,)`.
        reward: float64 `(B,)`, NaN where there is none.
    """

    state: State
    entry: Tensor
    reward: Tensor

    def take(self, index: Tensor) -> Pool:
        """Return the rows `index`."""
        return Pool(self.state.gather(index), self.entry[index], self.reward[index])

    def beside(self, other: Pool, groups: int) -> Pool:
        """Return these rows and those of `other`, the G groups of both side by side."""
        joined = Pool(
            self.state.beside(other.state, Finished()),
            torch.cat([self.entry, other.entry]),
            torch.cat([self.reward, other.reward]),
        )
        mine = torch.arange(len(self.entry), device=self.entry.device).view(groups, -1)
        theirs = torch.arange(len(other.entry), device=self.entry.device).view(groups, -1)
        return joined.take(torch.cat([mine, theirs + mine.numel()], dim=1).view(-1))
