"""`oracle check`, `oracle new`, and oracles of one's own in `design` and `resume`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

from discdiff.config import composition, shorthand
from discdiff.errors import ConfigError

Run = Callable[..., str]
NITROGENS = "UNITS = 'atoms'\ndef nitrogens(smiles): return [s.count('N') for s in smiles]\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with an oracle."""
    path = tmp_path / "my.py"
    path.write_text(NITROGENS)
    return path


def oracles(*overrides: str, file: Path | None = None) -> dict[str, object]:
    return composition.compose("design", overrides, file).values["oracle"]


class TestShortForms:
    """What `oracle.path` and `oracle.command` stand for."""

    def test_a_path_stands_in_place_of_the_default(self, mine: Path, monkeypatch):
        monkeypatch.chdir(mine.parent)
        found = {"nitrogens": {"name": "file", "path": f"{mine}:nitrogens"}}
        assert oracles("oracle.path=my.py:nitrogens") == found

    def test_it_stands_beside_what_is_chosen(self, tmp_path: Path):
        assert [*oracles("oracle=[qed,sa]", "oracle.path=my.py:f")] == ["qed", "sa", "f"]
        assert [*oracles("experiment=qed_sa", "oracle.path=my.py:f")] == ["qed", "sa", "f"]
        (tmp_path / "a.yaml").write_text("oracle: [logp]")
        assert [*oracles("oracle.path=my.py:f", file=tmp_path / "a.yaml")] == ["logp", "f"]
        (tmp_path / "a.yaml").write_text("budget: 5")
        assert [*oracles("oracle.path=my.py:f", file=tmp_path / "a.yaml")] == ["f"]

    @pytest.mark.parametrize(
        "command",
        [
            "python dock.py --size=1,2 --name 'a b'",
            'sh -c "echo {}; exit 0"',
            r"printf '%s\n' \'",
            "end with backslash \\",
            "a: [1, 2]",
        ],
    )
    def test_a_command_is_taken_as_it_is_typed(self, command: str):
        found = oracles(f"oracle.command={command}", "oracle.direction=min", "oracle.timeout=5")
        assert found == {
            "command": {
                "name": "command",
                "command": command,
                "direction": "min",
                "timeout": 5,
                "folder": os.getcwd(),
            }
        }

    def test_the_long_form(self):
        found = oracles("oracle=[qed]", "oracle.dock.name=command", "oracle.dock.command=vina a=b")
        assert found["dock"]["command"] == "vina a=b"

    def test_several_need_names(self):
        with pytest.raises(ConfigError, match="only one oracle can have the short form"):
            oracles("oracle.path=a.py:f", "oracle.command=vina")

    def test_other_arguments_are_left_alone(self):
        for text in ("oracle=[qed]", "budget=5", "oracle.qed.path=[1]", "name='a'"):
            assert shorthand.verbatim([text]) == [text]


class TestConsent:
    """A file alone cannot run code."""

    def test_a_yaml_file_must_be_allowed_to(self, design: Run, mine: Path, tmp_path: Path):
        file = tmp_path / "theirs.yaml"
        file.write_text(f"oracle: {{n: {{name: file, path: '{mine}:nitrogens'}}}}\n")
        message = design(file, "out=run", code=2)
        assert "theirs.yaml: oracle.n.path runs code" in message
        assert "--allow-code" in message
        assert not Path("run").exists()
        design(file, "out=run", "budget=8", "--allow-code")
        assert len(pandas.read_csv("run/designs.csv")) > 1

    def test_an_option_typed_beside_it_is_no_consent(self, design: Run, tmp_path: Path):
        file = tmp_path / "theirs.yaml"
        file.write_text(f"oracle: {{n: {{name: command, command: touch {tmp_path}/harmed}}}}\n")
        design(file, "oracle.n.timeout=5", "oracle.n.name=command", code=2)
        assert not (tmp_path / "harmed").exists()

    def test_resuming_asks_again(self, design: Run, discdiff: Run, mine: Path):
        design("oracle.path=my.py:nitrogens", "out=run", "budget=8")
        assert "nitrogens.path runs code" in discdiff("resume", "run", code=2)
        discdiff("resume", "run", "--allow-code")

    def test_an_edited_oracle_does_not_continue_a_run(self, design: Run, discdiff: Run, mine: Path):
        design("oracle.path=my.py:nitrogens", "out=run", "budget=8")
        mine.write_text(NITROGENS.replace("'N'", "'O'"))
        message = discdiff("resume", "run", "--allow-code", code=1)
        assert "cannot be continued with other settings" in message
        assert "oracle was 'nitrogens@" in message

    def test_a_failing_oracle_says_how_to_go_on(self, design: Run, mine: Path):
        mine.write_text("def nitrogens(smiles): raise KeyError('no model')")
        message = design("oracle.path=my.py:nitrogens", "out=run", code=1)
        assert "raised KeyError: 'no model' (my.py:1)" in message
        assert "discdiff resume run --allow-code" in message


class TestCheck:
    """Every way to name an oracle, and the exit code."""

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (["qed"], "qed"),
            (["sa", "normalised=false"], "sa"),
            (["my.py:nitrogens"], "nitrogens"),
            (["my.py:nitrogens", "direction=min"], "nitrogens"),
            (["awk '{print length($0)}'"], "command"),
            (["command", "command=awk '{print length($0)}'"], "command"),
            (["mine.yaml", "--allow-code"], "nitrogens"),
        ],
    )
    def test_what_is_kept(self, discdiff: Run, mine: Path, arguments: list[str], name: str):
        (mine.parent / "mine.yaml").write_text("oracle: {n: {name: file, path: my.py:nitrogens}}")
        lines = [line.split("\t") for line in discdiff("oracle", "check", *arguments).splitlines()]
        assert {line[0] for line in lines} == {name}
        assert [line[2] for line in lines].count("kept") == 10
        facts = {line[1]: line[2] for line in lines}
        if name == "nitrogens":
            direction = "min" if "direction=min" in arguments else "max"
            assert facts["outputs"] == f"nitrogens ({direction}, atoms)"
        assert facts["time"].endswith("ms a string")

    def test_what_is_broken_ends_with_an_error(self, discdiff: Run, mine: Path):
        mine.write_text("def score(x): return list(range(len(x)))")
        result = discdiff("oracle", "check", "my.py:score", "--strings", strings(mine), code=1)
        assert result == ""

    def test_what_cannot_be_checked_says_why(self, discdiff: Run, mine: Path):
        (mine.parent / "mine.yaml").write_text("oracle: {n: {name: file, path: my.py:nitrogens}}")
        assert "runs code" in discdiff("oracle", "check", "mine.yaml", code=2)
        assert "Did you mean 'qed'?" in discdiff("oracle", "check", "qedd", code=2)
        assert "it defines nitrogens" in discdiff("oracle", "check", "my.py:nothing", code=2)
        assert "an option is KEY=VALUE" in discdiff("oracle", "check", "qed", "loud", code=2)
        assert "give --strings" in discdiff("oracle", "check", "qed", "--domain=letters", code=2)


def strings(beside: Path) -> Path:
    path = beside.with_name("strings.smi")
    path.write_text("C\nCC\nCCC\nCCCC\n")
    return path


class TestNew:
    """The package works as it is written."""

    def test_it_is_installed_and_passes_its_test(self, discdiff: Run, tmp_path: Path):
        said = discdiff("oracle", "new", "my-score")
        assert "my-score/my_score/__init__.py" in said
        site = tmp_path / "site"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        options = ["--no-build-isolation", "--no-index", "--target", str(site)]
        run([*pip, *options, str(tmp_path / "my-score")])
        environment = os.environ | {"PYTHONPATH": str(site)}
        program = [sys.executable, "-c", "from discdiff.cli import main; main()"]
        run([sys.executable, "-m", "pytest", "-q", "tests"], env=environment, cwd="my-score")
        checked = run([*program, "oracle", "check", "my_score"], env=environment)
        assert checked.count("\tkept\t") == 10

    def test_bad_names(self, discdiff: Run):
        for name in ("2d", "class", "_hidden", "a b"):
            assert "name must be a name of Python" in discdiff("oracle", "new", name, code=2)
        assert "'qed' is an oracle of discdiff" in discdiff("oracle", "new", "qed", code=2)
        discdiff("oracle", "new", "twice")
        assert "twice exists already" in discdiff("oracle", "new", "twice", code=1)


def run(command: list[str], **options: object) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
