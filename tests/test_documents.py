"""The documents: their Python runs, their commands exist, and they say what the code says."""

from __future__ import annotations

import importlib
import io
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from discdiff import registry
from discdiff.cli import app
from discdiff.config import build, composition, settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    document: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(document: str) -> list[Block]:
    text = (ROOT / document).read_text()
    return [
        Block(document, text.count("\n", 0, m.start()) + 2, m["language"], m["code"])
        for m in FENCE.finditer(text)
    ]


ALL_BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
PYTHON_BLOCKS = [block for block in ALL_BLOCKS if block.language == "python"]


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=str)
def test_python_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("CCN\n"))
    source = "\n" * (block.line - 1) + block.code
    exec(compile(source, str(ROOT / block.document), "exec"), {"__name__": str(block)})


@pytest.mark.parametrize(
    "block",
    [block for block in ALL_BLOCKS if block.language == "yaml" and "oracle:" in block.code],
    ids=str,
)
def test_configuration_makes_a_campaign(block: Block, tmp_path: Path):
    if "name: command" in block.code or "name: file" in block.code:
        pytest.skip("names a program of the reader's; its own test runs it")
    file = tmp_path / "mine.yaml"
    file.write_text(block.code)
    source = composition.compose("design", [f"out={tmp_path}/run"], file)
    with build.campaign(settings.fill(settings.Design, source), source) as campaign:
        assert campaign.task.objective is not None


@pytest.mark.parametrize(
    "block",
    [block for block in ALL_BLOCKS if block.language == "yaml" and "track:" in block.code],
    ids=str,
)
def test_a_benchmark_of_ones_own_composes(block: Block, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(block.code)
    source = composition.compose("bench", [], file)
    track = registry.build("tracks", settings.fill(settings.Bench, source).track)
    for cell in track.cells():
        settings.fill(settings.Design, track.composed(cell, tmp_path))


COMMAND_LINES = [
    line for block in ALL_BLOCKS for line in block.code.splitlines() if line.startswith("discdiff ")
]
COMPOSED = (
    *("ask", "bench", "design", "evaluate", "export", "finetune", "sample", "select", "tell"),
    "train",
    "train-predictor",
)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_command_line_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = shlex.split(line, comments=True)[1:]
    monkeypatch.chdir(tmp_path)
    for name in (argument for argument in arguments if argument.endswith(".yaml")):
        Path(name).write_text("budget: 5\n")  # a file of the reader's
    last = "--show" if arguments[0] in COMPOSED else "--help"
    result = CliRunner().invoke(app, [*arguments, last])
    assert result.exit_code == 0, result.output


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [(ROOT / document).read_text() for document in DOCUMENTS]
    used = {target for text in texts for target in re.findall(r"\bmake ([a-z]+)", text)}
    assert {"demo", "test"} <= used <= targets


def test_readme_opens_with_the_two_commands():
    first = blocks("README.md")[0]
    assert [line.split("#")[0].strip() for line in first.code.splitlines()] == [
        "make demo",
        "make test",
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_local_links_lead_somewhere(document: str):
    text = re.sub(r"`[^`\n]*`", "", (ROOT / document).read_text())  # a SMILES is no link
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("kind", ["samplers", "guidance"])
def test_readme_gives_every_law_in_the_words_of_the_code(kind: str):
    text = (ROOT / "README.md").read_text()
    for name, target in PROJECT["entry-points"][f"discdiff.{kind}"].items():
        rows = re.findall(rf"^\| `{name}` .*$", text, re.MULTILINE)
        assert any(law(target) in row for row in rows), f"{name}: {law(target)}"


def law(target: str) -> str:
    """The first sentence of the `Law:` line of a class."""
    module, _, name = target.partition(":")
    doc = getattr(importlib.import_module(module), name).__doc__
    text = re.search(r"Law: (.*?)(?:\n\s*\n|\Z)", doc, re.DOTALL)[1]
    return " ".join(text.split()).split(". ")[0].rstrip(".")
