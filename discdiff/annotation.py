"""What an oracle sees where in a sequence: spans with a label, for drawings and tables.

An oracle takes part by a method `annotations`: from a string, as the oracle is shown it, to
`Annotation`s. It must be quick and is not charged for: it explains a score and is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from discdiff.errors import InputError, OracleError
from discdiff.oracle import Combined, Wrapper
from discdiff.oracle.check import Checked
from discdiff.oracle.flanked import Flanked

STRANDS = ("+", "-", "")


@dataclass(frozen=True)
class Annotation:
    """Tokens `start` to `end` of a sequence, from 0, the end not included, and what they are.

    Args:
        start: the first token.
        end: after the last one.
        label: what it is.
        strand: ``+``, ``-``, or empty where there are no strands.
        score: how much it is that; None where that has no number.

    Raises:
        InputError: if the span is empty or reversed, or the strand none of these.

    Example:
        >>> Annotation(3, 9, "TBP", "-", 7.1).words
        'TBP - at 4 to 9, 7.1'
    """

    start: int
    end: int
    label: str
    strand: str = ""
    score: float | None = None

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise InputError(f"end must be above start, got {self.start} to {self.end}")
        if self.strand not in STRANDS:
            raise InputError(f"strand must be '+', '-' or empty, got {self.strand!r}")

    @property
    def words(self) -> str:
        """The annotation in words, positions counted from 1."""
        named = f"{self.label} {self.strand}".strip()
        score = "" if self.score is None else f", {self.score:.3g}"
        return f"{named} at {self.start + 1} to {self.end}{score}"


def annotated(oracle: object, string: str) -> list[Annotation]:
    """Return what the oracles in `oracle` see in a design, each place once, from left to right.

    Of what lies over a flank the part in the design is left; what lies outside is left out.

    Args:
        oracle: an oracle in any wrappers.
        string: a valid design, without the flanks of its domain.

    Raises:
        OracleError: if an `annotations` fails or returns something else.

    Example:
        >>> class Gs:
        ...     def __call__(self, strings): return [s.count("G") for s in strings]
        ...     def annotations(self, string): return [Annotation(string.index("G"), 3, "G")]
        >>> annotated(Checked(Gs()), "AAGT")
        [Annotation(start=2, end=3, label='G', strand='', score=None)]
    """
    found = dict.fromkeys(_found(oracle, string))
    return sorted(found, key=lambda a: (a.start, a.end, a.label, a.strand))


def _found(oracle: object, string: str) -> Iterator[Annotation]:
    if isinstance(oracle, Combined):
        for part in oracle.oracles:
            yield from _found(part, string)
    elif isinstance(oracle, Checked):
        own = getattr(oracle.oracle, "annotations", None)
        yield from () if own is None else _checked(own, oracle.name, string)
    elif isinstance(oracle, Flanked):
        before, after = oracle.flanks
        for seen in _found(oracle.oracle, f"{before}{string}{after}"):
            start = max(seen.start - len(before), 0)
            end = min(seen.end - len(before), len(string))
            if start < end:
                yield replace(seen, start=start, end=end)
    elif isinstance(oracle, Wrapper):
        yield from _found(oracle.oracle, string)


def _checked(own: Any, name: str, string: str) -> list[Annotation]:
    try:
        found = list(own(string))
    except Exception as error:  # the plug-in boundary: attributed and chained
        raise OracleError(
            f"annotations of oracle {name!r} raised {type(error).__name__}: {error}"
        ) from error
    for one in found:
        if not isinstance(one, Annotation) or not 0 <= one.start < one.end <= len(string):
            raise OracleError(
                f"annotations of oracle {name!r} must be Annotations within the string, got {one!r}"
            )
    return found
