"""What may grow at an attachment point of a SMILES: tokens by their place in a run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from discdiff.chem.grammar import is_bond, is_digit
from discdiff.domain import Alphabet
from discdiff.errors import InputError
from discdiff.gapped import Choice, Gap, Point

SHORTEST_RING = 5
"""Tokens of the shortest ring, as in C1CC1."""
KINDS = ("atom", "bond", "single", "opens", "closes", "digit")
_SINGLE = frozenset(("-", "/", "\\"))
_NEVER = re.compile(r"\.|.*\*.*|\[\d*H[+-]?\d*(?::\d+)?\]|\[.*:\d+\]", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where in a SMILES an attachment point stands.

    Attributes:
        number: the point's.
        leads: whether the string begins with it, so that its last atom is the one attached.
        bonded: whether no bond to the scaffold may be written, as the template writes it.
        open_rings: ring digits that are open across it.
    """

    number: int
    leads: bool
    bonded: bool
    open_rings: frozenset[str]


class Growth(Gap):
    """A run that grows at an attachment point: a substituent whose rings and branches are its own.

    Whatever its place, a token is left out that could only break the scaffold or the spelling: a
    dot, a dummy atom, hydrogen as an atom, a ring digit that is open across the point. Digits of
    scaffold rings that are closed before it, or opened after it, may be used again, as SMILES
    writers do: a model has learnt to call the first ring of a substituent 1 (without them nine
    tenths of the law of `qm9_masked` for ``[*:1]C1CC1`` are cut off, and of 48 % of designs with a
    ring in the run 13 % are left). The run is attached by
    an atom and a single bond, unless the template writes the bond; it ends in an atom, a ring
    digit or a closing bracket; and no bracket or digit stands where it could not be closed.

    Args:
        alphabet: the domain's.
        place: where the point stands.
        low: fewest tokens, at least 1.
        high: most tokens.
        asked: what the user allows.

    Raises:
        InputError: if no token may stand somewhere, or more positions are listed than there are.
        DataError: if a token is not in the alphabet.

    Example:
        >>> letters = Alphabet(["(", ")", "-", "1", "2", "=", "C", "N", "c"])
        >>> branch = Place(1, leads=False, bonded=False, open_rings=frozenset("1"))
        >>> run = Growth(letters, branch, 1, 6, Point())
        >>> [" ".join(choice) for choice in run.choices(3)]
        ['- C N c', '- = C N c', 'C N c']
        >>> "2" in run.choices(5)[1], "1" in run.choices(5)[1], "2" in run.choices(4)[1]
        (True, False, False)
    """

    def __init__(self, alphabet: Alphabet, place: Place, low: int, high: int, asked: Point) -> None:
        super().__init__(alphabet, low, high, asked.tokens)
        self.place, self.positions = place, asked.positions
        for choice in asked.positions:
            for token in _listed(choice):
                alphabet.index(token)
        if len(asked.positions) > high:
            raise InputError(
                f"positions must be at most {high}, the longest run, got {len(asked.positions)}"
            )
        known = alphabet.tokens if asked.tokens is None else asked.tokens
        self._usable = {
            token: _kind(token)
            for token in known
            if not _NEVER.fullmatch(token) and token not in place.open_rings
        }
        for length in range(low, high + 1):
            self.choices(length)  # refuses what leaves no token

    def choices(self, length: int) -> Sequence[Choice]:
        found = []
        for index in range(length):
            asked = self.positions[index] if index < len(self.positions) else None
            kinds = {kind for kind in KINDS if self._fits(kind, index, length - 1 - index)}
            fits = [
                token
                for token, kind in self._usable.items()
                if kind in kinds and (asked is None or token in _listed(asked))
            ]
            if not fits:
                raise InputError(
                    f"nothing that is allowed may stand at {index} of a run of {length} tokens"
                )
            found.append(fits)
        return found

    def _fits(self, kind: str, index: int, last: int) -> bool:
        """Return whether a token can stand there, with `index` before it and `last` after."""
        if kind in ("bond", "single"):
            attaches, ends = (last, index) if self.place.leads else (index, last)
            free = attaches > 0 or (kind == "single" and not self.place.bonded)
            return free and ends > 0
        if kind == "opens":
            return index >= 1 and last >= 2
        if kind == "closes":
            return index >= 3
        if kind == "digit":  # opens a ring, or closes one
            return (index >= 1 and last >= SHORTEST_RING - 2) or index >= SHORTEST_RING - 1
        return True

    def __repr__(self) -> str:
        listed = "".join(f" {'|'.join(_listed(c)) or 'any'}" for c in self.positions)
        return f"[*:{self.place.number}]{super().__repr__()}{listed}"


def growth(alphabet: Alphabet, place: Place, most: int, asked: Point) -> Growth:
    """Return the run of a point, with the words of its number in what it refuses.

    Args:
        alphabet: the domain's.
        place: where the point stands.
        most: tokens there is room for.
        asked: what the user allows.
    """
    low, high = asked.length or (1, most)
    try:
        return Growth(alphabet, place, low, min(high, most), asked)
    except InputError as error:
        raise InputError(f"point {place.number}: {error}") from error


def _kind(token: str) -> str:
    if is_bond(token):
        return "single" if token in _SINGLE else "bond"
    if is_digit(token):
        return "digit"
    return {"(": "opens", ")": "closes"}.get(token, "atom")


def _listed(choice: Choice) -> Collection[str]:
    if choice is None:
        return ()
    return (choice,) if isinstance(choice, str) else choice
