import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from discdiff.chem.oracles.isomer import Isomer
from discdiff.chem.oracles.similarity import Similarity
from discdiff.chem.oracles.smarts import Smarts
from discdiff.errors import InputError
from discdiff.oracle import as_oracle, identity

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize("fingerprint", ["ecfp4", "ecfp6", "fcfp4", "ap", "phco", "ecfp4_2048"])
def test_similarity_is_one_for_the_reference_and_less_for_others(fingerprint, smiles):
    values = Similarity(ASPIRIN, fingerprint)([ASPIRIN, *smiles[::4]])
    assert values[0] == 1
    assert ((values >= 0) & (values <= 1)).all()
    assert values[1:].mean() < 0.5


def test_similarity_with_nothing_in_common_is_zero():
    # neither has a pharmacophore pair, so both fingerprints are empty
    assert Similarity("C", "phco")(["CC", "C"]).tolist() == [0, 0]


def test_similarity_refuses_a_reference_or_fingerprint():
    with pytest.raises(
        InputError, match="reference must be a SMILES that RDKit can parse, got 'C1"
    ):
        Similarity("C1CC")
    with pytest.raises(InputError, match=r"reference must be a SMILES .* got 3"):
        Similarity(3)
    with pytest.raises(InputError, match=r"fingerprint must be one of .* Did you mean 'fcfp4'"):
        Similarity("CCO", "fcfp")


def test_smarts_modes(smiles):
    pattern = Chem.MolFromSmarts("[#7]")
    counts = [len(Chem.MolFromSmiles(s).GetSubstructMatches(pattern)) for s in smiles]
    assert Smarts("[#7]", "count")(smiles).tolist() == counts
    assert Smarts("[#7]")(smiles).tolist() == [float(c > 0) for c in counts]
    assert Smarts("[#7]", "absent")(smiles).tolist() == [float(c == 0) for c in counts]


def test_smarts_count_has_no_ceiling():
    assert Smarts("C~*~*", "count")(["C" * 200]).item() == 198
    assert Smarts("[#6].[#6]", "count")(["C" * 60]).item() == 60 * 59 / 2  # over RDKit's 1,000


def test_smarts_refuses_a_pattern_or_mode():
    with pytest.raises(InputError, match=r"pattern must be a SMARTS .* got '\[C'"):
        Smarts("[C")
    with pytest.raises(InputError, match=r"pattern must be a SMARTS .* got ''"):
        Smarts("")
    with pytest.raises(InputError, match="mode must be one of has, absent, count, got 'hass'"):
        Smarts("C", "hass")


def test_invalid_is_nan_in_every_mode():
    for oracle in (Smarts("C", "absent"), Smarts("C", "count"), Isomer("CH4"), Similarity("C")):
        assert np.isnan(oracle(["C1CC", ""])).all()


def test_isomer_from_the_formula_that_rdkit_writes(smiles):
    for s in smiles:
        formula = rdMolDescriptors.CalcMolFormula(Chem.MolFromSmiles(s))
        if formula.isalnum():  # no charge
            assert Isomer(formula)([s]).item() == 1


def test_isomer_by_hand():
    # benzene against C6H5F: H 6 for 5, F 0 for 1, all 12 for 12
    terms = [1.0, math.exp(-0.5), math.exp(-0.5), 1.0]
    assert Isomer("C6H5F")(["c1ccccc1"]).item() == pytest.approx(math.prod(terms) ** (1 / 4))
    # elements outside the formula count through the total alone: 5 atoms for 1
    assert Isomer("C")(["C"]).item() == pytest.approx(math.sqrt(math.exp(-(4**2) / 8)))


def test_isomer_counts_hydrogen_in_any_spelling():
    assert Isomer("CH4")(["C", "[CH4]", "[H]C([H])([H])[H]", "[2H]C"]).tolist() == [1] * 4


@pytest.mark.parametrize("formula", ["", "c6h6", "C6H6Q2", "C6 H6", "C-6", "6", None, "Xx"])
def test_isomer_refuses_a_formula(formula):
    with pytest.raises(InputError, match="formula must be element symbols"):
        Isomer(formula)


def test_cache_identity_follows_the_parameters():
    pairs = [
        (Similarity("CCO"), Similarity("CCN")),
        (Similarity("CCO"), Similarity("CCO", "ap")),
        (Smarts("C"), Smarts("C", "count")),
        (Isomer("CH4"), Isomer("C2H6")),
    ]
    for one, other in pairs:
        assert identity(as_oracle(one)) != identity(as_oracle(other))
    assert identity(as_oracle(Smarts("C"))) == identity(as_oracle(Smarts("C", "has")))
