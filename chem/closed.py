"""The constraint that a SMILES is closed: every branch, every ring and every bond has its end."""

from __future__ import annotations

from collections.abc import Mapping

from discdiff import _check
from discdiff.chem.grammar import is_bond, is_digit
from discdiff.constraint.automaton import Automaton, explored
from discdiff.domain import Domain
from discdiff.errors import InputError, UnsupportedError

DEPTH, RINGS = 6, 5
WRITE_SMILES = ("smiles", "peptide_smiles")
"""Names of the domains whose tokens are those of SMILES."""

# what the last token was, as far as it decides what may follow
ATOM, BOND, OPENED, WANTS_ATOM, LOST = range(5)
State = tuple[int, int, frozenset[str]]  # the last token, open branches, open ring digits


def smiles(domain: Domain, value: object) -> Automaton:
    r"""Branches, ring digits and bonds of a SMILES are closed, as far as its spelling says so.

    Every ``(`` has its ``)`` and holds an atom, every ring digit occurs an even number of times,
    and a bond, a branch or a digit stands only where one may. It is a condition on the spelling:
    valences, aromaticity and rings of two atoms are left to the domain.

    The state is the kind of the last token, how many branches are open (at most `depth`) and which
    of the `rings` lowest ring digits of the alphabet are; what nests deeper or uses other digits is
    excluded. Of 20,788 ZINC molecules in canonical SMILES none nests deeper than 5, and one uses a
    sixth digit.

    Args:
        domain: one that writes SMILES.
        value: ``"closed"``, or a mapping with `depth` or `rings`.

    Raises:
        UnsupportedError: if strings of the domain are no SMILES.
        InputError: if the value is anything else.

    Example:
        >>> from discdiff.chem.smiles import Smiles
        >>> domain = Smiles(["C", "=", "(", ")", "1"])
        >>> closed = smiles(domain, "closed")
        >>> [closed.accepts(domain.encode(s)) for s in ("C1CC(=C)1", "C1CC", "CC=")]
        [True, False, False]
    """
    if domain.name not in WRITE_SMILES:
        raise UnsupportedError(
            f"constraint.smiles must be left out for {domain.name} strings: it is about SMILES"
        )
    depth, rings = _bounds(value)
    tokens = domain.alphabet.tokens
    digits = sorted((t for t in tokens if is_digit(t)), key=_number)
    followed = frozenset(digits[:rings])

    def after(state: State) -> list[State]:
        return [_after(state, token, depth, followed) for token in tokens]

    start: State = (WANTS_ATOM, 0, frozenset())
    return explored(start, after, lambda state: state == (ATOM, 0, frozenset()))


def _after(state: State, token: str, depth: int, followed: frozenset[str]) -> State:
    last, branches, rings = state
    lost: State = (LOST, 0, frozenset())
    if last == LOST:
        return lost
    if is_digit(token):
        fits = last in (ATOM, BOND) and token in followed
        return (ATOM, branches, rings ^ {token}) if fits else lost
    if is_bond(token):
        if last == OPENED:
            return WANTS_ATOM, branches, rings
        return (BOND, branches, rings) if last == ATOM else lost
    if token == "(":
        return (OPENED, branches + 1, rings) if last == ATOM and branches < depth else lost
    if token == ")":
        return (ATOM, branches - 1, rings) if last == ATOM and branches > 0 else lost
    if token == ".":
        return (WANTS_ATOM, branches, rings) if last == ATOM else lost
    return ATOM, branches, rings


def _bounds(value: object) -> tuple[int, int]:
    if value == "closed":
        return DEPTH, RINGS
    if not isinstance(value, Mapping):
        raise InputError(f"smiles must be closed, or a mapping with depth or rings, got {value!r}")
    for key in value:
        _check.one_of("key of smiles", key, ("depth", "rings"))
    depth = _check.non_negative_int("depth", value.get("depth", DEPTH))
    return depth, _check.non_negative_int("rings", value.get("rings", RINGS))


def _number(token: str) -> int:
    return int(token.strip("%()"))
