"""Words that occur again: anywhere, on the other strand, or one after another."""

from __future__ import annotations

from discdiff import _check
from discdiff.bio.bases import reverse_complement
from discdiff.bio.oracles.sequence import PerSequence, extent

KINDS = ("direct", "inverted", "tandem")


class Repeats(PerSequence):
    """Bases of the longest repeat; 0 where there is none.

    * ``direct``: the longest word that occurs at two places, which may overlap by all but one base;
    * ``inverted``: the longest word whose reverse complement occurs, at whatever place, its own
      included;
    * ``tandem``: the longest run in which each base is the one a unit before it, counted with its
      first unit, of at least two units. The last one may be cut off.

    Args:
        kind: one of these.
        unit: ``[fewest, most]`` bases of a unit of tandem repeats; 1 would be homopolymers.

    Raises:
        InputError: if `kind` is unknown or `unit` no such pair.

    Example:
        >>> Repeats()(["GATTACAGATTC"]), Repeats("inverted")(["GGATCCA"])
        (array([4.]), array([6.]))
        >>> Repeats("tandem")(["TACACACAG"])
        array([7.])
    """

    name = "repeats"
    direction = "min"
    units = "bases"

    def __init__(self, kind: str = "direct", unit: tuple[int, int] = (2, 6)) -> None:
        self.kind = _check.one_of("kind", kind, KINDS)
        self.unit = extent("unit", unit, fewest=1)
        super().__init__(kind=kind, unit=list(unit))

    def value(self, bases: str) -> float:
        if self.kind == "tandem":
            return float(_tandem(bases, *self.unit))
        # a repeat of k bases holds repeats of all lengths below: bisect for the longest
        low, high = 0, len(bases)
        while low < high:
            middle = (low + high + 1) // 2
            if _repeated(bases, middle, self.kind == "inverted"):
                low = middle
            else:
                high = middle - 1
        return float(low)


def _repeated(bases: str, size: int, inverted: bool) -> bool:
    words = [bases[i : i + size] for i in range(len(bases) - size + 1)]
    known = set(words)
    if inverted:
        turned = reverse_complement(bases)
        return any(turned[i : i + size] in known for i in range(len(words)))
    return len(known) < len(words)


def _tandem(bases: str, low: int, high: int) -> int:
    longest = 0
    for unit in range(low, high + 1):
        run = 0
        for here, before in zip(bases[unit:], bases, strict=False):
            run = run + 1 if here == before else 0
            if run >= unit:
                longest = max(longest, run + unit)
    return longest
