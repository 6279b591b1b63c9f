"""Designs in a band of similarity to what they started from."""

from __future__ import annotations

from collections.abc import Sequence

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.wrapped import Wrapped

FAR, CLOSE = "too unlike the seeds", "too like a seed"


class Banded(Wrapped):
    """A domain whose valid strings lie in a band of similarity to the nearest of some seeds.

    The nearest seed, and not the one that a design began from: resampling and previews mix what
    begins from different seeds, and whoever asks wants neighbours of the set. The similarity is the
    domain's own (`Domain.likeness`); being decided before an oracle is asked, it costs no budget.

    Args:
        inner: the domain of the strings.
        seeds: strings, in any spelling that `prepare` takes.
        low: least similarity to the nearest seed, in [0, 1].
        high: most; below 1, the seeds themselves are no designs.

    Raises:
        InputError: if there is no seed, or the band is empty or out of range.
        DataError: if a seed is not valid; the message has its number.

    Example:
        >>> from discdiff.domain import Letters
        >>> near = Banded(Letters("ACGT"), ["ACCA"], low=0.3, high=0.9)
        >>> near.invalid_reason("ACCA"), near.invalid_reason("ACCT"), near.invalid_reason("TT")
        ('too like a seed', None, 'too unlike the seeds')
    """

    def __init__(
        self, inner: Domain, seeds: Sequence[str], low: float = 0.0, high: float = 1.0
    ) -> None:
        super().__init__(inner)
        self.low, self.high = _check.fraction("low", low), _check.fraction("high", high)
        if low > high:
            raise InputError(f"similarity must be [low, high], got [{low}, {high}]")
        if isinstance(seeds, str) or not seeds:
            raise InputError(f"seeds must be a list of strings, got {seeds!r}")
        self.seeds = [self._prepared(n, string) for n, string in enumerate(seeds, start=1)]
        self._compare = inner.likeness(self.seeds)

    def _prepared(self, number: int, string: str) -> str:
        try:
            return self.inner.prepare(string)
        except DataError as error:
            raise DataError(f"seed {number}: {error}") from None

    def __reduce__(self) -> tuple[type[Banded], tuple[object, ...]]:
        return Banded, (self.inner, self.seeds, self.low, self.high)

    def invalid_reason(self, string: str) -> str | None:
        reason = self.inner.invalid_reason(string)
        if reason is not None:
            return reason
        nearest = float(self._compare(string).max())
        if nearest < self.low:
            return FAR
        return CLOSE if nearest > self.high else None

    def demands(self) -> dict[str, object]:
        mine = {"similarity": [self.low, self.high], "seeds": self.seeds}
        return {**self.inner.demands(), **mine}
