"""What can be said of a design without a score: its alerts, and what it resembles most."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from discdiff.belief import Belief
from discdiff.campaign.rows import NAN, Remark
from discdiff.domain import Domain
from discdiff.errors import DataError


class Background:
    """Knows a domain's alerts and, where given, a reference set such as the training data.

    Args:
        domain: has alerts and a measure of likeness.
        reference: valid strings of the domain; none for no comparison.

    Raises:
        DataError: if a string of the reference set cannot be read; the message has its row.

    Example:
        >>> from discdiff.domain import Letters
        >>> background = Background(Letters("ACGT"), ["GATTACA", "CCC"])
        >>> remark = background.remark("GATTACC")
        >>> remark.reference, round(remark.similarity, 2)
        ('GATTACA', 0.71)
    """

    def __init__(self, domain: Domain, reference: Sequence[str] = ()) -> None:
        self.domain, self.reference = domain, tuple(reference)
        try:
            self._likeness = domain.likeness(self.reference) if self.reference else None
        except DataError:
            raise _unreadable(domain, self.reference) from None

    def remark(self, sequence: str, belief: Belief | None = None) -> Remark:
        """Return what is known of a canonical `sequence`.

        Args:
            sequence: a valid string.
            belief: what the model said of it, `(1,)`.
        """
        alerts = self.domain.alerts(sequence)
        nearest, similarity = "", NAN
        if self._likeness is not None:
            likeness = self._likeness(sequence)
            place = int(likeness.argmax())
            nearest, similarity = self.reference[place], float(likeness[place])
        return Remark(
            log_likelihood=NAN if belief is None else float(belief.log_likelihood),
            confidence=NAN if belief is None else float(belief.confidence),
            alerts=NAN if alerts is None else float(alerts),
            similarity=similarity,
            reference=nearest,
        )

    def settings(self) -> dict[str, object] | None:
        """Return what tells one reference set from another, None where there is none."""
        if not self.reference:
            return None
        digest = hashlib.sha256("\n".join(self.reference).encode()).hexdigest()
        return {"strings": len(self.reference), "hash": digest}


def _unreadable(domain: Domain, reference: Sequence[str]) -> DataError:
    """Return the error of the first string that has no likeness."""
    for row, string in enumerate(reference, start=1):
        try:
            domain.likeness([string])
        except DataError as error:
            return DataError(f"reference must hold strings that can be read, row {row}: {error}")
    return DataError("reference must hold strings that can be compared")
