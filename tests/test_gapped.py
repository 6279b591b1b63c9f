"""Gaps and what a point may be given as; their law is in tests/exact/test_gapped.py."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from discdiff.domain import Alphabet, Template
from discdiff.errors import DataError, InputError
from discdiff.gapped import Gap, Gapped, Point
from discdiff.model import LengthLaw

AB = Alphabet("AB")


@pytest.mark.parametrize(
    ("value", "point"),
    [
        (3, Point((3, 3))),
        ([2, 5], Point((2, 5))),
        ((2, 5), Point((2, 5))),
        (Point((1, 2)), Point((1, 2))),
        ({}, Point()),
        (None, Point()),
        ({"length": [1, 4], "tokens": ["A"]}, Point((1, 4), ("A",))),
        ({"positions": [["A", "B"], None, "A"]}, Point(None, None, (("A", "B"), None, "A"))),
    ],
)
def test_a_point_can_be_given_as(value, point):
    assert Point.of(value) == point


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "length must be a positive integer, got 0"),
        ([0, 4], "length must be a positive integer, got 0"),
        ([4, 2], r"length must be \[fewest, most\], got \[4, 2\]"),
        ([1, 2, 3], r"length must be a number of tokens or \[fewest, most\], got \[1, 2, 3\]"),
        ("2-4", "length must be a number of tokens or .* got '2-4'"),
        ([1, 2.5], "length must be a positive integer, got 2.5"),
        ({"lengths": 3}, "key must be one of length, tokens, positions.*Did you mean 'length'"),
        ({"tokens": "CNO"}, "tokens must be a list of tokens, got 'CNO'"),
        ({"tokens": []}, r"tokens must list tokens, got \(\)"),
        ({"tokens": [1]}, r"tokens must list tokens, got \(1,\)"),
        ({"positions": "CN"}, "positions must be a list, got 'CN'"),
        ({"positions": [[]]}, r"positions must list tokens, got \(\)"),
        ({"positions": [3]}, "positions must list tokens, got 3"),
    ],
)
def test_what_is_no_point_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        Point.of(value)


def test_gaps_are_checked():
    with pytest.raises(InputError, match="low must be a positive integer, got 0"):
        Gap(AB, 0, 2)
    with pytest.raises(InputError, match="high must be at least 3, got 2"):
        Gap(AB, 3, 2)
    with pytest.raises(DataError, match="token 'X' is not in the alphabet"):
        Gap(AB, 1, 2, "AX")
    with pytest.raises(InputError, match="parts must hold a gap, got none"):
        Gapped([Template(AB, ["A"])])


def test_templates_that_differ_are_told_apart():
    """A run refuses to be continued with another one by this text."""
    parts = [
        [Gap(AB, 1, 2)],
        [Gap(AB, 1, 3)],
        [Gap(AB, 1, 2, "A")],
        [Template(AB, ["A"]), Gap(AB, 1, 2)],
        [Gap(AB, 1, 2), Template(AB, ["A"])],
        [Gap(AB, 1, 2), Template(AB, [None])],
        [Gap(AB, 1, 2), Template(AB, [{"A"}])],
    ]
    assert len({Gapped(p).parts for p in parts}) == len(parts)
    assert Gapped(parts[3]).parts == "A {1 to 2}"


ranges = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda r: (r[0], r[0] + r[1]))


@given(st.lists(ranges, min_size=1, max_size=3), st.integers(0, 3))
def test_lengths_are_shared_out_in_equal_parts(gaps, fixed):
    """A fine grid of quantiles against all splits, written down."""
    parts = [Gap(AB, *one) for one in gaps] + [Template(AB, ["A"])] * fixed
    template = Gapped(parts)
    splits = list(product(*(range(low, high + 1) for low, high in gaps)))
    by_total = Counter(sum(split) + fixed for split in splits)
    assert (template.low, template.high) == (min(by_total), max(by_total))
    law = LengthLaw([0.0, *range(1, template.high + 3)])
    wide = template.lengths(law).probabilities
    weight = sum(by_total.keys())
    assert wide.nonzero().flatten().tolist() == sorted(by_total)
    assert wide[list(by_total)].tolist() == pytest.approx([n / weight for n in by_total])
    u = torch.rand(4000, 1 + len(gaps), generator=torch.Generator().manual_seed(1)).double()
    drawn, layout = template.draw(law, u)
    found = Counter(layout.tolist())
    for place, one in enumerate(drawn):
        share = len(one) / weight / by_total[len(one)]
        assert abs(found[place] / 4000 - share) < 5 * (share / 4000) ** 0.5
    assert len(drawn) == len(splits) or min(found.values()) < 20
