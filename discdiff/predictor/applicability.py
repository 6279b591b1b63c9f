"""Where a predictor may be believed: near enough to what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats
from discdiff.similarity import Likeness


class Applicability:
    """A string is inside when its similarity to the nearest reference reaches a threshold.

    The similarity is that of the domain (shared runs of letters, Tanimoto of molecules). References
    are training strings; the threshold is a low percentile of what strings held out from training
    have, so about that share of new data of the same kind is called outside.

    Args:
        domain: whose similarity counts.
        references: valid canonical strings.
        threshold: in [0, 1].
        percentile: that the threshold is.

    Raises:
        InputError: if there is no reference, or a number is outside its range.

    Example:
        >>> from discdiff.domain import Letters
        >>> near = Applicability.of(Letters("ACGT"), ["GATTACA"], ["GATTACC"], percentile=1.0)
        >>> near.similarity(["GATTACA", "GGGGGGG"]).round(2).tolist(), round(near.threshold, 2)
        ([1.0, 0.03], 0.71)
    """

    def __init__(
        self, domain: Domain, references: Sequence[str], threshold: float, percentile: float
    ) -> None:
        if not references:
            raise InputError("references must hold a string, got none")
        if not all(isinstance(one, str) for one in references):
            raise InputError("references must be strings")
        self.domain = domain
        self.references = tuple(references)
        self.threshold = _check.fraction("threshold", threshold)
        self.percentile = _check.in_range("percentile", percentile, 0.0, 100.0)
        self._likeness: Likeness | None = None

    @classmethod
    def of(
        cls,
        domain: Domain,
        trained: Sequence[str],
        held_out: Sequence[str],
        *,
        percentile: float = 1.0,
        references: int = 1000,
        seed: int = 0,
    ) -> Self:
        """Return the rule that holds for all but `percentile` percent of the strings held out.

        Args:
            domain: whose similarity counts.
            trained: training strings, of which at most `references` are drawn and kept.
            held_out: others, of which as many are compared.
            percentile: in [0, 100].
            references: most strings that are kept, and compared with each time.
            seed: of the draws.
        """
        count = _check.positive_int("references", references)
        generator = np.random.default_rng(_check.seed("seed", seed))
        found = cls(domain, _some(trained, count, generator), 0.0, percentile)
        if not held_out:
            raise InputError("held_out must hold a string, got none")
        near = found.similarity(_some(held_out, count, generator))
        lowest = float(np.percentile(near, found.percentile))
        # stored with 6 digits, rounded down so that the string that sets it is inside
        return cls(domain, found.references, max(0.0, np.floor(lowest * 1e6) / 1e6), percentile)

    def similarity(self, strings: Sequence[str]) -> Floats:
        """Return the similarity `(N,)` of valid strings to the nearest reference."""
        if self._likeness is None:
            self._likeness = self.domain.likeness(self.references)
        return np.array([self._likeness(string).max() for string in strings], dtype=np.float64)

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments but `domain`, as JSON values."""
        return {
            "references": list(self.references),
            "threshold": self.threshold,
            "percentile": self.percentile,
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_likeness": None}  # a closure, made again where it is needed


def _some(strings: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    if len(strings) <= count:
        return list(strings)
    return [strings[i] for i in sorted(generator.choice(len(strings), count, replace=False))]
