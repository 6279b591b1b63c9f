"""Peptides as monomers in chains and links between them, read from HELM and written as HELM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from discdiff.chem.peptide.monomers import RESIDUE, Monomer, monomer
from discdiff.errors import DataError

MAX_LENGTH = 20_000
"""Longest text, in characters, that is read."""

_OPENERS, _CLOSERS = {"[": "]", "{": "}"}, {"]", "}"}
_END = re.compile(r"(?P<residue>\d+):R(?P<group>\d+)", re.ASCII)
_LINK = re.compile(
    r"(?P<a>[A-Za-z]+\d+)[, ](?P<b>[A-Za-z]+\d+)[, ](?P<first>[^,\s-]+)-(?P<second>[^,\s-]+)",
    re.ASCII,
)


class End(NamedTuple):
    """One end of a bond: which chain, which monomer of it, which R-group; chains count from 0."""

    chain: int
    place: int
    group: int


class Link(NamedTuple):
    """A bond between two monomers that do not follow each other in a chain."""

    first: End
    second: End


class Peptide(NamedTuple):
    """Monomers in chains, R2 of each bonded to R1 of the next, and the links beside that.

    A monomer is named by its symbol in the library, or by its SMILES where it is not in there.
    """

    chains: tuple[tuple[str, ...], ...]
    links: tuple[Link, ...] = ()

    @property
    def monomers(self) -> list[Monomer]:
        """All monomers, chain after chain."""
        return [monomer(symbol) for chain in self.chains for symbol in chain]

    @property
    def residues(self) -> list[Monomer]:
        """The monomers without the caps."""
        return [one for one in self.monomers if one.kind == RESIDUE]

    @property
    def rings(self) -> int:
        """How many rings the chains and links close; 0 where it is linear."""
        bonds = sum(len(chain) - 1 for chain in self.chains) + len(self.links)
        return bonds - sum(map(len, self.chains)) + 1

    @property
    def unknown(self) -> list[str]:
        """SMILES of the monomers that are not in the library."""
        return [symbol for chain in self.chains for symbol in chain if "*" in symbol]


def is_helm(text: str) -> bool:
    """Return whether `text` looks like HELM rather than like SMILES or a sequence.

    Example:
        >>> is_helm("PEPTIDE1{A.G}$$$$"), is_helm("CC(=O)N")
        (True, False)
    """
    return re.match(r"\s*[A-Z]+\d+\{", text) is not None


def read_helm(text: str) -> Peptide:
    """Return the peptide that a HELM text spells.

    Peptide chains and their connections are read, monomers by symbol or as inline SMILES with
    ``[*:1]``; the two parts of a connection may be divided by a blank. That the R-groups are there
    is checked where the molecule is built.

    Args:
        text: HELM of version 1 or 2.

    Raises:
        DataError: naming the place, if it is no HELM, holds an unknown monomer, or anything but
            peptides.

    Example:
        >>> read_helm("PEPTIDE1{A.[dL].[meF]}$PEPTIDE1,PEPTIDE1,3:R2-1:R1$$$V2.0").chains
        (('A', 'dL', 'meF'),)
        >>> read_helm("PEPTIDE1{A.[dLe]}$$$$")
        Traceback (most recent call last):
        discdiff.errors.DataError: PEPTIDE1, residue 2 (character 12): monomer 'dLe' is not in ...
    """
    if len(text) > MAX_LENGTH:
        raise DataError(f"HELM must have at most {MAX_LENGTH} characters, got {len(text)}")
    parts = list(_split(text.strip(), "$"))
    if len(parts) < 4:
        raise DataError(
            f"HELM must have its parts ended by four '$', as in PEPTIDE1{{A.G}}$$$$, got "
            f"{len(parts) - 1} in {_shown(text)}"
        )
    if any(part for _, part in parts[2:4]):
        raise DataError("groups and annotations of HELM are not read: leave them out")
    if len(parts) > 5 or parts[-1][1] not in ("", "V2.0"):
        got = _shown("$".join(part for _, part in parts[4:]))
        raise DataError(f"the fourth '$' of HELM must be followed by V2.0 or nothing, got {got}")
    names: list[str] = []
    chains: list[tuple[str, ...]] = []
    for place, polymer in _split(parts[0][1], "|"):
        name, chain = _polymer(polymer, place)
        if name in names:
            raise DataError(f"{name} occurs twice in {_shown(text)}")
        names.append(name)
        chains.append(chain)
    place, connections = parts[1]
    texts = [(place + at, one) for at, one in _split(connections, "|")] if connections else []
    return Peptide(tuple(chains), tuple(_link(one, at, names, chains) for at, one in texts))


def write_helm(peptide: Peptide) -> str:
    """Return the HELM of a peptide, version 2.0.

    Example:
        >>> write_helm(Peptide((("ac", "C", "dL", "C"),), (Link(End(0, 1, 3), End(0, 3, 3)),)))
        'PEPTIDE1{[ac].C.[dL].C}$PEPTIDE1,PEPTIDE1,2:R3-4:R3$$$V2.0'
    """
    polymers = "|".join(
        f"PEPTIDE{number}{{{'.'.join(map(_spelt, chain))}}}"
        for number, chain in enumerate(peptide.chains, start=1)
    )
    links = "|".join(
        f"PEPTIDE{a.chain + 1},PEPTIDE{b.chain + 1},"
        f"{a.place + 1}:R{a.group}-{b.place + 1}:R{b.group}"
        for a, b in peptide.links
    )
    return f"{polymers}${links}$$$V2.0"


def _polymer(text: str, start: int) -> tuple[str, tuple[str, ...]]:
    match = re.fullmatch(r"(?P<name>(?P<kind>[A-Z]+)\d+)\{(?P<body>.*)\}", text, re.DOTALL)
    if match is None:
        raise DataError(
            f"character {start + 1}: a chain must read PEPTIDE1{{A.G}}, got {_shown(text)}"
        )
    name = match["name"]
    if match["kind"] != "PEPTIDE":
        raise DataError(f"character {start + 1}: {name} is no peptide, and only those are read")
    inner = start + match.start("body")
    symbols = []
    for number, (place, spelling) in enumerate(_split(match["body"], "."), start=1):
        where = f"{name}, residue {number} (character {inner + place + 1})"
        symbols.append(_symbol(spelling, where))
    return name, tuple(symbols)


def _symbol(spelling: str, where: str) -> str:
    bare = spelling
    if spelling.startswith("[") and spelling.endswith("]"):
        bare = spelling[1:-1]
        if bare.startswith("*"):
            bare = spelling  # [*:1] is where an inline SMILES may begin, not a symbol
    elif len(spelling) != 1:
        got = repr(spelling) if spelling else "nothing"
        raise DataError(f"{where}: a symbol of several letters stands in [brackets], got {got}")
    try:
        return monomer(bare).symbol
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _link(text: str, start: int, names: list[str], chains: list[tuple[str, ...]]) -> Link:
    where = f"connection {text!r} (character {start + 1})"
    match = _LINK.fullmatch(text)
    ends = None if match is None else [_END.fullmatch(match[end]) for end in ("first", "second")]
    if match is None or ends is None or ends[0] is None or ends[1] is None:
        raise DataError(f"{where} must read PEPTIDE1,PEPTIDE1,6:R2-1:R1")
    found = []
    for name, end in zip((match["a"], match["b"]), ends, strict=True):
        if name not in names:
            raise DataError(f"{where} names {name}; the chains are {', '.join(names)}")
        chain, place = names.index(name), int(end["residue"]) if end else 0
        if not 1 <= place <= len(chains[chain]):
            raise DataError(f"{where}: {name} has the residues 1 to {len(chains[chain])}")
        found.append(End(chain, place - 1, int(end["group"]) if end else 0))
    first, second = sorted(found)
    return Link(first, second)


def _split(text: str, mark: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of `text` between marks outside brackets, each with where it starts."""
    opened: list[int] = []
    start = 0
    for place, character in enumerate(text):
        if character in _OPENERS:
            opened.append(place)
        elif character in _CLOSERS:
            if character not in {_OPENERS[text[one]] for one in opened}:
                raise DataError(f"character {place + 1} of {_shown(text)}: {character!r} too many")
            if _OPENERS[text[opened[-1]]] != character:
                raise _unclosed(text, opened[-1])
            opened.pop()
        elif character == mark and not opened:
            yield start, text[start:place]
            start = place + 1
    if opened:
        raise _unclosed(text, opened[-1])
    yield start, text[start:]


def _unclosed(text: str, place: int) -> DataError:
    missing = _OPENERS[text[place]]
    return DataError(
        f"character {place + 1} of {_shown(text)}: {text[place]!r} is not closed by {missing!r}"
    )


def _spelt(symbol: str) -> str:
    return symbol if len(symbol) == 1 else f"[{symbol}]"


def _shown(text: str, width: int = 60) -> str:
    return repr(text if len(text) <= width else text[:width] + "…")
