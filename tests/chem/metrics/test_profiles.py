import math
from collections import Counter

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import BRICS
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy.spatial.distance import cosine

from discdiff.chem.metrics.profiles import fragment_similarity, scaffold_similarity


def cosine_of_counts(a, b):
    keys = sorted(a.keys() | b.keys())
    return 1 - cosine([a[key] for key in keys], [b[key] for key in keys])


def scaffolds(molecules):
    counts = Counter()
    for mol in molecules:
        core = MurckoScaffold.GetScaffoldForMol(mol)
        if core.GetNumAtoms() and len(Chem.GetSymmSSSR(core)) >= 2:
            counts[Chem.MolToSmiles(core)] += 1
    return counts


def fragments(molecules):
    counts = Counter()
    for mol in molecules:
        counts.update(Chem.MolToSmiles(BRICS.BreakBRICSBonds(mol)).split("."))
    return counts


def test_scaffold_similarity(generated, reference):
    expected = cosine_of_counts(scaffolds(generated), scaffolds(reference))
    assert 0 < expected < 1
    assert scaffold_similarity(generated, reference) == pytest.approx(expected, abs=1e-12)


def test_fragment_similarity(generated, reference):
    expected = cosine_of_counts(fragments(generated), fragments(reference))
    assert 0 < expected < 1
    assert fragment_similarity(generated, reference) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("measure", [scaffold_similarity, fragment_similarity])
def test_bounds_and_symmetry(measure, generated, reference):
    assert measure(reference, reference) == pytest.approx(1)
    assert measure(generated, reference) == pytest.approx(measure(reference, generated))
    aspirin, caffeine = (
        Chem.MolFromSmiles(s) for s in ("O=c1c2ccccc2occ1", "Cn1c(=O)c2c(ncn2C)n(C)c1=O")
    )
    assert measure([aspirin], [caffeine]) == 0


def test_one_ring_or_none_is_no_scaffold(reference):
    rings = [Chem.MolFromSmiles(s) for s in ("CCO", "Cc1ccccc1", "c1ccccc1.C1CC1")]
    assert math.isnan(scaffold_similarity(rings[:2], reference))
    assert not math.isnan(scaffold_similarity(rings, reference))
    assert math.isnan(scaffold_similarity(reference, []))
    assert math.isnan(fragment_similarity([], reference))


def test_duplicates_count(reference):
    once = scaffold_similarity(reference[:3], reference)
    twice = scaffold_similarity([*reference[:3], reference[0]], reference)
    assert not np.isclose(once, twice)
