"""Similarity of plain strings: against sets of runs counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.domain import Letters
from discdiff.similarity import shared_runs

STRINGS = st.lists(st.text("ACGT", min_size=1, max_size=9), min_size=1, max_size=6)


def by_hand(a: str, b: str) -> float:
    runs = [[s[i : i + k] for k in (1, 2, 3) for i in range(len(s) - k + 1)] for s in (a, b)]
    words = set(runs[0]) | set(runs[1])
    counts = [(runs[0].count(w), runs[1].count(w)) for w in words]
    return sum(map(min, counts)) / sum(map(max, counts))


@given(STRINGS, st.text("ACGTN", min_size=1, max_size=9))
def test_it_is_the_min_max_ratio_of_counted_runs(strings: list[str], other: str):
    found = shared_runs(strings)(other)
    assert found == pytest.approx([by_hand(other, s) for s in strings], abs=1e-12)


@given(STRINGS)
def test_the_matrix_is_symmetric_and_positive_semidefinite(strings: list[str]):
    likeness = Letters("ACGT").likeness(strings)
    matrix = np.array([likeness(s) for s in strings])
    assert np.array_equal(matrix, matrix.T)
    assert (np.diag(matrix) == 1).all()
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
