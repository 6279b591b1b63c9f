"""A limit on what an oracle may be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from discdiff import _check
from discdiff.oracle.scores import Part, Scores
from discdiff.oracle.wrapper import Wrapper


class Budgeted(Wrapper):
    """Let the first `limit` rows through; the rest come back ``not_evaluated``.

    What is charged follows from where it stands: inside the cache every row is a new evaluation,
    outside the validity check every request costs one, invalid and known ones too. A part is
    charged when it has been answered.

    Args:
        oracle: the oracle inside.
        limit: rows in all, at least 1.
        spent: rows charged before, for a run that continues.
        valid: the validity noted for rows not let through: True inside the validity check.

    Raises:
        InputError: if `limit` is not a positive integer.

    Example:
        >>> budgeted = Budgeted(lambda s: [len(x) for x in s], limit=2)
        >>> budgeted(["A", "AC", "ACG"]).status, budgeted.left
        (('ok', 'ok', 'not_evaluated'), 0)
    """

    def __init__(self, oracle: Any, limit: int, spent: int = 0, *, valid: bool = True) -> None:
        super().__init__(oracle)
        self.limit = _check.positive_int("budget", limit)
        self.spent = _check.non_negative_int("spent", spent)
        self.valid = valid

    @property
    def left(self) -> int:
        """Rows that may still be asked."""
        return max(self.limit - self.spent, 0)

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what the oracle inside says of the first rows, then the rows left out."""
        passed = min(self.left, len(sequences))
        if passed:
            for rows, scores in self.oracle.stream(sequences[:passed]):
                self.spent += len(rows)
                yield rows, scores
        if passed < len(sequences):
            reasons = [f"the budget of {self.limit} is spent"] * (len(sequences) - passed)
            yield (
                np.arange(passed, len(sequences)),
                Scores.blank(reasons, len(self.outputs), status="not_evaluated", valid=self.valid),
            )
