from __future__ import annotations

import pytest

from discdiff.chem.smiles import Smiles
from discdiff.errors import DataError, InputError


def test_tokens_are_atoms_bonds_and_marks():
    domain = Smiles(["C"])
    tokens = ["C", "[C@@H]", "(", "Cl", ")", "/", "C", "=", "C", "/", "c", "1", "[nH]", "%10"]
    assert domain.split("".join(tokens)) == tokens
    assert domain.join(tokens) == "".join(tokens)


def test_what_is_no_token_is_named():
    with pytest.raises(DataError, match="unexpected 'x' at position 1 of 'CxC'"):
        Smiles(["C"]).encode("CxC")


@pytest.mark.parametrize("token", ["CC", "C(", "x", "[Xx]", "[C", "Cl2", "%1", " "])
def test_a_token_of_the_alphabet_is_one_token_of_smiles(token):
    with pytest.raises(InputError, match="tokens must each be one SMILES token, got"):
        Smiles(["C", token])


@pytest.mark.parametrize("tokens", [[], ["C", "C"], ["C", ""]])
def test_the_alphabet_is_distinct_and_not_empty(tokens):
    with pytest.raises(InputError, match="tokens must be distinct and non-empty"):
        Smiles(tokens)
