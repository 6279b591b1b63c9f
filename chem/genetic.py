"""A genetic algorithm over molecular graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discdiff import _check
from discdiff.baselines.search import Asked, Found, Scorer
from discdiff.chem import molecule
from discdiff.chem.crossover import crossover
from discdiff.chem.mutation import mutate
from discdiff.errors import DataError, InputError

_IDLE = 20
"""Generations in a row without a new child after which nothing new is expected."""
_FLOOR = 1e-10


class GraphGA:
    """Crosses and mutates the best molecules so far.

    It begins with the first `population` molecules of the pool. Each child of a generation has two
    parents of the population, drawn in proportion to their values (what is not above 0 counts as
    1e-10), and is mutated with probability `mutation`; see `crossover` and `mutate`. The population
    is always the best of all that was asked for. Every child is a valid molecule in its canonical
    form, without stereochemistry, of at most `most_atoms` atoms.

    Args:
        population: molecules that can be parents.
        offspring: children of a generation.
        mutation: probability of a child to be mutated.
        most_atoms: the largest child; the largest molecule of ZINC250k by default.

    Raises:
        InputError: if an argument is out of range.

    Source: A graph-based genetic algorithm and generative model/Monte Carlo tree search for the
        exploration of chemical space (Jensen, 2019, doi:10.1039/C8SC05372C); numbers: Sample
        Efficiency Matters: A Benchmark for Practical Molecular Optimization (Gao et al., 2022,
        arXiv:2206.12411)

    Example:
        >>> search = GraphGA(population=4, offspring=4)
        >>> found = search.run(lambda s: [x.count("N") for x in s], ["CCO", "CNC"], budget=30)
        >>> len(found.strings), bool(found.running_best()[-1] > 1)
        (30, True)
    """

    def __init__(
        self,
        population: int = 120,
        offspring: int = 70,
        mutation: float = 0.067,
        most_atoms: int = 38,
    ) -> None:
        self.population = _check.positive_int("population", population)
        if population < 2:
            raise InputError(f"population must be at least 2, got {population}")
        self.offspring = _check.positive_int("offspring", offspring)
        self.mutation = _check.fraction("mutation", mutation)
        self.most_atoms = _check.positive_int("most_atoms", most_atoms)

    def run(self, score: Scorer, pool: Sequence[str], budget: int, seed: int = 0) -> Found:
        """Return all that was evaluated.

        Args:
            score: SMILES to values `(N,)`, NaN where there is none; asked once a generation.
            pool: molecules to begin with, in any spelling.
            budget: the most molecules asked for.
            seed: of every random choice.

        Raises:
            InputError: if the pool has no molecule.
            DataError: if a string of the pool is not a molecule; the message has its number.
        """
        asked, generator = Asked(score, budget), np.random.default_rng(_check.seed("seed", seed))
        asked(_canonical(pool)[: self.population])
        idle = 0
        while not asked.spent and idle < _IDLE:
            parents = asked.best(self.population) or list(asked.values)
            new = asked(self._children(parents, asked, generator))
            idle = 0 if new else idle + 1
        return asked.found()

    def _children(
        self, parents: Sequence[str], asked: Asked, generator: np.random.Generator
    ) -> list[str]:
        values = np.nan_to_num(np.array([asked.values[parent] for parent in parents]))
        weights = np.maximum(values, _FLOOR)
        pairs = generator.choice(len(parents), size=(self.offspring, 2), p=weights / weights.sum())
        children = []
        for first, second in pairs.tolist():
            child = crossover(parents[first], parents[second], generator, self.most_atoms)
            if child is not None and generator.random() < self.mutation:
                child = mutate(child, generator, self.most_atoms)
            if child is not None:
                children.append(child)
        return children


def _canonical(pool: Sequence[str]) -> list[str]:
    if isinstance(pool, str) or not pool:
        raise InputError(f"pool must be a list of molecules, got {pool!r}")
    forms = []
    for number, smiles in enumerate(pool, start=1):
        reason = molecule.invalid_reason(smiles)
        if reason is not None:
            raise DataError(f"molecule {number} of the pool: {reason}, got {smiles!r}")
        forms.append(molecule.canonical(smiles))
    return list(dict.fromkeys(forms))
