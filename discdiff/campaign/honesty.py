"""Whether the score of a run rose at the cost of what makes a design believable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from discdiff.campaign.rows import GUIDED, UNGUIDED, Row
from discdiff.campaign.store import Store

LEAST = 20  # designs in each of the two groups
MARKED = 0.75  # share of pairs; with 20 in each group 2.7 standard errors from a half
BEST = 0.1  # of the evaluations

Pairs = Sequence[tuple[float, float]]
"""Of each design its reward and its measure."""


@dataclass(frozen=True)
class Shift:
    r"""How a measure of honesty differs between designs of high reward and those they grew from.

    With $A(X, Y) = P(x > y) + P(x = y) / 2$ over all pairs of two groups, a shift is *suspect*
    where the reward rose, $A \ge 0.75$, and the measure got worse for at least 0.75 of the pairs.

    Attributes:
        measure: ``confidence``, ``alerts`` or ``similarity``.
        among: which designs are compared: ``finished designs``, or ``best designs``.
        against: what with: ``without guidance``, or ``the others``.
        counts: designs in the two groups.
        rewards: median reward of the two groups.
        values: median of the measure in the two groups; the mean of alerts.
        rose: share of pairs in which the reward is higher.
        worse: share of pairs in which the measure is worse.

    Source: A critique and improvement of the CL common language effect size statistics of McGraw
    and Wong (Vargha and Delaney, 2000).
    """

    measure: str
    among: str
    against: str
    counts: tuple[int, int]
    rewards: tuple[float, float]
    values: tuple[float, float]
    rose: float
    worse: float

    @property
    def suspect(self) -> bool:
        """Whether the reward rose and the measure got worse, both markedly."""
        return self.rose >= MARKED and self.worse >= MARKED

    @property
    def words(self) -> str:
        """The shift in one sentence."""
        what = {
            "confidence": "the model's confidence in them is {:.2f}, not {:.2f}",
            "alerts": "they give {:.1f} alerts each, not {:.1f}",
            "similarity": "their similarity to the reference set is {:.2f}, not {:.2f}",
        }[self.measure]
        # alerts tie often: the share says how many pairs are worse, ties counted by half
        return (
            f"the {self.among} score {self.rewards[0]:.3f}, {self.against} {self.rewards[1]:.3f}, "
            f"but {what.format(*self.values)} (worse in {self.worse:.0%} of pairs)"
        )


def shifts(store: Store, guided: Sequence[Row], unguided: Sequence[Row]) -> tuple[Shift, ...]:
    """Return every shift that can be told: both groups have 20 designs or more.

    Guided designs are compared with unguided ones at equal evaluations; where a run has no
    baseline, its best tenth (20 at least) with its others. Alerts and similarity are those of the
    best tenth of the evaluations of each arm. Confidence is that of the finished designs alone: a
    preview is drawn at once, and the model is less sure of it for that reason.

    Args:
        store: the run.
        guided: rows of the guided arm.
        unguided: as many of the other arm; none without a baseline.

    Raises:
        StoreError: if the store cannot be read.
    """
    found = []
    finished = _finished(store, GUIDED, guided), _finished(store, UNGUIDED, unguided)
    found.append(_shift("confidence", "finished designs", *finished, baseline=bool(unguided)))
    for measure in ("alerts", "similarity"):
        pairs = _measured(measure, guided), _measured(measure, unguided)
        if unguided:
            pairs = _best(pairs[0])[0], _best(pairs[1])[0]
        found.append(_shift(measure, "best designs", *pairs, baseline=bool(unguided)))
    return tuple(shift for shift in found if shift is not None)


def warnings(found: Sequence[Shift]) -> Iterator[str]:
    """Yield what a reader is told of the suspect ones among `found`."""
    suspect = [shift.words for shift in found if shift.suspect]
    if suspect:
        yield (
            f"this looks like reward hacking: {'; '.join(suspect)}. Look at the structures, and "
            "see the README on filters, before you rely on the score"
        )


def exceeds(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the share of pairs in which the first is larger, ties counted by half.

    Example:
        >>> exceeds([3.0, 1.0], [1.0, 2.0])
        0.625
    """
    ranked = np.sort(np.asarray(others, dtype=np.float64))
    below = np.searchsorted(ranked, some, side="left")
    not_above = np.searchsorted(ranked, some, side="right")
    return float((below + not_above).mean() / 2 / len(ranked))


def _shift(measure: str, among: str, high: Pairs, low: Pairs, *, baseline: bool) -> Shift | None:
    against = "without guidance"
    if not baseline:
        high, low = _best(high)
        among, against = "best designs", "the others"
    if min(len(high), len(low)) < LEAST:
        return None
    rewards = [reward for reward, _ in high], [reward for reward, _ in low]
    values = [value for _, value in high], [value for _, value in low]
    more = exceeds(*values)
    typical = np.mean if measure == "alerts" else median
    return Shift(
        measure=measure,
        among=among,
        against=against,
        counts=(len(high), len(low)),
        rewards=(median(rewards[0]), median(rewards[1])),
        values=(float(typical(values[0])), float(typical(values[1]))),
        rose=exceeds(*rewards),
        worse=more if measure == "alerts" else 1 - more,
    )


def _best(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """Return the tenth of highest reward, 20 at least, and the rest."""
    ranked = sorted(pairs, key=lambda pair: -pair[0])
    size = max(LEAST, round(BEST * len(ranked)))
    return ranked[:size], ranked[size:]


def _measured(measure: str, rows: Sequence[Row]) -> Pairs:
    return [
        (row.reward, getattr(row, measure))
        for row in rows
        if not row.rejected and not math.isnan(row.reward + getattr(row, measure))
    ]


def _finished(store: Store, arm: str, rows: Sequence[Row]) -> Pairs:
    """Return the confidence in the designs that rounds returned, each once, with their reward."""
    rewards = {row.sequence: row.reward for row in rows if not row.rejected}
    found: dict[str, tuple[float, float]] = {}
    for _, draw in store.draws(arm):
        reward = rewards.get(draw.sequence or "", math.nan)
        if draw.sequence is not None and not math.isnan(reward + draw.confidence):
            found.setdefault(draw.sequence, (reward, draw.confidence))
    return list(found.values())
