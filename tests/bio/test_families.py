"""Families of near copies, against the definition: paths in the graph of all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.bio import families as module
from discdiff.bio.families import families, families_by_identity
from discdiff.errors import DataError, InputError

SEQUENCES = st.lists(
    st.text("ACGT", min_size=1, max_size=4) | st.text("ACGT", min_size=4, max_size=4), max_size=14
)


def by_definition(sequences, most):
    family = list(range(len(sequences)))
    for one, two in itertools.combinations(range(len(sequences)), 2):
        a, b = sequences[one], sequences[two]
        if len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) <= most:
            old, new = family[two], family[one]
            family = [new if each == old else each for each in family]
    order = list(dict.fromkeys(family))
    return [order.index(each) for each in family]


@given(SEQUENCES, st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_families_are_the_chains_of_near_pairs(sequences, most):
    assert families(sequences, most).tolist() == by_definition(sequences, most)


def test_pieces_of_the_table_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 5)) for _ in range(60)]
    whole = families(sequences, 1).tolist()
    assert 1 < len(set(whole)) < 60
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert families(sequences, 1).tolist() == whole == by_definition(sequences, 1)


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def relatives(a, b, identity, run):
    near = 1 - edits(a, b) / max(len(a), len(b)) >= identity - 1e-9
    words = {a[i : i + run] for i in range(len(a) - run + 1)}
    return near or a in b or b in a or any(word in b for word in words)


@given(
    st.lists(st.text("KLGW", min_size=1, max_size=7), max_size=12),
    st.sampled_from([0.3, 0.5, 0.75, 1.0]),
    st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_families_by_identity_are_the_chains_of_relatives(sequences, identity, run):
    family = list(range(len(sequences)))
    for one, two in itertools.combinations(range(len(sequences)), 2):
        if relatives(sequences[one], sequences[two], identity, run):
            old, new = family[two], family[one]
            family = [new if each == old else each for each in family]
    order = list(dict.fromkeys(family))
    found = families_by_identity(sequences, identity, run).tolist()
    assert found == [order.index(each) for each in family]


def test_pieces_of_the_comparison_make_no_difference(monkeypatch):
    rng = np.random.default_rng(1)
    sequences = ["".join(rng.choice(list("KLGW"), rng.integers(4, 7))) for _ in range(60)]
    whole = families_by_identity(sequences, 0.8, 6).tolist()
    assert 1 < len(set(whole)) < 60
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert families_by_identity(sequences, 0.8, 6).tolist() == whole


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="row 2: the sequence is empty"):
        families_by_identity(["A", ""])
    with pytest.raises(InputError, match="identity must be above 0, got 0"):
        families_by_identity(["A"], identity=0)
    with pytest.raises(InputError, match="run must be a positive integer, got 0"):
        families_by_identity(["A"], run=0)
    with pytest.raises(DataError, match="row 2: the sequence is empty"):
        families(["A", ""], 1)
    with pytest.raises(InputError, match="substitutions must be a non-negative integer, got -1"):
        families(["A"], -1)
