"""Templates of nucleotides in letters of IUPAC: a base is fixed, another letter lists bases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from discdiff.bio.bases import MEANING
from discdiff.domain import Alphabet, Template
from discdiff.errors import InputError
from discdiff.gapped import Gap, Gapped, Templates

_PIECE = re.compile(r"([A-Za-z])(?:\{(\d{1,6})(?:,(\d{1,6}))?\})?", re.ASCII)


def read(text: str, alphabet: Alphabet) -> Templates:
    """Return the template that a text in letters of IUPAC describes.

    A letter may be repeated, as in ``N{20}``; with a range, as in ``N{5,12}``, the number of
    positions is drawn for each design (`Gapped`).

    Args:
        text: one letter a position.
        alphabet: bases of DNA or RNA.

    Raises:
        InputError: naming the place where `text` is no such template.

    Example:
        >>> read("ACN{2}R", Alphabet("ACGT")).allowed.sum(1).tolist()
        [4, 4, 4, 4, 2]
        >>> read("TATAN{5,12}ATG", Alphabet("ACGT"))
        Gapped(T A T A {5 to 12} A T G)
    """
    pieces = list(_pieces(text))
    parts: list[Template | Gap] = []
    run: list[str | list[str] | None] = []
    for letter, low, high in pieces:
        bases = _bases(letter, alphabet)
        choice = bases[0] if len(bases) == 1 else (None if len(bases) == len(alphabet) else bases)
        if low == high:
            run += [choice] * low
            continue
        if run:
            parts.append(Template(alphabet, run))
            run = []
        parts.append(Gap(alphabet, low, high, None if choice is None else bases))
    if run:
        parts.append(Template(alphabet, run))
    if len(parts) == 1 and isinstance(parts[0], Template):
        return parts[0]
    return Gapped(parts)


def _bases(letter: str, alphabet: Alphabet) -> list[str]:
    return [base for base in alphabet.tokens if base.replace("U", "T") in MEANING[letter.upper()]]


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield letter, fewest and most positions of each part of `text`."""
    if not isinstance(text, str) or not text:
        raise InputError(f"template must be letters of IUPAC such as ACNNRY, got {text!r}")
    place = 0
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None or found[1].upper() not in MEANING:
            raise InputError(
                f"template must be letters of IUPAC, each with an optional {{n}} or {{n,m}}, got "
                f"{text[place]!r} at position {place + 1} of {text!r}; they are "
                f"{', '.join(MEANING)}"
            )
        low = 1 if found[2] is None else int(found[2])
        high = low if found[3] is None else int(found[3])
        if not 1 <= low <= high:
            raise InputError(
                f"template must repeat a letter at least once, from fewest to most, got "
                f"{found[0]!r} at position {place + 1} of {text!r}"
            )
        yield found[1], low, high
        place = found.end()
