"""Only valid sequences in canonical form reach the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from discdiff.oracle.scores import Part, Scores
from discdiff.oracle.wrapper import Distinct, Wrapper

if TYPE_CHECKING:
    from discdiff.domain import Domain


class Validated(Wrapper):
    """Keep invalid sequences from the oracle: their values are NaN and `valid` is False.

    Args:
        oracle: the oracle inside.
        domain: says what is valid, and why not.

    Example:
        >>> from discdiff.domain import Letters
        >>> seen = Validated(lambda s: [len(x) for x in s], Letters("ACGT"))(["AC", "", "AX"])
        >>> seen.values[:, 0].tolist(), seen.status
        ([2.0, nan, nan], ('ok', 'invalid', 'invalid'))
    """

    def __init__(self, oracle: Any, domain: Domain) -> None:
        super().__init__(oracle)
        self.domain = domain

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield the invalid rows, then what the oracle inside says of the others."""
        distinct = Distinct.of(sequences)
        why: list[str | None] = [""] * len(sequences)
        for sequence, places in zip(distinct.sequences, distinct.places, strict=True):
            reason = self.domain.invalid_reason(sequence)
            for place in places:
                why[place] = reason
        kept = np.array([i for i, r in enumerate(why) if r is None], dtype=np.int64)
        bad = np.array([i for i, r in enumerate(why) if r is not None], dtype=np.int64)
        if len(bad):
            reasons = [str(why[i]) for i in bad]
            yield (
                bad,
                Scores.blank(reasons, len(self.outputs), status="invalid", valid=False),
            )
        if len(kept):
            for rows, scores in self.oracle.stream([sequences[i] for i in kept]):
                yield kept[rows], scores


class Canonical(Wrapper):
    """Hand the oracle canonical forms, and note them in `Scores.canonical`.

    Args:
        oracle: the oracle inside.
        domain: gives the canonical form of a valid sequence.

    Example:
        >>> from discdiff.domain import Letters
        >>> Canonical(lambda s: [len(x) for x in s], Letters("ACGT"))(["AC"]).canonical
        ('AC',)
    """

    def __init__(self, oracle: Any, domain: Domain) -> None:
        super().__init__(oracle)
        self.domain = domain

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what the oracle inside says of the canonical forms."""
        form = {sequence: self.domain.canonical(sequence) for sequence in dict.fromkeys(sequences)}
        forms = [form[sequence] for sequence in sequences]
        for rows, scores in self.oracle.stream(forms):
            yield rows, replace(scores, canonical=tuple(forms[i] for i in rows))
