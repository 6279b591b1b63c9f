"""Bad input: one clear message, an exit code that is not 0, nothing half-written, nothing lost."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from discdiff.campaign import Campaign
from discdiff.chem.oracles.descriptors import QED
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting

Run = Callable[..., str]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("budgt=5", "command line: unknown key 'budgt'; .* Did you mean 'budget'?"),
        ("budget=0", "command line: budget must be a positive integer, got 0"),
        ("budget=lots", "command line: budget must be an integer, got 'lots'"),
        ("charge=some", "command line: charge must be one of evaluated, all, got 'some'"),
        ("round_size=-1", "command line: round_size must be a positive integer, got -1"),
        ("workers=-1", "command line: workers must be a non-negative integer, got -1"),
        ("name=a/../../b", r"command line: name must be letters, digits, - _ \. only, got 'a/\.\."),
        ("guidance=svd", "guidance must be one of .*, got 'svd'. Did you mean 'svdd'?"),
        ("guidance.candidats=3", "'best_of_n' has no option 'candidats'; .* 'candidates'?"),
        ("guidance.value=3", "value must be a name or a mapping with a key 'name', got 3"),
        ("guidance.candidates=0", "guidance 'best_of_n': candidates must be a positive integer"),
        ("sampler.temperature=0", "sampler 'first_hitting': temperature must be greater than 0"),
        ("sampler.model=x", "sampler 'first_hitting' has no option 'model'"),
        ("oracle.qed.name=qd", "oracle must be one of .*, got 'qd'. Did you mean 'qed'?"),
        ("objective.terms.qd.weight=1", "objective term must be one of qed, got 'qd'"),
        ("objective.aggregation=sum", "aggregation must be one of .*, got 'sum'"),
        ("logger=x", "logger must be one of csv, none, wandb, got 'x'"),
        ("device=tpu", "command line: device must be one of auto, cpu, cuda, got 'tpu'"),
        ("out=a=b", "cannot read the argument 'out=a=b'"),
        ("absent.yaml", "absent.yaml: cannot be read: No such file"),
        ("hydra.run.dir=x", "sets a key of Hydra itself"),
    ],
)
def test_a_wrong_configuration(design: Run, tmp_path: Path, argument: str, message: str):
    error = design(argument, code=2)
    assert re.search(message, error)
    assert error.startswith("discdiff: ")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_a_run(design: Run, tmp_path: Path):
    design("out=run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    error = design("out=run", code=1)
    assert "run already holds a run: continue it with `discdiff resume run`" in error
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before


def test_a_folder_that_is_a_file(design: Run, tmp_path: Path):
    (tmp_path / "run").write_text("mine")
    assert "is a file, not a folder" in design("out=run", code=1)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_folder_without_a_run(discdiff: Run, tmp_path: Path, command: str):
    assert "nothing holds no run" in discdiff(command, "nothing", code=1)
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_begun_from_python(discdiff: Run, tiny: Path, tmp_path: Path):
    sampler = FirstHitting(Model.load(tiny))
    run = tmp_path / "run"
    Campaign(run, sampler, Unguided(), lambda s: [float(len(x)) for x in s], budget=4).run()
    assert "was begun from Python: continue it there" in discdiff("resume", "run", code=1)
    assert "report.html" in discdiff("report", "run")


class TestModel:
    """A model that cannot be loaded."""

    @pytest.fixture
    def broken(self, tiny: Path, tmp_path: Path) -> Path:
        """A copy of the tiny model, to be broken."""
        return Path(shutil.copytree(tiny, tmp_path / "broken"))

    def test_missing(self, discdiff: Run):
        error = discdiff("sample", "model=zinc_selfie", code=1)
        assert "got 'zinc_selfie'. Did you mean 'zinc_selfies'?" in error

    def test_truncated(self, discdiff: Run, broken: Path):
        weights = broken / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-40])
        assert "not a whole safetensors file" in discdiff("sample", "model=broken", code=1)

    def test_newer(self, discdiff: Run, broken: Path):
        config = json.loads((broken / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps(config | {"format_version": 99}))
        assert "newer version of discdiff" in discdiff("sample", "model=broken", code=1)

    def test_a_pickle(self, discdiff: Run, tmp_path: Path):
        (tmp_path / "model.ckpt").write_bytes(b"\x80\x04.")
        error = discdiff("sample", "model=model.ckpt", code=1)
        assert "a pickle can run code and is not opened" in error


class TestOracle:
    """An oracle that misbehaves: the run stops with what it has, and can be resumed."""

    @pytest.fixture
    def reply(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], object]], None]:
        """Make QED answer a batch of n with what a function of n returns."""

        def set_reply(answer: Callable[[int], object]) -> None:
            monkeypatch.setattr(QED, "__call__", lambda self, strings: answer(len(strings)))

        return set_reply

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda n: 1 / 0, "oracle 'qed' raised ZeroDivisionError: division by zero"),
            (lambda n: [1.0] * (n + 1), r"oracle 'qed' must return"),
            (lambda n: ["high"] * n, r"oracle 'qed' must return"),
            (lambda n: np.full(n, np.nan), r"oracle 'qed' .*failed"),
            (lambda n: np.full(n, np.inf), r"oracle 'qed' .*failed"),
        ],
    )
    def test_a_bad_reply(
        self, design: Run, discdiff: Run, reply, monkeypatch, answer, message: str, tmp_path: Path
    ):
        reply(answer)
        error = design("out=run", code=1)
        assert re.search(message, error)
        assert error.endswith("Continue with: discdiff resume run")
        assert (tmp_path / "run" / "campaign.sqlite").is_file()
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
        if "failed" not in message:  # a failed evaluation is recorded, and stays what it is
            discdiff("resume", "run")
            with sqlite3.connect(tmp_path / "run" / "campaign.sqlite") as database:
                assert database.execute("SELECT count(*) FROM evaluation").fetchone() == (40,)


class TestData:
    """A training file that cannot be used."""

    @pytest.mark.parametrize(
        ("text", "arguments", "message"),
        [
            ("smiles\nCCO\n", ["data.column=smile"], "must have a column 'smile', got smiles"),
            ("smiles\nCCO\n\n", [], r"row 2: empty"),
            ("smiles\nCCO\nC1CC\n", [], r"row 2: cannot use 'C1CC'"),
            ("smiles\n", [], "must have a good row|must be good|one must be"),
            ("", [], "must have a header, got an empty file"),
            (
                "smiles,split\nCCO,train\nCCS,valid\n",
                ["data.split_column=split", "data.valid_split=valid"],
                r"row 2: token '\[S\]' is not in the alphabet",
            ),
        ],
    )
    def test_a_bad_file(self, discdiff: Run, tmp_path: Path, text: str, arguments, message: str):
        (tmp_path / "data.csv").write_text(text)
        error = discdiff("train", "data.path=data.csv", "out=run", *arguments, code=2)
        assert re.search(message, error)
        assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("precision=bf17", "precision must be one of .*, got 'bf17'"),
            ("accelerator=tpu", "accelerator must be one of .*, got 'tpu'"),
            ("strategy=dpp", "strategy must fit the accelerator .*, got 'dpp'"),
            ("betas=[0.9]", r"betas must be two numbers in \[0, 1\), got \[0.9\]"),
            ("rate=0", "rate must be greater than 0, got 0"),
            ("ema=2", r"ema must lie in \[0, 1\], got 2"),
            ("schedule.shape=wds", "schedule.shape must be one of .* Did you mean 'wsd'?"),
            ("snapshot_steps=-1", "snapshot_steps must be a non-negative integer, got -1"),
            ("valid_every=0", "valid_every must be a positive integer, got 0"),
            ("devices=0", "devices must be a positive integer, got 0"),
        ],
    )
    def test_a_bad_trainer(self, discdiff: Run, tmp_path: Path, argument: str, message: str):
        (tmp_path / "data.csv").write_text("smiles\n" + "CCO\nCCCO\n" * 4)
        network = ["denoiser.width=16", "denoiser.depth=1", "denoiser.heads=2"]
        safe = ["trainer.accelerator=cpu", "trainer.precision=32-true"]
        error = discdiff(
            *("train", "data.path=data.csv", "out=run", *network, *safe, f"trainer.{argument}"),
            code=2,
        )
        assert re.search(f"discdiff: command line: trainer.{message}", error)
        assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]

    def test_no_file(self, discdiff: Run, tmp_path: Path):
        assert "give data.path=VALUE" in discdiff("train", code=2)
        assert "must exist, got 'x.csv'" in discdiff("train", "data.path=x.csv", code=2)
        assert not list(tmp_path.iterdir())

    def test_evaluate(self, discdiff: Run, tmp_path: Path):
        assert "must exist, got 'x.csv'" in discdiff("evaluate", "x.csv", code=2)
        (tmp_path / "x.csv").write_text("smiles\nCCO\n")
        assert "must have a column 'a'" in discdiff("evaluate", "x.csv", "column=a", code=2)
        assert "metrics must be one of" in discdiff("evaluate", "x.csv", "metrics=a", code=2)


class TestSample:
    """Outputs of `sample` that cannot be written."""

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            ("x.pdf", "out must end in .csv, .smi, .txt"),
            ("no/x.csv", "out must lie in a folder that exists"),
            ("there.csv", "out must be a new file"),
        ],
    )
    def test_out(self, discdiff: Run, tiny: Path, tmp_path: Path, out: str, message: str):
        (tmp_path / "there.csv").write_text("mine")
        assert message in discdiff("sample", f"model={tiny}", f"out={out}", code=2)
        assert (tmp_path / "there.csv").read_text() == "mine"

    def test_sizes(self, discdiff: Run, tiny: Path):
        assert "n must be a positive integer" in discdiff("sample", f"model={tiny}", "n=0", code=2)
        error = discdiff("sample", f"model={tiny}", "length=500", code=2)
        assert "length" in error
