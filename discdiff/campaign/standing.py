"""How far a run has come, in the words that stand at the top of its report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from discdiff.campaign.progress import charged, is_idle, total
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import RESULT, Store
from discdiff.errors import StoreError


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

    `ended_by` names what ended a fine-tuning.

    Example:
        >>> Standing((ArmStanding("guided", 312, 1000, False),)).words
        'partial: 312 of 1,000 evaluations'
    """

    arms: tuple[ArmStanding, ...]
    measured: bool = False
    ended_by: str = ""

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
        ended = f"; ended by {self.ended_by}" if self.ended_by else ""
        unit = "values told" if self.measured else "evaluations"
        return f"{state}: {', '.join(parts)} {unit}{ended}"


def standing(store: Store) -> Standing:
    """Return how far the run in `store` has come; what an open round evaluated counts.

    Raises:
        StoreError: if the store cannot be read.
    """
    ended_by = _ended_by(store)
    arms = tuple(_arms(store, ended_by is not None))
    return Standing(arms, "measured" in store.settings, ended_by or "")


def _ended_by(store: Store) -> str | None:
    """Return what ended a fine-tuning, whose budget need not be spent; None before its end."""
    path = store.path.parent / RESULT
    if "finetuning" not in store.settings or not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("ended_by", ""))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def _arms(store: Store, over: bool) -> Iterator[ArmStanding]:
    rules = store.settings["rules"]
    budget: int = rules["budget"]
    if "measured" in store.settings:
        yield ArmStanding(GUIDED, len(store.rows(GUIDED)), budget, False)
        return
    for name in store.settings["methods"]:
        rounds = store.rounds(name)
        done = [found for found in rounds if found.finished]
        spent = charged(total(done), rules["charge"])
        ended = over or spent >= budget or is_idle(done, rules["patience"])
        # of an open round the evaluations alone are on record
        for found in rounds:
            spent += 0 if found.finished else len(store.rows(name, found.number))
        yield ArmStanding(name, spent, budget, ended)
        budget = spent if ended else budget  # the next arm is compared at what this one had
