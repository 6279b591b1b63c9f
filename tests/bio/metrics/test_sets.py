"""Measures of sets of sequences against scipy and brute force."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from Bio.SeqUtils.ProtParam import ProteinAnalysis
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from discdiff.bio.metrics.edits import nearest_edits
from discdiff.bio.metrics.kmers import kmer_correlation, kmer_divergence
from discdiff.bio.metrics.motif_counts import motif_correlation, motif_counts
from discdiff.bio.metrics.report import evaluate_dna, evaluate_peptides, evaluate_rna
from discdiff.bio.scanner import Scanner
from discdiff.errors import DataError, InputError, UnsupportedError
from tests.bio.motifs import COUNTS

SETS = st.lists(st.text("ACGT", min_size=6, max_size=20), min_size=1, max_size=5)


def vectors(a, b, k):
    """Counts of all words of k letters, those in either set, in numpy."""
    table = np.array(
        [
            [sum(s[i : i + k] == word for s in one for i in range(len(s))) for one in (a, b)]
            for word in map("".join, itertools.product("ACGT", repeat=k))
        ]
    )
    return table[table.any(1)].T


@given(SETS, SETS, st.sampled_from([1, 2, 3]))
def test_words(a, b, k):
    p, q = vectors(a, b, k)
    assert kmer_divergence(a, b, k) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    found = kmer_correlation(a, b, k)
    if np.ptp(p) and np.ptp(q):
        assert found == pytest.approx(stats.pearsonr(p, q).statistic, abs=1e-9)
    else:
        assert np.isnan(found)


def test_long_words():
    generator = np.random.default_rng(0)
    a, b = (["".join(generator.choice(list("ACGT"), 40)) for _ in range(n)] for n in (20, 30))
    words = sorted({s[i : i + 6] for s in a + b for i in range(35)})
    p, q = ([sum(s[i : i + 6] == w for s in x for i in range(35)) for w in words] for x in (a, b))
    assert kmer_correlation(a, b, 6) == pytest.approx(stats.pearsonr(p, q).statistic)
    assert kmer_divergence(a, b) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    with pytest.raises(InputError, match="reference must hold a sequence of at least 6 letters"):
        kmer_correlation(a, ["ACG"], 6)


def distance(a, b):
    """Levenshtein, by its recursion."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@given(SETS, SETS)
def test_edits(a, b):
    assert nearest_edits(a, b).tolist() == [min(distance(x, y) for y in b) for x in a]


def test_edits_need_a_reference_and_the_package(monkeypatch):
    with pytest.raises(InputError, match="reference must hold at least one sequence"):
        nearest_edits(["A"], [])
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(UnsupportedError, match="pip install 'discdiff.edit.'"):
        nearest_edits(["A"], ["C"])


def test_motifs():
    generator = np.random.default_rng(2)
    shifted = [{b: np.roll(row, i).tolist() for b, row in COUNTS["TBP"].items()} for i in range(4)]
    scanners = [Scanner(counts) for counts in shifted]
    a, b = (["".join(generator.choice(list("ACGT"), n)) for n in (60, 60, 90)] for _ in range(2))
    limited = [(one, one.threshold(0.05)) for one in scanners]
    counts = [[sum(len(one.hits(s, at)) for s in x) for one, at in limited] for x in (a, b)]
    assert motif_counts(a, scanners, 0.05).tolist() == counts[0]
    expected = stats.spearmanr(*counts).statistic
    assert motif_correlation(a, b, scanners, 0.05) == pytest.approx(expected)
    assert np.isnan(motif_correlation(a, ["A"], scanners))
    with pytest.raises(DataError, match="sequence 2: 'CCO' is no DNA or RNA"):
        motif_counts(["ACGT", "CCO"], scanners)
    with pytest.raises(InputError, match="scanners must be at least 2, got 1"):
        motif_correlation(a, b, scanners[:1])


class TestReport:
    """All at once."""

    def test_measures(self):
        a = ["ACGTACGT", "acgtacgt", "GGGGCCCC", "ACGN"]
        b = ["ACGTACGA", "GGGGCCCC", "NN"]
        report = evaluate_dna(a, b)
        valid = [s.upper() for s in a[:3]]
        assert report["requested"] == 4
        assert report["validity"] == 0.75
        assert report["uniqueness"] == pytest.approx(2 / 3)
        assert report["novelty"] == 0.5
        assert report["valid_unique_novel"] == 0.25
        assert report["reference_invalid"] == 1
        assert report["gc_mean"] == pytest.approx((0.5 + 0.5 + 1) / 3)
        assert report["homopolymer_mean"] == pytest.approx((1 + 1 + 4) / 3)
        assert report["kmer_3_correlation"] == kmer_correlation(valid, b[:2], 3)
        assert report["kmer_6_divergence"] == kmer_divergence(valid, b[:2], 6)
        assert report["edits_to_nearest"] == pytest.approx((1 + 1 + 0) / 3)

    def test_measures_of_peptides(self):
        a, b = ["YGGFL", "YGGFL", "RRWQWR", "giXK"], ["YGGFM", "RRWQWR", "GI-K"]
        faults: list[tuple[int, str]] = []
        report = evaluate_peptides(a, b, refuse=lambda *fault: faults.append(fault))
        assert [place for place, _ in faults] == [3]
        valid = a[:3]
        assert report["validity"] == 0.75
        assert report["reference_invalid"] == 1
        known = [ProteinAnalysis(s) for s in valid]
        assert report["gravy_mean"] == pytest.approx(np.mean([one.gravy() for one in known]))
        charges = [one.charge_at_pH(7.0) for one in known]
        assert report["charge_mean"] == pytest.approx(np.mean(charges))
        assert report["kmer_1_correlation"] == kmer_correlation(valid, b[:2], 1)
        assert report["kmer_3_divergence"] == kmer_divergence(valid, b[:2], 3)
        assert report["edits_to_nearest"] == pytest.approx((1 + 1 + 0) / 3)

    def test_undefined_measures_are_none(self):
        report = evaluate_rna(["ACGT"], ["ACGU"])
        assert (report["validity"], report["gc_mean"], report["kmer_3_correlation"]) == (
            0,
            None,
            None,
        )
        assert evaluate_rna(["ACGU"], ["ACGU"])["kmer_6_divergence"] is None

    def test_without_the_package_edits_are_left_out_aloud(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.warns(UserWarning, match="edits_to_nearest is left out"):
            assert evaluate_dna(["ACGT"], ["ACGT"])["edits_to_nearest"] is None

    def test_mistakes(self):
        with pytest.raises(InputError, match="strings must hold at least one sequence"):
            evaluate_dna([])
        with pytest.raises(InputError, match="fcd must be false for sequences"):
            evaluate_dna(["ACGT"], fcd=True)
        with pytest.raises(InputError, match="reference must hold at least one valid sequence"):
            evaluate_dna(["ACGT"], ["NN"])
