import sys

import numpy as np
import pytest

from discdiff.chem.metrics import fcd as module
from discdiff.chem.metrics.fcd import activations, fcd, fcd_floor
from discdiff.errors import InputError, UnsupportedError


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcd", None)
    module._chemnet.cache_clear()
    with pytest.raises(UnsupportedError, match=r"pip install 'discdiff\[fcd\]'"):
        activations(["CCO"])


def test_refused_sets():
    with pytest.raises(InputError, match="smiles must hold at least one molecule, got none"):
        activations([])
    with pytest.raises(InputError, match="reference must hold at least 20 SMILES, got 19"):
        fcd_floor(["C"] * 19, size=10)
    with pytest.raises(InputError, match="size must be a positive integer, got 0"):
        fcd_floor(["C"] * 19, size=0)


def test_activations_and_distance_equal_the_package(generated_smiles, reference_smiles):
    package = pytest.importorskip("fcd")
    model = module._chemnet()
    with pytest.warns(DeprecationWarning, match="row_stack"):  # inside the package
        expected = package.get_predictions(model, generated_smiles, n_jobs=0, device="cpu")
    np.testing.assert_allclose(activations(generated_smiles), expected, atol=1e-6)
    assert fcd(reference_smiles, reference_smiles) == pytest.approx(0, abs=1e-9)
    assert fcd(generated_smiles, reference_smiles) > 0


def test_floor_is_positive_and_repeatable(reference_smiles):
    pytest.importorskip("fcd")
    floor = fcd_floor(reference_smiles, 19, seed=3)
    assert floor > 1  # 19 molecules against 19 of the same file
    assert fcd_floor(reference_smiles, 19, seed=3) == floor
    assert fcd_floor(reference_smiles, 19, seed=4) != floor


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The `disp` argument")  # of scipy, inside the package
def test_distance_equals_the_package_where_its_root_is_stable(data_folder):
    import gzip

    package = pytest.importorskip("fcd")
    with gzip.open(data_folder / "zinc250k.csv.gz", "rt") as file:
        smiles = [line.split(",")[0] for line in file][1:3001]
    a, b = activations(smiles[:1500]), activations(smiles[1500:])
    expected = package.calculate_frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert fcd(smiles[:1500], smiles[1500:]) == pytest.approx(expected, rel=1e-4)
