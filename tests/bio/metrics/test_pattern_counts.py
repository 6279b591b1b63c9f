"""Counts of patterns, against every place compared letter by letter."""

from __future__ import annotations

import numpy as np
import pytest

from discdiff.bio.bases import MEANING, reverse_complement
from discdiff.bio.metrics.pattern_counts import YEAST_ELEMENTS, pattern_counts
from discdiff.errors import DataError, InputError


def by_hand(sequence, pattern, both):
    words = [pattern, reverse_complement(pattern)] if both else [pattern]
    return sum(
        any(
            all(base in MEANING[letter] for base, letter in zip(word, way, strict=True))
            for way in words
        )
        for word in (
            sequence[i : i + len(pattern)] for i in range(len(sequence) - len(pattern) + 1)
        )
    )


@pytest.mark.parametrize("both", [True, False])
def test_places_are_those_where_every_letter_fits(both):
    rng = np.random.default_rng(3)
    sequences = ["".join(rng.choice(list("ACGT"), 70)) for _ in range(12)]
    patterns = ["AC", "RYN", "CACGTG", "AAA", *YEAST_ELEMENTS.values()]
    expected = [sum(by_hand(s, p, both) for s in sequences) for p in patterns]
    assert pattern_counts(sequences, patterns, both).tolist() == expected
    assert sum(expected[4:]) > 0


def test_the_named_elements_are_found_in_known_sites():
    sites = {
        "TATA box": "GGTATAAAAGCC",
        "Reb1": "ACCGGGTAATT",
        "Rap1": "AACACCCATACATT",
        "Abf1": "ATCACTATATACGAT",
        "Gcn4": "GATGACTCATT",
        "Gal4": "ACGGATTAGAAGCCGCCGAG",
    }
    for name, site in sites.items():
        assert pattern_counts([site], [YEAST_ELEMENTS[name]]).tolist() == [1], name


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="pattern must be letters of IUPAC, got 'ACX'"):
        pattern_counts(["A"], ["ACX"])
    with pytest.raises(InputError, match="pattern must be letters of IUPAC, got ''"):
        pattern_counts(["A"], [""])
    with pytest.raises(DataError, match="sequence 1: 'ACN' is no DNA or RNA"):
        pattern_counts(["ACN"], ["A"])
