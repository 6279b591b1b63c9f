"""The constraints that every alphabet has, by name: what their values mean, and their automata."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from discdiff import _check
from discdiff.constraint.automaton import Automaton, explored
from discdiff.constraint.nfa import sequence
from discdiff.constraint.regex import compiled
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError


def regex(domain: Domain, value: object) -> Automaton:
    """The whole sequence matches a regular expression over tokens, or each of several.

    Example:
        >>> from discdiff.domain import Letters
        >>> regex(Letters("ACGT"), "AT(A|C)*").accepts([0, 3, 1, 1])
        True
    """
    return all_of([compiled(one, domain.alphabet) for one in listed("regex", value)])


def required(domain: Domain, value: object) -> Automaton:
    """Each of one or more runs of tokens occurs somewhere.

    Example:
        >>> from discdiff.domain import Letters
        >>> required(Letters("ACGT"), ["AC", "CG"]).accepts([3, 0, 1, 2])
        True
    """
    return all_of([_holding("required", one, domain) for one in listed("required", value)])


def forbidden(domain: Domain, value: object) -> Automaton:
    """None of one or more runs of tokens occurs anywhere.

    Example:
        >>> from discdiff.domain import Letters
        >>> forbidden(Letters("ACGT"), ["GAATTC"]).accepts([2, 0, 0, 3, 3, 1])
        False
    """
    return all_of([~_holding("forbidden", one, domain) for one in listed("forbidden", value)])


def homopolymer(domain: Domain, value: object) -> Automaton:
    """No token occurs more than so many times in a row.

    Example:
        >>> from discdiff.domain import Letters
        >>> homopolymer(Letters("ACGT"), 2).accepts([0, 0, 0])
        False
    """
    longest = _check.positive_int("homopolymer", value)
    lost = (-1, longest + 1)

    def after(state: tuple[int, int]) -> list[tuple[int, int]]:
        last, run = state
        row = [(token, 1) for token in range(len(domain.alphabet))]
        if last >= 0:
            row[last] = (last, run + 1) if run < longest else lost
        return [lost] * len(row) if state == lost else row

    return explored((-1, 0), after, lambda state: state != lost)


def listed(name: str, value: object) -> Sequence[str]:
    """Return one text, or a list of them, as a list.

    Raises:
        InputError: if it is anything else, or empty.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise InputError(f"{name} must be a text or a list of them, got {value!r}")
    for text in texts:
        if not isinstance(text, str) or not text:
            raise InputError(f"{name} must hold texts that are not empty, got {text!r}")
    return texts


def all_of(automata: Sequence[Automaton]) -> Automaton:
    """Return the automaton of what each of `automata` accepts."""
    return reduce(Automaton.__and__, automata)


def _holding(name: str, text: str, domain: Domain) -> Automaton:
    try:
        ids = domain.encode(text)
    except DataError as error:
        raise InputError(f"{name}: {error}") from None
    return sequence([frozenset({i}) for i in ids], len(domain.alphabet), anywhere=True)
