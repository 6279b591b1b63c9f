"""How far a run has come, in the words that stand at the top of its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from discdiff.campaign.progress import charged, is_idle, total
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import Store


@dataclass(frozen=True)
class ArmStanding:
    """What one arm has spent of its budget, and whether it has ended."""

    name: str
    spent: int
    budget: int
    ended: bool


@dataclass(frozen=True)
class Standing:
    """Where a run stands; `measured` where its values come from a laboratory.

    Example:
        >>> Standing((ArmStanding("guided", 312, 1000, False),)).words
        'partial: 312 of 1,000 evaluations'
    """

    arms: tuple[ArmStanding, ...]
    measured: bool = False

    @property
    def complete(self) -> bool:
        """Whether every arm has ended."""
        return not self.measured and all(arm.ended for arm in self.arms)

    @property
    def words(self) -> str:
        """The state in one line."""
        state = "open" if self.measured else "complete" if self.complete else "partial"
        several = len(self.arms) > 1
        parts = [f"{f'{arm.name} ' * several}{arm.spent:,} of {arm.budget:,}" for arm in self.arms]
        return f"{state}: {', '.join(parts)} {'values told' if self.measured else 'evaluations'}"


def standing(store: Store) -> Standing:
    """Return how far the run in `store` has come; what an open round evaluated counts.

    Raises:
        StoreError: if the store cannot be read.
    """
    return Standing(tuple(_arms(store)), "measured" in store.settings)


def _arms(store: Store) -> Iterator[ArmStanding]:
    rules = store.settings["rules"]
    budget: int = rules["budget"]
    if "measured" in store.settings:
        yield ArmStanding(GUIDED, len(store.rows(GUIDED)), budget, False)
        return
    for name in store.settings["methods"]:
        rounds = store.rounds(name)
        done = [found for found in rounds if found.finished]
        spent = charged(total(done), rules["charge"])
        ended = spent >= budget or is_idle(done, rules["patience"])
        # of an open round the evaluations alone are on record
        for found in rounds:
            spent += 0 if found.finished else len(store.rows(name, found.number))
        yield ArmStanding(name, spent, budget, ended)
        budget = spent if ended else budget  # the next arm is compared at what this one had
