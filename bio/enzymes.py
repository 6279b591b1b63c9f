"""Restriction enzymes by name, from the tables that Biopython has of REBASE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from discdiff import _check
from discdiff.bio.bases import MEANING, reverse_complement
from discdiff.errors import InputError

LICENCE = "Biopython License (Biopython; sites of REBASE)"


@cache
def _known() -> dict[str, str]:
    from Bio import Restriction  # a second to import

    return {str(enzyme): enzyme.site for enzyme in vars(Restriction)["AllEnzymes"]}


def site(enzyme: object) -> str:
    """Return the recognition site of an enzyme, in letters of IUPAC, as one strand reads it.

    Raises:
        InputError: with the nearest name if there is no such enzyme, or its site is not one.

    Example:
        >>> site("BsaI"), site("EcoRI")
        ('GGTCTC', 'GAATTC')
    """
    known = _known()
    if not isinstance(enzyme, str) or enzyme not in known:
        hint = _check.suggestion(enzyme, known)
        raise InputError(f"enzymes must be known to REBASE, such as EcoRI, got {enzyme!r}.{hint}")
    found = known[enzyme]
    if not found or not set(found) <= set(MEANING):
        raise InputError(f"enzymes must have one site of bases, got {enzyme} with {found!r}")
    return found


def sites(enzymes: object) -> dict[str, str]:
    """Return the sites of one enzyme or of a list of them, by name.

    Raises:
        InputError: if there is none, or one is unknown.
    """
    names = [enzymes] if isinstance(enzymes, str) else enzymes
    if not isinstance(names, Sequence) or not names:
        raise InputError(f"enzymes must be a name or a list of names, got {enzymes!r}")
    return {str(name): site(name) for name in names}


def pattern(letters: str) -> re.Pattern[str]:
    """Return the expression that finds a site of DNA at each place, overlaps included.

    Example:
        >>> [found.start() for found in pattern("RY").finditer("ACGT")]
        [0, 2]
    """
    return re.compile(f"(?={''.join(f'[{MEANING[letter]}]' for letter in letters)})")


def both_strands(letters: str) -> tuple[str, ...]:
    """Return a site as either strand reads it: once if it is its own reverse complement.

    Example:
        >>> both_strands("GGTCTC"), both_strands("GAATTC")
        (('GGTCTC', 'GAGACC'), ('GAATTC',))
    """
    return tuple(dict.fromkeys((letters, reverse_complement(letters))))
