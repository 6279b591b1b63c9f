"""What every search without a model shares: it asks for a string once, and up to a budget."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats

Scorer = Callable[[Sequence[str]], Any]
"""Strings to `(N,)` numbers, larger is better, NaN where there is none."""


@dataclass(frozen=True, eq=False)
class Found:
    """Everything a search asked for, in order.

    Attributes:
        strings: N distinct strings.
        values: float64 `(N,)`, NaN where there is none.

    Example:
        >>> Found(("A", "B", "C"), np.array([np.nan, 2.0, 1.0])).running_best().tolist()
        [nan, 2.0, 2.0]
    """

    strings: tuple[str, ...]
    values: Floats

    def running_best(self) -> Floats:
        """Return the best value after each evaluation, `(N,)`; NaN before the first."""
        return np.asarray(np.fmax.accumulate(self.values))


class Asked:
    """Asks a scorer for what is new, as long as the budget lasts, and keeps the answers.

    Args:
        score: strings to values, such as `lambda s: reward.strings(s).reward.numpy()`; a value
            that is not finite counts as none.
        budget: the most strings that are asked for, invalid ones included.

    Raises:
        InputError: if `budget` is not positive.

    Example:
        >>> asked = Asked(lambda strings: [len(s) for s in strings], budget=3)
        >>> asked(["A", "CC", "A"]), asked(["CC", "GGG", "TTTT"]), asked.spent
        (2, 1, True)
        >>> asked.best(2)
        ['GGG', 'CC']
    """

    def __init__(self, score: Scorer, budget: int) -> None:
        self._score = score
        self.budget = _check.positive_int("budget", budget)
        self.values: dict[str, float] = {}
        self._ranked: list[tuple[float, int, str]] = []

    def __call__(self, strings: Sequence[str]) -> int:
        """Ask for those of `strings` that are new, the first ones first; return how many.

        Raises:
            InputError: if the scorer's answer is not one number a string.
        """
        new = [string for string in dict.fromkeys(strings) if string not in self.values]
        new = new[: self.budget - len(self.values)]
        if new:
            answer = np.asarray(self._score(new), dtype=np.float64)
            if answer.shape != (len(new),):
                raise InputError(f"score must return ({len(new)},), got shape {answer.shape}")
            for string, value in zip(new, answer.tolist(), strict=True):
                if np.isfinite(value):
                    bisect.insort(self._ranked, (-value, -len(self.values), string))
                self.values[string] = value
        return len(new)

    @property
    def spent(self) -> bool:
        """Whether the budget is spent."""
        return len(self.values) == self.budget

    def best(self, n: int) -> list[str]:
        """Return the n best strings that have a value, best first, of equals the newest.

        Where many strings share a value a search that kept the oldest would stand still.
        """
        return [string for _, _, string in self._ranked[:n]]

    def found(self) -> Found:
        """Return what was asked for so far."""
        values = np.array(list(self.values.values()), dtype=np.float64)
        return Found(tuple(self.values), np.where(np.isfinite(values), values, np.nan))
