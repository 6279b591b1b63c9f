"""Short forms of an oracle of one's own: `oracle.path=my.py:score` and `oracle.command=...`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from discdiff import registry
from discdiff.config import hydra
from discdiff.errors import ConfigError

_CODE = re.compile(r"\+*oracle\.((?P<name>\w+)\.)?(?P<key>path|command)=(?P<value>.*)", re.DOTALL)
_OPTION = re.compile(r"\+*oracle\.(?P<key>\w+)(?P<rest>[=.].*)", re.DOTALL)
_SPELT = re.compile(r"\s*('.*'|\".*\"|\[.*\])\s*", re.DOTALL)
_KINDS = {"path": "file", "command": "command"}


def verbatim(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with paths and commands quoted: no sign in them means anything else.

    Example:
        >>> verbatim(["oracle.command=dock --size=1,2", "budget=5"])
        ["oracle.command='dock --size=1,2'", 'budget=5']
    """
    return [_quoted(text) for text in overrides]


def named(overrides: Sequence[str], experiment: hydra.Experiment | None) -> list[str]:
    """Return the overrides with `oracle.path` and its options under the name of the function.

    So `oracle.path=my.py:score oracle.direction=min` is the oracle *score*, and
    `oracle.command=...` the oracle *command*. It stands in place of the default oracle, and beside
    those that are chosen on the command line or in the experiment.

    Raises:
        ConfigError: if there are two short forms, whose options cannot be told apart.

    Example:
        >>> named(["oracle.path='my.py:score'", "oracle.direction=min"], None)
        ['oracle=[]', 'oracle.score.name=file', "oracle.score.path='my.py:score'",
         'oracle.score.direction=min']
    """
    short = [m for m in map(_CODE.fullmatch, overrides) if m and not m["name"]]
    if not short:
        return list(overrides)
    if len(short) > 1:
        raise ConfigError(
            f"only one oracle can have the short form, got {short[0][0]!r} and {short[1][0]!r}: "
            "name them, as in oracle.mine.name=file oracle.mine.path=my.py:score"
        )
    kind = _KINDS[short[0]["key"]]
    name = _name(short[0])
    options = registry.options("oracles", kind)
    chosen = any(text.startswith("oracle=") for text in overrides)
    chosen = chosen or (experiment is not None and experiment.chooses("oracle"))
    found = [] if chosen else ["oracle=[]"]
    for text in overrides:
        option = _OPTION.fullmatch(text)
        if option is None or option["key"] not in options:
            found.append(text)
            continue
        if option["key"] == short[0]["key"]:
            found.append(f"oracle.{name}.name={kind}")
        found.append(f"oracle.{name}.{option['key']}{option['rest']}")
    return found


def _quoted(text: str) -> str:
    found = _CODE.fullmatch(text)
    if found is None or _SPELT.fullmatch(found["value"]):
        return text
    inner = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), found["value"])
    return f"{text[: found.start('value')]}'{inner}'"


def _name(short: re.Match[str]) -> str:
    """Return the name of the function in a path, as the oracle's."""
    target = short["value"].strip().strip("'\"").rpartition(":")[2]
    return target if short["key"] == "path" and target.isidentifier() else _KINDS[short["key"]]
