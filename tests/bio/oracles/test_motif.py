"""Motif scores against Biopython's search, position by position, and their gradients."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from Bio import motifs
from Bio.Seq import Seq
from scipy.special import logsumexp

from discdiff.bio.bed import bed_bytes, read_bed
from discdiff.bio.domain import DNA, RNA
from discdiff.bio.oracles.motif import AGGREGATES, MotifScore
from discdiff.bio.scanner import Scanner, one_hot
from discdiff.data.tables import Table
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.guidance.tds import TDS
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting
from tests.bio.motifs import COUNTS, jaspar

BACKGROUND = {"A": 0.3, "C": 0.2, "G": 0.2, "T": 0.3}
SEQUENCES = ["".join(np.random.default_rng(i).choice(list("ACGT"), 30)) for i in range(12)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.jaspar"
    path.write_text(jaspar())
    return str(path)


def pssm_of(name, pseudocount=0.5, background=None):
    motif = motifs.Motif(alphabet="ACGT", counts=COUNTS[name])
    return motif.counts.normalize(pseudocounts=pseudocount).log_odds(background)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(("pseudocount", "background"), [(0.5, None), (0.1, BACKGROUND)])
def test_every_position_of_both_strands_is_that_of_biopython(name, pseudocount, background):
    pssm = pssm_of(name, pseudocount, background)
    scanner = Scanner(COUNTS[name], pseudocount, background)
    found = scanner(one_hot(SEQUENCES)).numpy()
    for sequence, scores in zip(SEQUENCES, found, strict=True):
        both = [one.calculate(Seq(sequence)) for one in (pssm, pssm.reverse_complement())]
        np.testing.assert_allclose(scores, both, rtol=0, atol=1e-5)  # Biopython's are float32
    one_strand = Scanner(COUNTS[name], pseudocount, background, both_strands=False)
    np.testing.assert_array_equal(one_strand(one_hot(SEQUENCES)).numpy(), found[:, :1])


def test_hits_are_those_of_biopython():
    pssm, scanner = pssm_of("TBP"), Scanner(COUNTS["TBP"])
    for sequence in SEQUENCES:
        expected = {
            (place % len(sequence), "-" if place < 0 else "+", round(float(score), 3))
            for place, score in pssm.search(Seq(sequence), threshold=-2.0)
        }
        hits = scanner.hits(sequence, -2.0)
        assert {(hit.start, hit.strand, round(hit.score, 3)) for hit in hits} == expected
        assert all(hit.end - hit.start == 6 for hit in hits)
    rate = pssm.distribution(precision=1000).threshold_fpr(0.001)
    assert scanner.threshold(0.001) == pytest.approx(rate)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_aggregates(file, aggregate):
    oracle = MotifScore(file, "TBP", aggregate=aggregate, threshold=0.0)
    pssm = pssm_of("TBP")
    mixed = [*SEQUENCES, "ACGTTATATA", "TATATG"]
    for sequence, value in zip(mixed, oracle(mixed), strict=True):
        both = (one.calculate(Seq(sequence)) for one in (pssm, pssm.reverse_complement()))
        scores = np.concatenate([np.atleast_1d(one) for one in both]).astype(float)
        expected = {
            "max": scores.max(),
            "sum": scores.sum(),
            "logsumexp": logsumexp(scores * np.log(2)) / np.log(2),
            "count": (scores >= 0).sum(),
        }
        assert value == pytest.approx(expected[aggregate], abs=1e-4)
    short, stray = oracle(["TATAT", "TATATN"])
    assert np.isnan(stray)
    assert np.isnan(short) if aggregate in ("max", "logsumexp") else short == 0
    rows = one_hot(SEQUENCES).requires_grad_()
    relaxed = oracle.relaxed(rows)
    np.testing.assert_allclose(relaxed.detach(), oracle(SEQUENCES), rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(relaxed.sum(), rows)
    assert bool((slope.abs().sum((1, 2)) > 0).all())


@pytest.mark.parametrize("aggregate", ["max", "sum", "logsumexp"])
def test_gradients_are_differences(file, aggregate):
    oracle = MotifScore(file, "TBP", aggregate=aggregate)
    generator = torch.Generator().manual_seed(1)
    rows = torch.rand(2, 9, 4, generator=generator, dtype=torch.float64).softmax(-1)
    assert torch.autograd.gradcheck(oracle.relaxed, rows.requires_grad_())


def test_rows_are_over_the_tokens_of_the_domain(file):
    other = Letters("TGCA")
    oracle = MotifScore(file, "TBP", domain=other)
    rows = torch.nn.functional.one_hot(other.encode_batch(SEQUENCES), 4).double()
    np.testing.assert_allclose(oracle.relaxed(rows), oracle(SEQUENCES), atol=1e-12)
    assert MotifScore(file, "TBP", domain=RNA())(["GUAUAUA"]) == oracle(["GTATATA"])
    with pytest.raises(UnsupportedError, match="motif needs tokens that are four bases, got 'ACD'"):
        MotifScore(file, "TBP", domain=Letters("ACD"))
    with pytest.raises(UnsupportedError, match="over four bases, got 5 tokens"):
        oracle.relaxed(torch.zeros(1, 9, 5))


def test_equal_parameters_mean_equal_values(file, tmp_path):
    oracle = MotifScore(file, "TBP", aggregate="count")
    again = pickle.loads(pickle.dumps(oracle))
    assert again.parameters == oracle.parameters
    np.testing.assert_array_equal(again(SEQUENCES), oracle(SEQUENCES))
    other = tmp_path / "other.jaspar"
    other.write_text(jaspar().replace("18 0 20", "17 0 20"))
    assert MotifScore(str(other), "TBP").parameters != MotifScore(file, "TBP").parameters
    assert MotifScore(file, "TBP").units == "bits"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregate": "mean"}, "aggregate must be one of max, sum, logsumexp, count"),
        ({"aggregate": "count", "rate": 0.0}, r"rate must lie in \(0, 1\), got 0.0"),
        ({"pseudocount": 0.0}, "pseudocount must be above 0 for a motif with a count of 0"),
        ({"background": {"A": 1.0}}, "background must map A, C, G and T"),
        ({"background": dict.fromkeys("ACGT", 0.3)}, "background must sum to 1, got 1.2"),
        ({"both_strands": 1}, "both_strands must be true or false, got 1"),
        ({"motif": None, "path": "jaspar"}, "motif must be given for path=jaspar"),
    ],
)
def test_arguments_are_checked(file, options, message):
    with pytest.raises(InputError, match=message):
        MotifScore(**({"path": file, "motif": "TBP"} | options))


@pytest.mark.parametrize("aggregate", ["max", "count"])
def test_gradients_guide_sampling(file, aggregate):
    words = ["ACGTACGTAC", "TTGCATTGCA", "GTATAAACGT", "CCCCCCCCCC"]
    model = Model.tabular(words).in_domain("dna")
    oracle = MotifScore(file, "TBP", aggregate=aggregate, threshold=4.0, domain=model.domain)
    reward = Reward(model.domain, oracle)
    drawn = TDS(particles=8, scale=20.0).run(FirstHitting(model), reward, 4, key=1)
    assert drawn.strings == ["GTATAAACGT"] * 4
    assert drawn.counts["relaxed"] > 0


def test_flanks_take_part_in_gradients(file):
    dna = DNA(flank5="GTATA", flank3="CC")
    oracle = MotifScore(file, "TBP", domain=dna)
    reward = Reward(dna, oracle)
    tokens = dna.encode_batch(["AACG", "CCCC"])
    expected = oracle(["GTATAAACGCC", "GTATACCCCCC"])
    np.testing.assert_allclose(reward(tokens).reward, expected)
    rows = torch.nn.functional.one_hot(tokens, 4).double()
    np.testing.assert_allclose(reward.relaxed(rows), expected, atol=1e-9)


class TestBed:
    """Hits as intervals."""

    def test_hits_go_there_and_back(self, file):
        rows = [(s, f"design {i}" if i else None) for i, s in enumerate(SEQUENCES)]
        text = bed_bytes(Table(("sequence", "id"), rows), file, rate=0.01).decode()
        found = list(read_bed(text.splitlines(keepends=True)))
        assert len(found) > 10
        scanners = {name: Scanner(counts) for name, counts in COUNTS.items()}
        limits = {name: scanner.threshold(0.01) for name, scanner in scanners.items()}
        expected = []
        for i, sequence in enumerate(SEQUENCES):
            for name, scanner in scanners.items():
                for hit in scanner.hits(sequence, limits[name]):
                    chrom = f"design_{i}" if i else "1"
                    score = round(hit.score, 4)
                    expected.append((chrom, hit.start, hit.end, name, score, hit.strand))
        assert found == expected

    def test_what_is_no_sequence_is_refused_with_its_row(self, file):
        table = Table(("sequence",), [("ACGT",), ("CCO",)])
        with pytest.raises(DataError, match="row 2: 'CCO' is no DNA or RNA"):
            bed_bytes(table, file)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("a\t1\t2\n", "line 2: must have six fields of BED"),
            ("a\tx\t2\tn\t1\t+\n", "line 2: must have six fields of BED"),
            ("a\t3\t2\tn\t1\t+\n", "line 2: must be an interval on a strand"),
            ("a\t1\t2\tn\t1\t*\n", "line 2: must be an interval on a strand"),
        ],
    )
    def test_bad_lines_are_refused(self, line, message):
        with pytest.raises(DataError, match=message):
            list(read_bed(["# comment\n", line]))
