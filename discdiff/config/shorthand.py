"""Short forms of the command line: an oracle of one's own, and text that needs no quotes.

That is `oracle.path=my.py:score`, `oracle.command=...`, `template=c1ccccc1[*:1]`, and `method=wdce`
for the group of files that is chosen from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from discdiff import registry
from discdiff.config import hydra
from discdiff.errors import ConfigError

_CODE = re.compile(r"\+*oracle\.((?P<name>\w+)\.)?(?P<key>path|command)=(?P<value>.*)", re.DOTALL)
_TEMPLATE = re.compile(r"\+*template=(?P<value>.*)", re.DOTALL)
_PATTERN = re.compile(
    r"\+*constraint\.(regex|required|forbidden)=(?P<value>(?!null$).*)", re.DOTALL
)
_OPTION = re.compile(r"\+*oracle\.(?P<key>\w+)(?P<rest>[=.].*)", re.DOTALL)
_SPELT = re.compile(r"\s*('.*'|\".*\"|\[.*\])\s*", re.DOTALL)
_KINDS = {"path": "file", "command": "command"}


def verbatim(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with paths, commands, scaffolds and patterns quoted.

    Their signs mean themselves.

    Example:
        >>> verbatim(["oracle.command=dock --size=1,2", "budget=5"])
        ["oracle.command='dock --size=1,2'", 'budget=5']
        >>> verbatim(["template=c1ccc([*:1])cc1", "template=[A,null,[C,G]]"])
        ["template='c1ccc([*:1])cc1'", 'template=[A,null,[C,G]]']
        >>> verbatim(["constraint.regex=A(C|GT){2,}", "constraint.forbidden=[GAATTC]"])
        ["constraint.regex='A(C|GT){2,}'", 'constraint.forbidden=[GAATTC]']
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


def placed(overrides: Sequence[str], command: str) -> list[str]:
    """Return the overrides with the group in place of the key that is chosen by it.

    Example:
        >>> placed(["method=wdce", "method.scale=5"], "finetune")
        ['finetune@method=wdce', 'method.scale=5']
        >>> placed(["method=maxmin"], "select")
        ['method=maxmin']
    """
    if command != "finetune":
        return list(overrides)
    return [re.sub(r"^(method|finetune)=(?=\w)", "finetune@method=", text) for text in overrides]


def _quoted(text: str) -> str:
    found = _CODE.fullmatch(text) or _PATTERN.fullmatch(text)
    if found is not None and not _SPELT.fullmatch(found["value"]):
        return text[: found.start("value")] + quoted(found["value"])
    found = _TEMPLATE.fullmatch(text)
    if found is not None and not _is_plain(found["value"]):
        pieces = map(quoted, found["value"].split(","))  # a sweep: no SMILES has a comma
        return text[: found.start("value")] + ",".join(pieces)
    return text


def _is_plain(template: str) -> bool:
    """Return whether it is quoted, null, or a list of tokens rather than atoms in brackets."""
    if template.strip() == "null" or template.strip()[:1] in ("'", '"'):
        return True
    listed = "[*" not in template or any(sign in template for sign in ",\"'")
    return listed and _SPELT.fullmatch(template) is not None


def quoted(value: str) -> str:
    """Return `value` as the command line takes it whole, whatever signs it holds."""
    inner = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
    return f"'{inner}'"


def _name(short: re.Match[str]) -> str:
    """Return the name of the function in a path, as the oracle's."""
    target = short["value"].strip().strip("'\"").rpartition(":")[2]
    return target if short["key"] == "path" and target.isidentifier() else _KINDS[short["key"]]
