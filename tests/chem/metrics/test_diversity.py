"""Every measure against its definition, computed here from bits by brute force."""

import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from discdiff.chem.metrics.diversity import (
    internal_diversity,
    nearest_similarity,
    pairwise_diversity,
)
from discdiff.errors import InputError


def similarities(molecules, others, bits):
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits).GetFingerprint
    a, b = (
        np.array([list(make(mol)) for mol in mols], dtype=float) for mols in (molecules, others)
    )
    shared = a @ b.T
    return shared / (a.sum(1)[:, None] + b.sum(1) - shared)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_internal_diversity_counts_self_pairs_and_duplicates(generated, p):
    table = similarities(generated, generated, 1024)
    expected = 1 - np.mean(np.mean(table**p, axis=1) ** (1 / p))
    assert internal_diversity(generated, p) == pytest.approx(expected, abs=1e-12)


def test_internal_diversity_of_one_molecule_is_zero(generated):
    assert internal_diversity(generated[:1]) == internal_diversity(generated[:1] * 5) == 0
    assert internal_diversity(generated[:1], p=2) == 0


def test_pairwise_diversity_takes_distinct_molecules_and_pairs(generated):
    distinct = list({Chem.MolToSmiles(mol): mol for mol in generated}.values())
    assert len(distinct) == len(generated) - 1  # stereoisomers stay apart
    table = similarities(distinct, distinct, 2048)
    expected = 1 - table[np.triu_indices(len(distinct), k=1)].mean()
    assert pairwise_diversity(generated) == pytest.approx(expected, abs=1e-12)


def test_the_two_diversities_differ(generated):
    # a set of 10 has a tenth of its ordered pairs on the diagonal
    few = generated[:10]
    assert pairwise_diversity(few) - internal_diversity(few) > 0.05


def test_nearest_similarity(generated, reference):
    expected = similarities(generated, reference, 1024).max(axis=1).mean()
    assert nearest_similarity(generated, reference) == pytest.approx(expected, abs=1e-12)
    assert nearest_similarity(reference, reference) == 1


def test_undefined_is_nan(generated):
    assert math.isnan(internal_diversity([]))
    assert math.isnan(pairwise_diversity([]))
    assert math.isnan(pairwise_diversity(generated[:1] * 3))
    assert math.isnan(nearest_similarity([], generated))
    assert math.isnan(nearest_similarity(generated, []))


def test_refuses_a_power(generated):
    with pytest.raises(InputError, match="p must be a positive integer, got 0"):
        internal_diversity(generated, p=0)
