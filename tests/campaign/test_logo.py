"""Logos: information as published, by an independent computation, and stacks of that height."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy as np
import pytest
from scipy.stats import entropy

from discdiff.bio.letters import BASE_COLOURS
from discdiff.campaign.logo import correction, counts, information, logo

SEQUENCES = ["ACGT", "ACGA", "ACTC", "AGCG", "ACGA"]


@pytest.mark.parametrize(("count", "letters"), [(1, 4), (2, 4), (5, 4), (3, 20), (6, 3)])
def test_the_correction_is_the_mean_over_all_samples(count, letters):
    samples = itertools.product(range(letters), repeat=count)
    mean = np.mean([entropy(list(Counter(s).values()), base=2) for s in samples])
    assert correction(count, letters) == pytest.approx(math.log2(letters) - mean, abs=1e-12)


@pytest.mark.parametrize("count", [200, 20_000])
def test_the_correction_tends_to_the_published_formula(count):
    assert correction(count, 4) == pytest.approx(3 / (2 * math.log(2) * count), rel=0.01)


def test_information_is_log_v_less_entropy_less_correction():
    columns = list(zip(*SEQUENCES, strict=True))
    expected = [
        2 - entropy([c.count(b) for b in "ACGT"], base=2) - correction(5, 4) for c in columns
    ]
    np.testing.assert_allclose(information(counts(SEQUENCES, "ACGT")), expected, atol=1e-12)


def test_letters_are_stacked_to_their_share_of_the_information():
    root = ElementTree.fromstring(logo(SEQUENCES, "ACGT", BASE_COLOURS))
    table = counts(SEQUENCES, "ACGT")
    bits = np.maximum(information(table), 0)
    paths = [p.get("d") for p in root if p.get("fill") in BASE_COLOURS.values()]
    drawn = 0.0
    for path in paths:
        for glyph in path.split("M")[1:]:  # an A has two outlines, the first is the whole one
            ys = [float(y) for _, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", glyph)]
            drawn = max(drawn, max(ys) - min(ys))
    # the one letter of the first position is the tallest; 70 units are 2 bits
    assert drawn == pytest.approx(bits[0] * 35, abs=0.02)
    title = root.find("{http://www.w3.org/2000/svg}title").text
    assert title == f"Logo of 5 sequences, {bits.sum():.1f} bits in all; 1 bit or more: A···"


def test_long_sequences_are_broken_into_rows_and_equal_runs_give_equal_logos():
    strings = ["ACGT" * 20, "ACGA" * 20]
    text = logo(strings, "ACGT", BASE_COLOURS)
    assert text == logo(strings, "ACGT", BASE_COLOURS)
    numbers = [e.text for e in ElementTree.fromstring(text) if e.get("text-anchor") == "middle"]
    assert numbers == ["1", "10", "20", "30", "40", "41", "50", "60", "70", "80"]
