"""The domain of strings that meet a constraint."""

from __future__ import annotations

from discdiff.constraint.constraint import Constraint
from discdiff.domain import Domain
from discdiff.padding import Padded
from discdiff.wrapped import Wrapped

FAULT = "constraint not met"


class Constrained(Wrapped):
    """A domain whose valid strings meet a constraint.

    Args:
        inner: the domain of the strings.
        constraint: what they meet, over the alphabet of `inner`.

    Example:
        >>> from discdiff.domain import Letters
        >>> dna = Letters("ACGT")
        >>> held = Constrained(dna, Constraint(dna, {"required": "TATA"}))
        >>> held.invalid_reason("GTATAC"), held.invalid_reason("GATTAC")
        (None, 'constraint not met (required)')
    """

    def __init__(self, inner: Domain, constraint: Constraint) -> None:
        super().__init__(inner)
        self.constraint = constraint

    def invalid_reason(self, string: str) -> str | None:
        reason = self.inner.invalid_reason(string)
        if reason is not None:
            return reason
        fault = self.constraint.fault(string)
        return None if fault is None else f"{FAULT} ({fault})"

    def demands(self) -> dict[str, object]:
        return {**self.inner.demands(), "constraint": self.constraint.keys}


def constrained(domain: Domain, constraint: Constraint) -> Domain:
    """Return `domain` held to a constraint; one that writes its own end still does."""
    if isinstance(domain, Padded):
        return Padded(Constrained(domain.inner, constraint), domain.width)
    return Constrained(domain, constraint)
