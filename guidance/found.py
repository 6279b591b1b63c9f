"""What a search has found that it may return: the best designs, or a front and the best others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discdiff.guidance.pool import Pool
from discdiff.objective.pareto import ParetoArchive
from discdiff.oracle.scores import Floats


class Found:
    """The designs that a search may return, by name.

    Args:
        count: how many it returns.
        reference: of the hypervolume of a front, `(R,)`; None where there is none.
        capacity: of the archive of a front.
    """

    def __init__(self, count: int, reference: Sequence[float] | None, capacity: int) -> None:
        self.count = count
        self.archive = None if reference is None else ParetoArchive(reference, capacity)
        self.reward: dict[str, float] = {}
        self.kept: dict[str, Pool] = {}

    def add(self, pool: Pool, rows: Sequence[int], values: Floats) -> None:
        """Take in N designs.

        Args:
            pool: where they are.
            rows: which they are.
            values: what a front compares `(N, R)`, NaN where there is none.
        """
        rewards = pool.reward.tolist()
        new: dict[str, int] = {}
        for i, row in enumerate(rows):
            name = pool.names[row]
            if np.isnan(self.reward.get(name, np.nan)):  # not seen, or not scored when it was
                self.reward[name], new[name] = rewards[row], i
        if self.archive is not None:
            self.archive.add(values[list(new.values())], list(new))
        # what leaves the archive and the best now can be in neither again
        ranked = self._by_reward([*self.kept, *(name for name in new if name not in self.kept)])
        wanted = dict.fromkeys([*ranked[: self.count], *self._front()])
        self.kept = {
            name: pool.take([rows[new[name]]]) if name in new else self.kept[name]
            for name in wanted
        }

    def best(self) -> list[Pool]:
        """Return at most `count` designs: those of the front first, if there is one.

        Each part is ordered by the reward.
        """
        first: list[str] = []
        if self.archive is not None:
            few = ParetoArchive(self.archive.reference.tolist(), self.count)
            few.add(self.archive.values, self.archive.items)
            first = few.items
        others = [name for name in self.kept if name not in set(first)]
        order = [*self._by_reward(first), *self._by_reward(others)]
        return [self.kept[name] for name in order[: self.count]]

    def _front(self) -> list[str]:
        return [] if self.archive is None else self.archive.items

    def _by_reward(self, names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: -np.nan_to_num(self.reward[name], nan=-np.inf))
