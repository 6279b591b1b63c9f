"""Benchmarks: methods on tasks over seeds, at equal cost, resumable cell by cell."""

from discdiff.bench.cell import Cell, Track
from discdiff.bench.curve import Curve

__all__ = ["Cell", "Curve", "Track"]
