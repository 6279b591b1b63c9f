"""Searches without a model, to compare with: they ask the same metered oracle."""

from discdiff.baselines.genetic import GeneticAlgorithm
from discdiff.baselines.local import LocalSearch
from discdiff.baselines.search import Asked, Found, Scorer

__all__ = ["Asked", "Found", "GeneticAlgorithm", "LocalSearch", "Scorer"]
