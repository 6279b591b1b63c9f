"""The shape of the repository: who imports whom, how large things are, and what is documented."""

from __future__ import annotations

import ast
import fnmatch
import importlib
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PARTS = ("discdiff", "bio", "chem", "configs", "guidance")
TOP_LEVEL = {
    ".ci",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "constraints.txt",
    "pyproject.toml",
    "tests",
    *PARTS,
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PUBLIC_METHODS = 10
# What may pass a limit, and why. An entry that no longer passes it must go.
LARGE_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
WIDE_CLASSES = {
    "chem/domain.py:Molecules": "the contract of a domain, for all strings of molecules",
    "discdiff/process.py:Process": "the whole contract of a process",
    "discdiff/model.py:Model": "what a sampler needs, and the ways to narrow what it writes",
    "discdiff/domain.py:Domain": "the whole contract of a domain, most of it with a default",
    "discdiff/wrapped.py:Wrapped": "that contract, handed on to the domain inside",
    "discdiff/campaign/store.py:Store": "one record, written and read through one connection",
}

MAY_IMPORT = {
    "discdiff": {"discdiff"},
    "bio": {"discdiff", "bio"},
    "chem": {"discdiff", "chem"},
    "configs": set(),
    "guidance": {"discdiff", "guidance"},
}
ONLY_IN = {"rdkit": "chem", "selfies": "chem", "Bio": "bio"}
LAZY = ("torch", "rdkit", "pytorch_lightning", "numpy", "hydra", "wandb", "matplotlib")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One parsed file of the library."""

    part: str
    path: Path
    tree: ast.Module

    @property
    def where(self) -> str:
        """The path from the top of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The import name."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        parts = parts if parts[0] == "discdiff" else ("discdiff", *parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> tuple[Source, ...]:
    found = []
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            through_link = part == "discdiff" and path.relative_to(ROOT).parts[1] in PARTS
            if not through_link:
                found.append(Source(part, path, ast.parse(path.read_text(), str(path))))
    return tuple(found)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module with its line, imports inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def part_of(module: str) -> str:
    """The part of the library that an import name of it belongs to."""
    second = [*module.split("."), ""][1]
    return second if second in PARTS else "discdiff"


def definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every class and function below `tree`, however deep, with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield prefix + node.name, node
            yield from definitions(node, f"{prefix}{node.name}.")
        else:
            yield from definitions(node, prefix)


def body_lines(function: Function) -> int:
    """The lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def is_public(name: str) -> bool:
    return not name.startswith("_")


def entry_points(kind: str) -> dict[str, str]:
    return PROJECT["project"].get("entry-points", {}).get(f"discdiff.{kind}", {})


# Who imports whom.


def test_each_part_imports_only_what_lies_below_it():
    wrong = [
        f"{source.where}:{line} imports {module}"
        for source in sources()
        for line, module in imported(source.tree)
        if module.split(".")[0] == "discdiff" and part_of(module) not in MAY_IMPORT[source.part]
    ]
    assert not wrong, "\n".join(wrong)


def test_chemistry_and_biology_toolkits_stay_in_their_part():
    wrong = [
        f"{source.where}:{line} imports {module}"
        for source in sources()
        for line, module in imported(source.tree)
        if ONLY_IN.get(module.split(".")[0], source.part) != source.part
    ]
    assert not wrong, "\n".join(wrong)


def test_import_discdiff_stays_light():
    code = f"import sys, discdiff; print(*[name for name in {LAZY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_command_line_module_imports_light():
    code = f"import sys, discdiff.cli; print(*[name for name in {LAZY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


# How large things are.


def over_limit(sizes: dict[str, int], limit: int, excused: dict[str, str]) -> list[str]:
    """Complaints about what passes the limit unlisted, and about listings no longer needed."""
    large = {name for name, size in sizes.items() if size > limit}
    return [f"{name}: {sizes[name]} > {limit}" for name in sorted(large - excused.keys())] + [
        f"{name}: listed as too large, but is not" for name in sorted(excused.keys() - large)
    ]


def test_files_are_small():
    sizes = {source.where: len(source.path.read_text().splitlines()) for source in sources()}
    complaints = over_limit(sizes, MAX_FILE_LINES, LARGE_FILES)
    assert not complaints, "\n".join(complaints)


def test_functions_are_short():
    sizes = {
        f"{source.where}:{name}": body_lines(node)
        for source in sources()
        for name, node in definitions(source.tree)
        if isinstance(node, Function)
    }
    complaints = over_limit(sizes, MAX_FUNCTION_LINES, LONG_FUNCTIONS)
    assert not complaints, "\n".join(complaints)


def test_classes_are_narrow():
    sizes = {
        f"{source.where}:{name}": sum(
            isinstance(member, Function) and is_public(member.name) for member in node.body
        )
        for source in sources()
        for name, node in definitions(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    complaints = over_limit(sizes, MAX_PUBLIC_METHODS, WIDE_CLASSES)
    assert not complaints, "\n".join(complaints)


# What is packaged.


def test_every_package_is_listed():
    folders = {source.path.parent for source in sources()}
    without_init = [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert not without_init, f"folders with modules but no __init__.py: {without_init}"
    packages = {source.module for source in sources() if source.path.name == "__init__.py"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages


def test_every_part_has_its_folder_and_link():
    mapping = PROJECT["tool"]["setuptools"]["package-dir"]
    assert mapping == {"discdiff": "discdiff"} | {
        f"discdiff.{part}": part for part in PARTS if part != "discdiff"
    }
    for part in set(PARTS) - {"discdiff"}:
        link = ROOT / "discdiff" / part
        assert link.is_symlink(), f"discdiff/{part} is not a link"
        assert link.readlink() == Path("..") / part


def test_every_data_file_is_packaged():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    packaged = {
        path
        for package, globs in patterns.items()
        for pattern in globs
        for path in (ROOT / package_folder(package)).glob(pattern)
    }
    missing = [
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and path not in packaged
    ]
    assert not missing, "\n".join(missing)


def package_folder(package: str) -> str:
    parts = package.split(".")
    return "/".join(parts[1:] if len(parts) > 1 and parts[1] in PARTS else parts)


def test_top_level_is_as_designed():
    ignored = [
        line.strip("/")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    found = {
        path.name
        for path in ROOT.iterdir()
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored)
    }
    assert found | {".git"} == TOP_LEVEL


# What is written, and how.


def test_assert_is_for_tests():
    wrong = [
        f"{source.where}:{node.lineno}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_public_name_has_a_docstring():
    wrong = [source.where for source in sources() if not ast.get_docstring(source.tree)]
    wrong += [
        f"{source.where}:{node.lineno} {node.name}"
        for source in sources()
        if all(is_public(piece) for piece in source.module.split("."))
        for node in source.tree.body
        if isinstance(node, Function | ast.ClassDef)
        and is_public(node.name)
        and not ast.get_docstring(node)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_public_method_is_documented_there_or_in_what_it_fulfils():
    classes = [
        (source, cls)
        for source in sources()
        for cls in vars(importlib.import_module(source.module)).values()
        if inspect.isclass(cls) and cls.__module__ == source.module
    ]
    contracts = {
        member
        for _, cls in classes
        if getattr(cls, "_is_protocol", False)
        for member in vars(cls)
        if inspect.getdoc(getattr(cls, member, None))
    }
    wrong = [
        f"{source.where} {cls.__name__}.{member}"
        for source, cls in classes
        if is_public(cls.__name__) and not getattr(cls, "_is_protocol", False)
        for member, value in vars(cls).items()
        if is_public(member)
        and member not in contracts
        and isinstance(value, FunctionType | property | classmethod | staticmethod)
        and not inspect.getdoc(getattr(cls, member))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", ["samplers", "guidance", "finetuners"])
def test_every_sampler_and_method_states_its_law(kind: str):
    targets = entry_points(kind)
    assert targets
    wrong = [name for name, target in targets.items() if "Law:" not in docstring(target)]
    assert not wrong, wrong


@pytest.mark.parametrize(
    "kind", ["schedules", "processes", "denoisers", "domains", "samplers", "guidance", "oracles"]
)
def test_every_registered_class_shows_an_example(kind: str):
    targets = entry_points(kind)
    assert targets
    wrong = [target for target in targets.values() if "Example:" not in docstring(target)]
    assert not wrong, "\n".join(wrong)


def docstring(target: str) -> str:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name).__doc__ or ""
