"""The sampler that suits a model best, by its card."""

from __future__ import annotations

from collections.abc import Mapping

from discdiff import registry
from discdiff.errors import CheckpointError
from discdiff.model import Model
from discdiff.samplers.engine import Sampler

USUAL: dict[str, dict[str, object]] = {
    "masked": {"name": "first_hitting"},
    "class_masked": {"name": "first_hitting"},
    "uniform": {"name": "ancestral", "steps": 128},
}
HEADING = "recommended sampler"  # of a card; under it the registered name and options


def recommended(model: Model, **options: object) -> Sampler:
    """Return the sampler that the card of `model` names, else the usual one of its process.

    Args:
        model: the model.
        options: options of that sampler, in place of those of the card; conditions of a
            `constraint` stand beside those of the card, and None switches one of them off.

    Raises:
        CheckpointError: if the card names no sampler in the place of one.
        ConfigError: if the sampler or an option is unknown.

    Law: that of the sampler it returns.

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> type(recommended(model)).__name__
        'FirstHitting'
        >>> model.card[HEADING] = {"name": "entropy", "temperature": 0.8}
        >>> recommended(model, temperature=0.9).temperature
        0.9
    """
    named = model.card.get(HEADING, USUAL[model.process.kind])
    if not isinstance(named, dict) or named.get("name") in (None, "recommended"):
        raise CheckpointError(
            f"the card's heading {HEADING!r} must hold the name of a sampler and its options, "
            f"got {named!r}"
        )
    asked = options.get("constraint")
    if isinstance(asked, Mapping) and isinstance(named.get("constraint"), Mapping):
        options["constraint"] = {**named["constraint"], **asked}
    sampler: Sampler = registry.build("samplers", {**named, **options}, model=model)
    return sampler


def named(sampler: Sampler) -> dict[str, object] | None:
    """Return the registered name of `sampler` with its plain options, as a card names one.

    None where its class is not registered.

    Example:
        >>> from discdiff.samplers.ancestral import Ancestral
        >>> named(Ancestral(Model.tabular(["AC", "GT"]), steps=20))
        {'name': 'ancestral', 'steps': 20, 'grid': 'linear', 'temperature': 1.0, 'top_p': 1.0}
    """
    kind = type(sampler)
    for entry in registry.names("samplers"):
        if entry.target == f"{kind.__module__}:{kind.__qualname__}":
            given = {
                key: getattr(sampler, key, None) for key in registry.options("samplers", entry.name)
            }
            plain = {k: v for k, v in given.items() if isinstance(v, bool | int | float | str)}
            return {"name": entry.name, **plain}
    return None
