"""`sample`, `train`, `evaluate`, `list`, `oracle list`, `doctor`, and the program itself."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import torch
import yaml
from typer.testing import CliRunner

import discdiff as package
from discdiff import registry
from discdiff.chem.oracles.descriptors import QED
from discdiff.cli import app
from discdiff.domain import Letters
from discdiff.errors import ConfigError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess

Run = Callable[..., str]


def test_version_and_help(discdiff: Run):
    assert discdiff("--version") == f"discdiff {package.__version__}\n"
    assert "design" in discdiff("--help")
    assert "max_failed" in discdiff("design", "--help")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from discdiff.cli import app\n"
        "heavy = {'torch', 'rdkit', 'numpy', 'hydra', 'omegaconf', 'pytorch_lightning'}\n"
        "sys.exit(f'loaded {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_debug_keeps_the_traceback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISCDIFF_DEBUG", "1")
    with pytest.raises(ConfigError, match="unknown key 'budgt'"):
        CliRunner().invoke(app, ["design", "budgt=1"], catch_exceptions=False)


class TestSample:
    """Designs without reward."""

    def test_to_standard_output(self, discdiff: Run, tiny: Path):
        first = discdiff("sample", f"model={tiny}", "n=7", "seed=1").splitlines()
        assert len(first) == 7
        assert discdiff("sample", f"model={tiny}", "n=7", "seed=1").splitlines() == first
        assert discdiff("sample", f"model={tiny}", "n=7", "seed=2").splitlines() != first

    def test_to_files_that_evaluate_reads(self, discdiff: Run, tiny: Path, tmp_path: Path):
        for name in ("a.csv", "a.smi"):
            discdiff("sample", f"model={tiny}", "n=20", f"out={name}")
        lines = (tmp_path / "a.smi").read_text().splitlines()
        table = (tmp_path / "a.csv").read_text().splitlines()
        assert table[0] == "SMILES,valid,log_likelihood,log_weight,confidence,invalid_reason"
        assert [row.split(",")[0] for row in table[1:]] == lines
        discdiff("evaluate", "a.smi", "reference=a.csv", "out=found.json")
        found = json.loads((tmp_path / "found.json").read_text())
        assert found["requested"] == 20
        assert found["novelty"] == 0.0
        assert f"validity\t{found['validity']:.4f}" in discdiff("evaluate", "a.csv")

    def test_options_of_the_sampler(self, discdiff: Run, tiny: Path):
        arguments = ("sampler=ancestral", "sampler.steps=4", "length=6", "n=3")
        assert len(discdiff("sample", f"model={tiny}", *arguments).splitlines()) == 3


class TestTemplates:
    """What is fixed of every design, from the command line."""

    TEMPLATE = "template=['[N]',null,['[C]','[O]'],null,null,'[C]']"

    def test_samples_keep_to_it(self, discdiff: Run, tmp_path: Path):
        letters(tmp_path / "dna")
        discdiff("sample", "model=dna", "n=200", "template=[G,null,[C,T]]", "out=found.csv")
        rows = pandas.read_csv(tmp_path / "found.csv")
        assert rows.sequence.str.fullmatch("G[ACGT][CT]").all()
        assert set(rows.sequence.str[2]) == {"C", "T"}
        assert rows.log_weight.nunique() > 1

    def test_designs_of_both_arms_keep_to_it(self, design: Run, tmp_path: Path):
        design(self.TEMPLATE, "baseline=true", "out=run", "budget=10")
        with sqlite3.connect(tmp_path / "run" / "campaign.sqlite") as database:
            found = database.execute("SELECT DISTINCT arm, raw FROM draw").fetchall()
        assert {arm for arm, _ in found} == {"guided", "unguided"}
        assert all(string.startswith("N") for _, string in found)

    @pytest.mark.parametrize(
        ("argument", "words"),
        [
            ("template=[G,X]", "position 1 of the template: token 'X' is not in the alphabet"),
            ("template=[G,1]", "template must hold a token, a list of tokens or null .* got 1 at"),
            ("template=[G,[]]", "positions must each allow a token, got none at 1"),
            ("template=[G,G,G,G,G,G,G]", "template must have at most 6 positions, .* got 7"),
            ("template=G", "template cannot be kept by a model of letters strings"),
            ("length=0", r"length must lie in \[1, 6\], got 0"),
            ("cond=1", "cond must be None for a model without classes, got 1"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, discdiff: Run, tmp_path: Path, argument: str, words: str
    ):
        letters(tmp_path / "dna")
        for command in ("sample", "design"):
            assert re.search(words, discdiff(command, "model=dna", argument, code=2))
            assert [path.name for path in tmp_path.iterdir()] == ["dna"]


class TestSeeds:
    """Designs that start from strings of one's own."""

    def test_little_noise_keeps_most_and_full_noise_the_length(self, discdiff: Run, tmp_path: Path):
        letters(tmp_path / "dna")
        (tmp_path / "hits.csv").write_text("id,sequence\n1,AAAA\n2,CCCCCC\n")
        for level, least, most in ((0.1, 0.85, 0.97), (1.0, 0.1, 0.6)):
            lines = discdiff(
                "sample", "model=dna", "n=400", "seeds=hits.csv", f"level={level}"
            ).splitlines()
            assert {len(line) for line in lines} == {4, 6}
            kept = [line.count("A" if len(line) == 4 else "C") / len(line) for line in lines]
            assert least < sum(kept) / len(kept) < most

    def test_a_campaign_starts_from_them_and_resumes_elsewhere(
        self, design: Run, discdiff: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "hits.smi").write_text("CCNCCO\nCCCOC\n")
        design("seeds=hits.smi", "level=0.3", "out=run", "budget=10")
        monkeypatch.chdir(tmp_path.parent)
        assert "not complete" not in discdiff("resume", tmp_path / "run")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("level=0",), r"level must lie in \(0, 1\], got 0"),
            (("length=4",), "length and template must be None where seeds are given"),
            (("seeds=none.smi",), "data file must exist, got '.*none.smi'"),
            (("seeds=bad.smi",), r"bad.smi, row 2: token 'X' at position 1 of 'AX'"),
            (("seeds=long.smi",), r"long.smi, row 1 must have 1 to 6 tokens, got 7"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, discdiff: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
    ):
        letters(tmp_path / "dna")
        (tmp_path / "hits.smi").write_text("ACGT\n")
        (tmp_path / "bad.smi").write_text("ACGT\nAX\n")
        (tmp_path / "long.smi").write_text("ACGTACG\n")
        files = set(tmp_path.iterdir())
        for command in ("sample", "design"):
            message = discdiff(command, "model=dna", "seeds=hits.smi", *arguments, code=2)
            assert re.search(words, message)
            assert set(tmp_path.iterdir()) == files


def letters(folder: Path) -> None:
    """Save a random model of DNA with six letters."""
    torch.manual_seed(0)
    network = Transformer(4, 6, 16, 1, 2)
    Model(network, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(6)).save(folder)


@pytest.mark.filterwarnings("default")  # of Lightning and what it imports
def test_a_model_is_trained_resumed_and_used(discdiff: Run, tmp_path: Path):
    molecules = ["CCO", "CCN", "CC=O", "OCCO", "CCCN", "C1CC1", "CC(C)O", "NCCO"] * 8
    (tmp_path / "data.csv").write_text("smiles\n" + "\n".join(molecules) + "\n")
    arguments = (
        "data.path=data.csv",
        "data.column=smiles",
        "data.batch_tokens=128",
        "data.licence=none",
        "denoiser.width=16",
        "denoiser.depth=1",
        "denoiser.heads=2",
        "trainer.max_steps=4",
        "trainer.samples=0",
        "trainer.accelerator=cpu",
        "trainer.precision=32-true",
        "name=ethanols",
    )
    output = discdiff("train", *arguments)
    run = tmp_path / "runs" / "train-ethanols-0"
    assert "model: runs/train-ethanols-0/model" in output
    card = (run / "model" / "README.md").read_text()
    assert card.startswith("# ethanols\n")
    assert "data.csv" in card
    assert "already holds a run" in discdiff("train", *arguments, code=1)
    assert len(discdiff("sample", f"model={run}/model", "n=3").splitlines()) == 3
    settings = yaml.safe_load((run / "config.yaml").read_text())
    settings["trainer"]["max_steps"] = 6
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    before = (run / "model" / "model.safetensors").read_bytes()
    discdiff("resume", run)
    assert (run / "model" / "model.safetensors").read_bytes() != before


@pytest.mark.filterwarnings("default")  # of Lightning and what it imports
def test_classes_of_tokens_have_schedules_of_their_own(discdiff: Run, tmp_path: Path):
    (tmp_path / "data.smi").write_text("C1CC1\nC=CC1CC1\nCC(C)O\nCC=O\n" * 8)
    arguments = (
        "data.path=data.smi",
        "data.batch_tokens=64",
        "data.valid_fraction=0.25",
        "denoiser.width=16",
        "denoiser.depth=1",
        "denoiser.heads=2",
        "domain=smiles",
        "process=class_masked",
        "trainer.frozen_fraction=0.25",
        "trainer.max_steps=2",
        "trainer.samples=4",
        "trainer.accelerator=cpu",
        "trainer.precision=32-true",
        "out=run",
    )
    wrong = discdiff("train", *arguments, "process.schedules.rings=log_linear", code=2)
    assert "schedules must be those of classes (branch, bond, ring), got one of 'rings'" in wrong
    wrong = discdiff("train", *arguments, "process.schedules.ring=3", code=2)
    assert "schedules.ring must be a name or a mapping with a key 'name', got 3" in wrong
    discdiff("train", *arguments, "process.schedules.ring={name: polynomial, power: 3}")
    process = Model.load(tmp_path / "run" / "model").process
    assert repr(process.schedules) == "{'ring': Polynomial(power=3.0)}"
    assert set(process.token_classes) == {"branch", "bond", "ring"}
    for sampler in ("recommended", "ancestral", "entropy"):
        drawn = discdiff("sample", "model=run/model", "n=3", f"sampler={sampler}")
        assert len(drawn.splitlines()) == 3
    discdiff("design", "model=run/model", "guidance=svdd", "oracle=qed", "budget=12", "out=designs")


@pytest.mark.filterwarnings("default")  # of Lightning and what it imports
class TestTransfer:
    """Training that goes on from a model."""

    ARGUMENTS = (
        "data.path=mine.smi",
        "data.batch_tokens=64",
        "data.valid_fraction=0.25",
        "trainer.max_steps=40",
        "trainer.valid_every=2",
        "trainer.patience=1",
        "trainer.rate=0.02",
        "trainer.samples=0",
        "trainer.accelerator=cpu",
        "out=run",
    )

    def test_a_model_is_taken_to_new_data(self, discdiff: Run, tiny: Path, tmp_path: Path):
        (tmp_path / "mine.smi").write_text("CCOCC\nCCNCC\nCCCCC\nNCCO\n" * 4)
        discdiff("train", f"init={tiny}", *self.ARGUMENTS)
        run = tmp_path / "run"
        steps = re.findall(r"^\d*,(\d+),", "\n".join(logged(run)), re.MULTILINE)
        assert max(map(int, steps)) < 39
        before, after = (json.loads((p / "config.json").read_text()) for p in (tiny, run / "model"))
        for key in ("domain", "denoiser", "process"):
            assert before[key] == after[key]
        assert sum(after["lengths"][4:6]) == pytest.approx(1.0)
        assert str(tiny) in (run / "model" / "README.md").read_text()
        assert after["card"]["made_with"] == {f"model {tiny}": "none stated"}
        discdiff("resume", run)

    @pytest.mark.parametrize(
        ("argument", "words"),
        [
            ("domain=smiles", "command line: leave domain out where init is given"),
            ("denoiser.width=8", "command line: leave denoiser out where init is given"),
            ("experiment=qm9_masked", "qm9_masked.yaml: leave denoiser out where init is given"),
            ("data.valid_fraction=0", "patience must be 0 where nothing is held out"),
            ("data.valid_fraction=2", r"valid_fraction must lie in \[0, 1\], got 2"),
            ("data.valid_fraction=0.001", "valid_fraction must leave rows on both sides, got 0 of"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, discdiff: Run, tiny: Path, tmp_path: Path, argument: str, words: str
    ):
        (tmp_path / "mine.smi").write_text("CCOCC\nCCNCC\n" * 4)
        message = discdiff("train", f"init={tiny}", *self.ARGUMENTS, argument, code=2)
        assert re.search(words, message)
        assert not (tmp_path / "run").exists()

    def test_rows_that_the_model_cannot_write_are_reported(
        self, discdiff: Run, tiny: Path, tmp_path: Path
    ):
        (tmp_path / "mine.smi").write_text("CCOCC\nCCSCC\n" * 4)
        message = discdiff("train", f"init={tiny}", *self.ARGUMENTS, code=2)
        assert "row 2: token '[S]'" in message
        assert "got 'nothing'" in discdiff("train", "init=nothing", *self.ARGUMENTS, code=2)


def logged(run: Path) -> list[str]:
    """Every line of the CSV logs of a training."""
    return [
        line for path in (run / "log").rglob("metrics.csv") for line in path.read_text().split()
    ]


@pytest.mark.filterwarnings("default")  # of Lightning and what it imports
def test_a_model_can_write_where_a_molecule_ends(discdiff: Run, tmp_path: Path):
    (tmp_path / "data.smi").write_text("CCO\nCCN\nC1CC1\nCC(C)O\n" * 8)
    tiny = ("width=16", "depth=1", "heads=2")
    discdiff(
        "train",
        "data.path=data.smi",
        "data.length_mode=pad_as_token",
        "data.batch_tokens=64",
        "data.augment=true",
        "domain=smiles",
        *(f"denoiser.{size}" for size in tiny),
        "trainer.max_steps=2",
        "trainer.samples=4",
        "trainer.accelerator=cpu",
        "out=run",
    )
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert (config["length_mode"], config["lengths"]) == ("pad_as_token", [0, 0, 0, 0, 0, 0, 1])
    assert len(discdiff("sample", "model=run/model", "n=3").splitlines()) == 3
    wrong = discdiff("train", "data.path=data.smi", "data.length_mode=pad", "out=other", code=2)
    assert "data.length_mode must be one of given_length, pad_as_token, got 'pad'" in wrong


class TestFiles:
    """A file of the user's in place of keys, for every command."""

    def test_a_command_without_runs_takes_one(self, discdiff: Run, tiny: Path, tmp_path: Path):
        (tmp_path / "mine.yaml").write_text(f"n: 3\nmodel: {tiny}\nsampler: {{name: entropy}}\n")
        discdiff("sample", "mine.yaml", "out=a.csv")
        assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3

    def test_one_for_another_command_is_refused(self, discdiff: Run):
        message = discdiff("sample", "experiment=qed_sa", code=2)
        assert "experiment/qed_sa.yaml" in message
        assert "for another command than sample?" in message


class TestLists:
    """What is there."""

    def test_every_kind_is_listed(self, discdiff: Run):
        lines = [line.split("\t") for line in discdiff("list").splitlines()]
        kinds = {kind for kind in registry.KINDS if registry.names(kind)}
        assert {line[0] for line in lines} == kinds | {"experiments"}
        assert ["samplers", "first_hitting"] in [line[:2] for line in lines]
        assert all(line[2] for line in lines)

    def test_one_kind(self, discdiff: Run):
        assert {line.split("\t")[0] for line in discdiff("list", "guidance").splitlines()} == {
            "guidance"
        }
        rows = discdiff("list", "experiments").splitlines()
        experiments = dict(row.split("\t")[1:] for row in rows)
        assert experiments["qed_sa"].startswith("Drug-like and easy to make")
        assert all(experiments.values())
        assert "Did you mean 'samplers'?" in discdiff("list", "sampler", code=2)

    def test_the_options_of_one(self, discdiff: Run):
        output = discdiff("list", "transforms", "band")
        assert "low" in output
        assert "must be given" in discdiff("list", "oracles", "similarity")
        output = discdiff("list", "guidance", "isir")
        assert "from discdiff.guidance.isir import ISIRGibbs" in output
        assert "Example:" in output

    def test_oracles(self, discdiff: Run):
        lines = {
            line.split("\t")[1]: line.split("\t")
            for line in discdiff("oracle", "list").splitlines()
            if line.startswith("oracles\t")
        }
        assert lines["qed"][2:6] == ["", "max", QED().licence, QED().version]
        assert lines["alerts"][3] == "min"
        assert [lines[name][6] for name in ("qed", "predictor", "command")] == [
            "yes",
            "depends",
            "depends",
        ]
        assert lines["similarity"][5] == "depends on reference"
        assert lines.keys() == {entry.name for entry in registry.names("oracles")}

    def test_shipped_weights_are_listed_with_the_licence_of_their_data(self, discdiff: Run):
        output = discdiff("oracle", "list")
        assert "shipped models\tqm9_masked\tQM9 is CC0" in output
        assert any(
            line.startswith("shipped predictors\tpermeability_guide\tCC BY-NC 4.0")
            and line.endswith("\tno")
            for line in output.splitlines()
        )


def test_doctor(discdiff: Run, tmp_path: Path):
    output = discdiff("doctor")
    assert f"folder: {tmp_path} is writable" in output
    assert output.endswith("no faults\n")


def test_doctor_and_lists_survive_a_broken_plugin(
    discdiff: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[discdiff.oracles]\ndock = no_such_module:Dock\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._read.cache_clear()
    try:
        assert "oracles.dock (theirs): broken: ModuleNotFoundError" in discdiff("doctor")
        assert "dock\t" in discdiff("oracle", "list")
        assert "broken: ModuleNotFoundError" in discdiff("list", "oracles")
        assert "cannot be loaded: ModuleNotFoundError" in discdiff("design", "oracle=dock", code=2)
    finally:
        registry._read.cache_clear()
