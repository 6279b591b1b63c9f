"""Domains around another one hand on all of its contract."""

from __future__ import annotations

import inspect
from types import FunctionType

import pytest

from discdiff.chem.smiles import Smiles
from discdiff.domain import Domain, Letters
from discdiff.errors import UnsupportedError
from discdiff.gapped import Point
from discdiff.padding import Padded
from discdiff.wrapped import Wrapped

OWN = {"encode", "decode", "encode_batch", "decode_batch"}  # of tokens, by `split` and `join`


def test_no_part_of_the_contract_is_forgotten():
    kinds = (FunctionType, classmethod)
    methods = {name for name, value in vars(Domain).items() if isinstance(value, kinds)}
    public = {name for name in methods if not name.startswith("_")}
    assert public - OWN == {n for n in vars(Wrapped) if not n.startswith("_")}
    for name in public - OWN:
        inherited = inspect.signature(getattr(Domain, name))
        assert list(inspect.signature(getattr(Wrapped, name)).parameters) == list(
            inherited.parameters
        )


def test_it_is_the_domain_inside():
    inner = Smiles.fit(["CCO", "c1ccccc1"])
    domain = Wrapped(inner)
    assert domain.alphabet.tokens == inner.alphabet.tokens
    assert (domain.name, domain.column, domain.examples) == ("smiles", "SMILES", inner.examples)
    assert domain.likeness(["CCO"])("OCC").tolist() == [1.0]
    assert domain.scaffold("Cc1ccccc1") == "c1ccccc1"
    assert domain.token_classes() == {"ring": ("1",)}
    assert domain.invalid_reason("C(") == inner.invalid_reason("C(") is not None


def test_a_padded_domain_compares_as_the_domain_inside():
    padded = Padded(Smiles.fit(["CCO", "c1ccccc1"]), 12)
    assert padded.likeness(["CCO"])("OCC").tolist() == [1.0]
    assert padded.scaffold("Cc1ccccc1") == "c1ccccc1"


def test_a_scaffold_comes_first():
    with pytest.raises(UnsupportedError, match="template must be given to a model before"):
        Wrapped(Smiles.fit(["CCO"])).with_template("C[*:1]", {1: Point()}, 5)
    with pytest.raises(UnsupportedError, match="the letters domain cannot keep a scaffold"):
        Letters("AB").with_template("A[*:1]", {}, 5)
