"""Names, built-in and of plug-ins: found lazily, checked early, broken ones set apart."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from discdiff import registry
from discdiff.cli import app
from discdiff.errors import ConfigError

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution that registers `names` (name -> target) and ships `code`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(kind: str, names: dict[str, str], code: str = "", module: str = "plugin_code") -> None:
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"{name} = {target}" for name, target in names.items()]
        (info / "entry_points.txt").write_text(f"[discdiff.{kind}]\n" + "\n".join(lines) + "\n")
        (tmp_path / f"{module}.py").write_text(code)
        registry._read.cache_clear()

    yield add
    registry._read.cache_clear()
    sys.modules.pop("plugin_code", None)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_built_in_loads_and_says_what_it_is(kind: str):
    for entry in registry.names(kind, load=True):
        if entry.distribution == registry.DISTRIBUTION:
            assert entry.status == "ok", entry
            assert entry.summary.endswith("."), entry


def test_listing_imports_nothing():
    code = (
        "import sys; from discdiff import registry\n"
        "for kind in registry.KINDS: registry.names(kind)\n"
        "assert not {'torch', 'rdkit', 'numpy', 'hydra'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_sorted_and_not_loaded():
    entries = registry.names("samplers")
    assert [e.name for e in entries] == sorted(e.name for e in entries)
    assert {e.status for e in entries} == {"not loaded"}


def test_unknown_kind_and_name_give_the_nearest():
    with pytest.raises(ConfigError, match=r"kind must be one of .* Did you mean 'samplers'\?"):
        registry.names("sampler")
    with pytest.raises(ConfigError, match=r"schedule must be one of .*Did you mean 'geometric'\?"):
        registry.find("schedules", "geometrik")


def test_a_name_stands_for_a_part_without_options():
    config = {"name": "masked", "schedule": "cosine_mdlm"}
    process = registry.build("processes", config, vocab_size=5)
    assert type(process.schedule) is registry.find("schedules", "cosine_mdlm")


def test_build_makes_the_object():
    assert registry.build("schedules", {"name": "polynomial", "power": 3}).power == 3.0
    process = registry.build("processes", {"name": "uniform"}, vocab_size=5, unrelated=object())
    assert process.vocab_size == 5


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("schedules", {"name": "polynomial", "powr": 3}, "has no option 'powr'; its options are"),
        ("schedules", {"name": "polynomial", "powr": 3}, "Did you mean 'power'?"),
        ("guidance", {"name": "svdd", "value": 3}, "value must be a name or a mapping"),
        ("guidance", {"name": "svdd", "value": "rolout"}, "Did you mean 'rollout'?"),
        ("schedules", {"name": "polynomial", "power": 0}, "power must be greater than 0, got 0"),
        ("schedules", {"name": "polynomial", "power": "x"}, "power must be a finite number"),
        ("schedules", {"name": "log_linear", "x": 1}, "its options are none"),
        ("schedules", {"power": 2}, "must be a mapping with a key 'name'"),
        ("schedules", {"name": 3}, "must be a mapping with a key 'name'"),
        ("schedules", "polynomial", "must be a mapping with a key 'name'"),
        ("processes", {"name": "masked"}, "needs the option 'vocab_size', which is not set"),
    ],
)
def test_build_refuses(kind: str, config: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=re.escape(message)):
        registry.build(kind, config)


def test_an_object_cannot_be_set_by_the_configuration():
    with pytest.raises(ConfigError, match="has no option 'vocab_size'"):
        registry.build("processes", {"name": "masked", "vocab_size": 9}, vocab_size=5)


def test_a_plugin_is_found_and_built(install: Install):
    install(
        "oracles",
        {"long": "plugin_code:Long"},
        "class Long:\n"
        "    '''Length of the string.'''\n"
        "    def __init__(self, scale=1.0): self.scale = scale\n"
        "    def __call__(self, strings): return [self.scale * len(s) for s in strings]\n",
    )
    entry = next(e for e in registry.names("oracles", load=True) if e.name == "long")
    assert (entry.distribution, entry.status, entry.summary) == (
        "plugin_code",
        "ok",
        "Length of the string.",
    )
    assert registry.build("oracles", {"name": "long", "scale": 2.0})(["abc"]) == [6.0]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "AttributeError: module 'plugin_code' has no attribute 'Thing'"),
    ],
)
def test_a_broken_plugin_is_listed_and_harms_nothing(install: Install, code: str, reason: str):
    install("schedules", {"theirs": "plugin_code:Thing"}, code)
    entries = {e.name: e for e in registry.names("schedules", load=True)}
    assert entries["theirs"].broken
    assert entries["theirs"].status.startswith(f"broken: {reason}")
    assert entries["log_linear"].status == "ok"
    with pytest.raises(ConfigError, match="'theirs' .*from plugin_code.* cannot be loaded"):
        registry.find("schedules", "theirs")


def test_a_plugin_whose_constructor_fails_says_whose_it_is(install: Install):
    code = "class Thing:\n    def __init__(self): raise OSError('no licence server')"
    install("schedules", {"theirs": "plugin_code:Thing"}, code)
    message = r"schedule 'theirs' \(from plugin_code\) cannot be made: OSError: no licence server"
    with pytest.raises(ConfigError, match=message):
        registry.build("schedules", {"name": "theirs"})


def test_broken_oracles_are_listed_as_broken(install: Install):
    code = "class Thing:\n    def __init__(self): raise OSError('no licence server')"
    names = {"theirs": "plugin_code:Thing", "absent": "plugin_code:Nothing"}
    install("oracles", names, code)
    result = CliRunner().invoke(app, ["oracle", "list"])
    assert result.exit_code == 0
    listed = [line.split("\t") for line in result.stdout.splitlines()]
    rows = {row[1]: row[5] for row in listed if row[0] == "oracles"}
    assert rows["theirs"] == "broken: OSError: no licence server"
    assert rows["absent"].startswith("broken: AttributeError")
    assert rows["file"] == "depends on path"


def test_a_plugin_cannot_take_a_built_in_name(install: Install):
    install("schedules", {"log_linear": "plugin_code:Thing"}, "class Thing: pass")
    assert registry.find("schedules", "log_linear").__module__ == "discdiff.schedule"
    clash = [e for e in registry.names("schedules") if e.broken]
    assert [e.status for e in clash] == ["broken: the name is taken by discdiff"]


def test_without_the_package_installed_the_message_says_what_to_run(monkeypatch):
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    registry._read.cache_clear()
    with pytest.raises(ConfigError, match=r"run 'pip install -e \.'"):
        registry.names("samplers")
    registry._read.cache_clear()


def test_a_shipped_model_has_a_folder():
    for entry in registry.names("models"):
        assert (registry.model_folder(entry.name) / "config.json").is_file()
