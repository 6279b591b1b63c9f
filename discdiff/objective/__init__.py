"""Objectives: scores to reward by transforms, an aggregation, filters and diversity."""

from discdiff.objective.objective import Objective, Term

__all__ = ["Objective", "Term"]
