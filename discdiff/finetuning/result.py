"""What a fine-tuning leaves: the model folder with its lineage, and the result in plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from discdiff.campaign.files import write_atomic
from discdiff.campaign.page.tuning import RESULT
from discdiff.campaign.runlog import logger
from discdiff.finetuning.figures import Figures, best_draw, hacked
from discdiff.finetuning.module import FineTuning
from discdiff.licence import MADE_WITH, Stated, inherited
from discdiff.oracle.check import Streaming

MODEL = "model"
KEEP = ("best", "last")
_STALE = ("quality", "recipe")  # headings of a card that are of the model before


@dataclass(frozen=True)
class Result:
    """What a fine-tuning came to.

    Attributes:
        model: folder of the tuned model.
        figures: of every draw.
        kept: number of the draw that was made of the weights kept; None where there was none.
        biased: whether some of what was trained on had a law that is not known.
        warning: of reward hacking, or of weights that are those before training; None for neither.
    """

    model: str
    figures: tuple[Figures, ...]
    kept: int | None
    biased: bool
    warning: str | None

    @property
    def chosen(self) -> Figures:
        """The figures of the weights that were kept, none where they were not drawn from."""
        return {} if self.kept is None else self.figures[self.kept]


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
    history = module.history
    kept: int | None = len(history) - 1
    if history[-1]["step"] != module.last_step:
        kept = None
    if keep == "best":
        kept = best_draw(history, module.method.scale)
        module.ema.network.load_state_dict(module.best)
    warned = [one for one in (hacked(history), _untouched(module, kept)) if one is not None]
    warning = "; ".join(warned) or None
    result = Result(MODEL, tuple(history), kept, bool(module.method.biased), warning)
    about = {**about, "steps": module.last_step, "evaluations": int(history[-1]["evaluations"])}
    model = module.averaged
    model.card = _card(model.card, about, result) | {MADE_WITH: inherited(model.card, used)}
    model.save(folder / MODEL, dtype)
    figures = [
        {name: None if math.isnan(value) else value for name, value in one.items()}
        for one in history
    ]
    told = asdict(result) | {"figures": figures, "lineage": about}
    write_atomic(folder / RESULT, json.dumps(told, indent=1, default=str) + "\n")
    if result.biased:
        logger.warning("biased: some designs were trained on whose law is not known")
    return result


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


def _untouched(module: FineTuning, kept: int | None) -> str | None:
    """Return a warning, which is logged, if the weights kept are those before training."""
    if kept is None or module.history[kept]["step"] or not module.last_step:
        return None
    why = "no later draw was better" if len(module.history) > 1 else "the budget paid for one draw"
    warning = f"the weights kept are those before training: {why}"
    logger.warning(warning)
    return warning


def _card(card: Mapping[str, Any], about: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """Return the card of the tuned model."""
    kept = {name: headings for name, headings in card.items() if name not in _STALE}
    title = f"{card.get('title', about['model'])}, tuned by {about['method']}"
    law = "biased: some designs were trained on whose law is not known" if result.biased else "-"
    plain = {name: _text(value) for name, value in about.items() if value is not None}
    measured = {
        name: f"{value:.4g}" for name, value in result.chosen.items() if not math.isnan(value)
    }
    warned = {} if result.warning is None else {"warning": result.warning}
    return {
        **kept,
        "title": title,
        "lineage": plain | {"bias": law},
        "measured": measured,
        **warned,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
