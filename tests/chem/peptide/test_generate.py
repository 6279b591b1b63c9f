"""Generated peptides: what was asked, and the same every time."""

from __future__ import annotations

from itertools import islice

import pytest

from discdiff.chem.peptide.generate import RINGS, Recipe, generated
from discdiff.chem.peptide.summary import linkage
from discdiff.errors import InputError

COUNT = 400


def residues(recipe):
    return [one for peptide in generated(COUNT, 3, recipe) for one in peptide.residues]


def test_the_same_seed_gives_the_same_and_the_first_of_more():
    assert list(generated(20, 5)) == list(generated(40, 5))[:20]
    assert list(generated(20, 5)) != list(generated(20, 6))


def test_lengths_are_equally_likely_between_the_limits():
    recipe = Recipe(5, 8, rings={"head_to_tail": 1})
    counts = [0] * 4
    for peptide in generated(COUNT, 1, recipe):
        counts[len(peptide.residues) - 5] += 1
    error = (COUNT * 0.25 * 0.75) ** 0.5
    assert all(abs(count - COUNT / 4) < 4 * error for count in counts)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_d_residues_is_what_was_asked(share):
    found = residues(Recipe(5, 8, share, 0, 0, 0, {"linear": 1}))
    chiral = [one for one in found if one.symbol != "G"]
    error = (share * (1 - share) / len(chiral)) ** 0.5
    assert sum(one.dextro for one in chiral) / len(chiral) == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_n_methyl_residues_is_what_was_asked(share):
    found = residues(Recipe(5, 8, 0, share, 0, 0, {"linear": 1}))
    able = [one for one in found if one.symbol != "P"]
    error = (share * (1 - share) / len(able)) ** 0.5
    assert sum(one.methyl for one in able) / len(able) == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("ring", RINGS)
def test_each_ring_is_what_its_name_says(ring):
    kinds = {
        "linear": [set()],
        "head_to_tail": [{"head_to_tail"}],
        "disulfide": [{"disulfide"}],
        "disulfide_pair": [{"disulfide"}],
        "lactam": [{"amide"}],
        "side_to_tail": [{"amide"}, {"ester"}],
    }[ring]
    for peptide in islice(generated(60, 2, Recipe(4, 12, rings={ring: 1})), 60):
        assert {linkage(peptide, link) for link in peptide.links} in kinds
        assert peptide.rings == {"linear": 0, "disulfide_pair": 2}.get(ring, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shortest": 0}, "shortest must be a positive integer, got 0"),
        ({"shortest": 5, "longest": 4}, "longest must be at least 5, got 4"),
        ({"dextro": 1.5}, "dextro must .* got 1.5"),
        ({"rings": {"head_to_tial": 1}}, "rings must be one of .* Did you mean 'head_to_tail'"),
        ({"rings": {"linear": -1}}, "weights of 0 or more, got -1 of linear"),
        ({"rings": {}}, "rings must name some"),
        ({"longest": 6, "rings": {"disulfide_pair": 1}}, "rings must name some, all for 6"),
    ],
)
def test_a_recipe_is_checked(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


def test_a_number_of_peptides_is_no_less_than_none():
    assert list(generated(0)) == []
    with pytest.raises(InputError, match="n must be"):
        list(generated(-1))
    with pytest.raises(InputError, match="seed must be"):
        list(generated(1, seed=-1))
