"""Local search over strings of equal length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discdiff import _check
from discdiff.baselines.genetic import check_letters, check_pool, spelled
from discdiff.baselines.search import Asked, Found, Scorer

_IDLE = 100
"""Rounds in a row without a new string after which nothing new is expected."""


class LocalSearch:
    """Changes random letters of one string, and moves to the best change that is no worse.

    It begins with the best of the first `initial` strings of the pool. A round asks for `batch`
    copies of the current string in each of which `sites` random places hold another letter. Where
    nothing new is left around a string, it goes on from the next of the pool, and ends with it.

    Args:
        letters: what a string may hold.
        initial: strings of the pool that are asked for.
        batch: changed strings a round.
        sites: places that change; all of them where a string is shorter.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> search = LocalSearch("ACGT", initial=1, batch=5)
        >>> found = search.run(lambda s: [x.count("G") for x in s], ["AAAA", "CCCC"], budget=80)
        >>> found.running_best()[[0, -1]].tolist()
        [0.0, 4.0]
    """

    def __init__(
        self, letters: Sequence[str], initial: int = 100, batch: int = 20, sites: int = 1
    ) -> None:
        self.letters = check_letters(letters)
        self.initial = _check.positive_int("initial", initial)
        self.batch = _check.positive_int("batch", batch)
        self.sites = _check.positive_int("sites", sites)

    def run(self, score: Scorer, pool: Sequence[str], budget: int, seed: int = 0) -> Found:
        """Return all that was evaluated.

        Args:
            score: strings to values `(N,)`, NaN where there is none; asked once a round.
            pool: strings to begin with, all of one length.
            budget: the most strings asked for, invalid ones included.
            seed: of every random choice.

        Raises:
            InputError: if the pool is empty, or its strings differ in length or hold other letters.
        """
        asked, generator = Asked(score, budget), np.random.default_rng(_check.seed("seed", seed))
        check_pool(pool, self.letters)
        asked(pool[: self.initial])
        fresh = iter(pool)
        current: str | None = (asked.best(1) or [pool[0]])[0]
        while current is not None and not asked.spent:
            current = self._climbed(current, asked, generator)
            if current is None:
                current = next(fresh, None)
                asked([] if current is None else [current])
        return asked.found()

    def _climbed(self, current: str, asked: Asked, generator: np.random.Generator) -> str | None:
        """Return where one round leads, or None where nothing new is left around `current`."""
        for _ in range(_IDLE):
            near = self._neighbours(current, generator)
            if asked(near):
                break
        else:
            return None
        tried = [string for string in near if np.isfinite(asked.values.get(string, np.nan))]
        best = max(tried, key=lambda string: asked.values[string], default=current)
        return current if asked.values[best] < asked.values[current] else best

    def _neighbours(self, current: str, generator: np.random.Generator) -> list[str]:
        row, size = spelled([current])[0], len(self.letters)
        near = []
        for _ in range(self.batch):
            places = generator.permutation(len(row))[: self.sites]
            steps = generator.integers(1, size, size=len(places))
            changed = row.copy()
            for place, step in zip(places.tolist(), steps.tolist(), strict=True):
                old = self.letters.index(str(row[place]))
                changed[place] = self.letters[(old + step) % size]
            near.append("".join(changed.tolist()))
        return near
