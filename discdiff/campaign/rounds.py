"""The rounds of one arm: run, recorded, counted, and ended for a stated reason."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch

from discdiff.campaign.background import Background
from discdiff.campaign.draws import Ints, draws_from_law, draws_of
from discdiff.campaign.progress import (
    INVALID,
    Progress,
    Tracker,
    charged,
    idle_words,
    is_idle,
    total,
)
from discdiff.campaign.recorder import Answers, Recorder, Replayed
from discdiff.campaign.reward import RecordedReward, memory_of
from discdiff.campaign.rows import UNGUIDED, Round
from discdiff.campaign.runlog import logger
from discdiff.campaign.store import Store
from discdiff.errors import InputError, OracleError
from discdiff.objective.filters import BeliefFilter
from discdiff.oracle import Counts, Streaming, stack
from discdiff.random import new_key, row_keys, uniform
from discdiff.reward import Objective, Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples

_RECENT = 3  # rounds over which failures are counted
_ENOUGH = 32  # answers of a round that is not over yet
LAW_SLOT = -1  # no slot of a design: keys the choice among weighted designs


class Method(Protocol):
    """A guidance method, as a campaign calls it."""

    def run(
        self, sampler: Sampler, reward: Reward, n: int, *, key: int, first_design: int, **given: Any
    ) -> Samples:
        """Return n designs, numbered from `first_design`, with the parts that are given."""


@dataclass(frozen=True)
class Rules:
    """The numbers a campaign runs by; see `Campaign`."""

    budget: int
    seed: int
    round_size: int
    charge: str
    batch_size: int
    patience: int
    max_failed: float

    @property
    def key(self) -> int:
        """The key of every random number of the run."""
        return new_key(torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True)
class Task:
    """What is to be done: draw from `sampler` for the reward of `oracle` and `objective`.

    `given` is what is fixed of every design: its length, template or class. `background` says what
    is known of a design without a score.
    """

    sampler: Sampler
    oracle: Streaming
    objective: Objective | None
    rules: Rules
    given: Mapping[str, Any]
    background: Background


class ArmRun:
    """One arm of a campaign on its way through its rounds.

    Args:
        task: what is to be done.
        store: the record.
        arm: its name.
        method: how designs are drawn.
        budget: what the arm may be charged.
        callback: gets a snapshot after every request for rewards.
    """

    def __init__(
        self,
        task: Task,
        store: Store,
        arm: str,
        method: Method,
        budget: int,
        callback: Callable[[Progress], None] | None,
    ) -> None:
        self.task = task
        self.store = store
        self.arm = arm
        self.method = method
        self.budget = budget
        self.tracker = Tracker(arm, budget, task.rules.charge, callback)
        self._answers: deque[Answers] = deque(maxlen=_RECENT)
        self._told = 0  # rounds that the diversity memory knows

    def run(self) -> Counts:
        """Run the rounds that are missing and return what the arm asked of the oracle.

        Raises:
            OracleError: if the oracle fails, or most of what it was asked in the last rounds did.
        """
        done = [found for found in self.store.rounds(self.arm) if found.finished]
        for found in done:
            rows = self.store.rows(self.arm, found.number)
            self.tracker.rewards.extend(r.reward for r in rows if not np.isnan(r.reward))
        while not self._over(done):
            done.append(self.advance(len(done)))
        return total(done)

    def advance(self, number: int) -> Round:
        """Run a round; all before it are finished. If it is as well, it is only drawn again.

        What is recorded of a round that is drawn again is not asked of the oracle.

        Raises:
            OracleError: as for `run`.
        """
        done = [found for found in self.store.rounds(self.arm) if found.finished]
        while self._told < number:
            self._remember(self._told)
            self._told += 1
        found = self._round(number, done)
        self._refuse_failing([])
        return found

    def _over(self, done: list[Round]) -> bool:
        if charged(total(done), self.task.rules.charge) >= self.budget:
            return True
        if is_idle(done, self.task.rules.patience):
            logger.warning("%s: %s", self.arm, idle_words(done, self.task.rules.patience))
            return True
        return False

    def _round(self, number: int, done: list[Round]) -> Round:
        began, before = time.monotonic(), total(done[:number])
        rules, domain = self.task.rules, self.task.sampler.model.domain
        recorder = Recorder(self.store, self.arm, number)
        replayed = Replayed(self.task.oracle, recorder, rules.batch_size, self._judge)
        metered = stack(
            replayed,
            domain,
            cache=recorder,
            budget=self.budget,
            charge=rules.charge,
            counts=before,
            on_scored=recorder.on_scored,
        )
        reward = RecordedReward(
            domain,
            metered,
            self.task.objective,
            recorder,
            self.task.background,
            lambda rewards: self.tracker.add(rewards, number, metered.counts),
        )
        samples = self.method.run(
            self.task.sampler,
            reward,
            rules.round_size,
            key=rules.key,
            first_design=number * rules.round_size,
            **self.task.given,
        )
        self._answers.append(replayed.answers)
        if number < len(done):
            if replayed.answers:
                logger.warning(
                    "%s round %d did not repeat exactly: %d more evaluations were made; they stay "
                    "in the table and are charged to no round",
                    *(self.arm, number, len(replayed.answers)),
                )
            return done[number]
        counts: dict[str, float] = dict(_minus(metered.counts, before))
        counts |= {name: n for name, n in samples.counts.items() if name.startswith("nfe")}
        counts |= {"designs": len(samples), "seconds": time.monotonic() - began}
        counts |= by_reason(reward.invalid)
        if recorder.unclaimed:
            logger.warning(
                "%s round %d did not repeat exactly: %d evaluations recorded before the "
                "interruption were not asked for again; they stay in the table and are charged",
                *(self.arm, number, recorder.unclaimed),
            )
            for name in ("requested", "evaluated"):
                counts[name] += recorder.unclaimed
        # an unguided design is from its law whether or not it could be scored
        whole = not metered.exhausted or getattr(self.method, "anytime", False)
        lawful = self.arm == UNGUIDED or whole
        taken = self._from_law(samples, number)
        draws = list(draws_of(samples, domain.canonical, lawful, taken))
        self.store.finish_round(self.arm, number, draws, counts)
        return Round(self.arm, number, True, counts)

    def _from_law(self, samples: Samples, number: int) -> Ints:
        """Return the draws from the law that each design stands for, by the weights returned."""
        together = getattr(self.method, "returned", 1)
        group = together if together > 1 else len(samples)
        first = torch.arange(0, len(samples), group) + number * self.task.rules.round_size
        keys = row_keys(self.task.rules.key, first, torch.full_like(first, LAW_SLOT))
        weight = samples.log_weight.double().cpu().numpy()
        return draws_from_law(weight, group, uniform(keys, 1)[:, 0].numpy())

    def _remember(self, number: int) -> None:
        """Tell the diversity memory what a finished round evaluated."""
        memory = memory_of(self.task.objective)
        if memory is None:
            return
        rows = [r for r in self.store.rows(self.arm, number) if not np.isnan(r.reward)]
        memory.update([r.sequence for r in rows], np.array([r.reward for r in rows]))

    def _judge(self, answers: Answers) -> None:
        """Look at the answers of an open round, once they are enough to tell."""
        if len(answers) >= _ENOUGH:
            self._refuse_failing(answers)

    def _refuse_failing(self, answers: Answers) -> None:
        """Stop if most of what the oracle was asked lately failed; recalled rows do not count."""
        asked = [row for rows in (*self._answers, answers) for row in rows]
        reasons = [reason for status, reason in asked if status == "failed"]
        if len(reasons) > self.task.rules.max_failed * len(asked):
            raise OracleError(
                f"oracle {self.task.oracle.name!r} failed for {len(reasons)} of the last "
                f"{len(asked)} evaluations; the last reason: "
                f"{reasons[-1] or 'it returned no number'}"
            )


def check_method(arm: str, method: Method, objective: Objective | None, round_size: int) -> None:
    """Raise `InputError` unless rounds of `round_size` designs of this objective suit a method."""
    together = getattr(method, "returned", 1)
    if round_size % together:
        raise InputError(
            f"round_size must be a multiple of the {together} designs that the "
            f"{arm} method returns together, got {round_size}"
        )
    rules = getattr(objective, "filters", ())
    blind = [rule.name for rule in rules if isinstance(rule, BeliefFilter)]
    if blind and getattr(method, "redraws", False):
        raise InputError(
            f"filter {blind[0]!r} needs what the model says of every design, and "
            f"{type(method).__name__} redraws parts of them, of which it says nothing: "
            "choose another guidance, or filter by strings"
        )


def by_reason(invalid: Mapping[str, int]) -> dict[str, float]:
    """Return the counts of a round that say why what it drew was invalid.

    Example:
        >>> by_reason({"scaffold lost": 2})
        {'invalid: scaffold lost': 2}
    """
    return {f"{INVALID}{reason}": times for reason, times in sorted(invalid.items())}


def _minus(after: Counts, before: Counts) -> dict[str, int]:
    earlier = asdict(before)
    return {name: value - earlier[name] for name, value in asdict(after).items()}
