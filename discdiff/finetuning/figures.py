r"""What is measured at every draw, against reward hacking, and what is concluded from it.

A draw's designs come from the model as it then is, and the budget has paid for their rewards. They
are measured by what was never trained on: a judge, the likelihood under the pretrained network,
the divergence spent, likeness to each other and to known strings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from discdiff.campaign.background import Background
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.finetuning.contract import Drawn
from discdiff.objective import Objective
from discdiff.oracle import Streaming
from discdiff.oracle.scores import Floats

Figures = dict[str, float]
PAIRS = 64  # designs that are compared with each other
ERRORS = 2.0  # standard errors that make a change


def measure(
    drawn: Drawn,
    outputs: Sequence[str],
    judge: Objective | None,
    background: Background,
) -> Figures:
    """Return the figures of one draw; NaN where there is nothing to measure.

    Args:
        drawn: the designs.
        outputs: names of the oracle's outputs.
        judge: an objective over outputs that are not trained on.
        background: knows the strings that are not new.
    """
    samples, domain = drawn.samples, background.domain
    reward = _numbers(samples.reward)
    valid = np.flatnonzero(samples.valid)
    strings = [domain.canonical(samples.strings[i]) for i in valid.tolist()]
    distinct = list(dict.fromkeys(strings))
    found = {
        "reward": _mean(reward),
        "reward_se": _error(reward),
        "reward_median": float(np.median(reward)) if len(reward) else math.nan,
        "reward_best": max(reward.tolist(), default=math.nan),
        "valid": len(valid) / len(samples),
        "scored": len(reward) / max(1, len(valid)),
        "unique": len(distinct) / max(1, len(strings)),
        "diversity": _diversity(domain, distinct[:PAIRS]),
        "confidence": _mean(_numbers(samples.confidence)),
        "divergence": _mean(_numbers(drawn.divergence)),
        "log_likelihood": _mean(_numbers(drawn.log_pre)),
    }
    found |= _likeness(background, distinct)
    if judge is not None and samples.scores is not None:
        values = np.asarray(judge(samples.scores, outputs, samples.strings), dtype=np.float64)
        values = values[samples.valid & ~np.isnan(values)]
        found |= {"judge": _mean(values), "judge_se": _error(values)}
    return found


def gain(figures: Mapping[str, float], scale: float) -> float:
    r"""Return the mean reward less (divergence - log of the valid share) / λ.

    It is what the tilted law of valid designs makes as large as it can be.
    """
    valid = figures["valid"]
    lost = figures["divergence"] - (math.log(valid) if valid > 0 else -math.inf)
    return figures["reward"] - lost / scale


def best_draw(history: Sequence[Mapping[str, float]], scale: float) -> int:
    """Return the number of the draw whose weights are worth most, the first of equals.

    It has the highest mean of the judge, of equal ones and without a judge the highest `gain`. A
    draw of which the budget paid for less than half comes after all others.

    Example:
        >>> first = {"reward": 0.1, "divergence": 0.0, "valid": 1.0, "scored": 1.0}
        >>> second = {"reward": 0.9, "divergence": 1.0, "valid": 1.0, "scored": 1.0}
        >>> best_draw([first, second], scale=10.0), best_draw([first, second], scale=1.0)
        (1, 0)
        >>> best_draw([first | {"judge": 0.5}, second | {"judge": 0.5}], scale=10.0)
        1
        >>> best_draw([first, second | {"scored": 0.1}], scale=10.0)
        0
    """

    def worth(figures: Mapping[str, float]) -> tuple[bool, float, float]:
        judged, gained = figures.get("judge", 0.0), gain(figures, scale)
        known = [-math.inf if math.isnan(one) else one for one in (judged, gained)]
        return figures.get("scored", 1.0) >= 0.5, known[0], known[1]

    ranked = [worth(one) for one in history]
    return ranked.index(max(ranked))


def rule(history: Sequence[Mapping[str, float]], kept: int, scale: float) -> str:
    """Return how `best_draw` came to keep a draw: the rule, and its numbers for two draws.

    The other draw is the best of those after it, or of the first where it is the last itself.

    Example:
        >>> first = {"reward": 0.46, "divergence": 0.0, "valid": 1.0, "scored": 1.0}
        >>> second = {"reward": 0.57, "divergence": 4.0, "valid": 1.0, "scored": 1.0}
        >>> rule([first, second], 0, scale=10.0)
        'kept by the highest reward - (KL - log valid) / 10: draw 0, 0.4600 - (0.00 + 0.00) / 10 =
         0.4600; draw 1, the last, 0.5700 - (4.00 + 0.00) / 10 = 0.1700'
        >>> rule([first | {"judge": 0.5}, second | {"judge": 0.4}], 0, scale=10.0)
        'kept by the highest mean of the judge: draw 0, 0.5; draw 1, the last, 0.4'
    """
    last = len(history) - 1
    after = history[kept + 1 :]
    other = kept + 1 + best_draw(after, scale) if after else 0
    pair = list(dict.fromkeys((kept, other)))
    found = [history[number].get("judge", math.nan) for number in pair]
    judges = {-math.inf if math.isnan(one) else one for one in found}
    if len(judges) > 1 or (len(pair) == 1 and not math.isnan(found[0])):
        said = "the highest mean of the judge"
        numbers = [f"{history[number]['judge']:.4g}" for number in pair]
    else:
        said = f"the highest reward - (KL - log valid) / {scale:g}"
        numbers = [_sum(history[number], scale) for number in pair]
    told = []
    for number, words in zip(pair, numbers, strict=True):
        few = " (of less than half there is a reward)" * (history[number]["scored"] < 0.5)
        told.append(f"draw {number}{', the last' * (number == last > 0)}, {words}{few}")
    return f"kept by {said}: {'; '.join(told)}"


def _sum(figures: Mapping[str, float], scale: float) -> str:
    """Return `gain` with its parts."""
    unlikely = -math.log(figures["valid"]) + 0.0 if figures["valid"] > 0 else math.inf
    spent = round(figures["divergence"], 2) + 0.0  # no -0.00
    return (
        f"{figures['reward']:.4f} - ({spent:.2f} + {unlikely:.2f}) / {scale:g} = "
        f"{gain(figures, scale):.4f}"
    )


def hacked(history: Sequence[Mapping[str, float]]) -> str | None:
    """Return a warning if the trained reward rose while the judge fell, else None.

    The last draw is compared with the earlier one that the judge liked best. Both differences must
    be more than two standard errors.

    Example:
        >>> errors = {"reward_se": 0.01, "judge_se": 0.01}
        >>> before, after = {"reward": 0.2, "judge": 0.5}, {"reward": 0.8, "judge": 0.3}
        >>> hacked([before | errors, after | errors])
        'this looks like reward hacking: since draw 0 the reward rose from 0.200 to 0.800, and the
         judge fell from 0.500 to 0.300'
    """
    known = [
        (i, one) for i, one in enumerate(history) if not math.isnan(one.get("judge", math.nan))
    ]
    if len(known) < 2 or known[-1][0] != len(history) - 1:
        return None
    now = known[-1][1]
    number, best = max(known[:-1], key=lambda pair: pair[1]["judge"])
    rose, fell = now["reward"] - best["reward"], best["judge"] - now["judge"]
    # an error that is not known, as of a single design, makes no change a sure one
    sure = rose > _together(now, best, "reward_se") and fell > _together(now, best, "judge_se")
    if not sure:
        return None
    return (
        f"this looks like reward hacking: since draw {number} the reward rose from "
        f"{best['reward']:.3f} to {now['reward']:.3f}, and the judge fell from "
        f"{best['judge']:.3f} to {now['judge']:.3f}"
    )


def refuse_trained_judge(judge: Objective, objective: Any, oracle: Streaming) -> None:
    """Raise `InputError` unless `judge` reads outputs of `oracle` that are not trained on.

    Args:
        judge: terms over some of the outputs.
        objective: what is trained on; None for the oracle's only output.
        oracle: scores designs.
    """
    read = _outputs(judge)
    for output in read:
        if output not in oracle.outputs:
            raise InputError(
                f"judge must read outputs of the oracle, {', '.join(oracle.outputs)}, got "
                f"{output!r}"
            )
    if not isinstance(objective, Objective):
        raise InputError(
            "judge must read outputs that are not trained on: give an objective that says which "
            f"of {', '.join(oracle.outputs)} are"
        )
    both = [output for output in read if output in _outputs(objective)]
    if both:
        raise InputError(
            f"judge must read outputs that are not trained on, got {', '.join(both)}, which the "
            "objective reads as well"
        )


def _outputs(objective: Objective) -> list[str]:
    read = [term.output for term in objective.terms]
    return [*read, *(output for rule in objective.filters for output in rule.outputs)]


def _together(now: Mapping[str, float], then: Mapping[str, float], name: str) -> float:
    return ERRORS * math.hypot(now[name], then[name])


def _numbers(values: torch.Tensor | None) -> Floats:
    if values is None:
        return np.zeros(0)
    found: Floats = values.double().cpu().numpy()
    return found[~np.isnan(found)]


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _diversity(domain: Domain, strings: Sequence[str]) -> float:
    """Return the mean unlikeness of two different strings."""
    if len(strings) < 2:
        return 0.0 if strings else math.nan
    likeness = domain.likeness(strings)
    rows = np.stack([likeness(string) for string in strings])
    return float(1.0 - (rows.sum() - np.trace(rows)) / (len(strings) * (len(strings) - 1)))


def _likeness(background: Background, strings: Sequence[str]) -> Figures:
    """Return how new designs are, and how like the nearest known string."""
    if not background.reference:
        return {}
    near = [background.remark(string).similarity for string in strings[:PAIRS]]
    fresh = [one < 1.0 for one in near]
    return {
        "novel": float(np.mean(fresh)) if fresh else math.nan,
        "nearest": float(np.mean(near)) if near else math.nan,
    }
