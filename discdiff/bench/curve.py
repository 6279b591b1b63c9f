"""What a search had found after so many requests: the measures of a benchmark."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from discdiff.campaign.store import Store
from discdiff.errors import InputError, StoreError
from discdiff.oracle.scores import Floats

_STEP = 100  # requests between two points of an area


@dataclass(frozen=True)
class Curve:
    """Rewards in the order in which they were found.

    Args:
        cost: requests charged when each was found, ascending, `(N,)`.
        reward: `(N,)`, NaN where there is none.
        nfe: denoiser rows that had been drawn by then, `(N,)`.
        asked: requests in all, those after the last evaluation too.

    Raises:
        InputError: if the lengths disagree.

    Example:
        >>> curve = Curve(np.array([1, 3]), np.array([0.5, 0.9]), np.array([10.0, 30.0]), 4)
        >>> curve.cut(2).best(1), curve.best(10)
        (0.5, 0.7)
    """

    cost: Floats
    reward: Floats
    nfe: Floats
    asked: int

    def __post_init__(self) -> None:
        if not len(self.cost) == len(self.reward) == len(self.nfe):
            raise InputError(
                "cost, reward and nfe must have one length, got "
                f"{len(self.cost)}, {len(self.reward)} and {len(self.nfe)}"
            )

    @classmethod
    def of(cls, store: Store, arm: str, *, charge: str = "all") -> Curve:
        """Return the curve of a recorded arm.

        Denoiser rows are known for each round; within one they are shared out evenly.

        Args:
            store: the record.
            arm: whose.
            charge: ``all``: every request costs; ``evaluated``: new evaluations alone.

        Raises:
            StoreError: if an older version recorded it, without what was asked for.
        """
        rows = store.rows(arm)
        rounds = {found.number: found.counts for found in store.rounds(arm)}
        nfe, before = np.zeros(len(rows)), 0.0
        number = np.array([row.round for row in rows], dtype=np.int64)
        for index in sorted(rounds):
            own, spent = number == index, float(rounds[index].get("nfe", 0))
            nfe[own] = before + spent * np.arange(1, own.sum() + 1) / max(own.sum(), 1)
            before += spent
        everything = sum(
            int(c.get("requested", 0) - c.get("not_evaluated", 0) - c.get("rejected", 0))
            for c in rounds.values()
        )
        by_request = charge == "all"
        if by_request and any(row.request == 0 for row in rows):
            raise StoreError(
                f"{store.path} does not say what each evaluation had cost, for an older version "
                "recorded it: run it again in another folder"
            )
        cost = [row.request if by_request else place for place, row in enumerate(rows, 1)]
        reward = [math.nan if row.rejected else row.reward for row in rows]
        asked = everything if by_request else len(rows)
        return cls(np.array(cost, dtype=float), np.array(reward, dtype=float), nfe, asked)

    def cut(self, budget: float) -> Curve:
        """Return what was found within `budget` requests."""
        within = self.cost <= budget
        asked = min(self.asked, int(budget))
        return Curve(self.cost[within], self.reward[within], self.nfe[within], asked)

    def within_rows(self, nfe: float) -> Curve:
        """Return what was found within `nfe` denoiser rows."""
        within = self.nfe <= nfe
        cost = self.cost[within]
        asked = int(cost.max()) if len(cost) else 0
        return Curve(cost, self.reward[within], self.nfe[within], asked)

    def best(self, count: int) -> float:
        """Return the mean of the `count` largest rewards, NaN where there is none."""
        found = np.sort(self.reward[~np.isnan(self.reward)])[-count:]
        return float(found.mean()) if len(found) else math.nan

    def area(self, count: int, budget: int) -> float:
        """Return the area under the mean of the `count` best against requests, over `budget`.

        Points lie 100 requests apart, the first at (0, 0); after the last evaluation the mean
        stays. Missing rewards count as 0.

        Source: Sample Efficiency Matters: A Benchmark for Practical Molecular Optimization (Gao,
        Fu, Sun and Coley, 2022, arXiv:2206.12411).

        Example:
            >>> Curve(np.array([1.0]), np.array([1.0]), np.zeros(1), 1).area(10, 200)
            0.75
        """
        points = [*range(0, budget, _STEP), budget]
        values = [0.0, *(self.cut(point).best(count) for point in points[1:])]
        return float(np.trapezoid(np.nan_to_num(values), points) / budget)
