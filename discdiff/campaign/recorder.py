"""What a round remembers: its evaluations go to the store, and come back after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from discdiff.campaign.rows import Remark, Row
from discdiff.campaign.store import Store
from discdiff.oracle import (
    Batched,
    Checked,
    Combined,
    Entry,
    Flanked,
    Part,
    Scores,
    Wrapper,
    as_oracle,
)

Answers = list[tuple[str, str]]
"""Status and reason of each evaluation that an oracle made."""


class Recorder:
    """The store as one open round sees it: the cache of the oracle's stack, and its scribe.

    A round is a pure function of what came before it, so one that was interrupted is run again
    from its start. What it had recorded is then *replayed*: the first request for such a sequence
    gets the recorded answer and counts as an evaluation, exactly as it did the first time, and the
    oracle is not called. Rows of earlier rounds, and sequences seen before in this one, are known:
    they count as answers of the cache.

    Args:
        store: where rows go.
        arm: the arm of the round.
        number: the number of the round.
    """

    def __init__(self, store: Store, arm: str, number: int) -> None:
        self.store = store
        self.arm = arm
        self.number = number
        self._next = store.begin_round(arm, number)
        self._open = {row.sequence: row for row in store.rows(arm, number)}
        self._taken = {row.id for row in self._open.values()}
        self._seen: set[str] = set()
        self._ids: dict[str, int] = {}
        self._rejected = {row.sequence for row in store.rejections(arm)}

    @property
    def unclaimed(self) -> int:
        """Rows recorded before an interruption that were not asked for again."""
        return sum(sequence not in self._seen for sequence in self._open)

    def get(self, oracle: str, sequences: Sequence[str], /) -> dict[str, Entry]:
        """Return what is known of `sequences` (the cache's side)."""
        found = self.store.find(self.arm, sequences)
        return {
            sequence: _entry(row)
            for sequence, row in found.items()
            if row.round < self.number or sequence in self._seen
        }

    def put(self, oracle: str, entries: Mapping[str, Entry], /) -> None:
        """Note that `entries` are known from now on; `on_scored` writes them."""
        self._seen.update(entries)

    def recall(self, sequences: Sequence[str]) -> dict[str, Row]:
        """Return the rows of `sequences` in any arm, and number those that have none yet."""
        for sequence in sequences:
            mine = self._open.get(sequence)
            if mine is not None:
                self._next = max(self._next, mine.id + 1)
                continue
            while self._next in self._taken:
                self._next += 1
            self._ids[sequence] = self._next
            self._next += 1
        return self.store.find(None, sequences) | {
            sequence: self._open[sequence] for sequence in sequences if sequence in self._open
        }

    def on_scored(self, sequences: Sequence[str], scores: Scores) -> None:
        """Write the rows that were evaluated and are not in the store (the meter's side)."""
        rows = [
            Row(
                id=self._ids[scores.canonical[i]],
                arm=self.arm,
                round=self.number,
                sequence=scores.canonical[i],
                raw=sequences[i],
                status=scores.status[i],
                reason=scores.reasons[i],
                scores=tuple(scores.values[i].tolist()),
                seconds=float(scores.seconds[i]),
            )
            for i, origin in enumerate(scores.origin)
            if origin == "oracle" and scores.canonical[i] not in self._open
        ]
        if rows:
            self.store.record(rows)

    def reward(
        self,
        rewards: Mapping[str, float],
        reasons: Mapping[str, str],
        remarks: Mapping[str, Remark],
        requests: Mapping[str, int],
    ) -> None:
        """Write the rewards of sequences that were evaluated, and what else is said of them."""
        why = {sequence: reason for sequence, reason in reasons.items() if reason}
        self.store.reward(self.arm, rewards, why, remarks, requests)

    def unknown(self, sequences: Sequence[str]) -> list[str]:
        """Return which of `sequences` no filter of this arm has rejected unseen, each once."""
        return [s for s in dict.fromkeys(sequences) if s not in self._rejected]

    def reject(
        self, raw: Mapping[str, str], reasons: Mapping[str, str], remarks: Mapping[str, Remark]
    ) -> None:
        """Write sequences that a filter rejected before the oracle was asked.

        Args:
            raw: as spelled, by canonical form.
            reasons: why.
            remarks: what else is said of them.
        """
        if raw:
            common = (0, self.arm, self.number)
            self.store.reject(
                Row(*common, s, raw[s], "rejected", reasons[s], (), 0.0, **vars(remarks[s]))
                for s in raw
            )
            self._rejected.update(raw)


class Replayed(Wrapper):
    """An oracle that is asked only for what the store does not hold.

    Stands innermost, under budget and cache, so that what it recalls is charged and counted like
    an evaluation. The other arm's rows are recalled as well.

    Args:
        oracle: the oracle inside.
        recorder: knows the rows.
        batch_size: the most sequences of one call, for an oracle that does not divide requests
            itself.
        judge: called with `answers` after each part of them has been recorded.

    Attributes:
        answers: status and reason of each evaluation that the oracle made.
    """

    def __init__(
        self, oracle: Any, recorder: Recorder, batch_size: int, judge: Callable[[Answers], None]
    ) -> None:
        inner = as_oracle(oracle)
        whole = isinstance(inner, Checked | Combined | Flanked)
        super().__init__(Batched(inner, batch_size) if whole else inner)
        self.recorder = recorder
        self.judge = judge
        self.answers: Answers = []

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what is recorded, then what the oracle inside says of the rest."""
        known = self.recorder.recall(sequences)
        hits = [i for i, sequence in enumerate(sequences) if sequence in known]
        if hits:
            yield np.array(hits), _scores([known[sequences[i]] for i in hits])
        missing = np.array([i for i, s in enumerate(sequences) if s not in known], dtype=np.int64)
        if len(missing):
            for rows, scores in self.oracle.stream([sequences[i] for i in missing]):
                self.answers.extend(zip(scores.status, scores.reasons, strict=True))
                # new to this run, even where the oracle has a cache of its own
                yield missing[rows], replace(scores, origin=("oracle",) * len(scores))
                self.judge(self.answers)


def _entry(row: Row) -> Entry:
    return Entry(row.scores, row.status, row.reason, row.seconds)


def _scores(rows: Sequence[Row]) -> Scores:
    return Scores(
        values=np.array([row.scores for row in rows], dtype=np.float64),
        valid=np.array([row.status != "invalid" for row in rows]),
        status=tuple(row.status for row in rows),
        reasons=tuple(row.reason for row in rows),
        origin=("oracle",) * len(rows),
    )
