"""What takes part in a track of campaigns: a guidance method, or a search without a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from discdiff import _check, registry
from discdiff.bench.given import arguments_of
from discdiff.errors import InputError

POOL = 100


@dataclass(frozen=True)
class Contestant:
    """One method.

    Attributes:
        arguments: of `discdiff design`.
        budget: the most that it may ask for.
        search: in place of guidance, the configuration of a search, and under "pool" how many
            draws of the model it begins with.
    """

    arguments: tuple[str, ...]
    budget: int
    search: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, name: str, given: Any, most: int) -> Contestant:
        """Return what a track says of a method.

        Args:
            name: for messages.
            given: a list of arguments, or `{arguments | search, budget, pool}`.
            most: the largest budget.

        Raises:
            InputError: if it is neither.

        Example:
            >>> Contestant.of("fk", {"arguments": ["guidance=fk"], "budget": 500}, 1000).budget
            500
        """
        options = dict(given) if isinstance(given, Mapping) else {"arguments": given}
        search = options.pop("search", None)
        pool = _check.positive_int(f"methods.{name}.pool", options.pop("pool", POOL))
        budget = _check.positive_int(f"methods.{name}.budget", options.pop("budget", most))
        arguments = options.pop("arguments", None if search is None else ["guidance=none"])
        if options or arguments is None:
            raise InputError(
                f"methods.{name} must hold arguments or a search, and perhaps budget and pool, "
                f"got {dict(given)!r}"
            )
        listed = arguments_of(f"methods.{name}", arguments)
        if search is None and isinstance(given, Mapping) and "pool" in given:
            raise InputError(f"methods.{name}.pool must be left out where there is no search")
        if search is None:
            return cls(listed, min(most, budget))
        if not isinstance(search, str | Mapping):
            raise InputError(
                f"methods.{name}.search must be a name, or a mapping with one, got {search!r}"
            )
        named = {"name": search} if isinstance(search, str) else dict(search)
        return cls(listed, min(most, budget), named | {"pool": pool})

    def built(self, **objects: object) -> Any:
        """Return the search, of what `objects` offer and it has a parameter for.

        Raises:
            ConfigError: if its name or an option is wrong.
        """
        options = {key: value for key, value in (self.search or {}).items() if key != "pool"}
        return registry.build("baselines", options, **objects)
