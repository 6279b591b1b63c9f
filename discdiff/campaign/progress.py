"""How far an arm of a campaign has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

import numpy as np

from discdiff.campaign.rows import NAN, Round
from discdiff.oracle import Counts

INVALID = "invalid: "
"""What the counts of a round begin with that say why sequences were invalid."""
UNCHARGED = ("not_evaluated", "rejected")
"""Statuses of sequences that no budget pays for."""


@dataclass(frozen=True)
class Progress:
    """A snapshot, given to the caller's callback after every request for rewards.

    Attributes:
        arm: ``guided`` or ``unguided``.
        round: number of the open round, from 0.
        spent: what the budget has been charged.
        budget: what the arm may be charged.
        counts: what was asked of the oracle, all rounds of the arm together.
        best: best reward, NaN before the first.
        median: median reward.
        seconds: since this process began the arm.
    """

    arm: str
    round: int
    spent: int
    budget: int
    counts: Counts
    best: float
    median: float
    seconds: float

    @property
    def validity(self) -> float:
        """Share of the requested sequences that were valid, NaN before the first."""
        return 1 - self.counts.invalid / self.counts.requested if self.counts.requested else NAN


def charged(counts: Counts, charge: str) -> int:
    """Return what `counts` cost a budget that charges ``evaluated`` or ``all``."""
    return counts.evaluated if charge == "evaluated" else _asked(counts)


def _asked(counts: Counts) -> int:
    return counts.requested - counts.not_evaluated - counts.rejected


def total(rounds: Iterable[Round]) -> Counts:
    """Return what the rounds asked of the oracle, added up."""
    names = [field.name for field in fields(Counts)]
    return sum(
        (Counts(**{name: int(r.counts.get(name, 0)) for name in names}) for r in rounds), Counts()
    )


def is_idle(done: list[Round], patience: int) -> bool:
    """Return whether the last `patience` rounds evaluated nothing."""
    return len(done) >= patience and not total(done[-patience:]).evaluated


def idle_words(done: list[Round], patience: int) -> str:
    """Say that nothing new came, and what came instead."""
    counts, reason = total(done[-patience:]), _usual_fault(done[-patience:])
    return (
        f"ended after {patience} rounds without anything new to evaluate: of "
        f"{counts.requested} sequences {counts.cached} were known and {counts.invalid} invalid"
        + f" (mostly: {reason})" * bool(reason)
        + f", {counts.rejected} rejected by filters" * (counts.rejected > 0)
    )


def _usual_fault(rounds: Iterable[Round]) -> str:
    """Return why most invalid sequences were so, "" where none was."""
    times: Counter[str] = Counter()
    for found in rounds:
        times.update({k: int(n) for k, n in found.counts.items() if k.startswith(INVALID)})
    return times.most_common(1)[0][0].removeprefix(INVALID) if times else ""


@dataclass
class Tracker:
    """Gathers the rewards of an arm and tells the callback.

    Args:
        arm: the arm.
        budget: what it may be charged.
        charge: ``evaluated`` or ``all``.
        callback: gets every snapshot; None for nobody.
        rewards: those of earlier rounds.
    """

    arm: str
    budget: int
    charge: str
    callback: Callable[[Progress], None] | None
    rewards: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, rewards: Iterable[float], number: int, counts: Counts) -> None:
        """Note new rewards and tell the callback."""
        self.rewards.extend(reward for reward in rewards if reward == reward)  # NaN differs
        if self.callback is None:
            return
        self.callback(
            Progress(
                arm=self.arm,
                round=number,
                spent=charged(counts, self.charge),
                budget=self.budget,
                counts=counts,
                best=max(self.rewards, default=NAN),
                median=float(np.median(self.rewards)) if self.rewards else NAN,
                seconds=time.monotonic() - self.began,
            )
        )
