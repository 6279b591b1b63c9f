"""The SMILES grammar: a lossless tokenizer and the limits a string must keep before RDKit sees it.

A token is a bracket atom, an organic-subset atom, a bond, a ring closure, a branch mark or a dot.
The tokens are a code: every sequence of tokens splits back into the same sequence.

Source: OpenSMILES specification 1.0 (James et al., 2016), with the ring closure ``%(n)`` and the
dative bonds ``->`` and ``<-`` that RDKit writes.
"""

from __future__ import annotations

import re

from discdiff.errors import DataError, InputError

MAX_LENGTH = 2000
"""Longest string, in characters, that is parsed: canonicalisation is superlinear in length."""
MAX_DEPTH = 100
"""Deepest nesting of branches that is parsed; drugs and peptides reach about 25."""
MAX_FRAGMENTS = 20
"""Most fragments (dots plus one) that are parsed; approved drugs reach 13."""

_SYMBOL = (  # the 118 elements by first letter, the aromatic symbols and the dummy atom
    "A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?|"
    "L[airuv]|M[cdgnot]|N[abdehiop]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|"
    r"U|V|W|Xe|Yb?|Z[nr]|as|se|si|te|[bcnops]|\*"
)
_CHIRALITY = r"@(?:@|TH[12]|AL[12]|SP[1-3]|TB(?:1\d|20|[1-9])|OH(?:[12]\d|30|[1-9]))?"
_BRACKET = (
    r"\[(?:[1-9]\d{0,2})?"  # isotope
    rf"(?:{_SYMBOL})(?:{_CHIRALITY})?(?:H\d?)?"
    r"(?:\++|-+|[+-]\d{1,2})?"  # charge; more digits wrap around in RDKit
    r"(?::\d{1,4})?\]"  # atom class
)
_TOKEN = re.compile(
    rf"{_BRACKET}|Cl|Br|[BCNOPSFI]|[bcnops*]|->|<-|[-=#$:/\\.()]|\d|%\d\d|%\(\d{{1,5}}\)",
    re.ASCII,
)


_BONDS = frozenset(("-", "=", "#", "$", ":", "/", "\\", "->", "<-"))
_DIGIT = re.compile(r"\d|%\d\d|%\(\d+\)", re.ASCII)


def is_bond(token: str) -> bool:
    """Return whether `token` is a bond."""
    return token in _BONDS


def is_digit(token: str) -> bool:
    """Return whether `token` opens or closes a ring."""
    return _DIGIT.fullmatch(token) is not None


def is_atom(token: str) -> bool:
    """Return whether `token` is an atom."""
    return not (is_bond(token) or is_digit(token) or token in ("(", ")", "."))


def split(smiles: str) -> list[str]:
    r"""Return the tokens of `smiles`, whose concatenation is `smiles`.

    Args:
        smiles: any string; only the spelling is read, not the chemistry.

    Raises:
        DataError: if a character or bracket atom is not SMILES; the message names it and where.

    Example:
        >>> split("C[C@@H](Cl)c1cc%12[nH]1")
        ['C', '[C@@H]', '(', 'Cl', ')', 'c', '1', 'c', 'c', '%12', '[nH]', '1']
        >>> split("CC(Xe)C")
        Traceback (most recent call last):
        discdiff.errors.DataError: unexpected 'X' at position 3 of 'CC(Xe)C'
    """
    tokens = _TOKEN.findall(smiles)
    if sum(map(len, tokens)) == len(smiles):
        return tokens
    position = stray_position(smiles)
    raise DataError(
        f"unexpected {_culprit(smiles, position)!r} at position {position} of {shown(smiles)}"
    )


def stray_position(smiles: str) -> int:
    """Return the first position where no token starts, or the length if there is none."""
    position = 0
    while match := _TOKEN.match(smiles, position):
        position = match.end()
    return position


def hazard(smiles: str) -> str | None:
    """Return why `smiles` must not be handed to RDKit at all, or None; linear in its length.

    Raises:
        InputError: if `smiles` is not a string.

    Example:
        >>> hazard("C" * 100_000), hazard("C(" * 500), hazard("CCO")
        ('more than 2000 characters', 'branches nested deeper than 100', None)
    """
    if not isinstance(smiles, str):
        raise InputError(f"smiles must be a string, got {smiles!r}")
    if len(smiles) > MAX_LENGTH:
        return f"more than {MAX_LENGTH} characters"
    if smiles.count("(") > MAX_DEPTH and _depth(smiles) > MAX_DEPTH:
        return f"branches nested deeper than {MAX_DEPTH}"
    if smiles.count(".") >= MAX_FRAGMENTS:
        return f"more than {MAX_FRAGMENTS} fragments"
    return None


def spelling_fault(smiles: str) -> str | None:
    """Return why `smiles` is not spelt as SMILES, or None; says nothing about its chemistry.

    Example:
        >>> spelling_fault(""), spelling_fault("CC extra"), spelling_fault("[C+999999]")
        ('empty', 'whitespace', 'not SMILES')
    """
    if not smiles:
        return "empty"
    if sum(map(len, _TOKEN.findall(smiles))) == len(smiles):
        return None
    if not smiles.isascii():
        return "not ASCII"
    if any(c.isspace() for c in smiles):
        return "whitespace"
    return "not SMILES"


def shown(smiles: str, width: int = 80) -> str:
    """Return `smiles` quoted for a message, shortened to about `width` characters."""
    return repr(smiles if len(smiles) <= width else smiles[:width] + "…")


def _culprit(smiles: str, position: int) -> str:
    """The bracket atom at `position` if one is closed there, else the character."""
    if smiles[position] == "[" and (end := smiles.find("]", position)) > 0:
        return smiles[position : end + 1]
    return smiles[position]


def _depth(smiles: str) -> int:
    depth = deepest = 0
    for character in smiles:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest
