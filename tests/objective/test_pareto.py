import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.errors import InputError
from discdiff.objective.pareto import ParetoArchive


def points(width):
    # A coarse grid makes ties, equal points and points beyond the reference common.
    row = st.lists(st.integers(-2, 6), min_size=width, max_size=width)
    return st.lists(row, max_size=9)


def dominates(a, b):
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b


def union_of_boxes(rows, reference):
    """The volume of a union of boxes by inclusion and exclusion."""
    total = 0.0
    for size in range(1, len(rows) + 1):
        for subset in itertools.combinations(rows, size):
            sides = np.maximum(np.min(subset, axis=0) - reference, 0.0)
            total -= (-1) ** size * np.prod(sides)
    return total


def archive_of(rows, width, capacity=None):
    archive = ParetoArchive([0.0] * width, capacity)
    archive.add(np.array(rows, dtype=np.float64).reshape(-1, width), list(range(len(rows))))
    return archive


@given(st.integers(2, 3).flatmap(lambda w: st.tuples(st.just(w), points(w))))
@settings(deadline=None)
def test_it_keeps_what_nothing_dominates_and_measures_it(case):
    width, rows = case
    archive = archive_of(rows, width)
    kept = [i for i, a in enumerate(rows) if not any(dominates(b, a) for b in rows)]
    assert archive.items == kept
    assert archive.hypervolume == pytest.approx(union_of_boxes(rows, np.zeros(width)))
    whole = archive.hypervolume
    for i, lost in enumerate(archive.contributions()):
        others = [rows[j] for j in kept if j != kept[i]]
        assert lost == pytest.approx(whole - union_of_boxes(others, np.zeros(width)), abs=1e-9)


@given(points(2), st.integers(0, 9))
@settings(deadline=None)
def test_one_by_one_or_at_once(rows, cut):
    values = np.array(rows, dtype=np.float64).reshape(-1, 2)
    archive = ParetoArchive([0, 0])
    archive.add(values[:cut], list(range(len(rows)))[:cut])
    archive.add(values[cut:], list(range(len(rows)))[cut:])
    assert archive.items == archive_of(rows, 2).items


@given(points(2), st.integers(1, 4))
@settings(deadline=None)
def test_capacity_drops_what_adds_least(rows, capacity):
    expected = archive_of(rows, 2).items
    while len(expected) > capacity:
        rest = [
            union_of_boxes([rows[j] for j in expected if j != i], np.zeros(2)) for i in expected
        ]
        least = max(range(len(rest)), key=lambda place: (rest[place], place))
        expected = expected[:least] + expected[least + 1 :]
    assert archive_of(rows, 2, capacity).items == expected


def test_add_says_which_entered():
    archive = ParetoArchive([0, 0])
    assert archive.add(np.array([[1.0, 1.0]]), ["a"]).tolist() == [True]
    entered = archive.add(np.array([[1, 1], [np.nan, 9], [2, 0.5], [1, 1]]), ["a", "b", "c", "d"])
    assert entered.tolist() == [False, False, True, True]
    assert archive.items == ["a", "c", "d"]
    assert archive.add(np.array([[3.0, 3.0]]), ["e"]).tolist() == [True]
    assert (archive.items, len(archive), archive.hypervolume) == (["e"], 1, 9.0)


def test_an_empty_archive():
    archive = ParetoArchive([0, 0, 0])
    assert (len(archive), archive.hypervolume) == (0, 0.0)
    assert archive.contributions().shape == (0,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ParetoArchive([]), "reference must hold one number an objective, got none"),
        (lambda: ParetoArchive([np.nan]), "reference must be a finite number, got nan"),
        (lambda: ParetoArchive([0], capacity=0), "capacity must be a positive integer, got 0"),
        (
            lambda: ParetoArchive([0, 0]).add(np.zeros((2, 3)), ["a", "b"]),
            r"values must be \(N, R\) = \(2, 2\), got shape \(2, 3\)",
        ),
        (
            lambda: ParetoArchive([0]).add(np.array([[np.inf]]), ["a"]),
            "values must be finite or NaN, got an infinity",
        ),
    ],
)
def test_arguments_are_checked(build, message):
    with pytest.raises(InputError, match=message):
        build()
