"""Fine-tuning a model under a reward: a campaign whose rounds the trained model draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from discdiff import _check
from discdiff.campaign.identity import describe
from discdiff.campaign.progress import Progress
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.runlog import logger
from discdiff.campaign.runner import Campaign
from discdiff.campaign.store import Store
from discdiff.campaign.summary import Summary, summarise
from discdiff.errors import DiscdiffError, InputError
from discdiff.finetuning.adapters import LoRA
from discdiff.finetuning.contract import FineTuner
from discdiff.finetuning.draws import Draws, Round
from discdiff.finetuning.figures import refuse_trained_judge
from discdiff.finetuning.module import FineTuning
from discdiff.finetuning.result import KEEP, Result, conclude, rewarded_by, salvage
from discdiff.finetuning.ticks import Ticks
from discdiff.model import Model
from discdiff.objective import Objective
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.training.fit import fit
from discdiff.training.lr import LearningRate

# of `fit`: what changes no weight
_FREE = ("snapshot_minutes", "snapshot_steps", "log_every", "logger", "progress", "callbacks")


class FineTune(Campaign):
    r"""Tunes a model under a reward, and records every evaluation that it makes.

    The method draws designs of the model as it is by then, their rewards are recorded, and the
    model is trained on. A run that was killed goes on with `resume` to the same weights and the
    same record as one that was not, on one machine in float32, and no oracle is asked again. Where
    training does not repeat to the bit, as on a GPU, it goes on from the weights of the last draw,
    which are on disk before it is made. The
    training ends with its steps, or when a draw is due and the budget is spent. The model folder
    has the weights of the best draw: that with the highest mean of the judge, of equal ones and
    without a judge that with the highest mean reward less the divergence over λ (with `keep=last`,
    those of the last step).

    Args:
        out: folder of the run.
        model: the model to tune; it stays as it is.
        method: how, such as `discdiff.guidance.finetune.wdce.WDCE`.
        sampler: makes the sampler that draws, of a model: its law is what is tilted.
        oracle: an oracle, or any function from a list of strings to numbers.
        objective: how scores become one reward; by default the oracle's only output.
        judge: an objective over outputs of the oracle that are not trained on.
        budget: the most evaluations, enough for two draws: one to train on, one of what was
            trained.
        seed: same seed, same weights.
        keep: `best` or `last`.
        lora: adapters to train in place of all weights.
        rate: peak learning rate.
        weight_decay: of matrices.
        betas: of AdamW.
        ema: decay of the moving average, which is drawn from and saved; 0 for none.
        max_steps: optimiser steps.
        schedule: learning rate over the run; by default constant after 20 steps.
        charge: as in `Campaign`.
        batch_size: as in `Campaign`.
        max_failed: as in `Campaign`.
        length: as in `Campaign`.
        cond: as in `Campaign`.
        reference: as in `Campaign`.
        config: as in `Campaign`.
        name: what the model before was called by, for the card.
        training: further arguments of `fit`, such as `accelerator`.

    Attributes:
        result: after `run` or `resume`: the figures of all draws, which weights were kept, why.

    Raises:
        InputError: if an argument is out of range, or the judge reads what is trained on.
        UnsupportedError: if the method is not for such a model or sampler.
    """

    def __init__(
        self,
        out: str | Path,
        model: Model,
        method: FineTuner,
        sampler: Callable[[Model], Sampler],
        oracle: Any,
        objective: Objective | None = None,
        *,
        judge: Objective | None = None,
        budget: int,
        seed: int = 0,
        keep: str = "best",
        lora: LoRA | None = None,
        rate: float = 1e-4,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99),
        ema: float = 0.0,
        max_steps: int = 2000,
        schedule: LearningRate | None = None,
        charge: str = "evaluated",
        batch_size: int = 64,
        max_failed: float = 0.5,
        length: int | None = None,
        cond: int | None = None,
        reference: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        name: str | None = None,
        **training: Any,
    ) -> None:
        self.model, self.method, self.judge, self.lora = model, method, judge, lora
        self.keep, self.make = _check.one_of("keep", keep, KEEP), sampler
        optimiser: dict[str, Any] = {
            "rate": rate,
            "weight_decay": weight_decay,
            "betas": betas,
            "ema": ema,
        }
        rates = LearningRate("constant", 20, 0.0) if schedule is None else schedule
        self.optimiser = optimiser
        self.training = {"max_steps": max_steps, "schedule": rates, **training}
        self.name = name
        self.result: Result | None = None
        self._round = Round(method)
        method.forget()  # of another run: it is no setting of this one
        super().__init__(
            out,
            sampler(model),
            self._round,
            oracle,
            objective,
            budget=budget,
            seed=seed,
            round_size=method.designs,
            charge=charge,
            batch_size=batch_size,
            max_failed=max_failed,
            length=length,
            cond=cond,
            reference=reference,
            config=config,
        )
        if self.measured:
            raise InputError("oracle must compute its values to be trained on, got measured ones")
        if budget < 2 * method.designs:
            raise InputError(
                f"budget must be enough for two draws of {method.designs} designs, one to train on "
                f"and one of what was trained, got {budget}"
            )
        if judge is not None:
            refuse_trained_judge(judge, objective, self.task.oracle)
        self._begin()

    def follow(self) -> None:
        """Take part in a training that another process of it has begun, on another device."""
        self._train(self._module(None))

    def _carry_through(self, store: Store, progress: Callable[[Progress], None] | None) -> Summary:
        with self._stopping_cleanly(store), self._memory():
            draws = Draws(self.task, store, self._round, self.judge, progress)
            module = self._module(draws)
            lineage = (self.folder, self._about(store))
            used = rewarded_by(self.task.oracle)
            try:
                self._train(module)
                self.result = conclude(module, *lineage, self.keep, used)
            except DiscdiffError as error:
                kept = salvage(module, *lineage, used)
                if kept is None:
                    raise
                raise type(error)(f"{error}\n{kept}") from error
        self._write(store)
        logger.info("complete: %s", self.result.end)
        return summarise(store)

    def _begin(self) -> None:
        reward = Reward(self.domain, self.task.oracle, self.task.objective)
        self.method.begin(self.model, self.task.sampler, reward)

    def _module(self, draws: Draws | None) -> FineTuning:
        self._begin()  # once more: this may go on with what was interrupted
        return FineTuning(
            self.model,
            self.method,
            self.make,
            draws,
            lora=self.lora,
            seed=self.task.rules.seed,
            **self.optimiser,
        )

    def _train(self, module: FineTuning) -> None:
        fit(
            self.model,
            Ticks(),
            self.folder,
            kind=lambda model, seed: module,
            seed=self.task.rules.seed,
            **self.training,
        )

    def _about(self, store: Store) -> dict[str, Any]:
        """Return the lineage of the tuned model, for its card."""
        settings = store.settings
        return {
            "model": self.name or "not stated",
            "network": settings["network"],
            "method": self.method.title,
            "scale": self.method.scale,
            "oracle": list(self.task.oracle.outputs),
            "objective": settings["objective"],
            "judge": settings["finetuning"]["judge"],
            "budget": self.task.rules.budget,
            "seed": self.task.rules.seed,
            "lora": settings["finetuning"]["lora"],
            "optimiser": self.optimiser,
        }

    def _describe(self) -> dict[str, Any]:
        training = {k: describe(v) for k, v in self.training.items() if k not in _FREE}
        other = ("training", "title")  # no settings
        public = {k: v for k, v in vars(self.method).items() if k[0] != "_" and k not in other}
        method = {"type": type(self.method).__name__} | {k: describe(v) for k, v in public.items()}
        return super()._describe() | {
            "methods": {GUIDED: method},
            "finetuning": {
                "keep": self.keep,
                "judge": describe(self.judge),
                "lora": None if self.lora is None else describe(asdict(self.lora)),
                "optimiser": describe(self.optimiser),
                "training": training,
            },
        }
