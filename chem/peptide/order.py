"""The one order in which the monomers of a peptide are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from discdiff.chem.peptide.helm import End, Link, Peptide
from discdiff.chem.peptide.monomers import monomer

Bond = tuple[tuple[int, int], tuple[int, int]]
"""Two ends, each a part and its R-group."""


def ordered(symbols: Sequence[str], bonds: Sequence[Bond]) -> Peptide:
    """Return the peptide of monomers and the bonds between them, in its canonical order.

    Bonds from R2 to R1 make chains. A chain that closes on itself starts where its symbols read
    first in alphabetical order; of several chains the longest comes first.

    Args:
        symbols: one for each part.
        bonds: between the parts.

    Example:
        >>> ordered(["L", "A", "P"], [((0, 2), (1, 1)), ((1, 2), (2, 1)), ((2, 2), (0, 1))])
        Peptide(chains=(('A', 'P', 'L'),), links=(Link(first=End(chain=0, place=0, group=1), ...
    """
    following: dict[int, int] = {}
    for one, other in bonds:
        for (a, group_a), (b, group_b) in ((one, other), (other, one)):
            if (group_a, group_b) == (2, 1) and a != b:
                following[a] = b
    runs = [_turned(run, is_ring, symbols, bonds) for run, is_ring in _runs(following, symbols)]
    runs.sort(key=lambda run: (-len(run), [symbols[part] for part in run]))
    where = {part: (c, p) for c, run in enumerate(runs) for p, part in enumerate(run)}
    return Peptide(
        tuple(tuple(symbols[part] for part in run) for run in runs),
        tuple(sorted(_links(bonds, where))),
    )


def canonical(peptide: Peptide) -> Peptide:
    """Return the same peptide in its canonical order, symbols as the library has them.

    Example:
        >>> from discdiff.chem.peptide.helm import read_helm, write_helm
        >>> write_helm(canonical(read_helm("PEPTIDE1{P.L.A}$PEPTIDE1,PEPTIDE1,3:R2-1:R1$$$")))
        'PEPTIDE1{A.P.L}$PEPTIDE1,PEPTIDE1,1:R1-3:R2$$$V2.0'
    """
    places = [(c, p) for c, chain in enumerate(peptide.chains) for p in range(len(chain))]
    part = {place: number for number, place in enumerate(places)}
    bonds: list[Bond] = [
        ((part[c, p], 2), (part[c, p + 1], 1)) for c, p in places if (c, p + 1) in part
    ]
    bonds += [
        ((part[a.chain, a.place], a.group), (part[b.chain, b.place], b.group))
        for a, b in peptide.links
    ]
    return ordered([monomer(peptide.chains[c][p]).symbol for c, p in places], bonds)


def _runs(following: dict[int, int], symbols: Sequence[str]) -> Iterator[tuple[list[int], bool]]:
    """Yield the chains, and whether each closes on itself."""
    followers = set(following.values())
    left = set(range(len(symbols)))
    starts = sorted(left - followers)
    while left:
        start = starts.pop(0) if starts else min(left)
        run = [start]
        left.discard(start)
        while run[-1] in following and following[run[-1]] in left:
            run.append(following[run[-1]])
            left.discard(run[-1])
        yield run, following.get(run[-1]) == start


def _turned(
    run: list[int], is_ring: bool, symbols: Sequence[str], bonds: Sequence[Bond]
) -> list[int]:
    if not is_ring:
        return run
    names = [symbols[part] for part in run]
    first = min(names)
    turns = [run[i:] + run[:i] for i, name in enumerate(names) if name == first]

    def reading(turn: list[int]) -> tuple[list[str], list[Link]]:
        where = {part: (0, place) for place, part in enumerate(turn)}
        inside = [bond for bond in bonds if bond[0][0] in where and bond[1][0] in where]
        return [symbols[part] for part in turn], sorted(_links(inside, where))

    return min(turns, key=reading)


def _links(bonds: Sequence[Bond], where: dict[int, tuple[int, int]]) -> Iterator[Link]:
    """Yield the bonds that no chain contains."""
    for (a, group_a), (b, group_b) in bonds:
        first, second = sorted((End(*where[a], group_a), End(*where[b], group_b)))
        follows = (second.chain, second.place) == (first.chain, first.place + 1)
        if not (follows and (first.group, second.group) == (2, 1)):
            yield Link(first, second)
