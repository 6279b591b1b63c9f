r"""Choosing a batch: designs that are good and unlike one another, one greedy pick after the other.

Both methods weigh quality against diversity by a number `weight` in [0, 1]. 1 takes the best, 0
looks at diversity alone. What they weigh is `quality`: rewards in units of how far the best stands
above the median.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from discdiff import _check
from discdiff.errors import InputError
from discdiff.similarity import Floats

NUGGET = 1e-4
"""Added to the diagonal of the similarities: what even a copy of a chosen design adds."""
_TIE = 1e-9  # gains nearer than this are equal, whatever the order of a sum made of them

Row = Callable[[int], Floats]
"""From the place of a candidate to float64 `(N,)`: its similarity to every candidate."""


class Gains(Protocol):
    """What each candidate would add to the batch so far."""

    def now(self) -> Floats:
        """Return float64 `(N,)`: the gain of each candidate."""

    def add(self, place: int) -> None:
        """Put a candidate into the batch."""


class Determinant:
    r"""Gains in the log-probability of a determinantal point process.

    The batch Y grows greedily in
    $w \sum_{i \in Y} q_i + (1 - w) \log\det (S + \epsilon I)_Y$, with w the weight, q the quality
    and S the similarities. The determinant of one more member is the last pivot of a Cholesky
    factorisation, which is updated by one row a pick: O(N) time and memory for each member.
    ε = 1e-4 keeps pivots positive where S is singular, as with designs of equal fingerprints.

    Args:
        row: similarities, symmetric, with 1 on the diagonal.
        quality: float64 `(N,)`.
        weight: of quality, in [0, 1].

    Source:
        Fast greedy MAP inference for determinantal point process to improve recommendation
        diversity (Chen et al., 2018, 1709.05135).

    Example:
        >>> s = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
        >>> choose(Determinant(lambda i: s[i], np.array([1.0, 0.9, 0.0])), 2)
        [0, 2]
    """

    def __init__(self, row: Row, quality: Floats, weight: float = 0.5) -> None:
        self.weight = _check.fraction("weight", weight)
        self._row, self._quality = row, quality
        self._pivots = np.full(len(quality), 1.0 + NUGGET)
        self._factor = np.zeros((0, len(quality)))

    def now(self) -> Floats:
        found: Floats = self.weight * self._quality + (1 - self.weight) * np.log(self._pivots)
        return found

    def add(self, place: int) -> None:
        row = np.array(self._row(place), dtype=np.float64)
        row[place] += NUGGET
        line = row - self._factor[:, place] @ self._factor
        line /= np.sqrt(self._pivots[place])
        self._factor = np.vstack([self._factor, line])
        # exactly true of a positive semi-definite S, and a floor where rounding or S breaks it
        self._pivots = np.maximum(self._pivots - line**2, NUGGET)


class MaxMin:
    r"""Gains in quality and in the distance to the nearest member of the batch.

    The gain of i is $w q_i + (1 - w) \min_{j \in Y} (1 - S_{ij})$; the minimum over nothing is 1.

    Args:
        row: similarities in [0, 1], symmetric.
        quality: float64 `(N,)`.
        weight: of quality, in [0, 1].

    Source:
        Computer aided design of experiments (Kennard and Stone, 1969).

    Example:
        >>> s = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
        >>> choose(MaxMin(lambda i: s[i], np.array([1.0, 0.9, 0.5])), 2)
        [0, 2]
    """

    def __init__(self, row: Row, quality: Floats, weight: float = 0.5) -> None:
        self.weight = _check.fraction("weight", weight)
        self._row, self._quality = row, quality
        self._distance = np.ones(len(quality))

    def now(self) -> Floats:
        return self.weight * self._quality + (1 - self.weight) * self._distance

    def add(self, place: int) -> None:
        self._distance = np.minimum(self._distance, 1 - self._row(place))


METHODS: dict[str, Callable[[Row, Floats, float], Gains]] = {
    "dpp": Determinant,
    "maxmin": MaxMin,
}


def quality(rewards: ArrayLike) -> Floats:
    """Return float64 `(N,)`: the rewards on a scale of their own, 0 the median and 1 the best.

    Where the median is the best, 0 is the worst; where all are equal, all are 0.

    Args:
        rewards: N finite numbers, larger is better.

    Raises:
        InputError: if one is not finite.

    Example:
        >>> quality([0.2, 0.4, 0.9, 0.0]).round(3)
        array([-0.167,  0.167,  1.   , -0.5  ])
    """
    given = np.asarray(rewards, dtype=np.float64)
    if not np.isfinite(given).all():
        raise InputError("rewards must be finite to choose by them")
    if not len(given):
        return given
    best = given.max()
    low = np.median(given) if np.median(given) < best else given.min()
    return np.asarray((given - low) / (best - low)) if low < best else np.zeros(len(given))


def available(groups: Sequence[object] | None, cap: int | None, count: int) -> int:
    """Return how many of `count` candidates a batch can hold with at most `cap` of each group."""
    if cap is None or groups is None:
        return count
    return sum(min(size, cap) for size in Counter(groups).values())


def choose(
    gains: Gains, n: int, groups: Sequence[object] | None = None, cap: int | None = None
) -> list[int]:
    """Return the places of n candidates, in the order in which they were picked.

    Each pick is the candidate of largest gain, the first of them where several are equal, so a
    caller that lists the better ones first has ties go to them.

    Args:
        gains: what each candidate would add.
        n: how many are chosen.
        groups: the group of each candidate, for example its scaffold.
        cap: the most that are chosen of one group; None for no limit.

    Raises:
        InputError: if there are fewer than n candidates, or fewer under the cap.

    Example:
        >>> distinct = np.eye(3)
        >>> choose(MaxMin(lambda i: distinct[i], np.array([3.0, 2.0, 1.0])), 2, "aab", cap=1)
        [0, 2]
    """
    _check.positive_int("n", n)
    if cap is not None:
        _check.positive_int("cap", cap)
    open_ = np.ones(len(gains.now()), dtype=bool)
    most = available(groups, cap, len(open_))
    if n > most:
        raise InputError(f"n must be at most {most}, the candidates there are, got {n}")
    taken: Counter[object] = Counter()
    chosen: list[int] = []
    while len(chosen) < n:
        now = np.where(open_, gains.now(), -np.inf)
        place = int(np.flatnonzero(now >= now.max() - _TIE)[0])
        chosen.append(place)
        open_[place] = False
        if groups is not None and cap is not None:
            taken[groups[place]] += 1
            if taken[groups[place]] == cap:
                open_ &= np.array([group != groups[place] for group in groups])
        gains.add(place)
    return chosen
