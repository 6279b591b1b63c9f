"""Campaigns whose values are measured: batches go out, results come back, the next batch learns.

A round is one batch. The first, as long as nothing has been told, is drawn without guidance; later
ones are guided by a Gaussian process over the similarities of designs, fitted to what has been told
when the round begins. Of the designs so drawn a diverse batch is chosen. So a round is a pure
function of the settings, its number, what was asked and told before it, and how it is asked for.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from discdiff import _check
from discdiff.belief import Belief
from discdiff.campaign.choosing import Choice, choose_batch
from discdiff.campaign.draws import draws_of
from discdiff.campaign.prediction import predictor
from discdiff.campaign.reward import memory_of, without_memory
from discdiff.campaign.rounds import Method, Task, by_reason
from discdiff.campaign.rows import GUIDED, Draw, Remark, Round, Row
from discdiff.campaign.store import Store
from discdiff.data.tables import Table
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.objective import Objective as Terms
from discdiff.objective.filters import REJECTED
from discdiff.oracle import Scores, stack
from discdiff.oracle.measured import measured_columns, with_answers
from discdiff.oracle.scores import Floats
from discdiff.reward import Reward
from discdiff.samplers.samples import Samples

UNASKED = -1  # the round of what was told without having been asked
_SHOWN = 5  # faults of a table that are spelt out

Seen = Callable[[int, int], None]
"""Gets how many new designs have been drawn, and how many are wanted."""


@dataclass(frozen=True)
class Told:
    """What came of telling results: how many were recorded, and how many were known already."""

    recorded: int
    known: int


class Laboratory:
    """The rounds of a measured campaign, around its open store.

    Args:
        task: what is to be done; its oracle has a part that is `Measured`.
        method: how designs are drawn once values are known.
        store: the record.
    """

    def __init__(self, task: Task, method: Method, store: Store) -> None:
        self.task, self.method, self.store = task, method, store
        self.domain: Domain = task.sampler.model.domain

    def ask(self, choice: Choice, oversample: int, *, new: bool, seen: Seen | None) -> int:
        """Record the next batch and return its number; a batch that is still out is kept.

        Args:
            choice: how the batch is chosen from the designs drawn.
            oversample: designs to choose from, for each one chosen.
            new: draw another batch though nothing has been told of the last.
            seen: called as designs are drawn.

        Raises:
            InputError: if the last batch is out with another size, the budget would be passed, or
                too few new designs were found; then nothing is recorded.
        """
        _check.positive_int("oversample", oversample)
        done = [found for found in self.store.rounds(GUIDED) if found.finished]
        asked = self.store.draws(GUIDED)
        told = self.store.rows(GUIDED)
        if done and not new:
            last = [draw for number, draw in asked if number == done[-1].number]
            if not {row.sequence for row in told}.intersection(d.sequence or "" for d in last):
                return self._still_out(done[-1].number, len(last), choice.n)
        taken = {d.sequence for _, d in asked if d.sequence} | {row.sequence for row in told}
        if len(taken) + choice.n > self.task.rules.budget:
            raise InputError(
                f"n must be at most {max(self.task.rules.budget - len(taken), 0)} here: "
                f"{len(taken)} of a budget of {self.task.rules.budget} designs are asked for or "
                f"told, got {choice.n}"
            )
        return self._round(choice, choice.n * oversample, taken, told, done, seen)

    def tell(
        self, strings: Sequence[str], values: Floats, numbers: Sequence[int], *, unasked: bool
    ) -> Told:
        """Record measured values, all or none.

        Args:
            strings: N strings in any spelling.
            values: float64 `(N, R)`, one column a measured output; NaN where a measurement failed.
            numbers: what the rows are called in messages.
            unasked: also take strings that were not asked for.

        Raises:
            DataError: naming every row that cannot be recorded; then nothing is.
        """
        width = len(measured_columns(self.task.oracle))
        if values.shape != (len(strings), width):
            raise DataError(
                f"values must be ({len(strings)}, {width}), a row for each string and a column "
                f"for each measured output, got shape {values.shape}"
            )
        asked = {d.sequence: number for number, d in self.store.draws(GUIDED) if d.sequence}
        told = {row.sequence: row for row in self.store.rows(GUIDED)}
        fresh: dict[str, int] = {}
        places: dict[str, int] = {}
        faults, known = [], 0
        for place, (string, row) in enumerate(zip(strings, values, strict=True)):
            fault = self._fault(string, row, None if unasked else asked, told, fresh)
            if fault is not None:
                faults.append(f"row {numbers[place]}: {fault}")
                continue
            sequence = self.domain.canonical(string)
            if sequence in told:
                known += 1
            else:
                fresh[sequence] = numbers[place]
                places[sequence] = place
        if faults:
            more = f"; and {len(faults) - _SHOWN} more" * (len(faults) > _SHOWN)
            raise DataError(f"nothing was recorded: {'; '.join(faults[:_SHOWN])}{more}")
        if fresh:
            measured = {s: values[place] for s, place in places.items()}
            raw = {s: strings[place] for s, place in places.items()}
            self.store.record(self._rows(measured, raw, asked))
        return Told(len(fresh), known)

    def _still_out(self, number: int, size: int, n: int) -> int:
        if size == n:
            return number
        raise InputError(
            f"n must be {size} to have batch {number} again, of which nothing has been told, got "
            f"{n}; tell its results, or say new=true for another batch beside it"
        )

    def _round(
        self,
        choice: Choice,
        wanted: int,
        taken: set[str],
        told: list[Row],
        done: list[Round],
        seen: Seen | None,
    ) -> int:
        began = time.monotonic()
        first = int(sum(one.counts.get("designs", 0) for one in done))
        found, counts = self._draw(self._expected(told), taken, first, wanted, seen)
        if len(found) < choice.n:
            raise InputError(
                f"n must be at most {len(found)} here: so many new designs came of "
                f"{counts['designs']:.0f} drawn ({counts['invalid']:.0f} invalid, "
                f"{counts['rejected']:.0f} rejected by filters), got {choice.n}"
            )
        draws = list(found.values())
        expected = [0.0 if math.isnan(draw.reward) else draw.reward for draw in draws]
        batch = choose_batch(self.domain, list(found), expected, choice)
        counts |= {"told": len(told), "seconds": time.monotonic() - began}
        number = len(done)
        self.store.begin_round(GUIDED, number)
        self.store.finish_round(GUIDED, number, [draws[i] for i in batch.places], counts)
        return number

    def _draw(
        self,
        reward: Reward | None,
        taken: set[str],
        first: int,
        wanted: int,
        seen: Seen | None,
    ) -> tuple[dict[str, Draw], dict[str, float]]:
        """Return `wanted` new designs or as many as there are, and what was drawn for them."""
        found: dict[str, Draw] = {}
        refused: dict[str, str] = {}
        drawn = nfe = idle = 0
        invalid: Counter[str] = Counter()
        while len(found) < wanted and idle < self.task.rules.patience:
            samples = self._samples(reward, first + drawn)
            drawn += len(samples)
            nfe += samples.counts.get("nfe", 0)
            invalid.update(filter(None, map(self.domain.invalid_reason, samples.strings)))
            before = len(found)
            chosen_later = np.zeros(len(samples), dtype=np.int64)  # so none stands for its law
            draws = draws_of(samples, self.domain.canonical, False, chosen_later)
            new = {d.sequence: d for d in draws if d.sequence and d.sequence not in taken}
            refused |= self._refusals({s: d for s, d in new.items() if s not in found})
            for sequence, draw in new.items():
                scored = reward is None or not math.isnan(draw.reward)
                if scored and sequence not in refused:
                    found.setdefault(sequence, draw)
            idle = 0 if len(found) > before else idle + 1
            if seen is not None:
                seen(min(len(found), wanted), wanted)
        wrong = invalid.total()
        counts: dict[str, float] = {"requested": drawn, "designs": drawn, "invalid": wrong}
        known = drawn - wrong - len(found) - len(refused)
        counts |= {"not_evaluated": len(found), "rejected": len(refused), "cached": known}
        counts |= {"nfe": nfe}
        return found, counts | by_reason(invalid)

    def _refusals(self, draws: Mapping[str, Draw]) -> dict[str, str]:
        """Return which filter rejects designs by what is known before anything is measured."""
        objective = self.task.objective
        if not isinstance(objective, Terms) or not objective.filters or not draws:
            return {}
        sequences = list(draws)
        numbers = [[draw.log_likelihood, draw.confidence] for draw in draws.values()]
        belief = Belief(*torch.tensor(numbers, dtype=torch.float64).unbind(1))
        width = len(measured_columns(self.task.oracle))
        computed = stack(
            with_answers(self.task.oracle, lambda asked: np.full((len(asked), width), np.nan)),
            self.domain,
            batch_size=self.task.rules.batch_size,
        )
        scores = computed(sequences)
        screened = objective.screen(sequences, belief)
        others = objective.rejections(scores, computed.outputs, sequences)
        found = zip(sequences, screened, others, strict=True)
        return {sequence: one or other for sequence, one, other in found if one or other}

    def _samples(self, reward: Reward | None, first: int) -> Samples:
        """Return the next designs; from the model alone as long as there is no reward."""
        rules, sampler = self.task.rules, self.task.sampler
        where: dict[str, Any] = {"key": rules.key, "first_design": first, **self.task.given}
        if reward is None:
            return sampler.sample(rules.round_size, **where)
        return self.method.run(sampler, reward, rules.round_size, **where)

    def _expected(self, told: Sequence[Row]) -> Reward | None:
        """Return the reward that guides a round, None as long as no value is known."""
        answer = predictor(self.task, self.domain, told)
        if answer is None:
            return None
        memory = memory_of(self.task.objective)
        if memory is not None:
            scored = [row for row in told if not math.isnan(row.reward)]
            memory.update([r.sequence for r in scored], np.array([r.reward for r in scored]))
        oracle = stack(
            with_answers(self.task.oracle, answer),
            self.domain,
            batch_size=self.task.rules.batch_size,
        )
        return Reward(self.domain, oracle, self.task.objective)

    def _fault(
        self,
        string: str,
        values: Floats,
        asked: Mapping[str, int] | None,
        told: Mapping[str, Row],
        fresh: Mapping[str, int],
    ) -> str | None:
        """Return why a row cannot be recorded, or None."""
        reason = self.domain.invalid_reason(string)
        if reason is not None:
            return f"{string!r} is not valid: {reason}"
        sequence = self.domain.canonical(string)
        if np.isinf(values).any():
            return f"the value of {string!r} is infinite"
        if sequence in fresh:
            return f"{string!r} stands in row {fresh[sequence]} already"
        if sequence in told:
            row = told[sequence]
            before = np.array(row.scores)[measured_columns(self.task.oracle)]
            if np.array_equal(before, values, equal_nan=True):
                return None
            return f"{string!r} was told before, as {', '.join(f'{v:g}' for v in before)}"
        if asked is not None and sequence not in asked:
            return f"{string!r} was not asked for (unasked=true takes it nevertheless)"
        return None

    def _rows(
        self, measured: Mapping[str, Floats], raw: Mapping[str, str], asked: Mapping[str, int]
    ) -> Iterator[Row]:
        """Yield what is to be recorded, with the other outputs and the reward computed."""

        def answer(sequences: Sequence[str]) -> Scores:
            scores = Scores.of(np.stack([measured[sequence] for sequence in sequences]))
            reasons = ["" if s == "ok" else "could not be measured" for s in scores.status]
            return replace(scores, reasons=tuple(reasons))

        sequences = list(measured)
        objective = self.task.objective
        # a plain function: what was measured is recorded whatever a filter says before the oracle
        judge = None if objective is None else partial(without_memory(objective))
        reward = Reward(
            self.domain,
            stack(
                with_answers(self.task.oracle, answer),
                self.domain,
                batch_size=self.task.rules.batch_size,
            ),
            judge,
        )
        drawn = {d.sequence: d for _, d in self.store.draws(GUIDED)}
        found = reward.strings(sequences)
        rewards = found.reward.tolist()
        reasons = list(found.scores.reasons)
        if isinstance(objective, Terms):
            by = objective.rejections(found.scores, reward.oracle.outputs, sequences)
            pairs = zip(by, reasons, strict=True)
            reasons = [f"{REJECTED} {name}" if name else reason for name, reason in pairs]
        last = max((row.id for row in self.store.rows()), default=0)
        for place, sequence in enumerate(sequences):
            yield Row(
                id=last + 1 + place,
                arm=GUIDED,
                round=asked.get(sequence, UNASKED),
                sequence=sequence,
                raw=raw[sequence],
                status=found.scores.status[place],
                reason=reasons[place],
                scores=tuple(found.scores.values[place].tolist()),
                seconds=float(found.scores.seconds[place]),
                reward=rewards[place],
                **vars(self._remark(sequence, drawn.get(sequence))),
            )

    def _remark(self, sequence: str, draw: Draw | None) -> Remark:
        remark = self.task.background.remark(sequence)
        if draw is None:
            return remark
        return replace(remark, log_likelihood=draw.log_likelihood, confidence=draw.confidence)


def batch_table(store: Store, number: int, domain: Domain) -> Table:
    """Return batch `number` as a table whose measured columns are empty, to be filled in.

    `expected` is the reward that guided it, empty in a batch drawn without guidance.

    Raises:
        StoreError: if the store cannot be read.
    """
    draws = [d for found, d in store.draws(GUIDED) if found == number and d.sequence is not None]
    sequences = [draw.sequence or "" for draw in draws]
    scaffolds = [domain.scaffold(sequence) for sequence in sequences]
    named = ["scaffold"] * (None not in scaffolds)
    measured: list[str] = store.settings["measured"]
    columns = (store.settings["column"], *measured, "batch", "rank", *named, "expected")
    blank = (None,) * len(measured)
    return Table(
        columns,
        [
            (sequence, *blank, number, rank, *([scaffold] * len(named)), draw.reward)
            for rank, (sequence, scaffold, draw) in enumerate(
                zip(sequences, scaffolds, draws, strict=True), start=1
            )
        ],
    )
