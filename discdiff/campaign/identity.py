"""What fixes the result of a campaign: its settings as plain values, to compare on resume."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from discdiff.errors import StoreError

_DEPTH = 4


def describe(value: object, depth: int = _DEPTH) -> Any:
    """Return JSON values that tell one setting from another: class names and public attributes.

    Numbers, strings and containers stand for themselves, a function for its name, a network for
    its class (see `fingerprint`). A model and what lies deeper than a few levels are left out.

    Example:
        >>> class Tilt:
        ...     def __init__(self) -> None:
        ...         self.scale, self._cache = 2.0, {}
        >>> describe(Tilt())
        {'type': 'Tilt', 'scale': 2.0}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): describe(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item, depth - 1) for item in value]
    if isinstance(value, np.ndarray | torch.Tensor):
        return describe(value.tolist(), depth)
    if inspect.isroutine(value) or inspect.isclass(value):
        return getattr(value, "__qualname__", repr(value))
    kind = type(value).__name__
    if isinstance(value, nn.Module) or not hasattr(value, "__dict__"):
        return kind
    public = {k: v for k, v in vars(value).items() if not k.startswith("_") and k != "model"}
    return {"type": kind} | {key: describe(item, depth - 1) for key, item in public.items()}


def refuse_changes(recorded: Mapping[str, Any], given: Mapping[str, Any], folder: Path) -> None:
    """Raise `StoreError` naming each setting that is not as recorded, old and new.

    Args:
        recorded: the settings in the store.
        given: the settings to resume with.
        folder: the run, for the message.

    Raises:
        StoreError: if any value differs.
    """
    changes = list(_changes(recorded, given, ""))
    if changes:
        raise StoreError(
            f"{folder} cannot be continued with other settings than it was begun with: "
            f"{'; '.join(changes[:5])}{' …' if len(changes) > 5 else ''}. Begin a new run instead"
        )


def _changes(old: Any, new: Any, path: str) -> list[str]:
    # a key that is not there is one without a value: an older run has not heard of newer keys
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        pairs = [(old.get(k), new.get(k), f"{path}.{k}") for k in keys]
        return [change for a, b, where in pairs for change in _changes(a, b, where)]
    if old == new:
        return []
    return [f"{path.lstrip('.')} was {_shown(old)}, now {_shown(new)}"]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
