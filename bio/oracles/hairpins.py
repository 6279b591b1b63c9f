"""Stems that a strand can form with itself."""

from __future__ import annotations

from collections.abc import Iterator

from discdiff import _check
from discdiff.bio.oracles.sequence import PerSequence, extent
from discdiff.errors import InputError

STATISTICS = ("longest", "count")
_PAIRS = frozenset({"AT", "TA", "CG", "GC"})
_WOBBLE = frozenset({"GT", "TG"})


class Hairpins(PerSequence):
    r"""The longest perfect stem of a hairpin, in pairs; or how many hairpins there are.

    A hairpin has an innermost pair $(i,j)$ around a loop of $j-i-1$ bases within `loop`, and as its
    stem the pairs $(i,j),(i-1,j+1),\dots$ up to the first two bases that do not pair. Its innermost
    pair is not within a pair around a loop that is long enough. It counts from `stem` pairs on.
    No energies: bulges and mismatches end a stem.

    Args:
        stem: fewest pairs.
        loop: ``[fewest, most]`` bases in the loop.
        wobble: whether G pairs with T (U) too.
        statistic: ``longest`` stem in pairs, 0 where there is no hairpin, or ``count``.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> Hairpins()(["GGGCTTTTGCCC", "AAAAAAAA"])
        array([4., 0.])
    """

    name = "hairpins"
    direction = "min"

    def __init__(
        self,
        stem: int = 4,
        loop: tuple[int, int] = (3, 20),
        wobble: bool = False,
        statistic: str = "longest",
    ) -> None:
        self.stem = _check.positive_int("stem", stem)
        self.loop = extent("loop", loop)
        if not isinstance(wobble, bool):
            raise InputError(f"wobble must be true or false, got {wobble!r}")
        self.statistic = _check.one_of("statistic", statistic, STATISTICS)
        self._pairs = _PAIRS | _WOBBLE if wobble else _PAIRS
        self.units = "pairs" if statistic == "longest" else ""
        super().__init__(stem=stem, loop=list(loop), wobble=wobble, statistic=statistic)

    def value(self, bases: str) -> float:
        stems = [pairs for *_, pairs in self.find(bases)]
        return float(len(stems) if self.statistic == "count" else max(stems, default=0))

    def find(self, bases: str) -> Iterator[tuple[int, int, int]]:
        """Yield the innermost pair (from 0) and the pairs of the stem of each hairpin.

        Example:
            >>> list(Hairpins().find("GGGCTTTTGCCC"))
            [(3, 8, 4)]
        """
        low, high = self.loop
        for i in range(len(bases)):
            for j in range(i + 1 + low, min(len(bases), i + 2 + high)):
                if bases[i] + bases[j] not in self._pairs:
                    continue
                if j - i - 3 >= low and bases[i + 1] + bases[j - 1] in self._pairs:
                    continue  # part of a longer stem
                pairs = self._outwards(bases, i, j)
                if pairs >= self.stem:
                    yield i, j, pairs

    def _outwards(self, bases: str, i: int, j: int) -> int:
        pairs = 0
        while i >= 0 and j < len(bases) and bases[i] + bases[j] in self._pairs:
            i, j, pairs = i - 1, j + 1, pairs + 1
        return pairs
