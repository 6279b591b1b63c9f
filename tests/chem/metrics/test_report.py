import json
import math
import sys

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen

from discdiff.chem.metrics import report as report_module
from discdiff.chem.metrics.diversity import internal_diversity, nearest_similarity
from discdiff.chem.metrics.kl import kl_score
from discdiff.chem.metrics.profiles import fragment_similarity, scaffold_similarity
from discdiff.chem.metrics.report import evaluate
from discdiff.errors import InputError, UnsupportedError

BAD = ["C1CC", "", "CC extra", "CC.CC"]
KNOWN = ["CCO", "c1ccccc1", "OCC", "not a smiles"]


def test_rates_by_hand():
    report = evaluate(["CCO", "OCC", "CCN", "CCN", "c1ccccc1O", *BAD], reference=KNOWN)
    assert report["requested"] == 9
    assert report["validity"] == 5 / 9
    assert report["rdkit_parse_rate"] == 7 / 9  # RDKit reads text after a blank, and salts
    assert report["uniqueness"] == 3 / 5
    assert report["novelty"] == 2 / 3
    assert report["valid_unique_novel"] == 2 / 9
    assert report["reference_invalid"] == 1


def test_properties_by_hand():
    strings = ["CCO", "OCC", "CCN", "C1CC"]
    report = evaluate(strings, reference=["CCO"])
    qed = [QED.qed(Chem.MolFromSmiles(s)) for s in strings[:3]]
    assert report["qed_mean"] == pytest.approx(np.mean(qed))
    assert report["qed_median"] == pytest.approx(np.median(qed))
    assert report["qed_top_10_percent"] == pytest.approx(np.quantile([*qed, 0], 0.9))
    assert report["qed_mean_novel"] == pytest.approx(qed[2])
    assert report["logp_mean"] == pytest.approx(
        np.mean([Crippen.MolLogP(Chem.MolFromSmiles(s)) for s in strings[:3]])
    )
    assert 0 < report["sa_mean"] < 1
    assert "logp_top_10_percent" not in report


def test_structure_measures_are_those_of_their_files(
    generated_smiles, generated, reference_smiles, reference
):
    report = evaluate([*generated_smiles, "C1CC"], reference_smiles)
    assert report["internal_diversity_1"] == pytest.approx(internal_diversity(generated))
    assert report["internal_diversity_2"] == pytest.approx(internal_diversity(generated, 2))
    for name, measure in {
        "nearest_similarity": nearest_similarity,
        "scaffold_similarity": scaffold_similarity,
        "fragment_similarity": fragment_similarity,
        "kl_score": kl_score,
    }.items():
        assert report[name] == pytest.approx(measure(generated, reference)), name


def test_without_a_reference_nothing_is_said_about_one():
    report = evaluate(["CCO", "CCN"])
    assert not {"novelty", "nearest_similarity", "kl_score", "fcd"} & report.keys()


def test_undefined_is_none_and_the_report_is_json():
    report = evaluate(["C1CC", ""], reference=["CCO", "CCN"])
    assert report["validity"] == 0
    for name in ("uniqueness", "novelty", "internal_diversity_1", "qed_mean", "kl_score"):
        assert report[name] is None
    assert report["valid_unique_novel"] == 0
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_everything_known(reference_smiles):
    flat = [Chem.MolToSmiles(Chem.MolFromSmiles(s), False) for s in reference_smiles]
    flat = list(dict.fromkeys(flat))
    report = evaluate(flat, flat)
    assert report["novelty"] == 0
    assert report["qed_mean_novel"] is None
    assert report["nearest_similarity"] == pytest.approx(1)
    assert report["kl_score"] == pytest.approx(1)


def test_a_sample_of_the_reference_is_repeatable(generated_smiles, reference_smiles):
    one, same, other = (
        evaluate(generated_smiles, reference_smiles, sample=10, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same != other
    assert one["novelty"] == evaluate(generated_smiles, reference_smiles)["novelty"]


def test_frechet_distance_comes_with_its_floor(generated_smiles, reference_smiles):
    pytest.importorskip("fcd")
    report = evaluate(generated_smiles, reference_smiles, fcd=True, sample=12)
    assert report["fcd_size"] == 12
    assert min(report["fcd"], report["fcd_floor"]) > 0
    few = evaluate(["CCO"], ["CCO", "CCN"], fcd=True)
    assert (few["fcd"], few["fcd_floor"], few["fcd_size"]) == (None, None, 1)


def test_refused_arguments(monkeypatch):
    monkeypatch.setattr(report_module, "package", lambda: None)
    with pytest.raises(InputError, match="strings must hold at least one SMILES, got none"):
        evaluate([])
    with pytest.raises(InputError, match="reference must hold at least one valid SMILES"):
        evaluate(["CCO"], reference=["C1CC"])
    with pytest.raises(InputError, match="reference must be given to compute fcd"):
        evaluate(["CCO"], fcd=True)
    with pytest.raises(InputError, match="sample must be a positive integer, got 0"):
        evaluate(["CCO"], sample=0)


def test_a_missing_package_is_said_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcd", None)
    with pytest.raises(UnsupportedError, match="fcd needs the package fcd"):
        evaluate(["no SMILES at all"], ["CCO"], fcd=True)


def test_names_are_stable():
    report = evaluate(["CCO", "CCN"], ["CCO", "CCC"])
    assert not any(math.isnan(value) for value in report.values() if value is not None)
    assert list(report) == [
        "requested",
        "validity",
        "rdkit_parse_rate",
        "uniqueness",
        "internal_diversity_1",
        "internal_diversity_2",
        "pairwise_diversity",
        "qed_mean",
        "qed_median",
        "qed_top_10_percent",
        "sa_mean",
        "sa_median",
        "sa_top_10_percent",
        "logp_mean",
        "logp_median",
        "reference_invalid",
        "novelty",
        "valid_unique_novel",
        "qed_mean_novel",
        "sa_mean_novel",
        "logp_mean_novel",
        "nearest_similarity",
        "scaffold_similarity",
        "fragment_similarity",
        "kl_score",
    ]
