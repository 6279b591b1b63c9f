"""The columns of the table: their kinds, what they leave out, and how numbers are shown."""

from __future__ import annotations

import pytest

from discdiff.campaign.page.columns import Column, columns_of, digits_of
from discdiff.data.tables import Table

NAN = float("nan")


def one(cells):
    """The column made of `cells`, None where it is left out."""
    table = Table(("SMILES", "x"), [("C", cell) for cell in cells])
    found = columns_of(table, {}, {})
    return found[1] if len(found) > 1 else None


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2.5, None], "number"),
        ([NAN, 0.0], "number"),
        ([3], "number"),
        ([NAN, None], None),
        (["", ""], None),
        (["ok", "ok"], None),
        (["ok"], "level"),
        (["ok", "failed"], "level"),
        ([True, False], "level"),
        (["", "rejected by x"], "text"),
        ([f"text {i}" for i in range(13)], "text"),
        ([1.0, "two"], "level"),
    ],
)
def test_kinds(cells, kind):
    found = one(cells)
    assert (found.kind if found else None) == kind


def test_every_column_of_numbers_is_shown_whatever_its_name():
    table = Table(("SMILES", "nearest_similarity", "alerts"), [("C", 0.25, 1), ("N", None, 0)])
    found = columns_of(table, {"alerts": "warnings"}, {"alerts": "fewer is better"})
    assert [(c.label, c.note) for c in found] == [
        ("SMILES", ""),
        ("nearest similarity", ""),
        ("warnings", "fewer is better"),
    ]
    assert [found[1].shown(0), found[1].shown(1)] == ["0.250", "–"]
    assert [found[2].shown(0), found[2].shown(1)] == ["1", "0"]


@pytest.mark.parametrize(
    ("numbers", "digits"),
    [
        ([0.123, 0.9], 3),
        ([0.25, 1.0], 3),
        ([1.5, 9.9], 2),
        ([10.5, 45.0], 1),
        ([310.25, 480.1], 1),
        ([1, 2, 300], 0),
        ([0.0, 0.0], 0),
        ([1e-7, 2e-7], None),
        ([1e-9, 2e-9, 3e-9, 0.5], None),  # with three decimals most would read as nothing
        ([-0.5, 0.25], 3),
    ],
)
def test_digits(numbers, digits):
    assert digits_of(numbers) == digits


def test_small_numbers_keep_three_digits():
    assert Column("x", "x", "number", [1.23456e-9], digits=None).shown(0) == "1.23e-09"


def test_what_the_script_gets():
    number = Column("x", "x", "number", [1 / 3, NAN, 7, float("inf")], digits=3)
    assert number.plain()["cells"] == [0.333333, None, 7, None]
    level = Column("arm", "arm", "level", ["b", "a", "b"])
    assert (level.plain()["levels"], level.plain()["cells"]) == (["a", "b"], [1, 0, 1])
    assert Column("s", "s", "string", ["<b>"]).plain()["cells"] == ["<b>"]
