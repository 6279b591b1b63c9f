"""The reward that guidance sees in a campaign: each new value is recorded on its way."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from discdiff.belief import Belief
from discdiff.campaign.background import Background
from discdiff.campaign.draws import Ints
from discdiff.campaign.progress import UNCHARGED, charged
from discdiff.campaign.recorder import Recorder
from discdiff.campaign.rows import Remark
from discdiff.domain import Domain
from discdiff.objective import Objective as Terms
from discdiff.objective.filters import REJECTED, Diversity
from discdiff.oracle import Metered
from discdiff.reward import Evaluation, Objective, Reward


class RecordedReward(Reward):
    """A reward whose new evaluations reach the store before guidance sees them.

    What is recorded is the objective's own value: a diversity penalty depends on what was found
    before, steers guidance, and would make rounds and arms incomparable.

    Args:
        domain: decodes tokens.
        oracle: the stack of the round.
        objective: as for `Reward`.
        recorder: the open round.
        background: says what is known of a design without a score.
        after: called after every request with the new rewards.

    Attributes:
        invalid: how often a request was invalid for each reason.
    """

    def __init__(
        self,
        domain: Domain,
        oracle: Metered,
        objective: Objective | None,
        recorder: Recorder,
        background: Background,
        after: Callable[[list[float]], None],
    ) -> None:
        super().__init__(domain, oracle, objective)
        self.recorder = recorder
        self.after = after
        self.background = background
        judge = objective.after_screens() if isinstance(objective, Terms) else self.objective
        self.intrinsic = without_memory(judge)
        self.invalid: Counter[str] = Counter()

    def _evaluate(
        self, strings: list[str], device: torch.device, belief: Belief | None
    ) -> Evaluation:
        before = charged(self.counts, "all")
        evaluation = super()._evaluate(strings, device, belief)
        known = Belief.unknown(len(strings)) if belief is None else belief.cpu()
        self._record_rejections(evaluation, known)
        paid = [status not in UNCHARGED for status in evaluation.scores.status]
        return self._record(evaluation, known, before + np.cumsum(paid))

    def _record_rejections(self, evaluation: Evaluation, belief: Belief) -> None:
        scores = evaluation.scores
        rejected = [i for i, status in enumerate(scores.status) if status == "rejected"]
        first: dict[str, int] = {}
        for i in rejected:
            first.setdefault(scores.canonical[i], i)
        new = {s: first[s] for s in self.recorder.unknown(list(first))}
        self.recorder.reject(
            {s: evaluation.strings[i] for s, i in new.items()},
            {s: scores.reasons[i] for s, i in new.items()},
            self._remarks(new, belief),
        )

    def _remarks(self, places: Mapping[str, int], belief: Belief) -> dict[str, Remark]:
        return {
            sequence: self.background.remark(sequence, belief.take(torch.tensor([place])))
            for sequence, place in places.items()
        }

    def _record(self, evaluation: Evaluation, belief: Belief, asked: Ints) -> Evaluation:
        scores = evaluation.scores
        told = zip(scores.status, scores.reasons, strict=True)
        self.invalid.update(reason for status, reason in told if status == "invalid")
        fresh = [i for i, origin in enumerate(scores.origin) if origin == "oracle"]
        sequences = [scores.canonical[i] for i in fresh]
        if memory_of(self.objective) is None:
            rewards = evaluation.reward[fresh].tolist()
        else:
            found = self.intrinsic(scores.take(fresh), self.oracle.outputs, sequences)
            rewards = np.asarray(found, dtype=np.float64).tolist()
        if fresh:
            reasons = [""] * len(fresh)
            if isinstance(self.intrinsic, Terms):
                outputs = self.oracle.outputs
                found_by = self.intrinsic.rejections(scores.take(fresh), outputs, sequences)
                reasons = [name and f"{REJECTED} {name}" for name in found_by]
            self.recorder.reward(
                dict(zip(sequences, rewards, strict=True)),
                dict(zip(sequences, reasons, strict=True)),
                self._remarks(dict(zip(sequences, fresh, strict=True)), belief),
                dict(zip(sequences, asked[fresh].tolist(), strict=True)),
            )
        self.after(rewards)
        return evaluation


def memory_of(objective: Objective | None) -> Diversity | None:
    """Return the diversity memory of `objective`, or None where it has none."""
    memory: Diversity | None = getattr(objective, "diversity", None)
    return memory


def without_memory(objective: Objective) -> Objective:
    """Return `objective` without its diversity memory; itself where it has none."""
    if memory_of(objective) is None:
        return objective
    plain: Any = copy.copy(objective)
    plain.diversity = None
    return plain  # type: ignore[no-any-return]
