"""The one module that touches Hydra: overrides, groups, composition, its errors in our words."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from discdiff import _check, registry
from discdiff.errors import ConfigError

_MODULE = "discdiff.configs"
KINDS = {  # group of configuration files -> kind of registered names it selects
    "denoiser": "denoisers",
    "domain": "domains",
    "finetune": "finetuners",
    "guidance": "guidance",
    "oracle": "oracles",
    "process": "processes",
    "representation": "representations",
    "sampler": "samplers",
    "track": "tracks",
}
_INTERNAL = ("full_key:", "object_type=", "reference_type=")  # lines that OmegaConf adds
_KEYED = ("oracle",)  # groups that hold several options at once, each under its own name
_PLACES = {"finetune": "method"}  # keys that options of a group end up at, where they differ


def parse(text: str) -> Override:
    """Return the override that `text` spells; raises `ConfigError` if it spells none."""
    try:
        override = OverridesParser.create().parse_overrides([text])[0]
    except OverrideParseException as error:
        reason = "" if "=" in text else " (an argument is KEY=VALUE, or a .yaml file)"
        hint = " Put a value that holds other signs in quotes." if text.count("=") > 1 else ""
        first = str(error.message).splitlines()
        raise ConfigError(
            f"cannot read the argument {text!r}{reason}: {first[-2] if first[1:] else first[0]}."
            f"{hint}"
        ) from None
    if override.is_hydra_override():
        raise ConfigError(f"{text!r} sets a key of Hydra itself, which has no effect here")
    return override


@functools.cache
def groups() -> tuple[str, ...]:
    """Return the groups of configuration files, sorted."""
    return tuple(sorted(p.name for p in _root().iterdir() if p.is_dir() and p.name[0] not in "_."))


def options(group: str) -> tuple[str, ...]:
    """Return what can be chosen for `group`: its files, and registered names without a file."""
    found = {p.name.removesuffix(".yaml") for p in (_root() / group).glob("*.yaml")}
    if group in KINDS:
        found |= {entry.name for entry in registry.names(KINDS[group]) if not entry.broken}
    return tuple(sorted(found))


def purpose(group: str, option: str) -> str:
    """Return what the packaged file of `option` says of itself in its first line of words."""
    lines = (_root() / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    words = (line.lstrip("# ") for line in lines if line.startswith("#"))
    return next((line for line in words if not line.startswith("@")), "")


@dataclass(frozen=True)
class Experiment:
    """A file of choices and values: one of ours, or the user's; `label` is how messages name it."""

    label: str
    name: str
    values: dict[str, Any]

    def __post_init__(self) -> None:
        defaults = self.values.get("defaults")
        items = [] if defaults is None else defaults
        if not isinstance(items, list) or not all(map(_is_choice, items)):
            raise ConfigError(
                f"{self.label}: defaults must be a list of choices such as "
                f"'override /sampler: parallel', got {defaults!r}"
            )

    def chooses(self, group: str) -> bool:
        """Whether it says what is to be used of `group`."""
        listed = [str(key) for item in self.values.get("defaults") or [] for key in _keys(item)]
        return group in self.values or any(re.split(r"[ /]", key)[-1] == group for key in listed)

    @classmethod
    def of(cls, file: Path | None, overrides: Sequence[Override]) -> Experiment | None:
        """Return the user's `file`, or the packaged experiment that `overrides` choose, if any."""
        asked = [o.value() for o in overrides if o.key_or_group == "experiment"]
        if file is not None:
            if asked:
                raise ConfigError(f"give a file or experiment=..., not both: {file}, {asked[0]}")
            return cls(str(file), re.sub(r"[^\w.-]+", "_", file.stem), read_yaml(file))
        path = _root() / "experiment" / f"{asked[-1]}.yaml" if asked else None
        if path is None or not path.is_file():
            return None
        return cls(f"configs/experiment/{path.name}", path.stem, read_yaml(path))


def read_packaged(group: str, option: str) -> dict[str, Any]:
    """Return the values that the file of `option` sets, under the keys they end up at."""
    path = _root() / group / f"{option}.yaml"
    values = read_yaml(path) if path.is_file() else {"name": option}
    return {place_of(group): {option: values} if group in _KEYED else values}


def place_of(group: str) -> str:
    """Return the key at which what is chosen of `group` ends up."""
    return _PLACES.get(group, group)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, interpolations unresolved; raises `ConfigError`."""
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {_one_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values")
    return {str(key): value for key, value in content.items()}


def run(
    command: str,
    overrides: Sequence[Override],
    experiment: Experiment | None = None,
) -> dict[str, Any]:
    """Return the composed values, unresolved, with the chosen options under the key "hydra".

    Args:
        command: name of the primary configuration file.
        overrides: what the command line sets.
        experiment: what `Experiment.of` found; it stands in place of the override.

    Raises:
        ConfigError: in place of every exception of Hydra.
    """
    _offer_names()
    filled = {
        override.key_or_group.partition(".")[0]
        for override in overrides
        if "." in override.key_or_group
    }
    for override in overrides:
        group, choice = override.key_or_group, override.value()
        empty = choice == [] and group in filled  # none of ours, others by their keys
        if group in groups() and not override.is_delete() and not empty:
            _check_choice("command line", group, choice)
    primary = read_yaml(_root() / f"{command}.yaml")
    foreign = _foreign(overrides, primary)
    arguments = [
        _forced(override)
        for override in overrides
        if override.key_or_group not in foreign
        and (experiment is None or override.key_or_group != "experiment")
    ]
    if experiment is not None:
        chosen = {override.key_or_group for override in overrides}
        arguments.append(f"experiment={_offer(experiment, chosen, primary)}")
    try:
        with hydra.initialize_config_module(_MODULE, version_base="1.3"):
            config = hydra.compose(command, arguments, return_hydra_config=True)
    except MissingConfigException as error:
        raise _missing(error) from None
    except (ConfigCompositionException, OmegaConfBaseException, YAMLError) as error:
        where = experiment.label if experiment else f"configs/{command}.yaml"
        other = f" Is it for another command than {command}?" * ("defaults list" in str(error))
        raise ConfigError(f"{where}: {_one_line(error)}{other}") from None
    return _without_leftovers(_plain(config) | foreign, overrides, experiment)


def _foreign(overrides: Sequence[Override], primary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups, with what was chosen, of which the `primary` file has no choice.

    They are handed on as values: the keys of the command are checked afterwards, by us.
    """
    choices = {str(key).partition("@")[0] for item in primary["defaults"] for key in _keys(item)}
    return {
        override.key_or_group: override.value()
        for override in overrides
        if override.key_or_group in set(groups()) - choices and not override.is_delete()
    }


def _without_leftovers(
    values: dict[str, Any], overrides: Sequence[Override], experiment: Experiment | None
) -> dict[str, Any]:
    """Drop the options of what a mapping with another name has taken the place of.

    Hydra merges `value={name: rollout}` into the options of the value that was there before.
    """
    typed = [override.key_or_group for override in overrides]
    # a section of a file stands in place of the default one already
    parts = [] if experiment is None else list(_named(experiment.values, ""))
    named = [(place, keys) for place, keys in parts if "." in place]
    for override in overrides:
        if not override.is_delete() and isinstance(given := override.value(), dict):
            named += _named({override.key_or_group: given}, "")
    for place, keys in named:
        *path, last = place.split(".")
        section: Any = values
        for key in path:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(section.get(last), dict):
            own = {key.removeprefix(f"{place}.").split(".")[0] for key in typed}
            own |= set(keys)
            section[last] = {key: value for key, value in section[last].items() if key in own}
    return values


def _named(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    """Yield where mappings with a name stand, and their keys."""
    for key, value in values.items():
        if isinstance(value, dict):
            place = f"{path}{key}"
            if "name" in value:
                yield place, [str(own) for own in value]
            yield from _named(value, f"{place}.")


def _check_choice(where: str, group: str, choice: object) -> None:
    """Refuse what is neither a name nor a list of names; a mapping sets values, not a choice."""
    listed = choice if isinstance(choice, list) else [choice]
    if not listed or not all(isinstance(name, str | dict) for name in listed):
        raise ConfigError(
            f"{where}: {place_of(group)} must be one of {', '.join(options(group))}, got {choice!r}"
        )


def _plain(config: DictConfig) -> dict[str, Any]:
    choices = OmegaConf.to_container(config.hydra.runtime.choices)
    del config._content["hydra"]  # type: ignore[union-attr]
    values = OmegaConf.to_container(config, resolve=False)
    return {**values, "hydra": choices}  # type: ignore[dict-item]


def _missing(error: MissingConfigException) -> ConfigError:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    allowed = options(group) if group in groups() else ()
    return ConfigError(
        f"{place_of(group)} must be one of {', '.join(allowed)}, got {option!r}."
        f"{_check.suggestion(option, allowed)}"
    )


def _forced(override: Override) -> str:
    """Return the override so that Hydra accepts a new key; keys are checked afterwards, by us."""
    text = str(override.input_line)
    is_choice = override.key_or_group in groups()
    return text if is_choice or override.is_delete() else f"++{text.lstrip('+')}"


def _offer_names() -> None:
    """Let every registered name without a file of its own be chosen in its group."""
    store = ConfigStore.instance()
    for group, kind in KINDS.items():
        for entry in registry.names(kind):
            if not (_root() / group / f"{entry.name}.yaml").is_file() and not entry.broken:
                place = place_of(group)
                package = f"{place}.{entry.name}" if group in _KEYED else place
                store.store(
                    group=group, name=entry.name, node={"name": entry.name}, package=package
                )


def _offer(experiment: Experiment, chosen: set[str], primary: Mapping[str, Any]) -> str:
    """Let Hydra choose an experiment, and return the name it goes by.

    A section of it is added to the option that its defaults list chooses, or else stands in place
    of the default one; names alone are a choice. A group chosen on the command line stands in place
    of the section. Where runs have a name in the `primary` file, it gives them its own. A section
    that this file has no choice of, such as `data` of `train-predictor`, is merged like any other.
    """
    choices = {str(key) for item in primary.get("defaults") or [] for key in _keys(item)}
    node = {key: value for key, value in experiment.values.items() if key not in chosen}
    defaults = list(node.pop("defaults", None) or [])
    listed = {str(key).split()[-1].strip("/") for item in defaults for key in _keys(item)}
    merged = listed | {key for key in primary if key not in choices}
    whole = [key for key in node if key in groups() and key not in merged]
    for key in whole:
        chooses = isinstance(node[key], str | list)
        if chooses:
            _check_choice(experiment.label, key, node[key])
        defaults.append({f"override /{key}": node.pop(key) if chooses else None})
    own = {"name": experiment.name} if "name" in primary else {}
    node = {**own, **node, "defaults": [*defaults, "_self_"]}
    name = re.sub(r"\W", "_", experiment.name)
    ConfigStore.instance().store(group="experiment/file", name=name, node=node, package="_global_")
    return f"file/{name}"


def _is_choice(item: object) -> bool:
    if not isinstance(item, dict):
        return isinstance(item, str)
    if len(item) != 1:
        return False
    (chosen,) = item.values()
    listed = chosen if isinstance(chosen, list) else ["" if chosen is None else chosen]
    return all(isinstance(name, str) for name in listed)


def _keys(item: object) -> list[object]:
    return list(item) if isinstance(item, dict) else []


def _root() -> Path:
    return Path(str(resources.files(_MODULE)))


def _one_line(error: BaseException) -> str:
    """Return the lines of a message as one, without those that name the types of OmegaConf."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(_INTERNAL)]
    return " ".join(said) or type(error).__name__
