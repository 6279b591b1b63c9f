"""What samplers and guidance methods return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from discdiff.belief import Belief

if TYPE_CHECKING:
    from discdiff.oracle import Scores


@dataclass(frozen=True)
class Samples:
    r"""N finished designs.

    Attributes:
        tokens: int64 `(N, W)`, padded on the right.
        strings: the decoded designs.
        valid: bool `(N,)`, by the domain's own predicate.
        log_weight: float64 `(N,)`; all zero where the draws are the stated law themselves.
        log_likelihood: float64 `(N,)`, see `Belief`: what the model says of the design's own path,
            before temperature, nucleus, templates and guidance.
        confidence: float64 `(N,)` in [0, 1], likewise.
        counts: `nfe`, `nfe_grad` and `relaxed`, the rows that relaxed rewards were asked for.
        reward: float64 `(N,)`, NaN where not scored, or None without a reward.
        scores: the oracle's scores behind `reward`, or None.
        log_normaliser: $\log\hat Z$ per design, float64 `(N,)`, or None.
        fallback: bool `(N,)`: every candidate of the design was invalid, so it is not from the
            stated law; None where that cannot happen.
    """

    tokens: Tensor
    strings: list[str]
    valid: np.ndarray
    log_weight: Tensor
    log_likelihood: Tensor
    confidence: Tensor
    counts: dict[str, int] = field(default_factory=dict)
    reward: Tensor | None = None
    scores: Scores | None = None
    log_normaliser: Tensor | None = None
    fallback: Tensor | None = None

    def __len__(self) -> int:
        return len(self.strings)

    @property
    def belief(self) -> Belief:
        """What the model says of the designs."""
        return Belief(self.log_likelihood, self.confidence)

    @staticmethod
    def concatenate(parts: list[Samples]) -> Samples:
        """Return unrewarded batches as one, with their counts added up."""
        counts: dict[str, int] = {}
        for part in parts:
            for name, value in part.counts.items():
                counts[name] = counts.get(name, 0) + value
        return Samples(
            tokens=torch.cat([p.tokens for p in parts]),
            strings=[s for p in parts for s in p.strings],
            valid=np.concatenate([p.valid for p in parts]),
            log_weight=torch.cat([p.log_weight for p in parts]),
            log_likelihood=torch.cat([p.log_likelihood for p in parts]),
            confidence=torch.cat([p.confidence for p in parts]),
            counts=counts,
        )
