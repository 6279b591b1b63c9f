"""What a fine-tuning leaves: the model folder with its lineage, and the result in plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from discdiff.campaign.files import write_atomic
from discdiff.campaign.runlog import logger
from discdiff.campaign.store import RESULT
from discdiff.finetuning.card import tuned
from discdiff.finetuning.figures import Figures, best_draw, hacked, rule
from discdiff.finetuning.module import FineTuning
from discdiff.licence import MADE_WITH, Stated, inherited
from discdiff.oracle.check import Streaming

MODEL = "model"
KEEP = ("best", "last")


@dataclass(frozen=True)
class Result:
    """What a fine-tuning came to.

    Attributes:
        model: folder of the tuned model.
        figures: of every draw.
        kept: number of the draw that was made of the weights kept; None where there was none.
        rule: how they were chosen, with its numbers.
        bias: why the law that is reached is another than the tilted one; None where it is not.
        warning: of reward hacking, or of weights that are those before training; None for neither.
        ended_by: `budget`, `max_steps` or `max_minutes`.
        steps: optimiser steps that were made.
    """

    model: str
    figures: tuple[Figures, ...]
    kept: int | None
    rule: str
    bias: str | None
    warning: str | None
    ended_by: str
    steps: int

    @property
    def chosen(self) -> Figures:
        """The figures of the weights that were kept, none where they were not drawn from."""
        return {} if self.kept is None else self.figures[self.kept]

    @property
    def trained(self) -> bool:
        """Whether the weights kept are others than those before training."""
        return self.steps > 0 if self.kept is None else self.chosen["step"] > 0

    @property
    def end(self) -> str:
        """What ended the training, and when."""
        spent = int(self.figures[-1]["evaluations"])
        return f"ended by {self.ended_by}: {self.steps:,} steps, {spent:,} evaluations"


def conclude(
    module: FineTuning,
    folder: Path,
    about: Mapping[str, Any],
    keep: str,
    used: Sequence[Stated] = (),
    dtype: str = "float32",
) -> Result:
    """Draw once more if the budget allows, choose the weights, and write the model and result.

    Args:
        module: after training.
        folder: of the run.
        about: lineage of the model.
        keep: `best` or `last`.
        used: what rewarded it, whose licences the card keeps.
        dtype: of the weights of the model folder.
    """
    module.draw_last()
    result = _result(module, keep)
    about = _with_counts(about, module)
    _write_model(module, folder, about, result, used, dtype)
    figures = [
        {name: None if math.isnan(value) else value for name, value in one.items()}
        for one in result.figures
    ]
    told = asdict(result) | {"figures": figures, "lineage": about}
    write_atomic(folder / RESULT, json.dumps(told, indent=1, default=str) + "\n")
    if result.bias is not None:
        logger.warning("biased: %s", result.bias)
    return result


def salvage(
    module: FineTuning,
    folder: Path,
    about: Mapping[str, Any],
    used: Sequence[Stated] = (),
    dtype: str = "float32",
) -> str | None:
    """Write the model of the best draw so far, for a training that cannot go on.

    Args:
        module: after a draw or none.
        folder: of the run.
        about: as for `conclude`.
        used: as for `conclude`.
        dtype: as for `conclude`.

    Returns:
        Where it is, in words; None before the first draw.
    """
    if not module.history:
        return None
    result = _result(module, "best", over=False)
    _write_model(module, folder, _with_counts(about, module), result, used, dtype)
    before = ", which is that before training" * (not result.trained)
    return f"The model of the best draw so far, draw {result.kept}{before}, is {folder / MODEL}"


def _result(module: FineTuning, keep: str, over: bool = True) -> Result:
    """Return what came of the training, with the weights to keep in place; it may not be over."""
    history = module.history
    kept: int | None = len(history) - 1
    if history[-1]["step"] != module.last_step:
        kept = None
    how = "kept as the last, as asked"
    if keep == "best":
        kept = best_draw(history, module.method.scale)
        module.ema.network.load_state_dict(module.best)
        how = rule(history, kept, module.method.scale)
    untouched = _untouched(module, kept, how) if over else None
    warned = [one for one in (hacked(history), untouched) if one is not None]
    return Result(
        model=MODEL,
        figures=tuple(history),
        kept=kept,
        rule=how,
        bias=module.method.bias,
        warning="; ".join(warned) or None,
        ended_by=_ended_by(module),
        steps=module.last_step,
    )


def _ended_by(module: FineTuning) -> str:
    if module.spent:
        return "budget"
    return "max_steps" if module.last_step >= int(module.trainer.max_steps) else "max_minutes"


def _with_counts(about: Mapping[str, Any], module: FineTuning) -> dict[str, Any]:
    spent = int(module.history[-1]["evaluations"])
    return {**about, "steps": module.last_step, "evaluations": spent}


def _write_model(
    module: FineTuning,
    folder: Path,
    about: Mapping[str, Any],
    result: Result,
    used: Sequence[Stated],
    dtype: str,
) -> None:
    model = module.averaged
    before = model.card
    card = tuned(before, about, module.sampler, result.chosen, result.bias, result.warning)
    model.card = card | {MADE_WITH: inherited(before, used)}
    model.save(folder / MODEL, dtype)


def rewarded_by(oracle: Streaming) -> list[Stated]:
    """Return the licences of an oracle, of each where several are combined.

    Example:
        >>> from discdiff.oracle import as_oracle
        >>> rewarded_by(as_oracle(lambda strings: [len(s) for s in strings]))
        [Stated(kind='oracle', name='oracle', licence='')]
    """
    found, start = [], 0
    for part in getattr(oracle, "oracles", (oracle,)):
        outputs = oracle.outputs[start : start + len(part.outputs)]
        start += len(outputs)
        found.append(Stated("oracle", ", ".join(outputs), "; ".join(part.licences.values())))
    return found


def _untouched(module: FineTuning, kept: int | None, how: str) -> str | None:
    """Return a warning, which is logged, if the weights kept are those before training."""
    if kept is None or module.history[kept]["step"] or not module.last_step:
        return None
    instead = "keep=last keeps what was trained last"
    if module.history[-1]["step"] == 0:
        how = "the budget paid for no draw of what was trained"
    elif "judge" not in module.history[0]:
        instead += (
            ", a larger method.scale pays for more KL, and a judge decides in place of this rule"
        )
    warning = f"the weights kept are those before training: {how}. To change that: {instead}"
    logger.warning(warning)
    return warning
