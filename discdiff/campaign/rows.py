"""What the store holds: one `Row` per evaluated sequence, one `Draw` per design, one `Round`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discdiff.objective.filters import REJECTED

GUIDED = "guided"
UNGUIDED = "unguided"

NAN = float("nan")


@dataclass(frozen=True)
class Remark:
    """What is said of a sequence beside its scores.

    `log_likelihood` and `confidence` are the model's (see `discdiff.belief.Belief`), of the path on
    which the sequence was first drawn. `alerts` are the domain's warnings. `reference` is the most
    similar string of the run's reference set.
    """

    log_likelihood: float = NAN
    confidence: float = NAN
    alerts: float = NAN
    similarity: float = NAN
    reference: str = ""


@dataclass(frozen=True)
class Row:
    """One evaluation: a sequence that is new to its arm, and what the oracle said.

    `id` orders the evaluations of a run. `sequence` is the canonical form the oracle saw, `raw` the
    spelling first drawn. `scores` has one number per output, NaN where there is none. `final` is
    true where the sequence was drawn from the stated law; elsewhere it is a preview of a design on
    its way. From `log_likelihood` on as in `Remark`. `request` is the number of sequences, repeats
    and invalid ones too, that its arm had asked for when it was evaluated, itself included; 0 where
    an older version did not record it. What a filter rejected before the oracle was
    asked is no evaluation: it has the status ``rejected`` and no id, 0.
    """

    id: int
    arm: str
    round: int
    sequence: str
    raw: str
    status: str
    reason: str
    scores: tuple[float, ...]
    seconds: float
    reward: float = NAN
    final: bool = False
    log_likelihood: float = NAN
    confidence: float = NAN
    alerts: float = NAN
    similarity: float = NAN
    reference: str = ""
    request: int = 0

    @property
    def rejected(self) -> bool:
        """Whether a filter of the objective rejected it."""
        return self.reason.startswith(REJECTED)


@dataclass(frozen=True)
class Draw:
    """One design returned by the guidance of a round.

    `sequence` is its canonical form, None where it is invalid. `final` says how many draws from the
    stated law it stands for: one where a method returns plain draws, see `draws` for weighted ones,
    and none where the budget ended before the round did or every candidate was invalid.
    """

    raw: str
    sequence: str | None
    final: int
    reward: float = NAN
    log_weight: float = NAN
    log_likelihood: float = NAN
    confidence: float = NAN


@dataclass(frozen=True)
class Round:
    """A round of one arm; `counts` adds up to the report (requested, invalid, nfe, seconds, …)."""

    arm: str
    number: int
    finished: bool
    counts: Mapping[str, float] = field(default_factory=dict)
