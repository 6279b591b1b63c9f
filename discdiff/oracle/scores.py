"""What an oracle says of a batch: one row of numbers a sequence, and how each row came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from discdiff.errors import InputError, OracleError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]

STATUSES = ("ok", "invalid", "failed", "not_evaluated", "rejected")
ORIGINS = ("", "oracle", "cache")


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of N sequences under R outputs; NaN means *not scored* and is never a number.

    Args:
        values: float64 `(N, R)`; NaN where there is no score.
        valid: bool `(N,)`; False where the domain or the oracle calls the sequence invalid, and
            where nothing looked at it (`not_evaluated` under a budget that charges all requests).
        status: one of ``ok`` (every output is finite), ``invalid``, ``failed`` (an output is
            missing; those that are there are kept), ``not_evaluated`` or ``rejected`` (by a filter
            that needs no score, before the oracle was asked) a row.
        reasons: why a row is not ``ok``, in a few words; empty strings by default.
        canonical: canonical form a row, where known; empty strings by default.
        origin: ``oracle`` where the oracle was called for this row, ``cache`` where the answer was
            known (also a repeat within the request), empty where neither was asked.
        seconds: float64 `(N,)`, wall time of the oracle call shared over its batch.

    Raises:
        InputError: if the lengths differ or a status is unknown.

    Example:
        >>> scores = Scores.of(np.array([[0.5], [np.nan]]))
        >>> scores.status, scores.valid.tolist(), len(scores)
        (('ok', 'failed'), [True, True], 2)
    """

    values: Floats
    valid: Bools
    status: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    canonical: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    seconds: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        count = len(self.status)
        for name in ("reasons", "canonical", "origin"):
            if not getattr(self, name):
                object.__setattr__(self, name, ("",) * count)
        if not len(self.seconds):
            object.__setattr__(self, "seconds", np.zeros(count))
        if self.values.ndim != 2:
            raise InputError(f"values must be (N, R), got shape {self.values.shape}")
        for name in ("values", "valid", "reasons", "canonical", "origin", "seconds"):
            if len(getattr(self, name)) != count:
                raise InputError(f"{name} must have {count} rows, got {len(getattr(self, name))}")
        unknown = set(self.status) - set(STATUSES)
        if unknown:
            raise InputError(f"status must be one of {', '.join(STATUSES)}, got {min(unknown)!r}")

    def __len__(self) -> int:
        return len(self.status)

    @classmethod
    def of(cls, values: Floats, origin: str = "") -> Self:
        """Return the scores of valid sequences: ``failed`` where a value is NaN, else ``ok``."""
        scored: list[bool] = np.all(np.isfinite(values), axis=1).tolist()
        return cls(
            values=values,
            valid=np.ones(len(values), dtype=bool),
            status=tuple("ok" if s else "failed" for s in scored),
            origin=(origin,) * len(values),
        )

    @classmethod
    def blank(cls, reasons: Sequence[str], width: int, *, status: str, valid: bool) -> Self:
        """Return rows without a value: one `status`, one validity, a reason each."""
        return cls(
            values=np.full((len(reasons), width), np.nan),
            valid=np.full(len(reasons), valid),
            status=(status,) * len(reasons),
            reasons=tuple(reasons),
        )

    def take(self, rows: Sequence[int] | Rows) -> Scores:
        """Return the rows numbered `rows`, in that order, repeats allowed."""
        index = np.asarray(rows, dtype=np.int64)
        places = index.tolist()
        return Scores(
            values=self.values[index],
            valid=self.valid[index],
            status=tuple(self.status[i] for i in places),
            reasons=tuple(self.reasons[i] for i in places),
            canonical=tuple(self.canonical[i] for i in places),
            origin=tuple(self.origin[i] for i in places),
            seconds=self.seconds[index],
        )

    @classmethod
    def join(cls, parts: Iterable[Part], count: int, width: int) -> Scores:
        """Return `count` rows put together from `parts`; every row must come exactly once.

        Raises:
            OracleError: if a row is missing or comes twice.
        """
        pieces = list(parts)
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(r for r, _ in pieces)])
        if not np.array_equal(np.sort(rows), np.arange(count)):
            raise OracleError(f"a stream must answer each of {count} rows once, got {len(rows)}")
        if not pieces:
            return cls.blank((), width, status="ok", valid=True)
        stacked = cls(
            values=np.concatenate([s.values for _, s in pieces]),
            valid=np.concatenate([s.valid for _, s in pieces]),
            status=tuple(x for _, s in pieces for x in s.status),
            reasons=tuple(x for _, s in pieces for x in s.reasons),
            canonical=tuple(x for _, s in pieces for x in s.canonical),
            origin=tuple(x for _, s in pieces for x in s.origin),
            seconds=np.concatenate([s.seconds for _, s in pieces]),
        )
        return stacked.take(np.argsort(rows, kind="stable"))


Part = tuple[Rows, Scores]
