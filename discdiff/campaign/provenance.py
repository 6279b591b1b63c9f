"""What a run was made of: the oracles' directions, units and licences, the model, the packages."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from typing import Any

from discdiff.licence import MADE_WITH
from discdiff.model import Model
from discdiff.oracle import Combined, Streaming, Wrapper

USED = "used"
"""The setting of a store that keeps it; what it says changes no design."""

_PACKAGES = ("discdiff", "torch", "numpy", "rdkit", "selfies")
_CARD = ("title", "use", "data", "licence_of_the_weights", MADE_WITH)
_LICENCE = "License :: "


def provenance(model: Model, oracle: Streaming, name: str | None = None) -> dict[str, Any]:
    """Return, as JSON values, what is used and under which licences.

    Args:
        model: what designs are drawn from; its card says data and licence.
        oracle: what scores them.
        name: what the model was called by, where it was.

    Example:
        >>> from discdiff.oracle import as_oracle
        >>> model = Model.tabular(["AC", "GT"])
        >>> provenance(model, as_oracle(len, name="length"))["outputs"]
        [{'name': 'length', 'direction': 'max', 'units': ''}]
    """
    outputs = [
        {"name": output, "direction": direction, "units": units}
        for output, direction, units in zip(
            oracle.outputs, oracle.directions, oracle.units, strict=True
        )
    ]
    card = model.card
    found = {
        "outputs": outputs,
        "oracle_licences": _oracle_licences(oracle),
        "model": {"name": name, "card": {key: card[key] for key in _CARD if key in card}},
        "packages": dict(_licences()),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain


def directions(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return whether more (``max``) or less (``min``) of each output is better, where it is known.

    A term of the objective says so of an output that it takes as it is, or by a sigmoid or a line;
    of the others their oracle says it. A difference wants less of all terms but the first.

    Example:
        >>> directions({"objective": {"terms": [{"output": "sa", "direction": "min"}]}})
        {'sa': 'min'}
    """
    stated = settings.get(USED, {}).get("outputs", [])
    found: dict[str, str] = {output["name"]: output["direction"] for output in stated}
    given = settings.get("objective")
    objective: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    terms = objective.get("terms", [])
    subtracts = objective.get("aggregation", {}).get("type") == "Difference"
    for place, term in enumerate(terms):
        falls = _falls(term.get("transform", {}))
        if falls is not None:
            less = (term["direction"] == "min") ^ falls ^ (subtracts and place > 0)
            found[term["output"]] = "min" if less else "max"
    return found


def _falls(transform: Mapping[str, Any]) -> bool | None:
    """Return whether a transform falls where its output rises; None of those that may do both."""
    kind = transform.get("type", "Identity")
    if kind == "Linear":
        return bool(transform["low"] > transform["high"])
    return {"Identity": False, "Sigmoid": False, "ReverseSigmoid": True}.get(kind)


def _oracle_licences(oracle: Streaming) -> dict[str, str]:
    """Return licences by the names that outputs have, which two oracles do not share."""
    inside: object = oracle
    while isinstance(inside, Wrapper):
        inside = inside.oracle
    if not isinstance(inside, Combined):
        return dict(oracle.licences)
    found: dict[str, str] = {}
    first = 0
    for part in inside.oracles:
        outputs = inside.outputs[first : first + len(part.outputs)]
        first += len(outputs)
        heads = {output.partition(".")[0] for output in outputs}
        name = outputs[0] if len(outputs) == 1 else heads.pop() if len(heads) == 1 else ""
        for own, licence in part.licences.items():
            short = name if name and len(part.licences) == 1 else own
            found[short if found.get(short, licence) == licence else f"{short}, {own}"] = licence
    return found


def _licences() -> Iterator[tuple[str, str]]:
    """Yield each package that is installed, with its licence in the words of its metadata."""
    for package in _PACKAGES:
        try:
            about = importlib.metadata.metadata(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        short = [text.strip() for text in about.get_all("License", []) if "\n" not in text.strip()]
        classified = [
            text.rpartition(" :: ")[2]
            for text in about.get_all("Classifier", [])
            if text.startswith(_LICENCE)
        ]
        stated = [*about.get_all("License-Expression", []), *short, *classified, "not stated"]
        yield package, f"{stated[0]}"
