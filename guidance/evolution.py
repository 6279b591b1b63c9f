"""Evolution: a population whose members are noised and redrawn, and of which the best stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError
from discdiff.guidance.crossover import CROSSOVERS, Crossover, cross
from discdiff.guidance.crowding import sorted_by_front
from discdiff.guidance.isir import metropolis
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.pool import Pool, replaced, unwanted, without
from discdiff.guidance.redraw import REGIONS, Levels, Region, redraw
from discdiff.objective import Objective
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import CHILD, CHOICE, END, SELECT, SWEEP, State

_REGION = -7  # a purpose beside those of a state


class Evolution(Guidance):
    r"""Redraws parts of the best designs so far, generation after generation.

    The first population is the best P of `initial` draws of the sampler. In a generation each of
    C children takes the best of `tournament` random members as its parent $x_0$, is noised,
    $x_t\sim q(\cdot\mid x_0)$ at a level of its own, and redrawn by the sampler from there; the P
    best distinct of members and children are the next population. What is returned is always the
    P best distinct designs of all that were evaluated, whenever the budget ends the search. The
    model keeps children plausible, the reward is all that selects. With seeds the first draws are
    those seeds, redrawn from their level.

    With `crossover` a share of the children is first crossed with another member of the same length
    and template: before it is noised, a child takes each position from either parent (`uniform`),
    all after a random place from the second (`one_point`), or a run of at most half of them from
    any place of the second (`moved`). Where there is no such member the child has one parent.
    A child that was evaluated before is not asked for again; with `retries` it is drawn again, and
    so is an invalid one.

    With `select="metropolis"` children do not compete with all but each with its own parent, a
    member of its own: it takes that one's place with chance $\min(1,e^{\lambda(r'-r)})$. Members
    may then get worse, and so leave where they are; of `sites` or a `span` alone, and without
    crossover, retries and `resize`, each walks as a chain of `ISIRGibbs` does.

    With `select="pareto"` the terms of an `Objective` stay apart, as in NSGA-II: the best are those
    of the first fronts of non-dominated designs, and of one front those with most room around them
    (`crowding`). What is returned is the last population.

    A population that has settled may have no way up left. With `restarts` one that has found no
    better best design for `stagnation` generations, or nothing new for `patience`, gives way to
    another from draws of its own, and what is returned is the best of all of them.

    Args:
        population: P, members, all of which are returned, the best first.
        children: C, redrawn designs of a generation.
        generations: of a population, at most; a budget may end the search before.
        patience: generations in a row without a new design after which a population ends.
        initial: draws of the sampler that it begins with, at least P.
        level: the time t in (0, 1] that parents are noised to, or its range, uniform.
        tournament: members of which a parent is the best; 1 takes any, more press harder.
        region: what of a parent is noised: `sites`, each by itself; a `span`, one run of positions,
            as long as the level's share of them, which is drawn given the rest; or a `fragment`, a
            run of at most that share which the domain says can be replaced, in SMILES what hangs on
            the rest by one bond. Of several, each child draws one.
        resize: the most positions that a span or fragment gains or loses; a child may then be
            longer or shorter than its parent, whatever length was asked for.
        crossover: `uniform`, `one_point` or `moved`; None for one parent.
        crossed: share of the children that have two parents, where there is crossover.
        retries: how often a child is drawn again while it is invalid or one that was evaluated
            before.
        select: `best` of all, `metropolis`, or `pareto`.
        scale: inverse temperature λ of `metropolis`.
        restarts: populations that may follow the first, each from `initial` draws.
        stagnation: generations in a row without a better best reward after which one does.

    Raises:
        InputError: if an argument is out of range, `initial` is less than `population`, or there
            are more children than members with `metropolis`, or the objective has no two terms to
            compare with `pareto`.

    Law: optimiser, no law.

    Source: GenMol: A Drug Discovery Generalist with Discrete Diffusion (Lee et al., 2025,
    arXiv:2501.06158) for remasking and redrawing members of a population, there by fragments;
    A fast and elitist multiobjective genetic algorithm: NSGA-II (Deb et al., 2002) for `pareto`.

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
        region: Region | Sequence[Region] = "sites",
        resize: int = 0,
        crossover: Crossover | None = None,
        crossed: float = 0.5,
        retries: int = 0,
        select: Literal["best", "metropolis", "pareto"] = "best",
        scale: float = 10.0,
        restarts: int = 0,
        stagnation: int = 300,
    ) -> None:
        self.returned = _check.positive_int("population", population)
        self.children = _check.positive_int("children", children)
        self.generations = _check.positive_int("generations", generations)
        self.initial = _check.positive_int("initial", initial)
        self.restarts = _check.non_negative_int("restarts", restarts)
        self.stagnation = _check.positive_int("stagnation", stagnation)
        self.particles = self.initial * (1 + self.restarts)
        if initial < population:
            raise InputError(
                f"initial must be at least the population of {population}, got {initial}"
            )
        self.levels = Levels(level)
        self.tournament = _check.positive_int("tournament", tournament)
        self.patience = _check.positive_int("patience", patience)
        several: list[Any] = list(region) if isinstance(region, list | tuple) else [region]
        if not several:
            raise InputError(f"region must be one of {', '.join(REGIONS)} or several, got none")
        for one in several:
            _check.one_of("region", one, REGIONS)
        self.regions: list[Region] = several
        self.resize = _check.non_negative_int("resize", resize)
        if crossover is not None:
            _check.one_of("crossover", crossover, CROSSOVERS)
        self.crossover: Crossover | None = crossover
        self.crossed = _check.fraction("crossed", crossed)
        self.retries = _check.non_negative_int("retries", retries)
        self.select = _check.one_of("select", select, ("best", "metropolis", "pareto"))
        self.scale = _check.finite("scale", scale)
        if select == "metropolis" and children > population:
            raise InputError(
                f"children must be at most the population of {population} with "
                f"select='metropolis', got {children}"
            )

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        ledger = Ledger(reward)
        if self.select == "pareto":
            _check_terms(reward)
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
        """Return the best of the populations that begin, in turn, with rows of noise of `state`."""
        seen: set[str] = set()
        ended: list[Pool] = []
        for first in range(0, self.particles, self.initial):
            own = torch.arange(first, first + self.initial, device=state.keys.device)
            last = first + self.initial == self.particles
            begun = sampler.run(state.gather(own), progress=progress)
            ended.append(self._population(sampler, ledger, begun, seen, last, progress))
            if ledger.reward.exhausted:
                break
        return self._best(Pool.joined(ended), ledger)

    def _population(
        self,
        sampler: Sampler,
        ledger: Ledger,
        state: State,
        seen: set[str],
        last: bool,
        progress: Progress | None,
    ) -> Pool:
        """Return what comes of a population; the last one is not ended for its stagnation."""
        key = state.keys[:1]
        members = best = self._best(Pool.of(sampler, ledger, state), ledger)
        seen.update(members.names)
        idle = stale = 0
        for number in range(self.generations):
            if ledger.reward.exhausted or idle == self.patience:
                break
            if stale == self.stagnation and not last:
                break
            keys = random.fold(random.fold(key, SWEEP), number)
            parents = self._parents(keys)
            drawn = self._children(sampler, members.state, parents, keys, seen, progress)
            if self.select != "metropolis":
                drawn = without(drawn, unwanted(sampler, drawn, seen, invalid=False))
            if not len(drawn):
                idle, stale = idle + 1, stale + 1
                continue
            children = Pool.of(sampler, ledger, drawn)
            idle = idle + 1 if seen.issuperset(children.names) else 0
            seen.update(children.names)
            highest = best.highest
            best = self._best(Pool.joined([best, children]), ledger)
            stale = 0 if best.highest > highest else stale + 1
            if self.select == "metropolis":
                members = self._accepted(members, parents, children, keys)
            else:
                members = best
        return best

    def _keys(self, key: Tensor) -> Tensor:
        """Return the keys of the children of one generation `(C,)`."""
        number = torch.arange(self.children, device=key.device)
        return random.fold(random.fold(key, CHILD).expand(self.children), number)

    def _parents(self, key: Tensor) -> Tensor:
        """Return the member that each child begins as, int64 `(C,)`; the best members are first."""
        if self.select == "metropolis":  # no member twice
            u = random.uniform(random.fold(key, CHOICE), self.returned)[0]
            return u.argsort()[: self.children]
        u = random.uniform(random.fold(self._keys(key), SELECT), self.tournament)
        return (u * self.returned).long().amin(1)

    def _children(
        self,
        sampler: Sampler,
        members: State,
        parents: Tensor,
        key: Tensor,
        seen: set[str],
        progress: Progress | None,
    ) -> State:
        """Return C redrawn rows, all valid and none seen before as far as `retries` reach."""
        own = self._keys(key)
        begun = members.gather(parents)
        if self.crossover is not None:
            begun = cross(begun, members, parents, own, self.crossed, self.crossover)
        children = self._redrawn(sampler, begun, own, progress)
        for attempt in range(self.retries):
            again = torch.from_numpy(unwanted(sampler, children, seen)).to(key.device)
            if not len(again):
                break
            keys = random.fold(random.fold(own[again], SWEEP), attempt)
            rows = self._redrawn(sampler, begun.gather(again), keys, progress)
            children = replaced(children, again, rows)
        return children

    def _redrawn(
        self, sampler: Sampler, rows: State, own: Tensor, progress: Progress | None
    ) -> State:
        u = random.uniform(random.fold(own, _REGION), 1)[:, 0]
        drawn, which = rows, (u * len(self.regions)).long()
        for number, region in enumerate(self.regions):
            index = (which == number).nonzero()[:, 0]
            if not len(index):
                continue
            new = redraw(
                *(sampler, rows.gather(index), self.levels, own[index], own[index]),
                restricted=True,
                region=region,
                resize=self.resize if region != "sites" else 0,
                progress=progress,
            )
            drawn = new if len(index) == len(rows) else replaced(drawn, index, new)
        return drawn

    def _accepted(self, members: Pool, parents: Tensor, children: Pool, key: Tensor) -> Pool:
        """Return the members, each but with its child in its place where that is accepted."""
        weight = torch.stack([members.reward[parents], children.reward], dim=1)
        weight = (self.scale * weight).nan_to_num(nan=-torch.inf)
        u = random.uniform(random.fold(self._keys(key), END), 1)
        taken = metropolis(weight, u).bool()
        place = torch.arange(self.returned, device=parents.device)
        place[parents[taken]] = self.returned + taken.nonzero()[:, 0]
        return Pool.joined([members, children]).take(place.tolist())

    def _best(self, pool: Pool, ledger: Ledger) -> Pool:
        """Return the P best, best first; repeats come after all others, unscored ones last.

        Of equal rewards the newer comes first: on a plateau the population drifts, and does not
        wait where it came in.
        """
        rewards = pool.reward.nan_to_num(nan=-torch.inf).tolist()
        order = sorted(range(len(rewards)), key=lambda row: (-rewards[row], -row))
        leader = {pool.names[row]: row for row in reversed(order)}
        order.sort(key=lambda row: (rewards[row] == -torch.inf, leader[pool.names[row]] != row))
        if self.select == "pareto":
            values = ledger.reward.components(ledger.read(pool.entry)).cpu().numpy()
            known = ~np.isnan(values).any(axis=1)
            firsts = [row for row in order if known[row] and leader[pool.names[row]] == row]
            front = [firsts[place] for place in sorted_by_front(values[firsts])]
            order = [*front, *(row for row in order if row not in set(front))]
        return pool.take(order[: self.returned])


def _check_terms(reward: Reward) -> None:
    objective = reward.objective
    if not isinstance(objective, Objective) or len(objective.terms) < 2:
        raise InputError(
            "select must be 'best' or 'metropolis' for an objective without two terms, got 'pareto'"
        )
