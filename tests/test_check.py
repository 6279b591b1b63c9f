"""Argument checks: what they return, what they refuse, and how they say so."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff import _check
from discdiff.errors import DiscdiffError, InputError

NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
NOT_NUMBERS = st.one_of(st.text(), st.none(), st.booleans(), st.sampled_from([math.nan, math.inf]))


@settings(deadline=None)
@given(st.integers(1))
def test_positive_int_returns_what_is_one(value):
    assert _check.positive_int("n", value) is value


@settings(deadline=None)
@given(st.one_of(st.integers(max_value=0), st.booleans(), st.floats(), st.text(), st.none()))
def test_positive_int_refuses_everything_else(value):
    with pytest.raises(InputError, match="^n must be a positive integer, got ") as error:
        _check.positive_int("n", value)
    assert str(error.value).endswith(repr(value))


def test_non_negative_int_accepts_zero():
    assert _check.non_negative_int("n", 0) == 0
    with pytest.raises(InputError, match="n must be a non-negative integer, got -1"):
        _check.non_negative_int("n", -1)


@pytest.mark.parametrize("value", [0, 42, 2**63 - 1])
def test_seed_returns_what_every_generator_takes(value):
    assert _check.seed("seed", value) == value
    torch.Generator().manual_seed(value)
    np.random.default_rng(value)


@pytest.mark.parametrize("value", [-1, 2**63, 10**30, True, 1.0, "1", None])
def test_seed_refuses_everything_else(value):
    with pytest.raises(
        InputError, match=r"^seed must be an integer in \[0, 2\*\*63\), got "
    ) as error:
        _check.seed("seed", value)
    assert str(error.value).endswith(repr(value))


@settings(deadline=None)
@given(NUMBERS)
def test_finite_returns_a_float(value):
    found = _check.finite("x", value)
    assert type(found) is float
    assert found == value


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_finite_refuses_what_is_no_number(value):
    with pytest.raises(InputError, match="^x must be a finite number, got "):
        _check.finite("x", value)


@settings(deadline=None)
@given(NUMBERS)
def test_positive_agrees_with_the_sign(value):
    if value > 0:
        assert _check.positive("x", value) == value
    else:
        with pytest.raises(InputError, match="x must be greater than 0, got"):
            _check.positive("x", value)


@settings(deadline=None)
@given(NUMBERS, st.floats(-5, 5), st.floats(0, 5))
def test_in_range_keeps_its_ends(value, low, width):
    high = low + width
    assert _check.in_range("x", low, low, high) == low
    assert _check.in_range("x", high, low, high) == high
    if not low <= value <= high:
        with pytest.raises(InputError, match=r"^x must lie in \["):
            _check.in_range("x", value, low, high)


def test_fraction_names_its_range():
    assert _check.fraction("p", 1) == 1.0
    with pytest.raises(InputError, match=r"p must lie in \[0, 1\], got 1.5"):
        _check.fraction("p", 1.5)


def test_one_of_names_the_choices_and_the_nearest():
    assert _check.one_of("grid", "linear", ("linear", "cosine")) == "linear"
    with pytest.raises(InputError) as error:
        _check.one_of("grid", "linaer", ("linear", "cosine"))
    assert str(error.value) == (
        "grid must be one of linear, cosine, got 'linaer'. Did you mean 'linear'?"
    )


def test_all_that_are_as_near_are_named_and_case_and_underscores_count_less():
    assert _check.suggestion("EcoR1", ["EcoRI", "EcoRV", "BamHI"]) == (
        " Did you mean 'EcoRI' or 'EcoRV'?"
    )
    assert _check.suggestion("meBmt", ["Bmt", "Me_Bmt"]) == " Did you mean 'Me_Bmt'?"


def test_one_of_suggests_nothing_when_nothing_is_near():
    with pytest.raises(InputError, match=r"got 7\.$"):
        _check.one_of("grid", 7, ("linear", "cosine"))


@settings(deadline=None)
@given(st.sampled_from(["first_hitting", "ancestral", "parallel"]), st.data())
def test_a_word_with_one_letter_lost_finds_its_way_back(word, data):
    i = data.draw(st.integers(0, len(word) - 1))
    spoilt = word[:i] + word[i + 1 :]
    assert _check.nearest(spoilt, ["first_hitting", "ancestral", "parallel"]) == word


def test_input_errors_are_value_errors_of_the_library():
    assert issubclass(InputError, ValueError)
    assert issubclass(InputError, DiscdiffError)
