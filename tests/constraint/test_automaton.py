"""Automata: their algebra against the definition, and regular expressions against Python's."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.constraint.automaton import MAX_STATES, Automaton, explored
from discdiff.constraint.regex import compiled
from discdiff.domain import Alphabet
from discdiff.errors import InputError

LETTERS = "ABC"
ALPHABET = Alphabet(LETTERS)
WORDS = [word for length in range(6) for word in product(range(3), repeat=length)]


def language(automaton):
    return {word for word in WORDS if automaton.accepts(word)}


def matching(pattern):
    found = re.compile(pattern)
    return {w for w in WORDS if found.fullmatch("".join(LETTERS[i] for i in w))}


@st.composite
def automata(draw):
    states = draw(st.integers(1, 5))
    row = st.lists(st.integers(0, states - 1), min_size=3, max_size=3)
    after = draw(st.lists(row, min_size=states, max_size=states))
    accepting = draw(st.lists(st.booleans(), min_size=states, max_size=states))
    return Automaton(np.array(after), np.array(accepting))


@settings(deadline=None, max_examples=60)
@given(automata(), automata())
def test_products_and_complements_are_those_of_sets(a, b):
    every = set(WORDS)
    assert language(a & b) == language(a) & language(b)
    assert language(a | b) == language(a) | language(b)
    assert language(~a) == every - language(a)
    assert language(a.minimised()) == language(a)
    assert (a & ~a).empty


@settings(deadline=None, max_examples=60)
@given(automata())
def test_the_smallest_automaton_does_not_depend_on_how_it_was_written(a):
    small = a.minimised()
    assert len(small) <= len(a)
    assert (small | small).digest() == small.digest() == (~~small).minimised().digest()
    words = [w for w in WORDS if len(w) <= len(small) - 1 or not w]
    # two states of it differ on some word
    tails = {tuple(_after(small, s).accepts(w) for w in words) for s in range(len(small))}
    assert len(tails) == len(small)


def _after(automaton, state):
    order = [state, *(s for s in range(len(automaton)) if s != state)]
    place = np.argsort(order)
    return Automaton(place[automaton.transitions[order]], automaton.accepting[order])


@settings(deadline=None, max_examples=40)
@given(automata())
def test_lengths_are_those_of_accepted_words(a):
    expected = [any(len(w) == n for w in language(a)) for n in range(6)]
    assert a.lengths(5).tolist() == expected


@settings(deadline=None, max_examples=40)
@given(automata())
def test_an_end_hides_what_follows(a):
    ended = a.ended()
    for word in product(range(4), repeat=4):
        whole = word.index(3) if 3 in word else 4
        assert ended.accepts(word) == a.accepts(word[:whole])


@pytest.mark.parametrize(
    "pattern",
    [
        "A(B|CA)*.",
        "[^A]{2,3}A?",
        "(A|B)*C{2}",
        "A{0}B*",
        "",
        "(AB?){2,}",
        "[AB]+|C",
        "(A|)(B|C)+",
        "((A)*)*",
        "A{1,2}{2}",
        "(A?B?)*C",
    ],
)
def test_expressions_match_what_those_of_python_match(pattern):
    assert language(compiled(pattern, ALPHABET)) == matching(pattern.replace("{1,2}{2}", "{2,4}"))


def test_tokens_of_several_letters_are_read_longest_first_and_in_quotes():
    alphabet = Alphabet(["C", "Cl", "(", ")", "[NH+]", "=", "O"])
    match = compiled("ClC'(=O)'[C'[NH+]'\\(]*\\)", alphabet)
    ids = [alphabet.index(t) for t in ["Cl", "C", "(", "=", "O", ")", "[NH+]", "(", ")"]]
    assert match.accepts(ids)
    assert not match.accepts(ids[1:])


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("A(B", r"regex 'A\(B' has no '\)' for the '\(' at position 1"),
        ("AB)", r"has no '\(' for the '\)' at position 2"),
        ("*A", r"has nothing to repeat at position 0: '\*'"),
        ("A]", r"has a stray sign at position 1: '\]'"),
        ("A{2", r"must have \{3\}, \{2,\} or \{2,5\} at position 1"),
        ("A{3,2}", r"must repeat \[low, high\] times, at most 1000, at position 1"),
        ("A{9999}", "at most 1000, at position 1"),
        ("B[A", r"has no '\]' for the '\[' at position 1"),
        ("B[]", r"has an empty \[ \] at position 1"),
        ("'AB", "has no second quote for the one at position 0"),
        ("AXC", "has no token of the alphabet at position 1: 'X'"),
        ("['AB']", r"must have one token between quotes in \[ \] at position 3"),
        (7, "regex must be text, got 7"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(pattern, message):
    with pytest.raises(InputError, match=message):
        compiled(pattern, ALPHABET)


def test_a_wrong_automaton_is_refused():
    with pytest.raises(InputError, match=r"must be \(S, V\) and accepting \(S,\), got shapes"):
        Automaton(np.zeros((2, 3)), np.zeros(3))
    with pytest.raises(InputError, match=r"must lead to states in \[0, 1\)"):
        Automaton(np.array([[1]]), np.array([True]))
    with pytest.raises(InputError, match="must have one alphabet, got sizes 3 and 1"):
        compiled("A", ALPHABET) & Automaton(np.array([[0]]), np.array([True]))


def test_too_many_states_are_refused():
    with pytest.raises(InputError, match=f"at most {MAX_STATES:,} states"):
        explored(0, lambda n: [n + 1], lambda n: True)
