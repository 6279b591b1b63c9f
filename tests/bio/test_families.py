"""Families of near copies, against the definition: paths in the graph of all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.bio import families as module
from discdiff.bio.families import families
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


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="row 2: the sequence is empty"):
        families(["A", ""], 1)
    with pytest.raises(InputError, match="substitutions must be a non-negative integer, got -1"):
        families(["A"], -1)
