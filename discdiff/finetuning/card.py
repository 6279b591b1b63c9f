"""The card of a tuned model: its lineage in words, and what is of the model before marked so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from discdiff.campaign.page.tuning import rounded
from discdiff.finetuning.figures import Figures
from discdiff.samplers.engine import Sampler
from discdiff.samplers.recommended import HEADING, named

_STALE = ("quality", "recipe", "measured", "warning", HEADING)  # of the model before, not of this
_BEFORE = ("data", "hardware", "time")  # of the model before, and still true of it
_OF = "the model before tuning"


def tuned(
    card: Mapping[str, Any],
    about: Mapping[str, Any],
    sampler: Sampler,
    measured: Figures,
    bias: str | None,
    warning: str | None,
) -> dict[str, Any]:
    """Return the card of a tuned model.

    Args:
        card: of the model before.
        about: lineage, plain values.
        sampler: what it was tuned with, which it is best drawn from by.
        measured: figures of a draw of the weights, none where there was no such draw.
        bias: why the law that is reached is another than the tilted one.
        warning: of the run.
    """
    kept = {name: _marked(name, body) for name, body in card.items() if name not in _STALE}
    title = f"{card.get('title', about['model'])}, tuned by {about['method']}"
    plain = {name: words(value) for name, value in about.items() if value is not None}
    plain |= {"sampler": words(named(sampler) or type(sampler).__name__), "bias": bias or "none"}
    figures = {name: rounded(value) for name, value in measured.items() if not math.isnan(value)}
    best = named(sampler)
    return {
        **kept,
        "title": title,
        "lineage": plain,
        **({"measured": figures} if figures else {}),
        **({} if best is None else {HEADING: best}),
        **({} if warning is None else {"warning": warning}),
    }


def words(value: object) -> str:
    """Return plain values as a reader likes them, an objective among them.

    Example:
        >>> words({"rank": 8, "alpha": None, "betas": [0.9, 0.99]})
        'rank 8, betas 0.9 and 0.99'
        >>> falling = {"type": "Linear", "low": 10, "high": 1}
        >>> terms = [{"output": "qed", "weight": 1.0}, {"output": "sa", "transform": falling}]
        >>> words({"type": "Objective", "terms": terms, "aggregation": {"type": "Product"}})
        'Product of qed and sa through Linear (low 10, high 1)'
    """
    if isinstance(value, Mapping):
        if "terms" in value:
            return _objective(value)
        held = ", ".join(
            f"{key} {words(one)}"
            for key, one in value.items()
            if key not in ("name", "type") and one not in (None, [], {})
        )
        kind = value.get("name") or value.get("type")
        return f"{kind} ({held})" if kind and held else str(kind or held)
    if isinstance(value, list | tuple):
        listed = [words(one) for one in value]
        return " and ".join([", ".join(listed[:-1])] * (len(listed) > 1) + listed[-1:])
    return f"{value:g}" if isinstance(value, float) else str(value)


def _objective(value: Mapping[str, Any]) -> str:
    """Return `aggregation of terms`, and what else an objective has."""
    said = f"{words(value['aggregation'])} of {words([_term(one) for one in value['terms']])}"
    for name in ("filters", "diversity"):
        if value.get(name):
            said += f"; {name}: {words(value[name])}"
    return said


def _term(value: Mapping[str, Any]) -> str:
    through = value.get("transform") or {"type": "Identity"}
    said = str(value["output"])
    if through["type"] != "Identity":
        said += f" through {words(through)}"
    if value.get("direction") == "min":
        said += ", less is better"
    weight = value.get("weight", 1.0)
    return said if weight == 1.0 else f"{said}, weight {weight:g}"


def _marked(name: str, body: Any) -> Any:
    """Return what a heading says, marked as that of the model before where it is."""
    if name not in _BEFORE:
        return body
    if isinstance(body, Mapping):
        return {"of": _OF, **body}
    return body if str(body).endswith(f"(of {_OF})") else f"{body} (of {_OF})"
