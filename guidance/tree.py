"""A tree of unfinished designs: which node to open next, and what its rollouts were worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from discdiff.objective.pareto import nondominated
from discdiff.oracle.scores import Bools, Floats
from discdiff.samplers.state import State


@dataclass(eq=False)
class Node:
    """One row on its way from noise, and the rollouts that went through it.

    Attributes:
        batch: the states among which its own is; None for the root, which stands before all noise.
        row: its place among them.
        start: the row of noise that it descends from.
        prior: its probability among its siblings.
        visits: N, back-ups through it.
        known: the sum of the shares of rollouts that had a reward.
        total: the sum of the mean rewards of back-ups, a rollout without one counting 0, `(R,)`.
        children: the nodes that follow, distinct from each other.
        closed: whether nothing is left to open in it.
    """

    batch: State | None
    row: int
    start: int
    prior: float
    total: Floats
    visits: int = 0
    known: float = 0.0
    children: list[Node] = field(default_factory=list)
    closed: bool = False

    def add(self, rewards: Floats, shares: Floats) -> None:
        """Back up one visit: the mean of rollouts, of which NaN rows have no reward.

        Args:
            rewards: `(C, R)`.
            shares: weight of each rollout in the mean, `(C,)`, with the sum 1.
        """
        known = ~np.isnan(rewards).any(axis=1)
        self.visits += 1
        self.known += float(shares[known].sum())
        self.total = self.total + shares[known] @ rewards[known]


class Tree:
    r"""Nodes, their values on a scale from 0 to 1, and the rule by which one is opened.

    With $\bar r_j$ the mean reward of the rollouts through a node, from 0 for the least to 1 for
    the largest reward $r_j$ of the tree so far, a rollout without a reward counting
    $-\kappa$, and N visits, child c of a node has the score
    $S_j(c)=\bar r_j(c)+\gamma P(c)\sqrt N/(1+N(c))$. Of the children whose S no other dominates one
    is taken at random, all alike.

    Args:
        objectives: R.
        exploration: γ.
        penalty: κ.

    Source: PepTune: De Novo Generation of Therapeutic Peptides with Multi-Objective-Guided Discrete
    Diffusion (Tang et al., 2025, arXiv:2412.17780); the score is that of Multi-armed bandits with
    episode context (Rosin, 2011).

    Example:
        >>> tree = Tree(1)
        >>> rewards = np.array([[0.0], [2.0]])
        >>> tree.grow([tree.root], [(None, 0, 0), (None, 1, 1)], np.array([0.5, 0.5]), rewards)
        >>> tree.path(np.array([0.5]))[-1] is tree.root.children[1]
        True
    """

    def __init__(self, objectives: int, exploration: float = 1.0, penalty: float = 0.5) -> None:
        self.exploration, self.penalty = exploration, penalty
        self.low = np.full(objectives, np.inf)
        self.high = np.full(objectives, -np.inf)
        self.root = Node(None, 0, 0, 1.0, np.zeros(objectives))

    @property
    def exhausted(self) -> bool:
        """Whether every node is closed."""
        return self.root.closed

    def path(self, u: Floats, active: Sequence[int] | None = None) -> list[Node]:
        """Return the nodes from the root to the one to open next; the tree is not exhausted.

        Args:
            u: uniforms in (0, 1), at least one for each choice on the way.
            active: the objectives that choose; None for all.
        """
        nodes = [self.root]
        columns = range(len(self.low)) if active is None else active
        while nodes[-1].children:
            parent = nodes[-1]
            opens = [child for child in parent.children if not child.closed]
            scores = self.scores(parent, opens)[:, list(columns)]
            best = np.flatnonzero(nondominated(scores))
            nodes.append(opens[best[int(u[len(nodes) - 1] * len(best))]])
        return nodes

    def scores(self, parent: Node, children: Sequence[Node]) -> Floats:
        """Return the scores S of `children (C, R)`."""
        means = np.stack([self.mean(child) for child in children])
        visits = np.array([child.visits for child in children])
        priors = np.array([child.prior for child in children])
        bonus = self.exploration * priors * math.sqrt(parent.visits) / (1 + visits)
        return np.asarray(means + bonus[:, None])

    def mean(self, node: Node) -> Floats:
        """Return the mean reward of rollouts through a node, on the scale of the tree `(R,)`."""
        span = self.high - self.low
        low = np.where(span > -np.inf, self.low, 0.0)  # until anything has a reward
        span = np.where(span > 0, span, 1.0)
        gained = (node.total - low * node.known) / span
        return np.asarray((gained - self.penalty * (node.visits - node.known)) / node.visits)

    def grow(
        self,
        path: Sequence[Node],
        places: Sequence[tuple[State | None, int, int]],
        priors: Floats,
        rewards: Floats,
        finished: Bools | None = None,
        shares: Floats | None = None,
    ) -> None:
        """Give the last node of `path` its children and back up their rollouts.

        A child begins with one visit, its own rollout; the nodes of the path gain one, the mean.

        Args:
            path: nodes from the root to the one that is opened.
            places: batch, row and starting row of C distinct children.
            priors: their probabilities `(C,)`.
            rewards: of their rollouts `(C, R)`, NaN rows where there is none.
            finished: which are finished designs, `(C,)`; by default none.
            shares: weights of the rollouts in the mean `(C,)`; by default all alike.
        """
        count = len(places)
        shares = np.full(count, 1.0 / count) if shares is None else shares
        finished = np.zeros(count, dtype=np.bool_) if finished is None else finished
        known = rewards[~np.isnan(rewards).any(axis=1)]
        self.low = np.minimum(self.low, known.min(axis=0, initial=np.inf))
        self.high = np.maximum(self.high, known.max(axis=0, initial=-np.inf))
        leaf = path[-1]
        zero = np.zeros(rewards.shape[1])
        for place, prior, reward, done in zip(places, priors, rewards, finished, strict=True):
            child = Node(*place, float(prior), zero, closed=bool(done))
            child.add(reward[None], np.ones(1))
            leaf.children.append(child)
        for node in reversed(path):
            node.add(rewards, shares)
            node.closed = all(child.closed for child in node.children)

    def nodes(self) -> Iterator[Node]:
        """Yield all nodes, parents before children."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children)
