"""A judge that has not seen what the guide was trained on."""

from __future__ import annotations

from discdiff.errors import InputError
from discdiff.objective import Objective
from discdiff.oracle import Combined
from discdiff.predictor.oracle import PredictorOracle
from discdiff.predictor.predictor import Predictor


def refuse_own_judge(scored: Combined, objective: Objective) -> None:
    """Raise `InputError` if a predictor that is recorded only knows the rows of one that guides.

    A predictor guides where a term or a filter of the objective reads it, and judges where none
    does. What steered a design cannot judge it, and neither can what was trained on the same rows.

    Args:
        scored: the oracles of a design.
        objective: over their outputs.
    """
    used = {term.output for term in objective.terms}
    used |= {output for rule in objective.filters for output in rule.outputs}
    guides: list[tuple[str, Predictor]] = []
    judges: list[tuple[str, Predictor]] = []
    start = 0
    for part in scored.oracles:
        names = scored.outputs[start : start + len(part.outputs)]
        start += len(names)
        oracle = getattr(part, "oracle", part)
        if isinstance(oracle, PredictorOracle):
            kind = guides if used & set(names) else judges
            kind.append((names[0], oracle.predictor))
    for name, judge in judges:
        for other, guide in guides:
            if judge.fingerprint == guide.fingerprint or _know_the_same(judge, guide):
                raise InputError(
                    f"{name!r} cannot judge what {other!r} guides: it was trained on rows of the "
                    f"same table ({judge.origin.half}) as the other ({guide.origin.half}). Name "
                    "the predictor of the other half, for example path=FOLDER/judge where "
                    "FOLDER/guide guides; or more columns of the guide, as in columns=[mean,sd]"
                )


def _know_the_same(one: Predictor, other: Predictor) -> bool:
    """Return whether two predictors are known to have a training row in common.

    Those of one table know it by its hash. A table that was changed since has another, but what
    they keep of the strings that they learnt the same output of tells it.
    """
    if one.origin.overlaps(other.origin):
        return True
    kept = set(one.applicability.references) & set(other.applicability.references)
    return bool(kept) and bool(set(one.outputs) & set(other.outputs))
