"""What takes part in a track of landscapes: a guidance method, or a twin that must be found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from discdiff import _check, registry
from discdiff.bench.given import check_listed
from discdiff.errors import InputError


@dataclass(frozen=True)
class Entrant:
    r"""One method.

    Args:
        guidance: its settings; `scale`, 1 where it is not given, is that of the target.
        draws: at most of each task; None for as many as all others.
        twin: whether it has another law than the target, and must lie outside.
        agrees: whether its law needs a network whose conditionals are those of one law; with
            another it is measured, but nothing is claimed of it.
        power: γ of its target $p(x)^\gamma\,e^{\lambda r(x)}$.
        uniform: settings that are others on a uniform process, with an event for each step.
        process: the only one it runs on, or None.
        tasks: the only ones it runs on, or None.
    """

    guidance: Mapping[str, Any]
    draws: int | None = None
    twin: bool = False
    agrees: bool = False
    power: float = 1.0
    uniform: Mapping[str, Any] = field(default_factory=dict)
    process: str | None = None
    tasks: tuple[str, ...] | None = None

    @classmethod
    def of(cls, name: str, given: Any) -> Entrant:
        """Return what a track says of a method: its settings alone, or a mapping with `guidance`.

        Raises:
            InputError: if it is neither.
            ConfigError: if no method has the name, or it has other options.

        Example:
            >>> Entrant.of("wrong", {"guidance": {"name": "fk", "scale": 0.7}, "twin": True}).twin
            True
        """
        if isinstance(given, Mapping) and "name" in given:
            given = {"guidance": given}
        keys = [one.name for one in fields(cls)]
        own = given.get("guidance") if isinstance(given, Mapping) else None
        if not isinstance(own, Mapping) or "name" not in own:
            raise InputError(
                f"methods.{name} must be the settings of a guidance method, or hold guidance, got "
                f"{given!r}"
            )
        for key in given:
            _check.one_of(f"methods.{name}", key, keys)
        options = dict(given)
        if options.get("draws") is not None:
            _check.positive_int(f"methods.{name}.draws", options["draws"])
        _check.positive(f"methods.{name}.power", options.get("power", 1.0))
        if options.get("process") is not None:
            _check.one_of(f"methods.{name}.process", options["process"], ("masked", "uniform"))
        for key in ("twin", "agrees"):
            if not isinstance(options.get(key, False), bool):
                raise InputError(f"methods.{name}.{key} must be true or false, got {given[key]!r}")
        if not isinstance(options.get("uniform", {}), Mapping):
            raise InputError(f"methods.{name}.uniform must be a mapping, got {given['uniform']!r}")
        _check.finite(f"methods.{name}.guidance.scale", own.get("scale", 1.0))
        if options.get("tasks") is not None:
            check_listed(f"methods.{name}.tasks", options["tasks"])
            options["tasks"] = tuple(options["tasks"])
        found = cls(**options)
        for process in ("masked", "uniform"):
            found.built(1.0, process)  # refuses what is wrong with it before anything runs
        return found

    def settings(self, scale: float, process: str) -> dict[str, Any]:
        """Return the settings of the method for a target of this λ, on a process."""
        options = dict(self.guidance) | (dict(self.uniform) if process == "uniform" else {})
        if "scale" in registry.options("guidance", str(options["name"])):
            options["scale"] = scale * float(options.get("scale", 1.0))
        return options

    def built(self, scale: float, process: str) -> Any:
        """Return the method for a target of this λ, on a process."""
        return registry.build("guidance", self.settings(scale, process))
