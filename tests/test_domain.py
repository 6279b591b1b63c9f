"""Alphabets, letters and templates."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.domain import Alphabet, Letters, Template
from discdiff.errors import DataError, InputError

DNA = Letters("ACGT")
TOKENS = st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=9, unique=True)
STRINGS = st.lists(st.text("ACGT", min_size=1, max_size=12), min_size=1, max_size=6)


@settings(deadline=None)
@given(TOKENS)
def test_alphabet_numbers_its_tokens_and_puts_mask_and_pad_outside(tokens):
    alphabet = Alphabet(tokens)
    assert [alphabet.index(t) for t in tokens] == list(range(len(alphabet)))
    assert all(t in alphabet for t in tokens)
    assert (alphabet.mask_id, alphabet.pad_id) == (len(tokens), len(tokens) + 1)


@pytest.mark.parametrize("tokens", [[], ["A", "A"], ["A", ""]])
def test_alphabet_refuses_repeats_and_empty_tokens(tokens):
    with pytest.raises(InputError, match="tokens must be distinct and non-empty, got"):
        Alphabet(tokens)


def test_an_unknown_token_is_named_with_the_nearest():
    with pytest.raises(DataError, match=r"token 'Bra' is not in the alphabet. Did you mean 'Br'"):
        Alphabet(["C", "Br"]).index("Bra")


@settings(deadline=None)
@given(STRINGS)
def test_letters_round_trip(strings):
    for string in strings:
        assert DNA.join(DNA.split(string)) == string
        assert DNA.decode(DNA.encode(string)) == string
        assert DNA.invalid_reason(string) is None
        assert DNA.canonical(string) == DNA.prepare(string) == string
    assert DNA.decode_batch(DNA.encode_batch(strings)) == strings


@settings(deadline=None)
@given(STRINGS, st.integers(0, 5))
def test_a_batch_is_padded_on_the_right(strings, more):
    longest = max(map(len, strings))
    tokens = DNA.encode_batch(strings, longest + more)
    assert tokens.shape == (len(strings), longest + more)
    assert tokens.dtype == torch.int64
    for row, string in zip(tokens.tolist(), strings, strict=True):
        assert row[: len(string)] == ["ACGT".index(c) for c in string]
        assert set(row[len(string) :]) <= {DNA.alphabet.pad_id}


@settings(deadline=None)
@given(STRINGS)
def test_fit_finds_the_letters_and_settings_rebuild_them(strings):
    fitted = Letters.fit(strings)
    assert set(fitted.alphabet.tokens) == set("".join(strings))
    assert Letters(**fitted.settings()).alphabet.tokens == fitted.alphabet.tokens


def test_encode_names_token_and_position():
    with pytest.raises(DataError, match=r"token 'X' at position 2 of 'ACX' is not in the"):
        DNA.encode("ACX")


def test_encode_batch_refuses_a_width_that_is_too_small():
    with pytest.raises(InputError, match="width must be at least 3, got 2"):
        DNA.encode_batch(["A", "ACG"], 2)


def test_decode_drops_pad_and_refuses_the_mask():
    assert DNA.decode([0, 5, 5]) == "A"
    with pytest.raises(InputError, match=r"got 4 at position 1 \(the mask: the sequence is not"):
        DNA.decode([0, 4])
    with pytest.raises(InputError, match=r"ids must lie in \[0, 4\), got -1"):
        DNA.decode([-1])


@pytest.mark.parametrize(("string", "reason"), [("", "empty"), ("AXC", "letter 'X' is not in")])
def test_letters_say_why_a_string_is_invalid(string, reason):
    assert reason in DNA.invalid_reason(string)


CHOICES = st.lists(
    st.one_of(st.none(), st.sampled_from("ACGT"), st.sets(st.sampled_from("ACGT"), min_size=1)),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(CHOICES)
def test_template_fixes_frees_and_restricts(choices):
    template = Template(DNA.alphabet, choices)
    assert len(template) == len(choices)
    for token, allowed, choice in zip(
        template.tokens.tolist(), template.allowed.tolist(), choices, strict=True
    ):
        letters = {a for a, inside in zip("ACGT", allowed, strict=True) if inside}
        if isinstance(choice, str):
            assert token == "ACGT".index(choice)
        else:
            assert token == DNA.alphabet.mask_id
            assert letters == (set("ACGT") if choice is None else choice)


def test_template_allows_everything_beyond_its_end():
    template = Template(DNA.alphabet, ["A", {"C", "G"}])
    allowed = template.allowed_over(4, torch.device("cpu"))
    assert allowed.sum(1).tolist() == [4, 2, 4, 4]
    free = Template(DNA.alphabet, ["A", None]).allowed_over(4, torch.device("cpu"))
    assert free is None


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ([], InputError, "at least one position, got none"),
        (["A", set()], InputError, "positions must each allow a token, got none at 1"),
        (["B"], DataError, "token 'B' is not in the alphabet"),
        ([{"A", "U"}], DataError, "token 'U' is not in the alphabet"),
    ],
)
def test_template_refuses_what_no_design_could_meet(choices, error, words):
    with pytest.raises(error, match=words):
        Template(DNA.alphabet, choices)
