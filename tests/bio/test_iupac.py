"""Patterns of nucleotides against Biopython's tables and reverse complements."""

from __future__ import annotations

from itertools import product

import pytest
from Bio.Data.IUPACData import ambiguous_dna_values
from Bio.Seq import Seq

from discdiff.bio.bases import MEANING
from discdiff.bio.iupac import iupac
from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError

DNA = Letters("ACGT")
WORDS = ["".join(w) for w in product("ACGT", repeat=5)]


def test_letters_mean_what_biopython_says():
    for letter, meaning in MEANING.items():
        expected = "T" if letter == "U" else ambiguous_dna_values[letter]
        assert set(meaning) == set(expected)


def fits(pattern, word):
    return len(pattern) == len(word) and all(
        c in ambiguous_dna_values[p] for p, c in zip(pattern, word, strict=True)
    )


def holds(pattern, word):
    n = len(pattern)
    return any(fits(pattern, word[i : i + n]) for i in range(len(word) - n + 1))


@pytest.mark.parametrize(
    ("value", "meets"),
    [
        ("RNYNA", lambda w: fits("RNYNA", w)),
        ({"whole": ["NNNNA", "CNNNN"]}, lambda w: w[-1] == "A" and w[0] == "C"),
        ({"forbidden": ["GWC"]}, lambda w: not holds("GWC", w)),
        ({"required": ["RAY", "C"]}, lambda w: holds("RAY", w) and "C" in w),
        (
            {"forbidden": ["GGA"], "both_strands": True},
            lambda w: not holds("GGA", w) and not holds("GGA", str(Seq(w).reverse_complement())),
        ),
        (
            {"required": ["GRA"], "both_strands": True},
            lambda w: holds("GRA", w) or holds("GRA", str(Seq(w).reverse_complement())),
        ),
    ],
)
def test_patterns_mean_what_they_say(value, meets):
    automaton = iupac(DNA, value)
    assert all(automaton.accepts(DNA.encode(word)) == meets(word) for word in WORDS)


def test_rna_is_read_alike():
    rna = Letters("ACGU")
    automaton = iupac(rna, {"required": ["TAY"]})
    assert automaton.accepts(rna.encode("GUAU"))
    assert not automaton.accepts(rna.encode("GUAG"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("ANX", "whole 'ANX' has no letter of IUPAC at position 2: 'X'"),
        ({"forbid": ["A"]}, "key of iupac must be one of whole, required, forbidden, both_strands"),
        ({"both_strands": True}, "iupac must be a pattern, or a mapping"),
        ({"required": "A", "both_strands": 1}, "both_strands must be true or false, got 1"),
        (["A"], "iupac must be a pattern, or a mapping"),
    ],
)
def test_a_wrong_value_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        iupac(DNA, value)


def test_tokens_that_are_no_bases_are_refused():
    with pytest.raises(UnsupportedError, match="constraint.iupac must be left out for tokens"):
        iupac(Letters("ACDE"), "A")
