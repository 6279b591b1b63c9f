"""Everything that is asked of an oracle is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from discdiff.oracle.budgeted import Budgeted
from discdiff.oracle.scores import Part, Scores
from discdiff.oracle.wrapper import Wrapper


@dataclass(frozen=True)
class Counts:
    """How many sequences an oracle was asked about, and what became of them.

    `requested = invalid + rejected + cached + evaluated + not_evaluated`.

    Args:
        requested: sequences asked about, repeats included.
        invalid: refused by the domain before the oracle saw them.
        cached: answered without the oracle: known before, or repeated within a request.
        evaluated: answered by the oracle.
        failed: of the evaluated, those without a complete score.
        not_evaluated: left out because the budget was spent.
        rejected: by a filter that needs no score; the oracle never heard of them.

    Example:
        >>> Counts(requested=2, evaluated=2) + Counts(requested=1, invalid=1)
        Counts(requested=3, invalid=1, cached=0, evaluated=2, failed=0, not_evaluated=0, rejected=0)
    """

    requested: int = 0
    invalid: int = 0
    cached: int = 0
    evaluated: int = 0
    failed: int = 0
    not_evaluated: int = 0
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @classmethod
    def of(cls, scores: Scores) -> Self:
        """Return the counts of one answer."""
        pairs = list(zip(scores.status, scores.origin, strict=True))
        return cls(
            requested=len(pairs),
            invalid=pairs.count(("invalid", "")),
            cached=scores.origin.count("cache"),
            evaluated=scores.origin.count("oracle"),
            failed=pairs.count(("failed", "oracle")),
            not_evaluated=scores.status.count("not_evaluated"),
            rejected=scores.status.count("rejected"),
        )


class Metered(Wrapper):
    """Count what goes through, part by part; the outermost wrapper.

    Args:
        oracle: the oracle inside.
        counts: what was counted before, for a run that continues.
        on_scored: called with the sequences and scores of each part *before* it counts; where it
            raises, the part does not count. A store commits here: it sees the sequences as
            spelled, their canonical forms, and in `Scores.origin` which rows were evaluated.

    Example:
        >>> metered = Metered(lambda s: [len(x) for x in s])
        >>> _ = metered(["A", "AC"])
        >>> metered.counts.evaluated, metered.exhausted
        (2, False)
    """

    def __init__(
        self,
        oracle: Any,
        counts: Counts | None = None,
        on_scored: Callable[[Sequence[str], Scores], None] | None = None,
    ) -> None:
        super().__init__(oracle)
        self.counts = Counts() if counts is None else counts
        self.on_scored = on_scored

    @property
    def left(self) -> int | None:
        """What the budget still allows; None without a budget."""
        inner: object = self.oracle
        while isinstance(inner, Wrapper):
            if isinstance(inner, Budgeted):
                return inner.left
            inner = inner.oracle
        return None

    @property
    def exhausted(self) -> bool:
        """Whether the budget is spent."""
        return self.left == 0

    def note(self, scores: Scores) -> None:
        """Count an answer that was given outside the oracle, such as a filter's rejections."""
        self.counts += Counts.of(scores)

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what the oracle inside says, counted."""
        for rows, scores in self.oracle.stream(sequences):
            if self.on_scored is not None:
                self.on_scored([sequences[i] for i in rows], scores)
            self.counts += Counts.of(scores)
            yield rows, scores
