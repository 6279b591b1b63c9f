"""Patterns of nucleotides in the letters of IUPAC, such as sites of restriction enzymes."""

from __future__ import annotations

from collections.abc import Mapping

from discdiff import _check
from discdiff.bio.bases import MEANING
from discdiff.constraint.automaton import Automaton
from discdiff.constraint.nfa import Tokens, sequence
from discdiff.constraint.patterns import all_of, listed
from discdiff.domain import Domain
from discdiff.errors import InputError, UnsupportedError

_PAIRS = str.maketrans("ACGTU", "TGCAA")
KEYS = ("whole", "required", "forbidden", "both_strands")


def iupac(domain: Domain, value: object) -> Automaton:
    """Patterns of nucleotides: the whole sequence fits one, or holds some, or holds none of some.

    A text is a pattern of the whole sequence. A mapping has patterns under `whole`, `required` and
    `forbidden`, and with `both_strands` a pattern of the last two is looked for on the reverse
    complement too: on one strand at least where it is required, on neither where it is forbidden.
    They are looked for in the constant flanks of the domain and across their ends too.

    Args:
        domain: one of DNA or RNA letters.
        value: a text, or such a mapping.

    Raises:
        UnsupportedError: if a token of the domain is no base.
        InputError: if a pattern has another letter, or the value is anything else.

    Example:
        >>> from discdiff.domain import Letters
        >>> free = iupac(Letters("ACGT"), {"forbidden": ["GGTCTC"], "both_strands": True})
        >>> [free.accepts(Letters("ACGT").encode(s)) for s in ("AGGTCTCA", "TGAGACCT", "GGTCTA")]
        [False, False, True]

    Source: Nomenclature for incompletely specified bases in nucleic acid sequences
    (Cornish-Bowden, 1985).
    """
    bases = "".join(domain.alphabet.tokens)
    if not set(bases) <= set("ACGTU") or {"T", "U"} <= set(bases):
        raise UnsupportedError(
            "constraint.iupac must be left out for tokens that are no bases of DNA or RNA, got "
            f"{bases!r}"
        )
    asked = {"whole": value} if isinstance(value, str) else value
    if not isinstance(asked, Mapping) or not set(asked) - {"both_strands"}:
        raise InputError(f"iupac must be a pattern, or a mapping of {', '.join(KEYS)}: {value!r}")
    for key in asked:
        _check.one_of("key of iupac", key, KEYS)
    both = asked.get("both_strands", False)
    if not isinstance(both, bool):
        raise InputError(f"both_strands must be true or false, got {both!r}")
    parts = []
    for key in KEYS[:3]:
        for pattern in listed(key, asked[key]) if key in asked else ():
            found = _of(key, pattern, domain)
            if both and key != "whole":
                found = found | _of(key, pattern, domain, turned=True)
            found = ~found if key == "forbidden" else found
            parts.append(found if key == "whole" else _between_flanks(found, domain))
    return all_of(parts)


def _between_flanks(found: Automaton, domain: Domain) -> Automaton:
    before, after = map(domain.encode, domain.flanks)
    return found.between(before, after) if before or after else found


def _of(key: str, pattern: str, domain: Domain, turned: bool = False) -> Automaton:
    sets = [_tokens(key, pattern, place, domain, turned) for place in range(len(pattern))]
    if turned:
        sets.reverse()
    return sequence(sets, len(domain.alphabet), anywhere=key != "whole")


def _tokens(key: str, pattern: str, place: int, domain: Domain, turned: bool) -> Tokens:
    letter = pattern[place]
    if letter not in MEANING:
        raise InputError(
            f"{key} {pattern!r} has no letter of IUPAC at position {place}: {letter!r}; they are "
            f"{', '.join(MEANING)}"
        )
    bases = MEANING[letter].translate(_PAIRS) if turned else MEANING[letter]
    tokens = domain.alphabet.tokens
    return frozenset(i for i, token in enumerate(tokens) if token.replace("U", "T") in bases)
