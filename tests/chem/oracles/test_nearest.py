import gzip

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from discdiff.chem.oracles.nearest import Nearest, NearestFilter
from discdiff.errors import DataError, InputError


def brute_force(query, reference):
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    known = [make(Chem.MolFromSmiles(s)) for s in reference]
    mine = [make(Chem.MolFromSmiles(s)) for s in query]
    return np.array([max(DataStructs.TanimotoSimilarity(a, b) for b in known) for a in mine])


def test_equals_brute_force(smiles):
    np.testing.assert_allclose(
        Nearest(smiles[:30])(smiles), brute_force(smiles, smiles[:30]), atol=1e-12
    )
    assert (Nearest(smiles)(smiles) == 1).all()


def test_band(smiles):
    s = brute_force(smiles, smiles[:30])
    low, high = 0.15, 0.4
    expected = np.where(s < low, s / low, np.where(s > high, (1 - s) / (1 - high), 1.0))
    assert {0.0, 1.0} < set(expected.tolist())
    np.testing.assert_allclose(Nearest(smiles[:30], low=low, high=high)(smiles), expected)


def test_one_sided_and_extreme_bands(smiles):
    known = smiles[:30]
    assert Nearest(known, low=0.0, high=1.0)(smiles).tolist() == [1] * len(smiles)
    assert Nearest(known, high=0.0)([known[0]]).item() == 0  # the copy itself
    assert Nearest(known, low=1.0)([known[0]]).item() == 1
    np.testing.assert_allclose(Nearest(known, low=1.0)(smiles), brute_force(smiles, known))


def test_reads_files(tmp_path, smiles):
    table = tmp_path / "known.csv.gz"
    with gzip.open(table, "wt") as file:
        file.write("id,smiles\n" + "".join(f"{i},{s}\n" for i, s in enumerate(smiles[:9])))
    lines = tmp_path / "known.smi"
    lines.write_text("".join(f"{s} name\n" for s in smiles[:9]))
    expected = Nearest(smiles[:9])
    for oracle in (Nearest(str(table), column="smiles"), Nearest(str(lines))):
        np.testing.assert_array_equal(oracle(smiles), expected(smiles))
        assert oracle.parameters == expected.parameters


def test_invalid_is_nan():
    assert np.isnan(Nearest(["CCO"], low=0.2)(["C1CC", ""])).all()


def test_refused_arguments(tmp_path):
    with pytest.raises(DataError, match=r"reference must hold SMILES .* got 'C1CC' in row 2"):
        Nearest(["CCO", "C1CC"])
    with pytest.raises(InputError, match="reference must hold at least one molecule"):
        Nearest([])
    with pytest.raises(DataError, match="must exist"):
        Nearest(str(tmp_path / "nothing.csv"))
    with pytest.raises(InputError, match=r"low must not exceed high, got 0\.5 and 0\.2"):
        Nearest(["CCO"], low=0.5, high=0.2)
    with pytest.raises(InputError, match=r"high must lie in \[0, 1\], got 2"):
        Nearest(["CCO"], high=2)


def test_parameters_tell_sets_apart():
    assert Nearest(["CCO"]).parameters != Nearest(["CCN"]).parameters
    assert Nearest(["CCO"]).parameters != Nearest(["CCO"], low=0.2).parameters


def test_the_filter_passes_a_band_of_similarities(smiles, tmp_path):
    s = brute_force(smiles, smiles[:30])
    nothing = np.empty((len(smiles), 0))
    rule = NearestFilter(smiles[:30], at_least=0.2, at_most=0.6)
    assert rule.outputs == ()
    assert rule(nothing, smiles).tolist() == ((s >= 0.2) & (s <= 0.6)).tolist()
    path = tmp_path / "known.smi"
    path.write_text("".join(f"{string}\n" for string in smiles[:30]))
    new = NearestFilter(str(path), at_most=0.999)
    assert new(nothing, smiles).tolist() == (s <= 0.999).tolist()
    assert not NearestFilter(smiles, at_least=0.0)(nothing[:1], ["C(("]).any()  # no molecule


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "at_least or at_most must be given"),
        ({"at_least": 2}, r"at_least must lie in \[0, 1\], got 2"),
        ({"at_least": 0.5, "at_most": 0.4}, "at_most must be at least at_least"),
    ],
)
def test_the_filter_refuses_an_empty_band(options, words):
    with pytest.raises(InputError, match=words):
        NearestFilter(["CCO"], **options)
