"""Templates in letters: one is fixed, another or a list in brackets says what may stand there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from discdiff.bio import residues
from discdiff.bio.bases import MEANING
from discdiff.domain import Alphabet, Template
from discdiff.errors import InputError
from discdiff.gapped import Gap, Gapped, Templates

_TIMES = r"(?:\{(\d{1,6})(?:,(\d{1,6}))?\})?"


@dataclass(frozen=True)
class Notation:
    """How the positions of a template are written.

    Attributes:
        what: what a template consists of.
        example: a template.
        known: what there is to write, for messages.
        position: regular expression of what stands for one position.
        tokens: the tokens of an alphabet that it lists, none if it is no such thing.
    """

    what: str
    example: str
    known: str
    position: str
    tokens: Callable[[str, Alphabet], list[str]]


def _bases(letter: str, alphabet: Alphabet) -> list[str]:
    meant = MEANING.get(letter.upper(), "")
    return [base for base in alphabet.tokens if base.replace("U", "T") in meant]


def _residues(written: str, alphabet: Alphabet) -> list[str]:
    letters = written.strip("[^]")
    if not set(letters) <= residues.MEANING.keys():
        return []
    meant = "".join(residues.MEANING[letter] for letter in letters)
    return [t for t in alphabet.tokens if (t in meant) != written.startswith("[^")]


BASES = Notation("letters of IUPAC", "ACNNRY", ", ".join(MEANING), "[A-Za-z]", _bases)
RESIDUES = Notation(
    "amino acids",
    "CX{4,8}[KR]GC",
    f"{', '.join(residues.MEANING)} in upper case (lower case may mean D residues), [KR] for some "
    "amino acids and [^CM] for all but some",
    r"[A-Za-z]|\[\^?[A-Za-z]+\]",
    _residues,
)


def read(text: str, alphabet: Alphabet, notation: Notation = BASES) -> Templates:
    """Return the template that a text describes.

    A position may be repeated, as in ``N{20}``; with a range, as in ``N{5,12}``, the number of
    positions is drawn for each design (`Gapped`).

    Args:
        text: one letter, or list in brackets, a position.
        alphabet: of the domain.
        notation: `BASES` or `RESIDUES`.

    Raises:
        InputError: naming the place where `text` is no such template.

    Example:
        >>> read("ACN{2}R", Alphabet("ACGT")).allowed.sum(1).tolist()
        [4, 4, 4, 4, 2]
        >>> read("TATAN{5,12}ATG", Alphabet("ACGT"))
        Gapped(T A T A {5 to 12} A T G)
        >>> peptide = Alphabet(residues.AMINO_ACIDS)
        >>> read("CX[KR][^CM]", peptide, RESIDUES).allowed.sum(1).tolist()
        [20, 20, 2, 18]
    """
    parts: list[Template | Gap] = []
    run: list[str | list[str] | None] = []
    for tokens, low, high in list(_pieces(text, alphabet, notation)):
        choice = None if len(tokens) == len(alphabet) else tokens
        if low == high:
            run += [tokens[0] if len(tokens) == 1 else choice] * low
            continue
        if run:
            parts.append(Template(alphabet, run))
            run = []
        parts.append(Gap(alphabet, low, high, choice))
    if run:
        parts.append(Template(alphabet, run))
    if len(parts) == 1 and isinstance(parts[0], Template):
        return parts[0]
    return Gapped(parts)


def _pieces(
    text: str, alphabet: Alphabet, notation: Notation
) -> Iterator[tuple[list[str], int, int]]:
    """Yield the tokens, fewest and most positions of each part of `text`."""
    if not isinstance(text, str) or not text:
        raise InputError(
            f"template must be {notation.what} such as {notation.example}, got {text!r}"
        )
    piece = re.compile(f"({notation.position}){_TIMES}", re.ASCII)
    place = 0
    while place < len(text):
        found = piece.match(text, place)
        tokens = [] if found is None else notation.tokens(found[1], alphabet)
        if found is None or not tokens:
            raise InputError(
                f"template must be {notation.what}, each with an optional {{n}} or {{n,m}}, got "
                f"{(text[place] if found is None else found[1])!r} at position {place + 1} of "
                f"{text!r}; they are {notation.known}"
            )
        low = 1 if found[2] is None else int(found[2])
        high = low if found[3] is None else int(found[3])
        if not 1 <= low <= high:
            raise InputError(
                f"template must repeat a letter at least once, from fewest to most, got "
                f"{found[0]!r} at position {place + 1} of {text!r}"
            )
        yield tokens, low, high
        place = found.end()
