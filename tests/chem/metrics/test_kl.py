"""The score against scipy and RDKit's own descriptors, written from the definition."""

import math

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import AllChem, Crippen, Descriptors, GraphDescriptors, rdMolDescriptors
from scipy.stats import entropy, gaussian_kde

from discdiff.chem.metrics import kl
from discdiff.chem.metrics.kl import kl_divergences, kl_score

CONTINUOUS = {
    "bertz_ct": GraphDescriptors.BertzCT,
    "logp": Crippen.MolLogP,
    "molecular_weight": Descriptors.MolWt,
    "tpsa": Descriptors.TPSA,
}
COUNTS = {
    "hba": Descriptors.NumHAcceptors,
    "hbd": Descriptors.NumHDonors,
    "rotatable_bonds": Descriptors.NumRotatableBonds,
    "aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings,
}


def flat(molecules):
    """Distinct molecules without stereochemistry, parsed again."""
    return [
        Chem.MolFromSmiles(s)
        for s in dict.fromkeys(Chem.MolToSmiles(m, isomericSmiles=False) for m in molecules)
    ]


def kde_divergence(reference, generated):
    grid = np.linspace(min(*reference, *generated), max(*reference, *generated), 1000)
    return entropy(gaussian_kde(reference)(grid) + 1e-10, gaussian_kde(generated)(grid) + 1e-10)


def histogram_divergence(reference, generated):
    expected, edges = np.histogram(reference, bins=10, density=True)
    found, _ = np.histogram(generated, bins=edges, density=True)
    return entropy(expected + 1e-10, found + 1e-10)


def internal(molecules):
    prints = [AllChem.GetMorganFingerprintAsBitVect(m, 2, 4096) for m in molecules]
    return [
        max(DataStructs.TanimotoSimilarity(a, b) for j, b in enumerate(prints) if j != i)
        for i, a in enumerate(prints)
    ]


def expected_divergences(generated, reference):
    generated = flat(generated)
    found = {
        name: kde_divergence([f(m) for m in reference], [f(m) for m in generated])
        for name, f in CONTINUOUS.items()
    }
    found["similarity"] = kde_divergence(internal(reference), internal(generated))
    for name, f in COUNTS.items():
        found[name] = histogram_divergence([f(m) for m in reference], [f(m) for m in generated])
    return found


def test_equals_scipy(generated, reference):
    expected = expected_divergences(generated, reference)
    found = kl_divergences(generated, reference)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    score = np.mean([math.exp(-value) for value in expected.values()])
    assert 0 < score < 1
    assert kl_score(generated, reference) == pytest.approx(score, abs=1e-8)


def test_a_set_against_itself(reference):
    assert kl_score(flat(reference), flat(reference)) == pytest.approx(1)
    # the reference keeps its stereoisomers, which are each other's nearest
    assert kl_score(reference, reference) < 1


def test_duplicates_and_stereoisomers_count_once(generated, reference):
    again = [*generated, *generated[:5], Chem.MolFromSmiles("CC(N)C(=O)O")]
    assert kl_score(again, reference) == pytest.approx(kl_score(generated, reference))


def test_direction_is_reference_against_generated(generated, reference):
    assert kl_score(generated, reference) != pytest.approx(kl_score(reference, generated))


def test_a_set_without_spread():
    hexane, isomers = (
        [Chem.MolFromSmiles(s) for s in strings]
        for strings in (["CCCCCC", "CCC(C)CC"], ["CCCCCO", "CCC(C)CO"])
    )
    scores = kl_divergences(hexane, isomers)  # equal weights within each set
    assert all(math.isfinite(value) for value in scores.values())
    assert scores["molecular_weight"] > 10
    assert scores["aromatic_rings"] == 0


def test_a_generated_set_outside_the_reference_range():
    rings = [Chem.MolFromSmiles(s) for s in ("c1ccc(-c2ccccc2)cc1", "c1ccc2ccccc2c1")]
    chains = [Chem.MolFromSmiles(s) for s in ("CCO", "CCCO")]
    scores = kl_divergences(rings, chains)
    assert math.isfinite(scores["aromatic_rings"])
    assert scores["aromatic_rings"] > 1


def test_too_few_molecules_have_no_score(generated, reference):
    alanines = generated[-2:]
    assert math.isnan(kl_score(alanines, reference))
    assert math.isnan(kl_score([], reference))
    assert math.isnan(kl_score(generated, reference[:1]))
    assert set(kl_divergences([], reference)) == set(kl_divergences(generated, reference))


def test_density_integrates_to_one():
    sample = np.random.default_rng(0).normal(size=200)
    grid = np.linspace(-10, 10, 4001)
    assert np.trapezoid(kl._density(sample, grid), grid) == pytest.approx(1, abs=1e-6)
