"""Scaffold templates: a SMILES with attachment points, read into fixed tokens and runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem import grammar, molecule
from discdiff.chem.grammar import is_bond, is_digit
from discdiff.chem.growth import Growth, Place, growth
from discdiff.domain import Alphabet, Template
from discdiff.errors import DataError, InputError
from discdiff.gapped import Gapped, Point

_POINT = re.compile(r"\[\*:([1-9]\d{0,3})\]", re.ASCII)
_NUMBERED = re.compile(r"\[.*:\d+\]", re.ASCII)


@dataclass(frozen=True)
class Scaffold:
    """A template as it was read.

    Attributes:
        smiles: the template.
        mol: its molecule, attachment points as dummy atoms.
        tokens: its tokens, attachment points among them.
        places: where its points stand, by the index of their tokens.
    """

    smiles: str
    mol: Mol
    tokens: tuple[str, ...]
    places: Mapping[int, Place]


def read(template: str) -> Scaffold:
    """Return what `template` says.

    Args:
        template: a SMILES with attachment points ``[*:n]``, each with one neighbour.

    Raises:
        InputError: if it is no SMILES, or not one connected scaffold with points.

    Example:
        >>> found = read("c1ccc2[nH]c([*:1])nc2c1")
        >>> {n: (place.number, sorted(place.open_rings)) for n, place in found.places.items()}
        {9: (1, ['1', '2'])}
    """
    if not isinstance(template, str):
        raise InputError(f"template must be a string, got {template!r}")
    refusal = grammar.hazard(template)
    if refusal is not None:
        raise InputError(f"template must be a SMILES, got {grammar.shown(template)}: {refusal}")
    try:
        tokens = tuple(grammar.split(template))
    except DataError as error:
        raise InputError(f"template must be a SMILES: {error}") from error
    places = dict(_places(template, tokens))
    mol = molecule.parse(template)
    if mol is None:
        reason = molecule.read(template).reason
        raise InputError(f"template must be a SMILES, got {grammar.shown(template)}: {reason}")
    _check_bonds(template, mol)
    return Scaffold(template, mol, tokens, places)


def _places(template: str, tokens: Sequence[str]) -> Iterator[tuple[int, Place]]:
    """Yield where the points stand; refuse other atoms with numbers or without an element."""
    open_rings: set[str] = set()
    seen: set[int] = set()
    for index, token in enumerate(tokens):
        if is_digit(token):
            open_rings ^= {token}
        point = _POINT.fullmatch(token)
        if point is not None:
            number = int(point[1])
            if number in seen:
                raise InputError(
                    f"template must number its points differently, got {token} twice in "
                    f"{grammar.shown(template)}"
                )
            seen.add(number)
            yield index, Place(number, index == 0, _bonded(tokens, index), frozenset(open_rings))
        elif "*" in token or _NUMBERED.fullmatch(token):
            raise InputError(
                f"template must write its points as [*:1], [*:2] and number no other atom, got "
                f"{token!r} at position {index} of {grammar.shown(template)}"
            )
        elif token == ".":
            raise InputError(
                f"template must be one fragment, got {token!r} at position {index} of "
                f"{grammar.shown(template)}"
            )
    if not seen:
        raise InputError(
            f"template must have an attachment point such as [*:1], got {grammar.shown(template)}"
        )


def _bonded(tokens: Sequence[str], index: int) -> bool:
    """Return whether no bond may be written at the point: it has one, or a branch follows."""
    if index > 0:
        return is_bond(tokens[index - 1])
    return len(tokens) > 1 and (is_bond(tokens[1]) or tokens[1] == "(")


def _check_bonds(template: str, mol: Mol) -> None:
    dummies = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    for atom in dummies:
        neighbours = atom.GetNeighbors()
        if len(neighbours) != 1 or neighbours[0].GetAtomicNum() == 0:
            raise InputError(
                f"template must bond each point to one atom of the scaffold, got "
                f"[*:{atom.GetAtomMapNum()}] with {len(neighbours)} neighbours in "
                f"{grammar.shown(template)}"
            )


def gapped(
    scaffold: Scaffold, alphabet: Alphabet, points: Mapping[int, Point], longest: int
) -> Gapped:
    """Return the template of `scaffold`: its own tokens fixed, a run at each point.

    Args:
        scaffold: what was read.
        alphabet: the model's tokens.
        points: what may grow at a point, by its number; by default one token up to as many as
            leave the other points their fewest.
        longest: most tokens of a design.

    Raises:
        InputError: if a token is not in the alphabet, a point is not in the template, there is no
            room, or no token may stand somewhere.
    """
    known = {place.number for place in scaffold.places.values()}
    for number in points:
        if number not in known:
            raise InputError(
                f"points must be those of the template, {', '.join(map(str, sorted(known)))}, "
                f"got {number!r}"
            )
    asked = {number: points.get(number, Point()) for number in known}
    fewest = {number: (point.length or (1, 1))[0] for number, point in asked.items()}
    room = longest - (len(scaffold.tokens) - len(known)) - sum(fewest.values())
    if room < 0:
        raise InputError(
            f"template must leave room at its points: it needs at least {longest - room} tokens, "
            f"and the model writes at most {longest}"
        )
    return Gapped(list(_parts(scaffold, alphabet, asked, fewest, room)))


def _parts(
    scaffold: Scaffold,
    alphabet: Alphabet,
    asked: Mapping[int, Point],
    fewest: Mapping[int, int],
    room: int,
) -> Iterator[Template | Growth]:
    fixed: list[str] = []
    for index, token in enumerate(scaffold.tokens):
        place = scaffold.places.get(index)
        if place is None:
            if token not in alphabet:
                raise InputError(
                    f"template must be written in the model's tokens, got {token!r} at position "
                    f"{index} of {grammar.shown(scaffold.smiles)}, which is not one of them."
                    f"{_check.suggestion(token, alphabet.tokens)}"
                )
            fixed.append(token)
            continue
        if fixed:
            yield Template(alphabet, fixed)
            fixed = []
        number = place.number
        yield growth(alphabet, place, fewest[number] + room, asked[number])
    if fixed:
        yield Template(alphabet, fixed)
