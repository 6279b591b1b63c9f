"""Whether a vendor would make a sequence, by rules on composition and repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from discdiff import _check
from discdiff.bio.oracles.gc import windows
from discdiff.bio.oracles.hairpins import Hairpins
from discdiff.bio.oracles.homopolymer import Homopolymer
from discdiff.bio.oracles.repeats import Repeats
from discdiff.bio.oracles.sequence import PerSequence
from discdiff.errors import InputError

Limits = tuple[float, float]


class Orderable(PerSequence):
    r"""How far a sequence keeps the rules of synthesis, in [0, 1]; 1 where it keeps all.

    Each figure has a range ``[low, high]``. A rule that is kept is worth 1; else a figure $f$ is
    worth $f/\text{low}$ below, $\text{high}/f$ above, GC content above $(1-f)/(1-\text{high})$.
    The score is their product. The rules: `length` in bases; `gc`, of the whole; `gc_range`, the
    richest less the poorest window of 50 bases; `homopolymer`, the longest run; `repeat` and
    `inverted`, the longest word that occurs again, on the same or the other strand; `tandem`, the
    longest run of units of 2 to 6 bases; `hairpin`, pairs of the longest stem with a loop of 3 to
    50 bases.

    The kinds of rules are those that vendors publish; the default limits are ours, in the middle of
    what vendors of fragments ask for. They differ between vendors and change: set those of yours,
    whose own check decides.

    Args:
        rules: ranges that replace the defaults, by name; None switches one off.

    Raises:
        InputError: if a rule is unknown or no such range.

    Source: the kinds of rules: Streamlining the Design-to-Build Transition with Build-Optimization
    Software Tools (Oberortner et al., 2017).

    Example:
        >>> oracle = Orderable({"length": None})
        >>> oracle(["ACGTTGCATCAGGATCCTAA", "ACGTTGAAAAAAAAAAAACT"]).round(2)
        array([1. , 0.6])
        >>> oracle.broken("ACGTTGAAAAAAAAAAAACT")
        {'gc': 0.2, 'homopolymer': 12.0}
    """

    name = "orderable"
    RULES: ClassVar[dict[str, Limits]] = {
        "length": (20, 3000),
        "gc": (0.25, 0.65),
        "gc_range": (0, 0.52),
        "homopolymer": (0, 9),
        "repeat": (0, 19),
        "inverted": (0, 19),
        "tandem": (0, 20),
        "hairpin": (0, 14),
    }

    def __init__(self, rules: Mapping[str, object] | None = None) -> None:
        if rules is not None and not isinstance(rules, Mapping):
            raise InputError(f"rules must map names to [low, high] or null, got {rules!r}")
        asked = {_check.one_of("rule", n, tuple(self.RULES)): r for n, r in (rules or {}).items()}
        merged: dict[str, object] = {**self.RULES, **asked}
        self.rules = {n: _limits(n, r) for n, r in merged.items() if r is not None}
        self._parts = {
            "homopolymer": Homopolymer(),
            "repeat": Repeats("direct"),
            "inverted": Repeats("inverted"),
            "tandem": Repeats("tandem"),
            "hairpin": Hairpins(stem=1, loop=(3, 50)),
        }
        super().__init__(rules=None if rules is None else {**rules})

    def value(self, bases: str) -> float:
        score = 1.0
        for name, figure in self.figures(bases).items():
            low, high = self.rules[name]
            if figure < low:
                score *= figure / low
            elif figure > high:
                score *= (1 - figure) / (1 - high) if name == "gc" else high / figure
        return score

    def figures(self, bases: str) -> dict[str, float]:
        """Return the figure that each rule in force looks at, of a sequence of A, C, G and T."""
        return {name: self._figure(name, bases) for name in self.rules}

    def broken(self, bases: str) -> dict[str, float]:
        """Return the figures outside their ranges, by rule."""
        limits = self.rules
        found = self.figures(bases)
        return {n: f for n, f in found.items() if not limits[n][0] <= f <= limits[n][1]}

    def _figure(self, name: str, bases: str) -> float:
        if name == "length":
            return float(len(bases))
        if name == "gc":
            return float(windows(bases, None)[0])
        if name == "gc_range":
            shares = windows(bases, 50)
            return float(shares.max() - shares.min())
        return self._parts[name].value(bases)


def _limits(name: str, value: object) -> Limits:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"rule {name} must be [low, high], got {value!r}")
    low, high = (_check.non_negative(f"rule {name}", limit) for limit in value)
    if low > high:
        raise InputError(f"rule {name} must be [low, high], got [{low:g}, {high:g}]")
    return low, high
