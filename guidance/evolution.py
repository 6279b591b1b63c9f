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
        patience: generations in a row without a new design after which the search ends.
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
    redraws = True

    def __init__(
        self,
        population: int = 20,
        children: int = 20,
        generations: int = 50,
        initial: int = 100,
        level: float | Sequence[float] = (0.1, 0.6),
        tournament: int = 2,
        patience: int = 20,
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
        self.patience = _check.positive_int("patience", patience)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        ledger = Ledger(reward)
        state = sampler.run(state, progress=progress)
        # one population after the other: what one finds must not decide how long another goes on
        rows = torch.split(torch.arange(len(state), device=state.keys.device), self.particles)
        members = Pool.joined(
            [self._evolve(sampler, ledger, state.gather(own), progress) for own in rows]
        )
        dead = members.reward.isnan()
        weight = torch.zeros_like(members.reward).masked_fill(dead, -torch.inf)
        samples = conclude(
            sampler, replace(members.state, log_weight=weight), members.entry, ledger, 1, "all"
        )
        return replace(samples, log_weight=torch.zeros_like(weight), log_normaliser=None)

    def _evolve(
        self, sampler: Sampler, ledger: Ledger, state: State, progress: Progress | None
    ) -> Pool:
        """Return the last population, of what begins with the finished rows of `state`."""
        key = state.keys[:1]
        members = self._best(Pool.of(sampler, ledger, state))
        seen, idle = set(members.names), 0
        for number in range(self.generations):
            if ledger.reward.exhausted or idle == self.patience:
                break
            keys = random.fold(random.fold(key, SWEEP), number)
            children = Pool.of(
                sampler, ledger, self._children(sampler, members.state, keys, progress)
            )
            idle = idle + 1 if seen.issuperset(children.names) else 0
            seen.update(children.names)
            members = self._best(Pool.joined([members, children]))
        return members

    def _children(
        self, sampler: Sampler, members: State, key: Tensor, progress: Progress | None
    ) -> State:
        """Return C redrawn rows; the members stand best first."""
        number = torch.arange(self.children, device=key.device)
        own = random.fold(random.fold(key, CHILD).expand(self.children), number)
        place = random.uniform(random.fold(own, SELECT), self.tournament) * self.returned
        parents = members.gather(place.long().amin(1))
        return redraw(sampler, parents, self.levels, own, own, restricted=True, progress=progress)

    def _best(self, pool: Pool) -> Pool:
        """Return the P best, best first; repeats come after all others, unscored ones last."""
        rewards = pool.reward.nan_to_num(nan=-torch.inf).tolist()
        order = sorted(range(len(rewards)), key=lambda row: -rewards[row])
        leader = {pool.names[row]: row for row in reversed(order)}
        order.sort(key=lambda row: (rewards[row] == -torch.inf, leader[pool.names[row]] != row))
        return pool.take(order[: self.returned])


@dataclass(frozen=True)
class Pool:
    """Finished designs and what is known of them.

    Attributes:
        state: B finished rows.
        entry: the ledger's entry of each row, int64 `(B,)`.
        reward: float64 `(B,)`, NaN where there is none.
        names: canonical strings, as decoded where there is none.
    """

    state: State
    entry: Tensor
    reward: Tensor
    names: list[str]

    @classmethod
    def of(cls, sampler: Sampler, ledger: Ledger, state: State) -> Pool:
        """Return the finished rows of `state`, scored."""
        entry, reward = ledger.score(state.tokens, state.belief(sampler.process))
        found = ledger.read(entry)
        pairs = zip(found.scores.canonical, found.strings, strict=True)
        return cls(state, entry, reward, [known or string for known, string in pairs])

    def take(self, places: list[int]) -> Pool:
        """Return the rows `places`."""
        index = torch.tensor(places, device=self.entry.device)
        names = [self.names[place] for place in places]
        return Pool(self.state.gather(index), self.entry[index], self.reward[index], names)

    @classmethod
    def joined(cls, pools: Sequence[Pool]) -> Pool:
        """Return the rows of all pools, in order."""
        state = pools[0].state
        for pool in pools[1:]:
            state = state.beside(pool.state, Finished())
        return cls(
            state,
            torch.cat([pool.entry for pool in pools]),
            torch.cat([pool.reward for pool in pools]),
            [name for pool in pools for name in pool.names],
        )
