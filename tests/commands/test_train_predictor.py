"""`train-predictor`: halves and their folders, errors with places, resume, use in `design`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

from discdiff.chem.molecule import canonical
from discdiff.config import composition
from discdiff.domain import Letters
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.predictor.predictor import Predictor
from discdiff.predictor.training import fit
from discdiff.process import MaskedProcess
from tests.predictor.toy import motif, strings

Run = Callable[..., str]
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*does not have many workers")
BEST = ("guidance=best_of_n", "guidance.candidates=2")
SMALL = (
    *("target=a", "members=1", "representation.width=8", "representation.depth=1"),
    *("trainer.max_steps=4", "logger=none", "domain.letters=ACGT"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a small random model of the same letters."""
    folder = tmp_path_factory.mktemp("table")
    rows = strings(150, low=8, high=9)
    medium = ["rich" if i % 2 else "poor" for i in range(len(rows))]
    table = {"sequence": rows, "a": [motif(s) for s in rows], "medium": medium}
    table |= {"label": [int(motif(s) > 1) for s in rows]}
    table |= {"part": ["test" if i % 5 == 0 else "train" for i in range(len(rows))]}
    pandas.DataFrame(table).to_csv(folder / "mine.csv", index=False)
    torch.manual_seed(0)
    network = Transformer(4, 8, width=16, depth=1, heads=2)
    Model(network, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(8)).save(folder / "model")
    return folder


@pytest.fixture
def train(discdiff: Run, folder: Path) -> Run:
    """Run `discdiff train-predictor` on the table for a few steps."""

    def run(*arguments: object, code: int = 0) -> str:
        asked = (f"data.path={folder / 'mine.csv'}", "out=run", *SMALL, *arguments)
        return discdiff("train-predictor", *asked, code=code)

    return run


class TestTraining:
    """What a run leaves."""

    def test_guide_and_judge(self, train, tmp_path):
        said = train("data.licence=CC0")
        assert "guide: run/guide" in said
        assert "| a | composition only |" in said
        guide, judge = (Predictor.load(tmp_path / "run" / half) for half in ("guide", "judge"))
        assert not guide.origin.overlaps(judge.origin)
        assert guide.fingerprint != judge.fingerprint
        assert set(guide.applicability.references).isdisjoint(judge.applicability.references)
        card = (tmp_path / "run" / "guide" / "README.md").read_text()
        for words in ("| licence | CC0 |", "| file | mine.csv |", "## Hardware", "## Time"):
            assert words in card
        said = train(code=1)
        assert "already holds a run: continue it with `discdiff resume run`" in said

    @pytest.mark.parametrize(("asked", "half"), [(1, "guide"), (2, "judge"), ("all", "all")])
    def test_one_half(self, train, tmp_path, asked, half):
        train(f"split={asked}")
        assert Predictor.load(tmp_path / "run" / half).origin.half == half
        assert {p.name for p in (tmp_path / "run").iterdir() if p.is_dir()} == {half, "training"}

    def test_conditions_and_a_split_of_the_file(self, train, tmp_path):
        train("data.condition_column=medium", "data.split_column=part", "split=1")
        found = Predictor.load(tmp_path / "run" / "guide")
        assert found.outputs == ("poor", "rich")
        assert sum(found.quality[o]["predictor"]["rows"] for o in found.outputs) == 30

    def test_features_of_a_model(self, discdiff, folder, tmp_path):
        discdiff(
            *("train-predictor", f"data.path={folder / 'mine.csv'}", "target=label", "out=run"),
            *("task=classification", "representation=features", "members=2", "split=1"),
            f"representation.model={folder / 'model'}",
        )
        found = Predictor.load(tmp_path / "run" / "guide")
        assert found.task == "classification"
        assert found.quality["label"]["predictor"]["AUC"] > 0.6

    def test_resume_trains_what_is_missing(self, train, discdiff, tmp_path):
        train("data.source=mine")
        run = tmp_path / "run"
        whole = Predictor.load(run / "judge").fingerprint
        kept = (run / "guide" / "config.json").stat().st_mtime_ns
        shutil.rmtree(run / "judge")
        shutil.rmtree(run / "training" / "judge")
        assert "judge: run/judge" in discdiff("resume", "run")
        assert Predictor.load(run / "judge").fingerprint == whole
        assert (run / "guide" / "config.json").stat().st_mtime_ns == kept


def test_graphs_are_split_by_scaffold(discdiff, tmp_path):
    pytest.importorskip("sklearn")
    heads, links = ("C", "CC", "N", "O", "CN", "CO", "FC", "ClC"), ("C", "CC", "C(=O)N", "CO")
    tails = ("C1CCCC1", "c1ccccc1", "c1ccncc1", "C1CCNCC1", "C1CCC1", "C1CC1", "c1ccoc1", "c1ccsc1")
    rows = [h + m + t for h in heads for m in links for t in tails]
    table = pandas.DataFrame({"smiles": rows, "a": [s.count("N") for s in rows], "year": 2020})
    table.loc[table.smiles.str.endswith("c1ccsc1"), "year"] = 2022
    table.to_csv("mine.csv", index=False)
    asked = ("data.path=mine.csv", "target=a", "domain=smiles", "representation=graph", "out=run")
    small = ("members=1", "representation.width=8", "representation.depth=1", "forest=5")
    split = ("data.group_by=scaffold", "data.split_column=year", "data.test_split=2022")
    said = discdiff("train-predictor", *asked, *small, *split, "trainer.max_steps=4", "logger=none")
    assert said.count("| a | forest on fingerprints |") == 2
    halves = [Predictor.load(Path("run") / half) for half in ("guide", "judge")]
    held_out = len({canonical(s) for s in rows if s.endswith("c1ccsc1")})
    assert [one.quality["a"]["predictor"]["rows"] for one in halves] == [held_out] * 2
    assert halves[0].card["data"]["kept together by"] == "scaffold"
    assert halves[0].card["data"]["held out by"] == "year 2022"
    groups = [{halves[0].domain.scaffold(s) for s in h.applicability.references} for h in halves]
    assert not groups[0] & groups[1]


class TestRefusals:
    """Each names the key and the place, and leaves nothing behind."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["target=b"], r"must have a column 'b'"),
            (["target=[a,a]"], "command line: target must be one or more distinct columns"),
            (["target=[1]"], "target must be names"),
            (["target=part"], "row 1: column 'part' must be a number, or empty, got 'test'"),
            (["task=sort"], "command line: task must be one of regression, classification"),
            (["split=3"], "command line: split must be one of both, 1, 2, all"),
            (["trainer.rate=0"], "command line: trainer.rate must be greater than 0"),
            (["trainer.rat=1"], "unknown key 'trainer.rat'"),
            (["data.test_fraction=2"], "command line: data.test_fraction must lie in [0, 1]"),
            (["data.group_column=medium"], "there must be rows to"),
            (["data.split_column=part", "data.test_split=tset"], "Did you mean 'test'?"),
            (
                ["data.group_by=scaffold"],
                "group_by must be null: letters strings have no scaffolds",
            ),
            (["data.group_by=family"], "group_by must be one of scaffold, got 'family'"),
            (["data.group_by=scaffold", "data.group_column=part"], "data.group_by must be null wh"),
            (["data.limits=[2,1]"], "limits must be [low, high], low < high, got [2"),
            (["forest=10"], "command line: forest must be 0: letters strings have no fingerprints"),
            (["forest=-1"], "command line: forest must be a non-negative integer, got -1"),
            (["representation=graph"], "domain must be one of molecules"),
            (["data.split_column=part", "data.test_split=2022"], "in column 'part', got '2022'"),
            (["representation=grpah"], "representation must be one of features, "),
            (["representation.kernel=4"], "representation 'onehot': kernel must be odd"),
            (["representation.model=m", "domain=dna", "~domain.letters"], "leave domain out"),
            (["domain.letters=ACG"], "letter 'T' is not in the alphabet"),
            (["applicability.percentile=200"], "percentile must lie in [0, 100]"),
        ],
    )
    def test_wrong_arguments(self, train, tmp_path, arguments, message):
        assert message in train(*arguments, code=2)
        assert not (tmp_path / "run").exists()

    def test_keys_are_in_the_help(self, discdiff):
        text = discdiff("train-predictor", "--help")
        assert "domain: that of the model" in text or "representation" in text


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a guide and a judge of few steps."""
    out = tmp_path_factory.mktemp("predictors")
    table = pandas.read_csv(folder / "mine.csv")
    values = {"a": table.a, "b": -table.a}
    for half in ("guide", "judge"):
        made = fit(
            *(list(table.sequence), values, Letters("ACGT")),
            **{"half": half, "steps": 4, "members": 2, "width": 8, "depth": 1, "patience": 0},
        )
        made.save(out / half)
    return out


class TestDesign:
    """A predictor that guides and one that judges."""

    def design(self, discdiff: Run, folder: Path, *arguments: object, code: int = 0) -> str:
        return discdiff(
            *("design", f"model={folder / 'model'}", "round_size=4", "budget=12"),
            *("baseline=false", "out=d", "oracle=[]", *arguments),
            code=code,
        )

    def test_contrast_and_a_judge(self, discdiff, folder, run):
        self.design(
            *(discdiff, folder, *BEST),
            f"oracle.x={{name: predictor, path: {run / 'guide'}, outside: keep}}",
            f"oracle.y={{name: predictor, path: {run / 'judge'}, outside: keep}}",
            "objective.terms={x.a: {}, x.b: {direction: min}, y.a: null, y.b: null}",
        )
        table = pandas.read_csv("d/designs.csv")
        guide = Predictor.load(run / "guide")
        said = guide(list(table.sequence)).mean
        assert np.allclose(table.Score, said[:, 0] / 2 - said[:, 1] / 2, atol=1e-4)
        stored = json.loads((Path("d") / "environment.json").read_text())
        assert stored

    def test_the_guide_is_no_judge(self, discdiff, folder, run):
        said = self.design(
            *(discdiff, folder, *BEST),
            f"oracle.x={{name: predictor, path: {run / 'guide'}}}",
            f"oracle.y={{name: predictor, path: {run / 'guide'}}}",
            "objective.terms={x.a: {}, x.b: null, y.a: null, y.b: null}",
            code=2,
        )
        assert "'y.a' cannot judge what 'x.a' guides" in said
        assert not Path("d").exists()

    def test_gradients_reach_a_predictor(self, discdiff, folder, run):
        self.design(
            *(discdiff, folder, "guidance=tds", "guidance.particles=2"),
            f"oracle.x={{name: predictor, path: {run / 'guide'}, outside: keep}}",
            "objective.terms={x.a: {}, x.b: null}",
        )
        assert len(pandas.read_csv("d/designs.csv"))

    def test_paths_are_kept_in_full(self, run, monkeypatch):
        monkeypatch.chdir(run)
        asked = ["oracle=[]", "oracle.x={name: predictor, path: guide}"]
        values = composition.compose("design", asked).values
        assert values["oracle"]["x"]["path"] == str(run / "guide")
