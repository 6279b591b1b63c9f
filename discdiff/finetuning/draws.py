"""Draws of a fine-tuning as rounds of a campaign: recorded, measured, and made again on resume."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from discdiff.campaign.files import write_atomic
from discdiff.campaign.page.tuning import FIGURES
from discdiff.campaign.progress import Progress, charged, total
from discdiff.campaign.rounds import ArmRun, Task
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.runlog import logger
from discdiff.campaign.store import Store
from discdiff.finetuning.contract import FineTuner
from discdiff.finetuning.figures import Figures, hacked, measure
from discdiff.objective import Objective
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples


class Round:
    """A method as the round of a campaign calls it; what it drew last is kept.

    Args:
        method: the method.
    """

    def __init__(self, method: FineTuner) -> None:
        self.method = method
        self.drawn: Any = None
        self.returned = method.returned

    def run(
        self, sampler: Sampler, reward: Reward, n: int, *, key: int, first_design: int, **given: Any
    ) -> Samples:
        """Return n designs; arguments as for `FineTuner.draw`."""
        self.drawn = self.method.draw(
            sampler, reward, n, key=key, first_design=first_design, **given
        )
        samples: Samples = self.drawn.samples
        return samples


class Draws:
    """Makes the draws of a run.

    Args:
        task: what is drawn for which reward.
        store: the record.
        method: draws a round.
        judge: an objective over outputs that are not trained on, or None.
        callback: gets a snapshot after every request for rewards.
    """

    def __init__(
        self,
        task: Task,
        store: Store,
        method: Round,
        judge: Objective | None,
        callback: Callable[[Progress], None] | None,
    ) -> None:
        self.task, self.store, self.method = task, store, method
        self.judge, self.callback = judge, callback
        self._arm: ArmRun | None = None
        self._warned = False

    def __call__(self, sampler: Sampler, number: int, step: int) -> tuple[Any, Figures] | None:
        """Make draw `number`; return it with its figures, or None where the budget is spent.

        Args:
            sampler: of the averaged network, the same one every time.
            number: of the draw, from 0.
            step: optimiser steps so far.
        """
        rules = self.task.rules
        done = [found for found in self.store.rounds(GUIDED) if found.finished]
        spent = total(done[:number])
        if charged(spent, rules.charge) >= rules.budget:
            return None
        if self._arm is None:
            task = replace(self.task, sampler=sampler)
            self._arm = ArmRun(task, self.store, GUIDED, self.method, rules.budget, self.callback)
        after = spent + total([self._arm.advance(number)])
        drawn, self.method.drawn = self.method.drawn, None
        found = measure(drawn, self.task.oracle.outputs, self.judge, self.task.background)
        counted = {"draw": float(number), "step": float(step)}
        return drawn, counted | {"evaluations": float(after.evaluated)} | found

    def note(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write the figures of all draws so far; warn, once, of what looks like reward hacking."""
        columns = list(dict.fromkeys(name for one in history for name in one))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_atomic(self.store.path.parent / FIGURES, text.getvalue())
        warning = hacked(history)
        if warning is not None and not self._warned:
            self._warned = True
            logger.warning(warning)
