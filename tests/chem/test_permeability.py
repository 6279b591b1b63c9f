"""The shipped predictors of permeability: two halves that know of each other nothing."""

from __future__ import annotations

import numpy as np
import pytest

from discdiff.chem.peptide.domain import PeptideSmiles
from discdiff.chem.peptide.generate import Recipe, generated
from discdiff.chem.peptide.helm import write_helm
from discdiff.predictor.oracle import PredictorOracle
from discdiff.predictor.predictor import Predictor

HALVES = ("permeability_guide", "permeability_judge")


@pytest.fixture(scope="module")
def halves() -> list[Predictor]:
    return [Predictor.load(name) for name in HALVES]


def test_they_share_no_scaffold(halves):
    guide, judge = halves
    assert not guide.origin.overlaps(judge.origin)
    assert guide.origin.data == judge.origin.data
    known = [{h.domain.scaffold(s) for s in h.applicability.references[:200]} for h in halves]
    assert not known[0] & known[1]


def test_the_card_says_what_counts(halves):
    for half in halves:
        assert "non-commercial use only" in half.card["data"]["licence"]
        measured = half.quality["log_pampa"]
        assert measured["predictor"]["rows"] == measured["forest on fingerprints"]["rows"]
        assert measured["predictor"]["R2"] > measured["mean"]["R2"]
        assert measured["predictor"]["Spearman"] > measured["length only"]["Spearman"]


def test_they_read_what_peptide_smiles_writes(halves):
    rings = Recipe(shortest=5, longest=9, methyl=0.4, rings={"head_to_tail": 1.0})
    helms = [write_helm(peptide) for peptide in generated(20, seed=1, recipe=rings)]
    domain = PeptideSmiles.fit(helms)
    smiles = [domain.prepare(helm) for helm in helms]
    for half in halves:
        said = half(smiles)
        assert set(said.reasons) == {""}
        assert np.isfinite(said.mean).all()
        assert ((said.mean > -10) & (said.mean < -2)).all()


def test_a_drug_is_outside(halves):
    scores = PredictorOracle(halves[0])(["CC(=O)Oc1ccccc1C(=O)O"])
    assert scores.status == ("invalid",)
    assert "outside of the applicability domain" in scores.reasons[0]
