from __future__ import annotations

from pathlib import Path

import pytest
import selfies
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from discdiff.chem.selfies import MAX_SYMBOLS, Selfies
from discdiff.errors import DataError, InputError

DRUGS = [
    line.split()[0]
    for line in (Path(__file__).parents[1] / "golden" / "molecules.smi").read_text().splitlines()
]
DRUG_DOMAIN = Selfies.fit(DRUGS, salts="keep")
SYMBOLS = sorted({*DRUG_DOMAIN.alphabet.tokens, *selfies.get_semantic_robust_alphabet()})


@pytest.mark.parametrize("smiles", DRUGS)
def test_split_and_join_are_those_of_the_package(smiles):
    encoded = selfies.encoder(smiles)
    symbols = DRUG_DOMAIN.split(smiles)
    assert "".join(symbols) == encoded
    assert len(symbols) == selfies.len_selfies(encoded)
    assert DRUG_DOMAIN.join(symbols) == selfies.decoder(encoded)
    assert Chem.CanonSmiles(DRUG_DOMAIN.join(symbols)) == Chem.CanonSmiles(smiles)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([s for s in SYMBOLS if s != "."]), max_size=60))
def test_any_sequence_of_symbols_is_a_molecule_or_empty(symbols):
    smiles = DRUG_DOMAIN.join(symbols)
    if smiles:
        assert Chem.MolFromSmiles(smiles) is not None
        assert DRUG_DOMAIN.invalid_reason(smiles) is None
    else:
        assert DRUG_DOMAIN.invalid_reason(smiles) == "empty"


@given(st.lists(st.sampled_from([*SYMBOLS, ".", "."]), max_size=40))
def test_any_sequence_with_dots_decodes_and_is_classified(symbols):
    smiles = DRUG_DOMAIN.join(symbols)
    assert DRUG_DOMAIN.invalid_reason(smiles) in (None, "empty", "more than 20 fragments")


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("CC extra", "whitespace"),
        ("C(" * 200, "branches nested deeper than 100"),
        ("C" * 3_000, "more than 2000 characters"),
        ("CC*", r"unrecognized symbol '\*'"),
        ("C1CC", "hanging ring number '1'"),
        ("C(C", r"hanging '\(' bracket"),
        ("c1cccc1", "kekulization failed"),
        ("O:[Cl+3]", "kekulization failed"),
        ("C(C)(C)(C)(C)C", "input violates the currently-set semantic constraints"),
        ("[NH3]->[Pt]", "unrecognized symbol '>'"),
    ],
)
def test_what_selfies_cannot_express_says_why(smiles, reason):
    with pytest.raises(DataError, match=f"has no SELFIES: {reason}"):
        DRUG_DOMAIN.split(smiles)


def test_a_row_that_selfies_would_change_is_refused():
    # the package decodes the hundredth ring closure as %100, which reads as %10 and 0
    rings = "C1CC1" * 120
    domain = Selfies(["[C]"], max_atoms=1_000)
    assert domain.invalid_reason(rings) is None
    with pytest.raises(DataError, match="SELFIES changes the molecule"):
        domain.prepare(rings)


@pytest.mark.parametrize("token", ["C", "[Xx]", "[C][C]", "[C", "x[C]", "[]", " "])
def test_a_token_of_the_alphabet_is_one_symbol(token):
    with pytest.raises(InputError, match="tokens must each be a SELFIES symbol, got"):
        Selfies(["[C]", token])


def test_a_sequence_of_the_longest_kind_decodes_however_deep_its_branches():
    # three symbols a level and little room to bind: as deep as branches can nest
    deepest = ["[S]", "[#Branch1]", "[P]", "[#Branch1]", "[P]", "[=Branch1]", "[P]"]
    symbols = (deepest * MAX_SYMBOLS)[:MAX_SYMBOLS]
    assert Chem.MolFromSmiles(DRUG_DOMAIN.join(symbols)) is not None
    with pytest.raises(InputError, match=f"tokens must number at most {MAX_SYMBOLS}, got"):
        DRUG_DOMAIN.join([*symbols, "[C]"])


def test_the_global_constraints_of_the_package_are_left_alone():
    before = selfies.get_semantic_constraints()
    domain = Selfies.fit(DRUGS)
    for smiles in DRUGS:
        domain.decode(domain.encode(domain.prepare(smiles)))
    assert selfies.get_semantic_constraints() == before == selfies.get_preset_constraints("default")
