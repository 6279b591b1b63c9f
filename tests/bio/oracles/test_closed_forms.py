"""Closed-form oracles of nucleic acids against Biopython and brute force."""

from __future__ import annotations

import itertools
import math
import pickle
import re

import numpy as np
import pytest
from Bio.Restriction import AllEnzymes, RestrictionBatch
from Bio.Seq import Seq
from Bio.SeqUtils import gc_fraction
from hypothesis import given
from hypothesis import strategies as st

from discdiff.bio.domain import RNA
from discdiff.bio.enzymes import both_strands, site
from discdiff.bio.oracles.cpg import CpG
from discdiff.bio.oracles.gc import GC
from discdiff.bio.oracles.hairpins import Hairpins
from discdiff.bio.oracles.homopolymer import Homopolymer
from discdiff.bio.oracles.orderable import Orderable
from discdiff.bio.oracles.repeats import Repeats
from discdiff.bio.oracles.restriction import RestrictionSites
from discdiff.errors import InputError

BASES = st.text("ACGT", min_size=1, max_size=40)
FEW = st.text("AC", min_size=1, max_size=24) | BASES
ALL = [GC(), CpG(), Homopolymer(), Repeats(), Hairpins(), RestrictionSites(), Orderable()]


def one(oracle, sequence):
    (value,) = oracle([sequence])
    return float(value)


def words(s):
    return {(i, j) for i in range(len(s)) for j in range(i + 1, len(s) + 1)}


@given(BASES, st.integers(1, 50))
def test_gc(s, window):
    assert one(GC(), s) == pytest.approx(gc_fraction(s), abs=1e-12)
    size = min(window, len(s))
    shares = [gc_fraction(s[i : i + size]) for i in range(len(s) - size + 1)]
    expected = {"min": min(shares), "max": max(shares), "mean": np.mean(shares)}
    for statistic, value in (expected | {"range": max(shares) - min(shares)}).items():
        assert one(GC(window, statistic), s) == pytest.approx(value, abs=1e-12)


@given(BASES)
def test_cpg(s):
    pairs = sum(a + b == "CG" for a, b in itertools.pairwise(s))
    both = s.count("C") * s.count("G")
    assert one(CpG(), s) == pytest.approx(pairs * len(s) / both if both else 0.0)


@given(FEW, st.sampled_from(["ACGT", "G", "AC"]))
def test_homopolymer(s, bases):
    runs = [len(m[0]) for base in bases for m in re.finditer(f"{base}+", s)]
    assert one(Homopolymer(bases), s) == max(runs, default=0)


@given(FEW)
def test_repeats(s):
    seen = [s[i:j] for i, j in words(s)]
    direct = [len(word) for word in seen if seen.count(word) > 1]
    assert one(Repeats(), s) == max(direct, default=0)
    inverted = [len(word) for word in seen if str(Seq(word).reverse_complement()) in s]
    assert one(Repeats("inverted"), s) == max(inverted, default=0)
    tandem = [
        j - i
        for i, j in words(s)
        for unit in (2, 3, 4)
        if j - i >= 2 * unit and all(s[k] == s[k - unit] for k in range(i + unit, j))
    ]
    assert one(Repeats("tandem", (2, 4)), s) == max(tandem, default=0)


@given(BASES, st.booleans(), st.integers(1, 4), st.integers(0, 3), st.integers(0, 6))
def test_hairpins(s, wobble, stem, low, more):
    pairs = {"AT", "TA", "CG", "GC"} | ({"GT", "TG"} if wobble else set())
    high = low + more

    def paired(i, j):
        return i >= 0 and j < len(s) and s[i] + s[j] in pairs

    found = []
    for i, j in itertools.combinations(range(len(s)), 2):
        inner = j - i - 3 >= low and paired(i + 1, j - 1)
        if low <= j - i - 1 <= high and paired(i, j) and not inner:
            size = next(k for k in itertools.count() if not paired(i - k, j + k))
            found += [size] if size >= stem else []
    options = {"stem": stem, "loop": (low, high), "wobble": wobble}
    assert one(Hairpins(**options), s) == max(found, default=0)
    assert one(Hairpins(**options, statistic="count"), s) == len(found)


@pytest.mark.parametrize("name", ["EcoRI", "BsaI", "BsmBI", "HaeIII", "BsrFI", "NotI", "HinfI"])
def test_restriction_sites(name):
    """Biopython drops cuts beyond the ends, so sites are put in the middle."""
    generator = np.random.default_rng(3)
    enzyme = AllEnzymes.get(name)
    strands = both_strands(site(name))
    assert set(strands) == {enzyme.site, str(Seq(enzyme.site).reverse_complement())}
    most = 0
    for _ in range(60):
        middle = "".join(generator.choice(list("ACGT"), 60))
        for _ in range(generator.integers(3)):
            word = str(generator.choice(strands))
            word = "".join(generator.choice(list(_bases(letter))) for letter in word)
            start = generator.integers(60)
            middle = middle[:start] + word + middle[start:]
        s = "A" * 40 + middle + "A" * 40
        cuts = RestrictionBatch([enzyme]).search(Seq(s), linear=True)[enzyme]
        assert one(RestrictionSites(name), s) == len(cuts)
        assert one(RestrictionSites([name], "has"), s) == bool(cuts)
        assert one(RestrictionSites([name], "absent"), s) == (not cuts)
        most = max(most, len(cuts))
    assert most > 1


def _bases(letter):
    from Bio.Data.IUPACData import ambiguous_dna_values

    return ambiguous_dna_values[letter]


def test_unknown_enzymes_are_refused():
    with pytest.raises(InputError, match="enzymes must be known .* got 'EcoR1'. Did you mean"):
        RestrictionSites("EcoR1")
    with pytest.raises(InputError, match="enzymes must be a name or a list of names, got"):
        RestrictionSites([])
    with pytest.raises(InputError, match="must have one site of bases, got HpyUM037X"):
        RestrictionSites("HpyUM037X")


class TestOrderable:
    """One score of several rules."""

    KEPT = "ATGCTAGGTCAACTGGATCCATTCGAGTCTAACGTTGCAGATACTC"

    def test_what_keeps_all_rules_is_worth_1(self):
        assert one(Orderable(), self.KEPT) == 1.0
        assert Orderable().broken(self.KEPT) == {}

    @pytest.mark.parametrize(
        ("rule", "limits", "s", "expected"),
        [
            ("length", (100, 200), KEPT, len(KEPT) / 100),
            ("length", (10, 20), KEPT, 20 / len(KEPT)),
            ("gc", (0.6, 0.7), KEPT, gc_fraction(KEPT) / 0.6),
            ("gc", (0.1, 0.2), KEPT, (1 - gc_fraction(KEPT)) / 0.8),
            ("gc_range", (0, 0.1), "A" * 50 + "GC" * 25, 0.1),
            ("homopolymer", (0, 9), KEPT[:20] + "A" * 12 + KEPT[20:], 9 / 13),
            ("homopolymer", None, KEPT[:20] + "A" * 12 + KEPT[20:], 1.0),
        ],
    )
    def test_a_broken_rule_is_worth_less(self, rule, limits, s, expected):
        only = dict.fromkeys(Orderable.RULES) | {rule: limits}
        assert one(Orderable(only), s) == pytest.approx(expected)
        assert set(Orderable(only).broken(s)) == ({rule} if expected < 1 else set())

    def test_the_figures_are_those_of_the_oracles(self):
        s = "GGGCCCGGGTTTTTTGGGCCCACACACACTATATAGGGCCC"
        figures = Orderable().figures(s)
        assert figures == {
            "length": len(s),
            "gc": pytest.approx(gc_fraction(s)),
            "gc_range": 0.0,
            "homopolymer": one(Homopolymer(), s),
            "repeat": one(Repeats(), s),
            "inverted": one(Repeats("inverted"), s),
            "tandem": one(Repeats("tandem"), s),
            "hairpin": one(Hairpins(1, (3, 50)), s),
        }

    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            ({"gcc": [0, 1]}, "rule must be one of length, gc, .* Did you mean 'gc'"),
            ({"gc": 0.5}, r"rule gc must be \[low, high\], got 0.5"),
            ({"gc": [0.5, 0.4]}, r"rule gc must be \[low, high\], got \[0.5, 0.4\]"),
            (["gc"], "rules must map names"),
        ],
    )
    def test_wrong_rules_are_refused(self, rules, message):
        with pytest.raises(InputError, match=message):
            Orderable(rules)


@pytest.mark.parametrize("oracle", ALL, ids=lambda oracle: oracle.name)
def test_rna_and_case_are_read_alike_and_the_rest_is_not_scored(oracle):
    dna = list(oracle.examples)
    np.testing.assert_array_equal(oracle(dna), oracle(list(RNA.examples)))
    np.testing.assert_array_equal(oracle(dna), oracle([s.lower() for s in dna]))
    assert all(math.isnan(v) for v in oracle(["", "ACGN", "ACGTU", "é"]))
    assert oracle.licence
    again = pickle.loads(pickle.dumps(oracle))
    assert again.parameters == oracle.parameters


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GC(0), "window must be a positive integer, got 0"),
        (lambda: GC(4, "median"), "statistic must be one of mean, min, max, range"),
        (lambda: Homopolymer("AX"), "bases must be some of ACGT, got 'AX'"),
        (lambda: Repeats("mirror"), "kind must be one of direct, inverted, tandem"),
        (lambda: Repeats("tandem", (3, 2)), r"unit must lie in \[1, 2\], got 3"),
        (lambda: Hairpins(loop=(5, 3)), r"loop must lie in \[0, 3\], got 5"),
        (lambda: Hairpins(loop=3), r"loop must be \[fewest, most\], got 3"),
        (lambda: Hairpins(loop=[3]), r"loop must be \[fewest, most\], got \[3\]"),
        (lambda: Repeats("tandem", 3), r"unit must be \[fewest, most\], got 3"),
        (lambda: Hairpins(wobble="yes"), "wobble must be true or false, got 'yes'"),
        (lambda: RestrictionSites("EcoRI", "none"), "mode must be one of count, has, absent"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()
