"""Names to classes, found through Python entry points; built-ins register as plug-ins do.

Listing names imports nothing. A plug-in that cannot be imported is reported as broken and hinders
nothing else.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from discdiff import _check
from discdiff.errors import ConfigError, DiscdiffError, InputError

DISTRIBUTION = "discdiff"
KINDS = (
    "schedules",
    "processes",
    "denoisers",
    "domains",
    "samplers",
    "constraints",
    "guidance",
    "finetuners",
    "values",
    "oracles",
    "transforms",
    "aggregations",
    "filters",
    "diversity",
    "formats",
    "metrics",
    "models",
    "tracks",
    "baselines",
    "representations",
    "predictors",
)
# constructor parameters that take an object of a kind, or the configuration of one
_PARTS = {"schedule": "schedules", "value": "values"}
_NAMED_PARTS = {"schedules": "schedules"}  # and those that take several, each by a name
_FOLDERS = ("models", "predictors")  # kinds whose entries are packages with a folder of that name


@dataclass(frozen=True)
class Entry:
    """One registered name: what it points at, who registered it, and whether it can be used.

    `status` is "not loaded" until the target has been imported, then "ok" or "broken: reason".
    `summary` is the first line of the target's docstring, once loaded.
    """

    kind: str
    name: str
    target: str
    distribution: str
    status: str = "not loaded"
    summary: str = ""

    @property
    def broken(self) -> bool:
        """True where the target cannot be used."""
        return self.status.startswith("broken")


def names(kind: str, *, load: bool = False) -> list[Entry]:
    """Return the entries of `kind`, sorted by name, built-ins and plug-ins alike.

    Args:
        kind: one of `KINDS`.
        load: import every target, to fill in `status` and `summary`; else nothing is imported.

    Raises:
        ConfigError: if `kind` is unknown or the built-ins are not installed.

    Example:
        >>> "masked" in [entry.name for entry in names("processes")]
        True
    """
    entries = sorted(_entries(kind).values(), key=lambda entry: entry.name)
    clashes = _clashes(kind)
    return [_loaded(entry) if load else entry for entry in entries] + list(clashes)


def find(kind: str, name: str) -> Any:
    """Return the class (or package, for models and predictors) registered as `name`.

    Raises:
        ConfigError: if nothing has that name, or what has it cannot be imported.

    Example:
        >>> find("schedules", "log_linear").__name__
        'LogLinear'
    """
    entries = _entries(kind)
    if name not in entries:
        raise ConfigError(
            f"{_word(kind)} must be one of {', '.join(sorted(entries))}, got {name!r}."
            f"{_check.suggestion(name, entries)}"
        )
    entry = entries[name]
    try:
        return _load(entry)
    except (Exception, SystemExit) as error:  # the code of a plug-in: any failure is its own
        raise ConfigError(
            f"{_word(kind)} {name!r} ({entry.target}, from {entry.distribution}) cannot be "
            f"loaded: {_reason(error)}"
        ) from error


def listed(word: str) -> str:
    """Return the names of what `word` is one thing of, such as a sampler; empty for other words.

    Example:
        >>> listed("schedule"), listed("budget")
        ('cosine_md4, cosine_mdlm, cosine_squared, geometric, log_linear, polynomial', '')
    """
    kinds = (kind for kind in KINDS if _word(kind) == word)
    return ", ".join(entry.name for kind in kinds for entry in names(kind))


def options(kind: str, name: str) -> dict[str, inspect.Parameter]:
    """Return the constructor's parameters of `name`, by parameter name.

    Example:
        >>> list(options("schedules", "polynomial"))
        ['power']
    """
    parameters = inspect.signature(find(kind, name)).parameters
    return {key: p for key, p in parameters.items() if p.kind is not p.VAR_POSITIONAL}


def build(kind: str, config: Mapping[str, object], **objects: object) -> Any:
    """Return the object that `config` describes: `{"name": ..., **constructor arguments}`.

    Args:
        kind: one of `KINDS`.
        config: the registered name under "name", and plain values for the constructor; a schedule
            or a value estimator is a mapping of the same form, or its name alone.
        objects: objects on offer; the constructor gets those it has a parameter for, and
            `config` may not set them.

    Raises:
        ConfigError: if the name or a key is unknown, a required key is missing, or the constructor
            refuses a value.

    Example:
        >>> build("schedules", {"name": "polynomial", "power": 2.0})
        Polynomial(power=2.0)
    """
    name = config.get("name") if isinstance(config, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(
            f"{_word(kind)} must be a mapping with a key 'name', as in {{name: "
            f"{next(iter(sorted(_entries(kind))), '...')}}}, got {config!r}"
        )
    parameters = options(kind, name)
    arguments = {key: _part(key, value, objects) for key, value in config.items() if key != "name"}
    given = {key: value for key, value in objects.items() if key in parameters}
    _check_keys(f"{_word(kind)} {name!r}", arguments, parameters, given)
    try:
        return find(kind, name)(**arguments, **given)
    except InputError as error:
        raise ConfigError(f"{_word(kind)} {name!r}: {error}") from error
    except DiscdiffError:
        raise
    except Exception as error:
        made_by = _entries(kind)[name].distribution
        if made_by == DISTRIBUTION:
            raise
        raise ConfigError(  # the code of a plug-in: any failure is its own
            f"{_word(kind)} {name!r} (from {made_by}) cannot be made: {_reason(error)}"
        ) from error


def model_folder(name: str, kind: str = "models") -> Path:
    """Return the folder of the shipped model `name`.

    Args:
        name: of the model.
        kind: ``models`` or ``predictors``.

    Raises:
        ConfigError: if no model of that name is installed.
    """
    package = find(kind, name)
    folder = _model_folder(package, name)
    if folder is None:
        raise ConfigError(
            f"{_word(kind)} {name!r} is registered, but {package.__name__} has no folder of it"
        )
    return folder


def _part(key: str, value: object, objects: Mapping[str, object]) -> object:
    """Return a constructor's argument: built where it is the configuration of a part."""
    if key in _NAMED_PARTS and isinstance(value, Mapping):
        named = {}
        for name, one in value.items():
            if not isinstance(one, (str, Mapping)):
                raise ConfigError(
                    f"{key}.{name} must be a name or a mapping with a key 'name', got {one!r}"
                )
            given = {"name": one} if isinstance(one, str) else one
            named[name] = build(_NAMED_PARTS[key], given, **objects)
        return named
    if key not in _PARTS:
        return value
    if isinstance(value, str):
        value = {"name": value}
    if isinstance(value, Mapping):
        return build(_PARTS[key], value, **objects)
    if isinstance(value, (bool, int, float, list, tuple)):
        raise ConfigError(f"{key} must be a name or a mapping with a key 'name', got {value!r}")
    return value


def _check_keys(
    what: str,
    arguments: Mapping[str, object],
    parameters: Mapping[str, inspect.Parameter],
    given: Mapping[str, object],
) -> None:
    allowed = [
        key for key, p in parameters.items() if p.kind is not p.VAR_KEYWORD and key not in given
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in arguments:
        if key not in allowed and (key in given or not open_ended):
            raise ConfigError(
                f"{what} has no option {key!r}; its options are "
                f"{', '.join(allowed) or 'none'}.{_check.suggestion(key, allowed)}"
            )
    for key in allowed:
        if parameters[key].default is inspect.Parameter.empty and key not in arguments:
            raise ConfigError(f"{what} needs the option {key!r}, which is not set")


def _entries(kind: str) -> dict[str, Entry]:
    return _read(kind)[0]


def _clashes(kind: str) -> tuple[Entry, ...]:
    return _read(kind)[1]


@functools.cache
def _read(kind: str) -> tuple[dict[str, Entry], tuple[Entry, ...]]:
    """Return the usable entries of `kind` by name, and those whose name was taken before."""
    if kind not in KINDS:
        raise ConfigError(
            f"kind must be one of {', '.join(KINDS)}, got {kind!r}.{_check.suggestion(kind, KINDS)}"
        )
    _check_installed()
    found = [
        Entry(kind, point.name, point.value, point.dist.name if point.dist else "unknown")
        for point in importlib.metadata.entry_points(group=f"{DISTRIBUTION}.{kind}")
    ]
    found.sort(key=lambda entry: (entry.distribution != DISTRIBUTION, entry.distribution))
    entries: dict[str, Entry] = {}
    clashes = []
    for entry in found:
        first = entries.setdefault(entry.name, entry)
        if first.target != entry.target:
            reason = f"broken: the name is taken by {first.distribution}"
            clashes.append(replace(entry, status=reason))
    return entries, tuple(clashes)


def _check_installed() -> None:
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            "names are read from the installed package, and discdiff is not installed in this "
            "Python: run 'pip install -e .' in the folder of its pyproject.toml"
        ) from None


def _load(entry: Entry) -> Any:
    group = f"{DISTRIBUTION}.{entry.kind}"
    return importlib.metadata.EntryPoint(entry.name, entry.target, group).load()


def _loaded(entry: Entry) -> Entry:
    try:
        target = _load(entry)
    except (Exception, SystemExit) as error:  # the code of a plug-in: any failure is its own
        return replace(entry, status=f"broken: {_reason(error)}")
    is_model = entry.kind in _FOLDERS
    text = _card(target, entry.name) if is_model else inspect.getdoc(target) or ""
    if text is None:
        return replace(entry, status=f"broken: {entry.target} holds no folder {entry.name!r}")
    lines = (line.strip() for line in text.splitlines() if line.strip() and line[0] != "#")
    return replace(entry, status="ok", summary=next(lines, ""))


def _card(package: Any, name: str) -> str | None:
    """Return the text of a model's card, or None if there is no such model."""
    folder = _model_folder(package, name)
    card = None if folder is None else folder / "README.md"
    return None if card is None or not card.is_file() else card.read_text(encoding="utf-8")


def _model_folder(package: Any, name: str) -> Path | None:
    folders = [Path(root) / name for root in package.__path__]
    return next((folder for folder in folders if folder.is_dir()), None)


def _reason(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _word(kind: str) -> str:
    """Return the name of one thing of `kind`, for messages."""
    own = {"processes": "process", "metrics": "metrics", "finetuners": "method"}
    return own.get(kind, kind.removesuffix("s"))
