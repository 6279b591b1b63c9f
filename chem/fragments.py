"""Fragments of a SMILES: runs of tokens that hang on the rest by one bond."""

from __future__ import annotations

from collections.abc import Sequence

from discdiff.chem.grammar import is_atom, is_bond, is_digit


def fragments(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the runs that hold all that is written after a bond, from first up to after.

    A run begins with the bond before an atom, or with the atom where that bond is not written, and
    ends where its branch does. Runs that share a ring with the rest are left out, and so are
    strings whose branches do not close.

    Args:
        tokens: of a SMILES, valid or not.

    Example:
        >>> tokens = list("CC(=O)NC1CC1")
        >>> ["".join(tokens[first:after]) for first, after in fragments(tokens)]
        ['C(=O)NC1CC1', '=O', 'NC1CC1', 'C1CC1']
    """
    ends = _ends(tokens)
    if ends is None:
        return []
    rings = _rings(tokens)
    found = []
    for first in range(1, len(tokens)):
        atom = first + 1 if is_bond(tokens[first]) else first
        if is_bond(tokens[first - 1]) or atom == len(tokens) or not is_atom(tokens[atom]):
            continue
        after = ends[first]
        if all((first <= one < after) == (first <= two < after) for one, two in rings):
            found.append((first, after))
    return found


def _ends(tokens: Sequence[str]) -> list[int] | None:
    """Return where the branch of each token ends; None where branches do not close."""
    ends, after = [0] * len(tokens), [len(tokens)]
    for place in reversed(range(len(tokens))):
        if tokens[place] == ")":
            after.append(place)
        ends[place] = after[-1]
        if tokens[place] == "(":
            after.pop()
        if not after:
            return None
    return ends if len(after) == 1 else None


def _rings(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of each pair of ring digits."""
    opened: dict[str, int] = {}
    pairs = []
    for place, token in enumerate(tokens):
        if is_digit(token):
            first = opened.pop(token, None)
            if first is None:
                opened[token] = place
            else:
                pairs.append((first, place))
    return pairs
