"""The band of similarity around seeds."""

from __future__ import annotations

import pickle

import pytest

from discdiff.banded import Banded
from discdiff.chem.smiles import Smiles
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.oracle import stack
from discdiff.padding import Padded
from discdiff.process import MaskedProcess
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.start import Seeds

SEEDS = ["CCOC(=O)c1ccccc1", "OCC"]


def tanimoto(a: str, b: str) -> float:
    """RDKit's own number."""
    from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    return TanimotoSimilarity(*(make(MolFromSmiles(s)) for s in (a, b)))


@pytest.mark.parametrize("band", [(0.0, 1.0), (0.3, 0.9), (0.5, 0.5), (0.0, 0.2), (1.0, 1.0)])
def test_the_nearest_seed_decides_and_the_edges_are_inside(band):
    domain = Banded(Smiles.fit([*SEEDS, "Nc1ccccc1", "CCN"]), SEEDS, *band)
    for string in ("CCO", "CCOC(=O)c1ccccc1", "CCOC(=O)c1ccccc1C", "Nc1ccccc1", "CCCO", "NN"):
        nearest = max(tanimoto(string, seed) for seed in SEEDS)
        expected = None
        if nearest < band[0]:
            expected = "too unlike the seeds"
        elif nearest > band[1]:
            expected = "too like a seed"
        assert domain.invalid_reason(string) == expected
    assert domain.invalid_reason("C1CC") == "syntax error"


def test_an_oracle_never_sees_what_lies_outside():
    seen: list[str] = []

    def note(strings):
        seen.extend(strings)
        return [1.0] * len(strings)

    oracle = stack(note, Banded(Letters("ACGT"), ["ACCA"], 0.3, 0.9))
    scores = oracle(["ACCA", "ACCT", "GTTG"])
    assert seen == ["ACCT"]
    assert scores.status == ("invalid", "ok", "invalid")
    assert scores.reasons == ("too like a seed", "", "too unlike the seeds")
    assert oracle.counts.evaluated == 1


@pytest.mark.parametrize(
    ("seeds", "low", "high", "message"),
    [
        (["A"], 0.5, 0.4, r"similarity must be \[low, high\], got \[0.5, 0.4\]"),
        (["A"], -0.1, 0.4, r"low must lie in \[0, 1\], got -0.1"),
        (["A"], 0.1, 1.4, r"high must lie in \[0, 1\], got 1.4"),
        ([], 0.1, 1.0, r"seeds must be a list of strings, got \[\]"),
        ("A", 0.1, 1.0, "seeds must be a list of strings, got 'A'"),
    ],
)
def test_what_is_no_band_is_refused(seeds, low, high, message):
    with pytest.raises(InputError, match=message):
        Banded(Letters("AB"), seeds, low, high)


def test_a_seed_that_is_no_molecule_is_named():
    with pytest.raises(DataError, match="seed 2: cannot use 'C1CC': syntax error"):
        Banded(Smiles.fit(["CCO"]), ["CCO", "C1CC"])


def test_designs_from_seeds_lie_in_the_band():
    model = Model.load("qm9_masked").near([*SEEDS[:1], "CC1CC(C=O)C1"], 0.3, 0.99)
    drawn = FirstHitting(model).sample(60, key=1, seeds=Seeds(["CC1CC(C=O)C1"], 0.5))
    assert 5 <= drawn.valid.sum() < 60
    for string, valid in zip(drawn.strings, drawn.valid, strict=True):
        if valid:
            nearest = max(tanimoto(string, s) for s in (SEEDS[0], "CC1CC(C=O)C1"))
            assert 0.3 <= nearest <= 0.99


def test_a_model_that_writes_its_end_stays_one():
    domain = Padded(Letters("AB"), 3)
    net = Transformer(3, max_length=3, width=8, depth=1, heads=2)
    model = Model(net, MaskedProcess(3), domain, LengthLaw.fixed(3)).near(["AB"], 0.5)
    assert model.length_mode == "pad_as_token"
    assert model.domain.invalid_reason("BBB") == "too unlike the seeds"
    assert model.domain.demands() == {"similarity": [0.5, 1.0], "seeds": ["AB"]}


def test_a_scaffold_and_a_band_go_together():
    model = Model.load("qm9_masked").with_template("C1CC([*:1])C1").near(["CC1CCC1"], 0.3)
    assert model.domain.template is not None
    assert model.domain.invalid_reason("CCC1CCC1") is None
    assert model.domain.invalid_reason("CCO") == "scaffold lost"
    assert list(model.domain.demands()) == ["template", "parts", "similarity", "seeds"]


def test_it_can_be_sent_to_a_worker():
    near = Banded(Letters("ACGT"), ["ACCA"], low=0.3, high=0.9)
    copy = pickle.loads(pickle.dumps(near))
    for string in ("ACCA", "ACCT", "TT", "AXC"):
        assert copy.invalid_reason(string) == near.invalid_reason(string)
    assert copy.demands() == near.demands()
