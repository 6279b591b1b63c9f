"""Tree search: Monte Carlo search over the steps of a sampler, for one reward or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.found import Found
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.pool import Pool
from discdiff.guidance.tree import Node, Tree
from discdiff.objective import Objective
from discdiff.oracle.scores import Floats
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Finished
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import SELECT, SWEEP, State

_BELOW = -0.1  # below 0, so that a design of a front with a term of 0 has a volume too


class TreeSearch(Guidance):
    r"""Opens the most promising unfinished design of a tree, and runs its children to the end.

    The children of the root are M draws of noise. An iteration goes from the root to a node that
    has not been opened, by the rule of `Tree`, draws M children of it in one network pass, merges
    those that are alike, runs each to the end from its own clock, and backs up the mean of what
    the M rollouts are worth. Priors are the softmax over siblings of the mean log-probability of
    the tokens a step drew, those of merged children added up. A finished child is closed, and so is
    a node whose children are; a tree that is closed stops. Trees grow side by side, in the same
    network passes.

    With the goal `best` a tree returns its best distinct designs by the reward. With the goal
    `front` the terms of an `Objective` stay apart: nodes compete by Pareto dominance, and a tree
    returns its archive, the designs that no other dominates (those that add most hypervolume where
    there are more than are returned, then the best others by reward where there are fewer).

    Args:
        children: M.
        iterations: how many at most; a budget may end the search before.
        goal: `best` or `front`.
        designs: returned of each tree.
        exploration: γ, how much little-visited children of a large prior gain.
        penalty: κ, how far below the least reward a rollout without one counts, in spans from the
            least to the largest.
        stride: events from a node to its children, at no further cost; longer ones make a tree that
            is less deep.
        rollout: `run` follows the sampler to the end; `preview` draws all that is left at once, in
            one network pass.
        schedule: of a front, the iteration from which each objective takes part in the choice of
            nodes; by default all do from the first. The archive always compares all.
        reference: of a front, for each objective the end from which hypervolume is measured, worse
            than anything of interest; by default -0.1, for terms between 0 and 1.
        archive: of a front, designs kept on the way.

    Raises:
        InputError: if an argument is out of range.

    Law: optimiser, no law.

    Source: PepTune: De Novo Generation of Therapeutic Peptides with Multi-Objective-Guided Discrete
    Diffusion (Tang et al., 2025, arXiv:2412.17780).

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["ACA", "GTT", "GGT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> TreeSearch(children=4, iterations=9, designs=2).run(sampler, reward, 2, key=1).strings
        ['GGT', 'GTT']
    """

    anytime = True

    def __init__(
        self,
        children: int = 16,
        iterations: int = 128,
        goal: Literal["best", "front"] = "best",
        designs: int = 20,
        exploration: float = 0.1,
        penalty: float = 0.5,
        stride: int = 1,
        rollout: Literal["run", "preview"] = "run",
        schedule: Sequence[int] | None = None,
        reference: Sequence[float] | None = None,
        archive: int = 100,
    ) -> None:
        self.particles = _check.positive_int("children", children)
        self.iterations = _check.positive_int("iterations", iterations)
        self.goal = _check.one_of("goal", goal, ("best", "front"))
        self.returned = _check.positive_int("designs", designs)
        self.exploration = _check.non_negative("exploration", exploration)
        self.penalty = _check.non_negative("penalty", penalty)
        self.stride = _check.positive_int("stride", stride)
        self.rollout = _check.one_of("rollout", rollout, ("run", "preview"))
        for name, value in (("schedule", schedule), ("reference", reference)):
            if value is not None and goal == "best":
                raise InputError(f"{name} must be None with goal='best', got {value!r}")
        self.schedule = None
        if schedule is not None:
            self.schedule = [_check.non_negative_int("schedule", first) for first in schedule]
            if 0 not in self.schedule:
                raise InputError(f"schedule must let an objective begin at 0, got {schedule!r}")
        self.reference = None
        if reference is not None:
            self.reference = [_check.finite("reference", worst) for worst in reference]
        self.archive = _check.positive_int("archive", archive)
        if archive < designs:
            raise InputError(f"archive must hold at least the {designs} designs, got {archive}")

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        if sampler.remasks:
            raise UnsupportedError(
                f"tree_search on a {sampler.process.kind} process with a plan that masks tokens "
                "again is not supported: what a node has drawn must stay"
            )
        search = Search(self, sampler, reward, state, progress)
        search.run()
        return search.samples()

    def steering(self, iteration: int) -> list[int] | None:
        """Return the objectives that choose nodes in an iteration; None for all."""
        if self.schedule is None:
            return None
        return [j for j, first in enumerate(self.schedule) if first <= iteration]

    def ends(self, reward: Reward) -> list[float]:
        """Return the reference of the hypervolume `(R,)`; for one reward there is none to choose.

        Raises:
            InputError: if the objective does not suit the goal or the other arguments.
        """
        if self.goal == "best":
            return [0.0]
        objective = reward.objective
        terms = objective.terms if isinstance(objective, Objective) else ()
        if len(terms) < 2:
            raise InputError("goal must be 'best' for an objective without two terms, got 'front'")
        for name, value in (("schedule", self.schedule), ("reference", self.reference)):
            if value is not None and len(value) != len(terms):
                raise InputError(
                    f"{name} must hold one number for each of the {len(terms)} terms, got {value!r}"
                )
        if self.reference is not None:
            return self.reference
        for term in terms:
            if not term.bounded:
                raise InputError(
                    f"reference must be given, or term {term.output!r} a transform into [0, 1]"
                )
        return [_BELOW] * len(terms)


class Search:
    """One run of a tree search: trees that grow side by side, and what they have found.

    Args:
        method: the settings.
        sampler: draws children and rollouts.
        reward: tokens to reward.
        state: for each tree M rows at t = 1.
        progress: called with the state after every event of the rollouts.

    Attributes:
        trees: one for each M rows.
        iteration: how many times nodes have been opened.
    """

    def __init__(
        self,
        method: TreeSearch,
        sampler: Sampler,
        reward: Reward,
        state: State,
        progress: Progress | None = None,
    ) -> None:
        self.method, self.sampler, self.progress = method, sampler, progress
        self.ledger, self.first = Ledger(reward), state
        ends = method.ends(reward)
        number = len(state) // method.particles
        self.trees = [Tree(len(ends), method.exploration, method.penalty) for _ in range(number)]
        front = method.goal == "front"
        self.found = [
            Found(method.returned, ends if front else None, method.archive) for _ in range(number)
        ]
        self.keys = state.keys[:: method.particles]
        self.iteration = 0

    def run(self) -> None:
        """Grow the trees until the iterations, the trees or the budget are at an end."""
        starts = torch.arange(len(self.first), device=self.keys.device)
        even = torch.zeros(len(self.first), dtype=torch.float64)
        paths = {number: [tree.root] for number, tree in enumerate(self.trees)}
        self._grow(self.first, starts, paths, even)
        while self.iteration < self.method.iterations and not self.ledger.reward.exhausted:
            if all(tree.exhausted for tree in self.trees):
                break
            self._open()
            self.iteration += 1

    def samples(self) -> Samples:
        """Return the designs of all trees, the best of each first."""
        rows = []
        for found in self.found:
            best = found.best()
            # of a space smaller than that there are repeats
            rows += [best[i % len(best)] for i in range(self.method.returned)]
        members = Pool.joined(rows)
        dead = members.reward.isnan()
        weight = torch.zeros_like(members.reward).masked_fill(dead, -torch.inf)
        state = replace(members.state, log_weight=weight)
        samples = conclude(self.sampler, state, members.entry, self.ledger, 1, "all")
        return replace(samples, log_weight=torch.zeros_like(weight), log_normaliser=None)

    def _open(self) -> None:
        """Open one node of every tree that has one left."""
        keys = random.fold(random.fold(self.keys, SWEEP), self.iteration)
        # every iteration makes a tree at most one choice deeper
        u = random.uniform(random.fold(keys, SELECT), self.iteration + 1).cpu().numpy()
        steering = self.method.steering(self.iteration)
        growing = [number for number, tree in enumerate(self.trees) if not tree.exhausted]
        paths = {number: self.trees[number].path(u[number], steering) for number in growing}
        leaves = [path[-1] for path in paths.values()]
        own = keys[torch.tensor(growing, device=keys.device)]
        starts = torch.tensor([leaf.start for leaf in leaves], device=keys.device)
        parents = self._stacked(leaves, own, starts)
        width = self.method.particles
        children = self.sampler.step(parents, branch=width)
        for _ in range(self.method.stride - 1):
            children = self.sampler.step(children)
        starts = starts.repeat_interleave(width)
        self._grow(children, starts, paths, _log_prior(parents, children, width))

    def _stacked(self, leaves: Sequence[Node], keys: Tensor, starts: Tensor) -> State:
        """Return the rows of `leaves` as one state, each with the rest of its own plan."""
        rows = [
            leaf.batch.gather(torch.tensor([leaf.row], device=keys.device))
            for leaf in leaves
            if leaf.batch is not None
        ]
        state = rows[0]
        for row in rows[1:]:
            state = state.beside(row, Finished())
        state = replace(state, keys=keys, event=0, log_p=None)
        plan = self.first.plan.take(starts.cpu().numpy())
        return replace(state, plan=plan.resume(state))

    def _grow(
        self, children: State, starts: Tensor, paths: dict[int, list[Node]], log_prior: Tensor
    ) -> None:
        """Score the rollouts of M children of each path's last node, and add them to the trees."""
        width = self.method.particles
        priors = torch.softmax(log_prior.view(-1, width).nan_to_num(neginf=-1e300), dim=1)
        merged = [
            _merge(rows, prior)
            for rows, prior in zip(
                _identity(children).view(len(priors), width, -1).tolist(),
                priors.tolist(),
                strict=True,
            )
        ]
        index = [width * g + child for g, kept in enumerate(merged) for child in kept.places]
        kept = children.gather(torch.tensor(index, device=self.keys.device))
        finished = kept.plan.done(kept, 0.0)
        pool, values = self._rollouts(kept)
        batch = replace(kept, plan=Finished(), log_p=None)
        roots = starts.cpu().numpy()[index]
        low = 0
        for (number, path), own in zip(paths.items(), merged, strict=True):
            span = range(low, low + len(own.places))
            places = [(batch, row, int(roots[row])) for row in span]
            rows = slice(low, span.stop)
            self.trees[number].grow(
                *(path, places, own.priors, values[rows], finished[rows], own.shares)
            )
            self.found[number].add(pool, span, values[rows])
            low = span.stop

    def _rollouts(self, state: State) -> tuple[Pool, Floats]:
        """Run rows to the end; return what they are, and the values `(N, R)` to search by."""
        if self.method.rollout == "run":
            ends = self.sampler.run(state, progress=self.progress)
        else:
            ends = self.sampler.preview(state)
        ends = replace(ends, plan=Finished(), log_p=None)
        pool = Pool.of(self.sampler, self.ledger, ends)
        if self.method.goal == "best":
            return pool, pool.reward.cpu().numpy()[:, None]
        found = self.ledger.read(pool.entry)
        return pool, self.ledger.reward.components(found).cpu().numpy()


@dataclass(frozen=True)
class Merged:
    """The distinct ones among M children: their places, summed priors and shares of the M."""

    places: list[int]
    priors: Floats
    shares: Floats


def _identity(state: State) -> Tensor:
    """Return what tells rows of one parent, or of noise, apart: `(B, I)`."""
    parts = [state.tokens, state.active.long()]
    return torch.cat(parts if state.layout is None else [*parts, state.layout[:, None]], dim=1)


def _merge(rows: list[list[int]], priors: list[float]) -> Merged:
    first: dict[tuple[int, ...], int] = {}
    owner = np.array([first.setdefault(tuple(row), i) for i, row in enumerate(rows)])
    places = list(first.values())
    summed = np.bincount(owner, weights=priors, minlength=len(rows))
    counts = np.bincount(owner, minlength=len(rows))
    return Merged(places, np.asarray(summed[places], dtype=np.float64), counts[places] / len(rows))


def _log_prior(parents: State, children: State, width: int) -> Tensor:
    """Return the mean log-probability `(B·M,)` of the tokens that a step drew."""
    before = parents.path.log_prob.repeat_interleave(width, 0)
    tokens = parents.tokens.repeat_interleave(width, 0)
    last = children.path.log_prob
    drawn = (children.tokens != tokens) | (last != before)
    total = torch.where(drawn, last, 0.0).sum(1)
    return (total / drawn.sum(1).clamp(min=1)).cpu()
