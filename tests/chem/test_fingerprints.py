import itertools

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.AtomPairs import Pairs
from rdkit.Chem.AtomPairs.Utils import GetAtomCode

from discdiff.chem.fingerprints import NAMES, comparer, fingerprint, tanimoto, tanimoto_to_many
from discdiff.errors import InputError

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "C1C2CC3CC1CC(C2)C3",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "C",
    "[Na+].[Cl-]",
]
MOLECULES = [Chem.MolFromSmiles(s) for s in SMILES]


def counts(vector):
    if isinstance(vector, DataStructs.ULongSparseIntVect):
        return vector.GetNonzeroElements()
    return dict.fromkeys(vector.GetOnBits(), 1)


@pytest.mark.parametrize("name", NAMES)
def test_tanimoto_by_hand(name):
    vectors = [fingerprint(name)(mol) for mol in MOLECULES]
    for a, b in itertools.product(vectors, repeat=2):
        x, y = counts(a), counts(b)
        shared = sum(min(x[key], y[key]) for key in x.keys() & y.keys())
        union = sum(x.values()) + sum(y.values()) - shared
        assert tanimoto(a, b) == pytest.approx(shared / union if union else 0.0, abs=1e-12)
    rows = [[tanimoto(a, b) for b in vectors] for a in vectors]
    for a, row in zip(vectors, rows, strict=True):
        np.testing.assert_allclose(tanimoto_to_many(a, vectors), row, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_comparer_is_tanimoto_to_many(name):
    vectors = [fingerprint(name)(mol) for mol in MOLECULES]
    compare = comparer(vectors[1:])
    for vector in vectors:
        np.testing.assert_array_equal(compare(vector), tanimoto_to_many(vector, vectors[1:]))


def test_comparer_of_empty_bit_vectors():
    empty, full = DataStructs.ExplicitBitVect(8), DataStructs.ExplicitBitVect(8)
    full.SetBitsFromList(list(range(8)))
    assert comparer([empty, full])(empty).tolist() == [0, 0]
    assert comparer([empty, full])(full).tolist() == [0, 1]
    assert comparer([])(full).tolist() == []


@pytest.mark.parametrize(
    ("name", "radius", "features"), [("ecfp4", 2, False), ("ecfp6", 3, False), ("fcfp4", 2, True)]
)
def test_morgan_counts_are_not_folded(name, radius, features):
    for mol in MOLECULES:
        old = rdMolDescriptors.GetMorganFingerprint(mol, radius, useFeatures=features)
        assert counts(fingerprint(name)(mol)) == old.GetNonzeroElements()


def test_atom_pairs_by_hand():
    for mol in MOLECULES:
        codes = [GetAtomCode(atom) for atom in mol.GetAtoms()]
        distances = Chem.GetDistanceMatrix(mol)
        pairs = {}
        for i, j in itertools.combinations(range(mol.GetNumAtoms()), 2):
            if 1 <= distances[i, j] <= 10:
                key = (int(distances[i, j]), *sorted((codes[i], codes[j])))
                pairs[key] = pairs.get(key, 0) + 1
        assert sorted(counts(fingerprint("ap")(mol)).values()) == sorted(pairs.values())
    assert Pairs.numPathBits  # the same code book as RDKit's own atom pairs


@pytest.mark.parametrize("name", NAMES)
def test_chirality_is_not_seen(name):
    make = fingerprint(name)
    left, right = (Chem.MolFromSmiles(s) for s in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"))
    assert counts(make(left)) == counts(make(right))


def test_folded_sizes():
    for bits in (1024, 2048, 4096):
        assert fingerprint(f"ecfp4_{bits}")(MOLECULES[0]).GetNumBits() == bits


def test_unknown_name():
    with pytest.raises(InputError, match=r"fingerprint must be one of .*, got 'maccs'"):
        fingerprint("maccs")
