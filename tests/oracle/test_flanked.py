"""Constant flanks: oracles see them, models and tables do not."""

from __future__ import annotations

import numpy as np
import pytest

from discdiff.bio.domain import DNA
from discdiff.bio.oracles.gc import GC
from discdiff.bio.oracles.restriction import RestrictionSites
from discdiff.constraint.constraint import Constraint
from discdiff.model import Model
from discdiff.oracle import Combined, Flanked, MemoryCache, as_oracle, flanked, identity, stack
from discdiff.oracle.likelihood import ModelLikelihood
from discdiff.reward import Reward

DOMAIN = DNA(flank5="GG", flank3="TCT")


def test_a_reward_is_that_of_the_whole_construct():
    seen = []

    def count(strings):
        seen.extend(strings)
        return [s.count("G") for s in strings]

    found = Reward(DOMAIN, count).strings(["AG", "CC"])
    assert seen == ["GGAGTCT", "GGCCTCT"]
    assert found.reward.tolist() == [3.0, 2.0]
    assert found.scores.canonical == ("AG", "CC")


def test_each_of_several_oracles_sees_them_unless_it_says_not():
    model = Model.tabular(["ACGT", "TTTT"]).in_domain("dna", flank5="GG", flank3="TCT")
    parts = {"gc": GC(), "sites": RestrictionSites("BsaI"), "ll": ModelLikelihood(model)}
    values = stack(Combined(parts), model.domain)(["ACGT", "TTTT"]).values
    expected = [5 / 9, 3 / 9]
    np.testing.assert_allclose(values[:, 0], expected)
    np.testing.assert_array_equal(values[:, [2]], parts["ll"](["ACGT", "TTTT"]).values)
    assert stack(RestrictionSites("BsaI"), DOMAIN)(["A", "TCTCGGTC"]).values.tolist() == [[0], [2]]


def test_they_are_part_of_what_is_cached():
    cache = MemoryCache()
    bare, shown = (stack(GC(), domain, cache=cache) for domain in (DNA(), DOMAIN))
    assert bare(["AG"]).values.tolist() == [[0.5]]
    assert shown(["AG"]).values.tolist() == [[4 / 7]]
    once = flanked(as_oracle(GC()), DOMAIN)
    assert flanked(once, DOMAIN) is once
    assert isinstance(once, Flanked)
    assert identity(once) != identity(as_oracle(GC()))


@pytest.mark.parametrize(
    "keys",
    [
        {"restriction_sites": ["BsaI"]},
        {"iupac": {"forbidden": ["GGTCTC"], "both_strands": True}},
        {"iupac": {"required": ["GGTCTC"], "both_strands": True}},
    ],
)
def test_constraints_look_across_their_ends(keys):
    generator = np.random.default_rng(0)
    held = Constraint(DOMAIN, keys)
    words = {"".join(generator.choice(list("ACGT"), generator.integers(0, 9))) for _ in range(200)}
    words |= {"TCTC", "TCTCA", "AGGTCTCA", "AGAGACCA", "ACGG", "AGG", "CGG", "GAGAC", "GAGACC"}
    met = set()
    for word in words:
        has = RestrictionSites("BsaI")([f"GG{word}TCT"]).item() > 0
        wanted = has if "required" in str(keys) else not has
        assert (held.fault(word) is None) == wanted
        met.add(wanted)
    assert met == {True, False}
