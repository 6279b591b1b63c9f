"""`discdiff oracle new`: a package with an oracle in it, to begin from."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from discdiff.errors import InputError, StoreError

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$distribution"
version = "0.1.0"
description = "The oracle $name for discdiff."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["discdiff"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."discdiff.oracles"]
$name = "$name:$title"

[tool.setuptools]
packages = ["$name"]
""",
    "README.md": """\
# $distribution

The oracle `$name` for [discdiff](https://pypi.org/project/discdiff).

```
pip install -e '.[test]'
pytest                          # the contract of oracles, and values worked out by hand
discdiff oracle check $name
discdiff design oracle=$name
```

Replace `$title._value` by your own score, and raise `version` whenever its values change: scores
kept under the old version are then not used again.
""",
    "$name/__init__.py": '''\
"""The oracle $name: replace `_value` by your own score."""

import math
import re

_ATOM = re.compile(r"Cl|Br|[BCNOPSFIbcnops]")
_POLAR = frozenset("NOno")


class $title:
    """Share of the heavy atoms of a SMILES that are nitrogen or oxygen, in [0, 1].

    Args:
        scale: factor on the value.
    """

    name = "$name"
    version = "1"  # raise it whenever the values change
    outputs = ("$name",)
    direction = "max"
    units = ""
    licence = ""
    reads = ("SMILES",)  # kinds of strings that it is for: SMILES, DNA, RNA, peptide; () for any

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.parameters = {"scale": scale}  # what fixes the values besides the version

    def __call__(self, strings: list[str]) -> list[float]:
        """Return one number a string, NaN for one that cannot be scored."""
        return [self._value(string) for string in strings]

    def _value(self, string: str) -> float:
        atoms = _ATOM.findall(string)
        if not atoms:
            return math.nan
        return self.scale * sum(atom in _POLAR for atom in atoms) / len(atoms)
''',
    "tests/test_$name.py": '''\
"""The oracle keeps the contract, and its values are those worked out by hand."""

import pytest
from discdiff import registry
from discdiff.oracle.contract import RULES

from $name import $title

STRINGS = ["CCO", "CC(=O)Nc1ccc(O)cc1", "ClCCBr", "c1ccncc1"]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_contract(rule):
    rule($title(), STRINGS)


def test_values():
    assert $title()(STRINGS) == pytest.approx([1 / 3, 3 / 11, 0, 1 / 6])
    assert $title(scale=3)(["CCO"]) == pytest.approx([1])


def test_it_is_registered():
    assert isinstance(registry.build("oracles", {"name": "$name"}), $title)
''',
}


def new(
    name: Annotated[
        str, typer.Argument(help="Name of the oracle, such as my_dock.", show_default=False)
    ],
) -> None:
    """Write a package with an oracle of your own.

    It can be installed and passes its test as it is: a place to begin from.
    """
    from discdiff import registry

    module = name.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module) or module.startswith("_"):
        raise InputError(f"name must be a name of Python, such as my_dock, got {name!r}")
    taken = {entry.name: entry.distribution for entry in registry.names("oracles")}
    if module in taken:
        raise InputError(f"name must be new, but {module!r} is an oracle of {taken[module]}")
    folder = Path(name)
    if folder.exists():
        raise StoreError(f"{folder} exists already: choose another name or another place")
    words = {
        "name": module,
        "distribution": module.replace("_", "-"),
        "title": "".join(part.capitalize() for part in module.split("_")),
    }
    for path, text in FILES.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words), encoding="utf-8")
        typer.echo(file)
    typer.echo(f"next: pip install -e '{folder}[test]' && pytest {folder}")
