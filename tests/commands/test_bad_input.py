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
        ("sampler.model=x", "sampler 'recommended' has no option 'model'"),
        ("oracle.qed.name=qd", "oracle must be one of .*, got 'qd'. Did you mean 'qed'?"),
        ("objective.terms.qd.weight=1", "objective term must be one of qed, got 'qd'"),
        ("objective.aggregation=sum", "aggregation must be one of .*, got 'sum'"),
        ("logger=x", "logger must be one of csv, none, wandb, got 'x'"),
        ("device=tpu", "command line: device must be one of auto, cpu, cuda, got 'tpu'"),
        ("out=a=b", "cannot read the argument 'out=a=b'"),
        ("absent.yaml", "absent.yaml: cannot be read: No such file"),
        ("hydra.run.dir=x", "sets a key of Hydra itself"),
        ("guidance=null", "command line: guidance must be one of .*svdd.*, got None"),
        ("oracle=null", "command line: oracle must be one of .*qed.*, got None"),
        ("oracle=[]", r"command line: oracle must be one of .*, got \[\]"),
        ("oracle=[null]", r"command line: oracle must be one of .*, got \[None\]"),
        ("sampler=3", "command line: sampler must be one of .*, got 3"),
        ("~sampler", "command line: key 'sampler' is not set"),
        (f"seed={2**63}", r"command line: seed must be an integer in \[0, 2\*\*63\), got 9223"),
        ("seed=-1", r"command line: seed must be an integer in \[0, 2\*\*63\), got -1"),
        ("cond=3", "command line: cond must be None for a model without classes, got 3"),
        ("out=", "command line: out must not be empty, got ''"),
        ("out=[a]", r"command line: out must be text, got \['a'\]"),
    ],
)
def test_a_wrong_configuration(design: Run, tmp_path: Path, argument: str, message: str):
    error = design(argument, code=2)
    assert re.search(message, error)
    assert error.startswith("discdiff: ")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("out=[a]", r"command line: out must be text, got \['a'\]"),
        ("out=", "command line: out must not be empty, got ''"),
        ("guidance=svdd,null", "command line: guidance must be one of .*, got None"),
    ],
)
def test_a_wrong_configuration_of_several_runs(
    design: Run, tmp_path: Path, argument: str, message: str
):
    assert re.search(message, design("-m", "seed=0,1", argument, code=2))
    assert not list(tmp_path.iterdir())


def test_several_runs_begin_only_where_each_has_a_folder(design: Run, tmp_path: Path):
    (tmp_path / "runs/design-1").mkdir(parents=True)
    (tmp_path / "runs/design-1/campaign.sqlite").touch()
    assert "runs/design-1 already holds a run" in design("-m", "seed=0,1", code=1)
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["design-1"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("x=1", "command line: unknown key 'x'"),
        ("budget=lots", "command line: budget must be an integer, got 'lots'"),
    ],
)
def test_a_wrong_configuration_is_not_shown(design: Run, argument: str, message: str):
    assert re.search(message, design("--show", argument, code=2))


def test_a_file_that_chooses_nothing(design: Run, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("oracle: []\n")
    assert "mine.yaml: oracle must be one of" in design("mine.yaml", code=2)


def test_a_key_that_is_not_set_is_missed_in_the_file_that_lacks_it(design: Run, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("objective: {terms: {qed: {}}}\n")
    words = "mine.yaml: key 'objective.aggregation' is not set; it must be one of arithmetic_mean, "
    assert words in design("mine.yaml", code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["oracle=[alerts]", "objective=geometric_mean"],
            "command line: term 'alerts' must not be negative here: .*such as sigmoid or linear",
        ),
        (["model=qm9_maske"], "command line: model must be .* mean 'qm9_masked'"),
        (
            ["oracle.a={name: predictor, path: permeability_guid}"],
            "command line: .*path must be a folder or one of .* mean 'permeability_guide'",
        ),
    ],
)
def test_what_was_given_is_blamed(design: Run, tmp_path: Path, arguments: list[str], message: str):
    error = design(*arguments, code=2)
    assert re.search(message, error)
    assert "configs/" not in error
    assert not list(tmp_path.iterdir())


def test_a_plan_that_the_model_has_no_process_for(discdiff: Run):
    error = discdiff("sample", "model=qm9_uniform", "sampler=first_hitting", code=2)
    words = "FirstHitting needs a masked or class_masked process, got uniform"
    assert f"command line: {words}" in error


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


def test_a_run_with_the_configuration_of_something_else(design: Run, discdiff: Run, tmp_path: Path):
    design("out=run")
    (tmp_path / "run" / "config.yaml").write_text("oracle: {qed: {name: qed}}\n")
    assert "run/config.yaml: key 'model' is not set" in discdiff("resume", "run", code=2)
    (tmp_path / "run" / "config.yaml").write_text("[" * 100_000)
    assert "run/config.yaml: is not valid YAML" in discdiff("resume", "run", code=2)


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
        error = discdiff("sample", "model=zinc_selfie", code=2)
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
            ("smiles\n", [], "must hold at least one row"),
            ("", [], "must have a header, got an empty file"),
            (
                "smiles,split\nCCO,train\nCCS,valid\n",
                ["data.split_column=split", "data.valid_split=valid"],
                r"row 2: token '\[S\]' is not in the alphabet",
            ),
            (
                "smiles,split\n" + "".join(f"CCO,{i}\n" for i in range(128)),
                ["data.split_column=split"],
                "data.csv must name at most 100 splits, got '99' as one more in row 100",
            ),
            (
                f"smiles,kind\nCCO,1\nCCO,{10**23}\n",
                ["data.label_column=kind"],
                rf"row 2: label must be a class id in \[0, 10000\), got '{10**23}'",
            ),
            (
                f"smiles,kind\nCCO,1\nCCO,{10**12}\n",
                ["data.label_column=kind"],
                rf"row 2: label must be a class id in \[0, 10000\), got '{10**12}'",
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
            ("data.workers=-1", "data.workers must be a non-negative integer, got -1"),
            ("data.max_length=0", "data.max_length must be a positive integer, got 0"),
            ("data.max_length=-3", "data.max_length must be a positive integer, got -3"),
            ("data.batch_tokens=0", "data.batch_tokens must be a positive integer, got 0"),
            ("domain.stereo=x", "domain 'selfies': stereo must be one of keep, drop, got 'x'"),
            ("domain.foo=x", "domain 'selfies': option must be one of stereo, .*, got 'foo'"),
            (f"seed={2**63}", r"seed must be an integer in \[0, 2\*\*63\), got 9223"),
            ("out=", "out must not be empty, got ''"),
            ("data.path=", "data.path must not be empty, got ''"),
        ],
    )
    def test_a_bad_setting(self, discdiff: Run, tmp_path: Path, argument: str, message: str):
        (tmp_path / "data.csv").write_text("smiles\n" + "CCO\nCCCO\n" * 4)
        error = discdiff("train", "data.path=data.csv", "out=run", argument, code=2)
        assert re.search(f"discdiff: command line: {message}", error)
        assert "Traceback" not in error
        assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]

    def test_classes_that_the_model_to_go_on_from_has_not(
        self, discdiff: Run, tiny: Path, tmp_path: Path
    ):
        (tmp_path / "data.csv").write_text("smiles,kind\n" + "CCOCC,1\nCCNCC,0\n" * 4)
        arguments = ("data.path=data.csv", "data.label_column=kind", f"init={tiny}", "out=run")
        error = discdiff("train", *arguments, code=2)
        assert "command line: data.label_column must be null, got class 1" in error
        assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("dtype=float16", "trainer.dtype must be one of float32, bfloat16, got 'float16'"),
            ("accumulate=100", "there must be at least 100 rows, .*, got 8"),
            ("devices=9", "there must be at least 9 rows, .*, got 8"),
            ("accumulate=0", "trainer.accumulate must be a positive integer, got 0"),
            ("precision=bf17", "trainer.precision must be one of .*, got 'bf17'"),
            ("accelerator=tpu", "trainer.accelerator must be one of .*, got 'tpu'"),
            ("strategy=dpp", "trainer.strategy must fit the accelerator .*, got 'dpp'"),
            ("betas=[0.9]", r"trainer.betas must be two numbers in \[0, 1\), got \[0.9\]"),
            ("rate=0", "trainer.rate must be greater than 0, got 0"),
            ("ema=2", r"trainer.ema must lie in \[0, 1\], got 2"),
            ("schedule.shape=wds", "trainer.schedule.shape must be one of .* Did you mean 'wsd'?"),
            ("snapshot_steps=-1", "trainer.snapshot_steps must be a non-negative integer, got -1"),
            ("valid_every=0", "trainer.valid_every must be a positive integer, got 0"),
            ("devices=0", "trainer.devices must be a positive integer, got 0"),
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
        assert re.search(f"discdiff: command line: {message}", error)
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


class TestOutput:
    """Outputs of `sample` and `evaluate` that cannot be written."""

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            ("x.pdf", "out must end in .csv, .smi, .txt"),
            ("no/x.csv", "out must lie in a folder that exists"),
            ("there.csv", "out must be a new file"),
        ],
    )
    def test_sample(self, discdiff: Run, tiny: Path, tmp_path: Path, out: str, message: str):
        (tmp_path / "there.csv").write_text("mine")
        error = discdiff("sample", f"model={tiny}", f"out={out}", code=2)
        assert f"command line: {message}" in error
        assert (tmp_path / "there.csv").read_text() == "mine"

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            ("x.csv", "out must end in .json, got 'x.csv'"),
            ("no/x.json", "out must lie in a folder that exists"),
            ("there.json", "out must be a new file, got 'there.json', which exists"),
            ("", "out must not be empty, got ''"),
        ],
    )
    def test_evaluate(self, discdiff: Run, tmp_path: Path, out: str, message: str):
        (tmp_path / "there.json").write_text("mine")
        error = discdiff("evaluate", "never-read.csv", f"out={out}", code=2)
        assert f"command line: {message}" in error
        assert (tmp_path / "there.json").read_text() == "mine"

    def test_seeds(self, discdiff: Run, tiny: Path, tmp_path: Path):
        (tmp_path / "x.csv").write_text("smiles\nCCO\n")
        for command in (("sample", f"model={tiny}"), ("evaluate", "x.csv")):
            for seed in (-1, 2**63, 10**30):
                error = discdiff(*command, f"seed={seed}", code=2)
                assert "command line: seed must be an integer in [0, 2**63), got" in error

    def test_sizes(self, discdiff: Run, tiny: Path):
        assert "n must be a positive integer" in discdiff("sample", f"model={tiny}", "n=0", code=2)
        error = discdiff("sample", f"model={tiny}", "length=500", code=2)
        assert "length" in error
