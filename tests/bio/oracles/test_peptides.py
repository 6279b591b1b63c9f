"""Closed-form oracles of peptides against ProtParam, `peptides`, RDKit and brute force."""

from __future__ import annotations

import cmath
import math
import pickle

import numpy as np
import pytest
import torch
from Bio.SeqUtils.ProtParam import ProteinAnalysis
from hypothesis import given
from hypothesis import strategies as st

from discdiff.bio.ionisation import SETS
from discdiff.bio.oracles.peptides.aliphatic import AliphaticIndex
from discdiff.bio.oracles.peptides.aromaticity import Aromaticity
from discdiff.bio.oracles.peptides.boman import Boman
from discdiff.bio.oracles.peptides.charge import Charge
from discdiff.bio.oracles.peptides.gravy import Gravy
from discdiff.bio.oracles.peptides.instability import Instability
from discdiff.bio.oracles.peptides.isoelectric import IsoelectricPoint
from discdiff.bio.oracles.peptides.liabilities import Liabilities
from discdiff.bio.oracles.peptides.moment import HydrophobicMoment
from discdiff.bio.oracles.peptides.nearest import NearestPeptide
from discdiff.bio.oracles.peptides.synthesis import SPPSDifficulty
from discdiff.bio.oracles.peptides.weight import PeptideWeight
from discdiff.bio.peptide import Peptide
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.oracle import as_oracle
from discdiff.relaxed import relaxed_values
from discdiff.similarity import shared_runs

RESIDUES = st.text(AMINO_ACIDS, min_size=1, max_size=40)
ENDS = st.booleans()
AVERAGED = [Gravy, Aromaticity, AliphaticIndex, Boman]
ALL = [
    *(make() for make in AVERAGED),
    *(Charge(), IsoelectricPoint(), Instability(), HydrophobicMoment(), PeptideWeight()),
    *(Liabilities(), SPPSDifficulty(), NearestPeptide(["YGGFL", "RRWQWR"])),
]


def one(oracle, sequence):
    (value,) = oracle([sequence])
    return float(value)


def analysed(s):
    return pytest.importorskip("peptides").Peptide(s)


@given(RESIDUES, st.floats(0, 14))
def test_charge(s, ph):
    assert one(Charge(ph), s) == pytest.approx(ProteinAnalysis(s).charge_at_pH(ph), abs=1e-9)
    for pk in ("emboss", "lehninger", "sillero"):
        scale = "EMBOSS" if pk == "emboss" else pk.capitalize()
        expected = analysed(s).charge(pH=ph, pKscale=scale)
        assert one(Charge(ph, pk), s) == pytest.approx(expected, abs=1e-9)


@given(RESIDUES, st.floats(0, 14), st.sampled_from(sorted(SETS)))
def test_ends_without_charge(s, ph, pk):
    """What an amide and an acetyl group take away is one term of Henderson and Hasselbalch each."""
    pks = SETS[pk]
    first, last = pks.first.get(s[0], pks.groups["Nterm"]), pks.last.get(s[-1], pks.groups["Cterm"])
    bare = one(Charge(ph, pk), s)
    amide, acetyl = one(Charge(ph, pk, amide=True), s), one(Charge(ph, pk, acetyl=True), s)
    assert amide - bare == pytest.approx(1 / (1 + 10 ** (last - ph)), abs=1e-9)
    assert bare - acetyl == pytest.approx(1 / (1 + 10 ** (ph - first)), abs=1e-9)


class TestIsoelectricPoint:
    """The root of the charge."""

    @given(RESIDUES)
    def test_it_is_that_of_protparam_between_its_bounds(self, s):
        found = one(IsoelectricPoint(), s)
        assert min(max(found, 4.05), 12.0) == pytest.approx(
            ProteinAnalysis(s).isoelectric_point(), abs=2e-4
        )

    @given(RESIDUES, st.sampled_from(["emboss", "lehninger", "sillero"]))
    def test_the_charge_is_0_there(self, s, pk):
        found = one(IsoelectricPoint(pk), s)
        scale = "EMBOSS" if pk == "emboss" else pk.capitalize()
        assert analysed(s).charge(pH=found, pKscale=scale) == pytest.approx(0.0, abs=1e-6)

    def test_it_is_not_there_without_acid_or_base(self):
        assert math.isnan(one(IsoelectricPoint(amide=True), "GAK"))
        assert math.isnan(one(IsoelectricPoint(acetyl=True), "GAD"))
        assert math.isnan(one(IsoelectricPoint(amide=True, acetyl=True), "GAG"))
        assert one(IsoelectricPoint(amide=True), "GKY") > 10

    def test_it_goes_beyond_the_bounds_of_protparam(self):
        acid = one(IsoelectricPoint(), "DDDDD")
        assert acid < 4.0
        assert ProteinAnalysis("DDDDD").charge_at_pH(acid) == pytest.approx(0.0, abs=1e-6)


@given(RESIDUES)
def test_what_protparam_has(s):
    known = ProteinAnalysis(s)
    assert one(Gravy(), s) == pytest.approx(known.gravy(), abs=1e-9)
    assert one(Aromaticity(), s) == pytest.approx(known.aromaticity(), abs=1e-9)
    assert one(Instability(), s) == pytest.approx(known.instability_index(), abs=1e-9)
    assert one(PeptideWeight(), s) == pytest.approx(known.molecular_weight(), abs=1e-9)
    exact = ProteinAnalysis(s, monoisotopic=True).molecular_weight()
    assert one(PeptideWeight(monoisotopic=True), s) == pytest.approx(exact, abs=1e-9)


@given(RESIDUES)
def test_what_the_package_peptides_has(s):
    """Its means are in float32, hence the tolerance; two of its weights differ from ProtParam's."""
    known = analysed(s)
    assert one(Boman(), s) == pytest.approx(known.boman(), abs=1e-5)
    assert one(AliphaticIndex(), s) == pytest.approx(known.aliphatic_index(), abs=1e-9)
    assert one(Gravy(), s) == pytest.approx(known.hydrophobicity("KyteDoolittle"), abs=1e-5)
    differ = 10 * (0.001 * s.count("FY") - 0.04 * s.count("KQ")) / len(s)
    assert one(Instability(), s) == pytest.approx(known.instability_index() + differ, abs=1e-9)
    for angle, window in ((100, 11), (160, 11), (100, 18)):
        expected = known.hydrophobic_moment(angle=angle, window=window)
        assert one(HydrophobicMoment(angle, window), s) == pytest.approx(expected, abs=1e-9)


@given(RESIDUES)
def test_aliphatic_index_by_its_definition(s):
    share = {residue: s.count(residue) / len(s) for residue in AMINO_ACIDS}
    expected = 100 * (share["A"] + 2.9 * share["V"] + 3.9 * (share["I"] + share["L"]))
    assert one(AliphaticIndex(), s) == pytest.approx(expected, abs=1e-9)


@given(RESIDUES, st.sampled_from([90.0, 100.0, 172.5]), st.sampled_from([1, 5, 11, None]))
def test_hydrophobic_moment_by_its_definition(s, angle, window):
    scale = pytest.importorskip("peptides").tables.HYDROPHOBICITY["Eisenberg"]
    n = len(s) if window is None else min(window, len(s))
    moments = [
        abs(
            sum(
                scale[residue] * cmath.exp(1j * math.radians(angle) * k)
                for k, residue in enumerate(s[start : start + n])
            )
        )
        / n
        for start in range(len(s) - n + 1)
    ]
    assert one(HydrophobicMoment(angle, window), s) == pytest.approx(max(moments), abs=1e-9)
    mean = one(HydrophobicMoment(angle, window, "mean"), s)
    assert mean == pytest.approx(np.mean(moments), abs=1e-9)


@pytest.mark.parametrize("text", ["YGGFL", "ACDEFGHIKLMNPQRSTVWY"])
@pytest.mark.parametrize(("acetyl", "amide"), [(False, False), (True, False), (True, True)])
def test_weight_is_that_of_the_molecule(text, acetyl, amide):
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    monomers = ["[ac]"] * acetyl + list(text) + ["[am]"] * amide
    molecule = Chem.MolFromHELM(f"PEPTIDE1{{{'.'.join(monomers)}}}$$$$")
    found = one(PeptideWeight(amide=amide, acetyl=acetyl), text)
    assert found == pytest.approx(Descriptors.MolWt(molecule), abs=0.05)
    exact = one(PeptideWeight(True, amide, acetyl), text)
    assert exact == pytest.approx(Descriptors.ExactMolWt(molecule), abs=1e-3)


def after(s, i):
    return s[i + 1 : i + 2]


def before(s, i):
    return s[max(0, i - 1) : i]


def cut_by_trypsin(s, i):
    around = before(s, i), s[i], after(s, i)
    blocked = {"CKD", "DKD", "CKH", "CKY", "CRK", "RRH", "RRR"}
    if s[i] not in "KR" or i + 1 == len(s) or "".join(around) in blocked:
        return False
    return after(s, i) != "P" or "".join(around) in {"WKP", "MRP"}


def cut_by_chymotrypsin(s, i):
    if i + 1 == len(s):
        return False
    return (s[i] in "FY" and after(s, i) != "P") or (s[i] == "W" and after(s, i) not in "MP")


RULES = {
    "deamidation": lambda s, i: s[i] == "N" and after(s, i) in ("G", "S"),
    "deamidation_moderate": lambda s, i: s[i] == "N" and after(s, i) in ("A", "H", "N", "T"),
    "isomerisation": lambda s, i: s[i] == "D" and after(s, i) in ("D", "G", "H", "S", "T"),
    "cleavage": lambda s, i: s[i : i + 2] == "DP",
    "oxidation_met": lambda s, i: s[i] == "M",
    "oxidation_trp": lambda s, i: s[i] == "W",
    "free_cys": lambda s, i: s[i] == "C" and s[i:].count("C") == 1 and s.count("C") % 2,
    "pyroglutamate": lambda s, i: i == 0 and s[i] in "QE",
    "trypsin": cut_by_trypsin,
    "chymotrypsin": cut_by_chymotrypsin,
}


class TestLiabilities:
    """Counts of places, and one score."""

    @given(RESIDUES | st.text("CDGHKMNPRW", min_size=1, max_size=30))
    def test_places_are_those_of_the_rules(self, s):
        expected = {
            kind: sum(bool(rule(s, i)) for i in range(len(s))) for kind, rule in RULES.items()
        }
        oracle = Liabilities()
        assert oracle.counts(s) == expected
        weighed = sum(oracle.WEIGHTS[kind] * count for kind, count in expected.items())
        assert one(oracle, s) == pytest.approx(1 / (1 + weighed))
        assert one(Liabilities(statistic="count"), s) == sum(expected.values())

    def test_weights_replace_and_leave_out(self):
        oracle = Liabilities({"oxidation_met": 3, "trypsin": 0}, "score")
        assert one(oracle, "GMKM") == pytest.approx(1 / 7)
        assert "trypsin" not in oracle.counts("GKG")
        alone = dict.fromkeys(Liabilities.WEIGHTS, 0) | {"trypsin": 1}
        assert one(Liabilities(alone, "count"), "GKRPGMRPDK") == 2.0

    def test_the_direction_follows(self):
        assert (Liabilities().direction, Liabilities(statistic="count").direction) == ("max", "min")


class TestSynthesis:
    """Points for what is hard to make."""

    @given(RESIDUES | st.text("VITPDGNAQ", min_size=1, max_size=30))
    def test_figures_are_those_of_the_rules(self, s):
        pairs = [s[i : i + 2] for i in range(len(s) - 1)]
        in_run = 0
        beyond = 0
        for residue in s:
            in_run = in_run + 1 if residue in "AVILMFWY" else 0
            beyond += in_run > 4
        halves = sum(pair in ("DD", "DR", "DN", "DC") for pair in pairs)
        expected = {
            "length": max(0, len(s) - 20),
            "branched": sum(set(pair) <= set("VIT") for pair in pairs),
            "proline": sum(pair in ("VP", "IP", "TP") for pair in pairs),
            "hydrophobic": beyond,
            "aspartimide": pairs.count("DG") + halves / 2,
            "n_terminal": s.startswith(("Q", "N")),
        }
        oracle = SPPSDifficulty()
        assert oracle.figures(s) == expected
        assert one(oracle, s) == pytest.approx(sum(expected.values()) - expected["length"] / 2)

    def test_points_replace_and_leave_out(self):
        assert one(SPPSDifficulty({"aspartimide": 3, "n_terminal": 0}), "QADGA") == 3.0


class TestNearest:
    """Known peptides."""

    KNOWN = ("YGGFL", "RRWQWR", "GIGKFLHSAKK")

    @given(RESIDUES)
    def test_it_is_the_largest_similarity(self, s):
        expected = max(float(shared_runs([known])(s)[0]) for known in self.KNOWN)
        assert one(NearestPeptide(self.KNOWN), s) == pytest.approx(expected)

    def test_files_are_read(self, tmp_path):
        fasta, table = tmp_path / "known.fasta", tmp_path / "known.csv"
        fasta.write_text(">a\nYGGFL\n>b\nRRWQWR\n")
        table.write_text("name,sequence\na,YGGFL\nb,RRWQWR\n")
        listed = NearestPeptide(["YGGFL", "RRWQWR"])
        for file in (fasta, table):
            oracle = NearestPeptide(str(file))
            assert oracle.parameters == listed.parameters
            assert one(oracle, "YGGFL") == 1.0
        fasta.write_text(">a\nYGGFL\n>b\nRRXQWR\n")
        with pytest.raises(DataError, match=r"line 3.: reference must hold peptides .*'RRXQWR'"):
            NearestPeptide(str(fasta))

    def test_mistakes(self):
        with pytest.raises(InputError, match="reference must hold at least one peptide"):
            NearestPeptide([])
        with pytest.raises(DataError, match="row 2: reference must hold peptides of the 20"):
            NearestPeptide(["YGGFL", "CCO"])


class TestRelaxed:
    """Rows of probabilities."""

    @pytest.mark.parametrize("make", [*AVERAGED, Charge], ids=lambda make: make.name)
    def test_one_hot_rows_have_the_values_and_slopes_those_of_a_change(self, make):
        domain = Letters(AMINO_ACIDS[::-1])
        oracle = make(domain=domain)
        relaxed = relaxed_values(as_oracle(oracle))
        texts = ["GIGKFLHSA", "ACDEFGHIK", "DEDYRRKCE"]
        rows = torch.nn.functional.one_hot(domain.encode_batch(texts), 20).double()
        rows.requires_grad_()
        values = relaxed(rows)
        np.testing.assert_allclose(values[:, 0].detach(), oracle(texts), rtol=1e-6, atol=1e-6)
        (slope,) = torch.autograd.grad(values.sum(), rows)
        k, e = domain.alphabet.index("K"), domain.alphabet.index("E")
        changed = one(oracle, "GIGKFLHSE") - one(oracle, "GIGKFLHSK")
        assert float(slope[0, -1, e] - slope[0, -1, k]) == pytest.approx(changed, abs=1e-6)

    @pytest.mark.parametrize("make", [Gravy, Charge], ids=lambda make: make.name)
    def test_other_tokens_are_refused(self, make):
        rows = torch.full((1, 3, 4), 0.25)
        for domain in (Letters("ACGU"), None):
            with pytest.raises(UnsupportedError, match="needs rows over amino acids, got 4"):
                make(domain=domain).relaxed(rows)

    def test_a_copy_keeps_the_order_of_tokens(self):
        domain = Letters("KDGA")
        rows = torch.eye(4)[torch.tensor([[0, 0, 2]])]
        for oracle in (Gravy(domain=domain), Charge(domain=domain)):
            again = pickle.loads(pickle.dumps(oracle))
            assert float(again.relaxed(rows)) == pytest.approx(one(oracle, "KKG"), abs=1e-5)


@pytest.mark.parametrize("oracle", ALL, ids=lambda oracle: oracle.name)
def test_case_does_not_matter_and_the_rest_is_not_scored(oracle):
    texts = list(Peptide.examples)
    np.testing.assert_array_equal(oracle(texts), oracle([s.lower() for s in texts]))
    assert np.isfinite(oracle(texts)).all()
    assert all(math.isnan(v) for v in oracle(["", "GIXK", "GI-K", "GK*", "CC(=O)O", "é", "ſ"]))
    assert oracle.licence
    if not oracle.signed:
        assert (oracle(texts) >= 0).all()
    again = pickle.loads(pickle.dumps(oracle))
    assert again.parameters == oracle.parameters
    np.testing.assert_array_equal(again(texts), oracle(texts))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Charge(15), r"ph must lie in \[0, 14\], got 15"),
        (lambda: Charge(pk="bjelqvist"), "pk must be one of .* Did you mean 'bjellqvist'"),
        (lambda: Charge(amide="yes"), "amide must be true or false, got 'yes'"),
        (lambda: IsoelectricPoint(acetyl=1), "acetyl must be true or false, got 1"),
        (lambda: PeptideWeight(monoisotopic=1), "monoisotopic must be true or false"),
        (lambda: HydrophobicMoment(math.inf), "angle must be .*finite.*, got inf"),
        (lambda: HydrophobicMoment(window=0), "window must be a positive integer, got 0"),
        (lambda: HydrophobicMoment(statistic="min"), "statistic must be one of max, mean"),
        (lambda: Liabilities(["M"]), "weights must map kinds to numbers"),
        (lambda: Liabilities({"oxidation": 1}), "kind must be one of deamidation"),
        (lambda: Liabilities({"trypsin": -1}), "trypsin must not be negative, got -1"),
        (lambda: Liabilities(statistic="sum"), "statistic must be one of score, count"),
        (lambda: SPPSDifficulty({"long": 1}), "figure must be one of length, branched"),
        (lambda: SPPSDifficulty(3), "points must map figures to numbers, got 3"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()
