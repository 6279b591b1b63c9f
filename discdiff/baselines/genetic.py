"""A genetic algorithm over strings of equal length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.baselines.search import Asked, Found, Scorer
from discdiff.errors import InputError

_IDLE = 100
"""Generations in a row without a new child after which nothing new is expected."""


class GeneticAlgorithm:
    r"""Recombines and mutates the best strings so far.

    It begins with the first `population` strings of the pool. Then, generation after generation,
    each of `population - survivors` children takes every letter from its first parent with
    probability `recombination`, else from its second, both uniform among the `survivors` best
    strings of all so far; each letter is then replaced by a uniform one with probability
    `mutation`. Without any value yet, all that was asked for are parents.

    As published but for this: there the survivors mutate too, so the best may be lost; here they
    stay as they are, no string is asked for twice, and of equals the newest survive. The published
    population is for millions of evaluations; for 1,000 take one of 100.

    Args:
        letters: what a string may hold.
        population: strings of a generation; published: a million.
        survivors: parents, at least 2; published: one in ten thousand.
        mutation: probability a letter; by default 1.1 over the length, as published.
        recombination: probability a letter to come from the first parent; by default 1.1 over the
            length, as published.

    Raises:
        InputError: if an argument is out of range.

    Source: Closed-form test functions for biophysical sequence design benchmarking
        (Stanton et al., 2024, arXiv:2407.00236)

    Example:
        >>> search = GeneticAlgorithm("ACGT", population=20, survivors=4)
        >>> found = search.run(lambda s: [x.count("G") for x in s], ["AAAA", "CCCC"], budget=200)
        >>> found.running_best()[[1, -1]].tolist()
        [0.0, 4.0]
    """

    def __init__(
        self,
        letters: Sequence[str],
        population: int = 1000,
        survivors: int = 10,
        mutation: float | None = None,
        recombination: float | None = None,
    ) -> None:
        self.letters = check_letters(letters)
        self.population = _check.positive_int("population", population)
        self.survivors = _check.positive_int("survivors", survivors)
        if not 2 <= survivors < population:
            raise InputError(
                f"survivors must be at least 2 and less than the population of {population}, "
                f"got {survivors}"
            )
        self.mutation = None if mutation is None else _check.fraction("mutation", mutation)
        self.recombination = (
            None if recombination is None else _check.fraction("recombination", recombination)
        )

    def run(self, score: Scorer, pool: Sequence[str], budget: int, seed: int = 0) -> Found:
        """Return all that was evaluated.

        Args:
            score: strings to values `(N,)`, NaN where there is none; asked once a generation.
            pool: strings to begin with, all of one length.
            budget: the most strings asked for, invalid ones included.
            seed: of every random choice.

        Raises:
            InputError: if the pool is empty, or its strings differ in length or hold other letters.
        """
        asked, generator = Asked(score, budget), np.random.default_rng(_check.seed("seed", seed))
        check_pool(pool, self.letters)
        asked(pool[: self.population])
        idle = 0
        while not asked.spent and idle < _IDLE:
            parents = asked.best(self.survivors) or list(asked.values)
            new = asked(self._children(parents, generator))
            idle = 0 if new else idle + 1
        return asked.found()

    def _children(self, parents: Sequence[str], generator: np.random.Generator) -> list[str]:
        rows = spelled(parents)
        count, length = self.population - self.survivors, rows.shape[1]
        rate = 1.1 / length if self.recombination is None else self.recombination
        first, second = generator.integers(len(rows), size=(2, count))
        crossed = np.where(generator.random((count, length)) < rate, rows[first], rows[second])
        rate = 1.1 / length if self.mutation is None else self.mutation
        changed = generator.random((count, length)) < rate
        drawn = np.array(self.letters)[generator.integers(len(self.letters), size=changed.shape)]
        return ["".join(row) for row in np.where(changed, drawn, crossed).tolist()]


def spelled(strings: Sequence[str]) -> NDArray[np.str_]:
    """Return the letters of strings of one length, `(N, L)`.

    Example:
        >>> spelled(["AC", "GT"]).tolist()
        [['A', 'C'], ['G', 'T']]
    """
    return np.array([list(string) for string in strings])


def check_pool(pool: Sequence[str], letters: Sequence[str]) -> None:
    """Raise `InputError` unless the strings have one length and only such letters."""
    if isinstance(pool, str) or not pool:
        raise InputError(f"pool must be a list of strings, got {pool!r}")
    if len({len(string) for string in pool}) > 1 or not pool[0]:
        raise InputError("pool must hold strings of one length, at least 1")
    stray = set().union(*pool) - set(letters)
    if stray:
        raise InputError(f"pool must hold only the letters given, got {min(stray)!r}")


def check_letters(letters: Sequence[str]) -> tuple[str, ...]:
    """Return the letters; raise `InputError` unless they are two or more, all distinct."""
    kept = tuple(letters)
    if len(kept) < 2 or len(set(kept)) < len(kept) or any(len(letter) != 1 for letter in kept):
        raise InputError(f"letters must be two or more distinct letters, got {letters!r}")
    return kept
