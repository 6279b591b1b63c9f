"""The reward that guidance sees in a campaign: each new value is recorded on its way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from discdiff.campaign.recorder import Recorder
from discdiff.campaign.rows import REJECTED
from discdiff.domain import Domain
from discdiff.objective import Objective as Terms
from discdiff.objective.filters import Diversity
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
        after: called after every request with the new rewards.
    """

    def __init__(
        self,
        domain: Domain,
        oracle: Metered,
        objective: Objective | None,
        recorder: Recorder,
        after: Callable[[list[float]], None],
    ) -> None:
        super().__init__(domain, oracle, objective)
        self.recorder = recorder
        self.after = after
        self.intrinsic = without_memory(self.objective)

    def __call__(self, tokens: Tensor) -> Evaluation:
        """Return the evaluation of int64 `tokens` `(N, L)`."""
        return self._record(super().__call__(tokens))

    def strings(self, strings: Sequence[str]) -> Evaluation:
        """Return the evaluation of N `strings`."""
        return self._record(super().strings(strings))

    def _record(self, evaluation: Evaluation) -> Evaluation:
        scores = evaluation.scores
        fresh = [i for i, origin in enumerate(scores.origin) if origin == "oracle"]
        sequences = [scores.canonical[i] for i in fresh]
        if self.intrinsic is self.objective:
            rewards = evaluation.reward[fresh].tolist()
        else:
            found = self.intrinsic(scores.take(fresh), self.oracle.outputs, sequences)
            rewards = np.asarray(found, dtype=np.float64).tolist()
        if fresh:
            reasons = [""] * len(fresh)
            if isinstance(self.objective, Terms):
                outputs = self.oracle.outputs
                found_by = self.objective.rejections(scores.take(fresh), outputs, sequences)
                reasons = [name and f"{REJECTED} {name}" for name in found_by]
            self.recorder.reward(
                dict(zip(sequences, rewards, strict=True)),
                dict(zip(sequences, reasons, strict=True)),
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
