"""What a report says of the oracles, the model and the packages of a run, and of their licences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discdiff.campaign.provenance import USED, directions

_ARROWS = {"max": "↑", "min": "↓"}


def notes_on_outputs(settings: Mapping[str, Any], directions: Mapping[str, str]) -> dict[str, str]:
    """Return units and direction of each output, where they are known.

    Args:
        settings: of the run.
        directions: ``max`` or ``min`` by output.

    Example:
        >>> notes_on_outputs({"outputs": ["sa", "qed"]}, {"sa": "min"})
        {'sa': '↓', 'qed': ''}
    """
    units = {o["name"]: o["units"] for o in settings.get(USED, {}).get("outputs", [])}
    return {
        output: f"{units.get(output, '')} {_ARROWS.get(directions.get(output, ''), '')}".strip()
        for output in settings["outputs"]
    }


def used_in(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a run recorded, as labelled lines; None for a run that recorded nothing."""
    found = settings.get(USED)
    if found is None:
        return None
    better = directions(settings)
    name, card = found["model"]["name"], dict(found["model"]["card"])
    data = card.pop("data", {})
    about_data = data if isinstance(data, Mapping) else {"": data}
    lines = [("name", str(name))] if name else []
    lines += [(key.replace("_", " "), str(value)) for key, value in card.items()]
    lines += [(f"data {key}".strip(), str(value)) for key, value in about_data.items()]
    return {
        "outputs": [o | {"direction": better[o["name"]]} for o in found["outputs"]],
        "oracles": list(found["oracle_licences"].items()) or [("licences", "none declared")],
        "model": lines or [("card", "none")],
        "packages": list(found["packages"].items()),
    }
