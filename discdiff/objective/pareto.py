"""A Pareto archive: the non-dominated designs seen so far and the hypervolume they dominate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import moocore
import numpy as np

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Bools, Floats


class ParetoArchive:
    r"""The designs that no other design dominates; every objective is maximised.

    $a$ dominates $b$ when $a_r \ge b_r$ for all $r$ and $a_r > b_r$ for one. Equal vectors of
    different designs are all kept. The hypervolume is the exact volume of
    $\{z : ref \le z \le a \text{ for some } a\}$.

    Args:
        reference: R finite numbers, chosen before the run and no better than any design of
            interest; what does not exceed it in every objective adds no volume.
        capacity: the most designs kept; beyond it the one that adds the least volume is dropped,
            the latest of them on a tie. None for no limit.

    Raises:
        InputError: if `reference` is empty or not finite, or `capacity` is not positive.

    Example:
        >>> archive = ParetoArchive(reference=[0, 0])
        >>> archive.add(np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0]]), ["a", "b", "c"]).tolist()
        [True, True, False]
        >>> archive.items, archive.hypervolume
        (['a', 'b'], 3.0)
    """

    def __init__(self, reference: Sequence[float], capacity: int | None = None) -> None:
        if not len(reference):
            raise InputError("reference must hold one number an objective, got none")
        self.reference = np.array([_check.finite("reference", float(r)) for r in reference])
        self.capacity = None if capacity is None else _check.positive_int("capacity", capacity)
        self.values: Floats = np.zeros((0, len(reference)))
        self.items: list[Any] = []

    def __len__(self) -> int:
        return len(self.items)

    def add(self, values: Floats, items: Sequence[Any]) -> Bools:
        """Offer N designs and return `(N,)`, True for those now in the archive.

        Args:
            values: `(N, R)`, larger is better; a row with NaN is not scored and never enters.
            items: N things to keep beside the values; a pair that is there already is not added.

        Raises:
            InputError: if shapes disagree or a value is infinite.
        """
        offered = np.asarray(values, dtype=np.float64)
        if offered.shape != (len(items), len(self.reference)):
            expected = (len(items), len(self.reference))
            raise InputError(f"values must be (N, R) = {expected}, got shape {offered.shape}")
        if np.isinf(offered).any():
            raise InputError("values must be finite or NaN, got an infinity")
        held = len(self.items)
        rows = [i for i in range(len(items)) if not np.isnan(offered[i]).any()]
        rows = [i for i in rows if not self._holds(offered[i], items[i])]
        together = np.concatenate([self.values, offered[rows]])
        names = [*self.items, *(items[i] for i in rows)]
        kept = self._best(together)
        self.values, self.items = together[kept], [names[i] for i in kept]
        entered = np.zeros(len(items), dtype=bool)
        entered[[rows[i - held] for i in kept if i >= held]] = True
        return entered

    @property
    def hypervolume(self) -> float:
        """The exact volume between the reference and the archive."""
        if not self.items:
            return 0.0
        return float(moocore.hypervolume(self.values, ref=self.reference, maximise=True))

    def contributions(self) -> Floats:
        """Return `(n,)`, the volume that would be lost without each design."""
        return _contributions(self.values, self.reference)

    def _holds(self, values: Floats, item: object) -> bool:
        same = np.flatnonzero((self.values == values).all(axis=1)).tolist()
        return any(self.items[i] == item for i in same)

    def _best(self, values: Floats) -> list[int]:
        kept: list[int] = np.flatnonzero(nondominated(values)).tolist()
        while self.capacity is not None and len(kept) > self.capacity:
            lost = _contributions(values[kept], self.reference)
            kept.pop(len(kept) - 1 - int(np.argmin(lost[::-1])))
        return kept


def nondominated(values: Floats) -> Bools:
    """Return `(N,)`, True where no row of `values (N, R)` dominates; equal rows do not.

    Example:
        >>> nondominated(np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0]])).tolist()
        [True, True, False]
    """
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    best = moocore.is_nondominated(values, maximise=True, keep_weakly=True)
    return np.asarray(best, dtype=np.bool_)


def _contributions(values: Floats, reference: Floats) -> Floats:
    if not len(values):
        return np.zeros(0)
    lost = moocore.hv_contributions(values, ref=reference, maximise=True)
    return np.asarray(lost, dtype=np.float64)
