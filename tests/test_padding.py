"""Rows of one width, whose end is a token."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from discdiff.chem.smiles import Smiles
from discdiff.data.encoding import encode_file
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.process import MaskedProcess

DNA = Padded(Letters("ACGT"), 6)


@given(st.text("ACGT", max_size=6), st.lists(st.integers(0, 4), max_size=6))
def test_strings_survive_and_whatever_follows_the_end_is_not_read(string, tail):
    ids = DNA.encode(string)
    assert len(ids) == 6
    assert DNA.decode(ids) == string
    assert DNA.decode([*ids[: len(string)], 4, *tail]) == string


def test_it_is_the_inner_domain_in_everything_else():
    inner = Smiles.fit(["CCO", "c1ccccc1", "C[C@H](N)O"])
    domain = Padded(inner, 20)
    assert (domain.name, domain.column) == ("smiles", inner.column)
    assert domain.settings() == inner.settings()
    assert domain.canonical("OCC") == inner.canonical("OCC") == "CCO"
    assert domain.prepare("OCC") == inner.prepare("OCC")
    assert domain.invalid_reason("C(") == inner.invalid_reason("C(") is not None
    assert domain.draw("CCO") == inner.draw("CCO") is not None
    assert domain.scaffold("CCc1ccccc1") == inner.scaffold("CCc1ccccc1") == "c1ccccc1"
    assert domain.alerts("O=C1C=CC(=O)C=C1") == inner.alerts("O=C1C=CC(=O)C=C1") > 0
    assert domain.examples == inner.examples
    known = ["CCO", "CCCO"]
    np.testing.assert_array_equal(domain.likeness(known)("CCN"), inner.likeness(known)("CCN"))
    respelt = domain.augment("C[C@H](N)O", np.random.default_rng(3))
    assert respelt == inner.augment("C[C@H](N)O", np.random.default_rng(3))


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="strings must have at most 6 tokens, got 7"):
        DNA.encode("ACGTACG")
    with pytest.raises(DataError, match="token 'X' at position 1"):
        DNA.encode("AX")
    with pytest.raises(InputError, match="width must be a positive integer, got 0"):
        Padded(Letters("AB"), 0)
    with pytest.raises(UnsupportedError, match="made of a fitted one"):
        Padded.fit(["A"])


def test_encoded_rows_are_closed(tmp_path):
    file = tmp_path / "dna.txt"
    file.write_text("GATT\nAC\n")
    encoded = encode_file(file, Letters("ACGT"))
    assert encoded.padded(5).tokens.reshape(2, 5).tolist() == [[2, 0, 3, 3, 4], [0, 1, 4, 4, 4]]
    assert encoded.padded(5).length_law(5) == [0, 0, 0, 0, 0, 1]
    with pytest.raises(InputError, match="width must be at least 4, the longest row, got 3"):
        encoded.padded(3)


def test_a_model_folder_keeps_the_mode(tmp_path):
    torch.manual_seed(0)
    net = Transformer(5, max_length=6, width=8, depth=1, heads=2)
    model = Model(net, MaskedProcess(5), DNA, LengthLaw.fixed(6))
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert loaded.length_mode == model.length_mode == "pad_as_token"
    assert loaded.domain.encode("GA") == [2, 0, 4, 4, 4, 4]
