"""Configurations: names and numbers in, plain values out, and one clear message for a mistake.

A configuration selects registered names and sets plain values. It cannot run code by itself: there
is no `_target_`, an interpolation may refer to another key only, and an oracle that runs a file or
a command is refused unless the command line names it or allows it.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from discdiff.config import hydra, shorthand
from discdiff.errors import ConfigError

_NAME = re.compile(r"[\w.-]+")
_REFERENCE = re.compile(r"\$\{\.*[A-Za-z_]\w*(\.\w+)*\}")


@dataclass(frozen=True)
class Composition:
    """The plain values of a configuration, and where each came from.

    `base` is the file that the rest comes from. `assigned` are the keys set on the command line,
    `chosen` the groups that were chosen there; `documents` the files that were read, the one that
    wins first, each with the values it sets. `trusted` says that the files may name code.
    """

    base: str
    values: dict[str, Any]
    assigned: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    documents: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    trusted: bool = False

    def allows_code(self, key: str) -> bool:
        """Return whether the code that the dotted `key` names may run: it was typed, or allowed."""
        return self.trusted or any(f"{key}.".startswith(f"{typed}.") for typed in self.assigned)

    def origin(self, key: str) -> str:
        """Return where the dotted `key` was set: a file, or the command line."""
        parts = key.split(".")
        if any(_overlap(parts, other.split(".")) for other in self.assigned):
            return "command line"
        rest = "command line" if parts[0] in self.chosen else self.base
        return next((label for label, held in self.documents if _holds(held, parts)), rest)

    def asked(self, key: str) -> str | None:
        """Return where `key`, or a section that holds it, was asked for; None for a default."""
        if key in self.chosen:
            return "command line"
        origin = self.origin(key)
        default = origin.startswith("configs/") and not origin.startswith("configs/experiment/")
        section = key.rpartition(".")[0]
        return (self.asked(section) if section else None) if default else origin


def compose(command: str, overrides: Sequence[str] = (), file: Path | None = None) -> Composition:
    """Return the configuration of `command` after `overrides`.

    Args:
        command: name of a file in discdiff.configs, such as "design".
        overrides: Hydra overrides, such as "guidance=svdd" or "guidance.candidates=8".
        file: a YAML file of the user's; each section in it replaces the default section.

    Raises:
        ConfigError: if an override cannot be read, an option does not exist, or a value tries to
            read the environment or to name code.

    Example:
        >>> compose("design", ["budget=50"]).values["budget"]
        50
    """
    texts = shorthand.placed(shorthand.verbatim(overrides), command)
    experiment = hydra.Experiment.of(file, [hydra.parse(text) for text in texts])
    parsed = [hydra.parse(text) for text in shorthand.named(texts, experiment)]
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigError(
                f"{override.input_line!r} lists several values: add -m to run each of them, or "
                "write [a,b] where one value is a list"
            )
        _check_inert("command line", override.input_line)
    if experiment is not None:
        _check_inert(experiment.label, experiment.values)
    composed = hydra.run(command, parsed, experiment)
    choices = composed.pop("hydra")
    _check_inert(f"configs/{command}.yaml", composed)
    composition = Composition(
        f"configs/{command}.yaml",
        _with_whole_paths(_resolved(command, composed)),
        tuple(o.key_or_group for o in parsed if o.key_or_group not in hydra.groups()),
        tuple(hydra.place_of(o.key_or_group) for o in parsed if o.key_or_group in hydra.groups()),
        tuple(_documents(choices, experiment)),
    )
    name = composition.values.get("name", "run")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        raise ConfigError(
            f"{composition.origin('name')}: name must be letters, digits, - _ . only, got {name!r}"
        )
    return composition


def jobs(command: str, overrides: Sequence[str], file: Path | None = None) -> list[Composition]:
    """Return one configuration for each distinct combination of the values that `overrides` list.

    Where jobs would share an output folder, each folder gets the job's own values as a suffix.

    Example:
        >>> [job.values["seed"] for job in jobs("design", ["seed=0,1", "budget=50"])]
        [0, 1]
    """
    texts = shorthand.placed(shorthand.verbatim(overrides), command)
    parsed = [hydra.parse(text) for text in texts]
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    choices = [_alternatives(o) for o in parsed if o.is_sweep_override()]
    combinations = list(dict.fromkeys(itertools.product(*choices)))
    composed = [compose(command, [*fixed, *own], file) for own in combinations]
    folders = {os.path.abspath(str(job.values.get("out"))) for job in composed}
    if len(folders) < len(composed):
        for job, own in zip(composed, combinations, strict=True):
            out = job.values.get("out")
            if isinstance(out, str) and out:  # anything else is refused with the other types
                suffix = "-".join(re.sub(r"[^\w.=+]+", "_", text) for text in own)
                job.values["out"] = f"{out}-{suffix}"
    return composed


def stored(command: str, path: Path) -> Composition:
    """Return the configuration that a run wrote to `path`.

    Raises:
        ConfigError: if the file cannot be read, or holds more than plain values.
    """
    values = hydra.read_yaml(path)
    _check_inert(str(path), values)
    return Composition(str(path), values)


def _alternatives(override: Override) -> list[str]:
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _documents(
    choices: Mapping[str, object], experiment: hydra.Experiment | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what was read, the document that wins first: experiment, then options of groups."""
    if experiment is not None:
        yield experiment.label, experiment.values
    for group in set(hydra.groups()) - {"experiment"}:
        choice = choices.get(group) or choices.get(f"{group}@{hydra.place_of(group)}")
        for option in re.findall(r"[\w.-]+", str(choice or "")):
            yield f"configs/{group}/{option}.yaml", hydra.read_packaged(group, option)


def _check_inert(where: str, value: object, key: str = "") -> None:
    """Refuse what could run code or read the environment, anywhere in `value`."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if str(name).startswith("_") and str(name).endswith("_"):
                raise ConfigError(
                    f"{where}: {key}{name} is not allowed: a configuration selects registered "
                    "names (name: ...), never code"
                )
            _check_inert(where, item, f"{key}{name}.")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_inert(where, item, key)
    elif isinstance(value, str) and "${" in _REFERENCE.sub("", value):
        raise ConfigError(
            f"{where}: {key.rstrip('.') or value!r} uses an interpolation other than ${{key}}, "
            f"which is not allowed: {value!r}"
        )


def _resolved(command: str, values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(OmegaConf.create(dict(values)), resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"configs/{command}.yaml: {str(error).splitlines()[0]}") from None
    if not isinstance(plain, dict):
        raise ConfigError(f"configs/{command}.yaml: must hold a mapping of keys to values")
    return {str(key): value for key, value in plain.items()}


def _with_whole_paths(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the paths of models and oracles in full, to be resumed from anywhere."""
    from discdiff.checkpoint import is_folder

    models = {key: values.get(key) for key in ("model", "init")}
    folders = {k: m for k, m in models.items() if isinstance(m, str) and is_folder(m)}
    values = values | {key: str(Path(folder).resolve()) for key, folder in folders.items()}
    if isinstance(seeds := values.get("seeds"), str):
        values = values | {"seeds": str(Path.cwd() / seeds)}
    if isinstance(read := values.get("representation"), dict):
        values = values | {"representation": _with_whole_paths(read)}
    if isinstance(oracles := values.get("oracle"), dict):
        values = values | {"oracle": {key: _whole(value) for key, value in oracles.items()}}
    return values


def _whole(oracle: object) -> object:
    """Return the configuration of an oracle that is in files, with its paths in full."""
    if not isinstance(oracle, dict) or oracle.get("name") not in ("file", "command", "predictor"):
        return oracle
    from discdiff.checkpoint import is_folder

    full = dict(oracle)
    if oracle["name"] == "predictor" and not is_folder(str(full.get("path")), "predictors"):
        return oracle  # a shipped one, or an error that is told later
    if isinstance(full.get("path"), str):
        full["path"] = str(Path.cwd() / full["path"])
    if isinstance(full.get("depends"), list):
        full["depends"] = [str(Path.cwd() / str(path)) for path in full["depends"]]
    if oracle["name"] == "command":
        full["folder"] = str(Path.cwd() / str(full.get("folder") or "."))
    return full


def _overlap(a: Sequence[str], b: Sequence[str]) -> bool:
    shared = min(len(a), len(b))
    return a[:shared] == b[:shared]


def _holds(values: object, parts: Sequence[str]) -> bool:
    for part in parts:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True
