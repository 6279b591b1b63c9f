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
            if judge.fingerprint == guide.fingerprint or judge.origin.overlaps(guide.origin):
                raise InputError(
                    f"{name!r} cannot judge what {other!r} guides: it was trained on the rows of "
                    f"the {judge.origin.half} of the same table, the other on the "
                    f"{guide.origin.half}. Name the predictor of the other half, for example "
                    "path=FOLDER/judge where FOLDER/guide guides; or more columns of the guide, as "
                    "in columns=[mean,sd]"
                )
