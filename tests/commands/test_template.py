"""Scaffolds and bands of similarity on the command line, from the first line to the table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from rdkit import Chem

from discdiff import registry
from discdiff.campaign import runner
from discdiff.config import build, composition, settings
from discdiff.config.shorthand import verbatim

Run = Callable[..., str]
CYCLOBUTANE = Chem.MolFromSmarts("[CH2]1[CH2][CH1][CH2]1")


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


def is_held(smiles: str) -> bool:
    return bool(Chem.MolFromSmiles(smiles).HasSubstructMatch(CYCLOBUTANE))


class TestSample:
    """Designs without reward."""

    def test_a_scaffold_with_a_range(self, discdiff: Run):
        discdiff(
            "sample",
            *("model=qm9_masked", "n=60", "seed=1", "out=found.csv"),
            *("template=C1CC([*:1])C1", "points={1: [2, 5]}"),
        )
        found = pandas.read_csv("found.csv")
        assert set(found.SMILES.str.len()) <= set(range(10, 14))
        assert found.SMILES.str.startswith("C1CC(").all()
        valid = found[found.valid == 1]
        assert 10 < len(valid) < 60
        assert valid.invalid_reason.isna().all()
        assert valid.SMILES.map(is_held).all()
        lost = found[found.invalid_reason == "scaffold lost"]
        assert not lost.SMILES.map(is_held).any()

    def test_two_points_with_lists_of_tokens(self, discdiff: Run):
        lines = discdiff(
            "sample",
            *("model=qm9_masked", "n=20", "template=[*:1]C1CC([*:2])C1"),
            "points={1: {length: [1, 3], tokens: [C, N]}, 2: {positions: [O]}}",
        ).splitlines()
        assert len(lines) == 20
        assert all(re.fullmatch(r"[CN]{1,3}C1CC\(O.*\)C1", line) for line in lines)

    def test_a_uniform_model(self, discdiff: Run):
        lines = discdiff(
            *("sample", "model=qm9_uniform", "sampler=ancestral", "sampler.steps=8", "n=6"),
            "template=C1CC([*:1])C1",
        ).splitlines()
        assert all(line.startswith("C1CC(") and line.endswith(")C1") for line in lines)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["template=C1CCC1"],
                r"command line: template must have an attachment point.*'C1CCC1'",
            ),
            (["template=C1CC([*:1])"], "template must be a SMILES, got.*: syntax error"),
            (["template=C[*:1]C([*:1])"], r"must number its points differently, got \[\*:1\] twic"),
            (["template=CC(Cl)[*:1]"], "must be written in the model's tokens, got 'Cl' at posit"),
            (
                ["template=C[*:1]", "points={2: 3}"],
                "points must be those of the template, 1, got 2",
            ),
            (
                ["template=C[*:1]", "points={1: [3]}"],
                "points: 1: length must be a number of tokens",
            ),
            (
                ["template=C[*:1]", "points=[1, 2]"],
                r"points must be a mapping, got \[1, 2\]",
            ),
            (
                ["template=C[*:1]", "length=40"],
                r"length must lie in \[2, 23\], the template's, got",
            ),
            (
                ["template=" + "C" * 24 + "[*:1]"],
                "at least 25 tokens, and the model writes at most",
            ),
            (["points={1: 2}"], "points must be null without a template that has them"),
            (["template=C[*:1]", "seeds=hits.smi"], "template and seeds must be None for a model"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, discdiff: Run, tmp_path: Path, arguments: list[str], message: str
    ):
        (tmp_path / "hits.smi").write_text("CCO\n")
        found = discdiff("sample", "model=qm9_masked", "n=2", *arguments, code=2)
        assert re.search(message, " ".join(found.split())), found

    def test_a_model_of_selfies_is_refused_with_those_to_use(self, discdiff: Run):
        found = discdiff("sample", "n=2", "template=C1CC([*:1])C1", code=2)
        assert "template cannot be kept by a model of selfies strings" in found
        able = re.findall(r"model=(\w+)", found)
        assert {"qm9_masked", "qm9_uniform"} <= set(able)
        assert set(able) <= {entry.name for entry in registry.names("models")}
        assert "zinc_selfies" not in able


class TestDesign:
    """Campaigns."""

    def test_from_the_scaffold_to_the_table(self, discdiff: Run):
        output = discdiff(
            *("design", "model=qm9_masked", "template=C1CC([*:1])C1", "points={1: [1, 8]}"),
            *("guidance=fk", "guidance.particles=8", "round_size=16", "budget=60", "out=run"),
        )
        assert "run" in output
        designs = pandas.read_csv("run/designs.csv")
        assert len(designs) >= 60
        assert designs.SMILES.map(is_held).all()
        with sqlite3.connect("run/campaign.sqlite") as database:
            before = database.execute("SELECT * FROM evaluation ORDER BY id").fetchall()
            counts = " ".join(c for (c,) in database.execute("SELECT counts FROM round"))
        assert "invalid: scaffold lost" in counts
        discdiff("resume", "run")
        with sqlite3.connect("run/campaign.sqlite") as database:
            assert database.execute("SELECT * FROM evaluation ORDER BY id").fetchall() == before
        discdiff("select", "run", "n=5", "out=plate.csv")
        assert len(pandas.read_csv("plate.csv")) == 5

    def test_a_run_that_was_stopped_goes_on_with_its_scaffold(
        self, discdiff: Run, monkeypatch: pytest.MonkeyPatch
    ):
        arguments = ("design", "model=qm9_masked", "template=C1CC([*:1])C1", "guidance=best_of_n")
        arguments += ("guidance.candidates=2", "round_size=8", "budget=24", "baseline=false")
        discdiff(*arguments, "out=whole")
        from discdiff.campaign import rounds

        finish, done = rounds.ArmRun._refuse_failing, []

        def stopping(self, answers):
            done.append(self)
            if len(done) == 1:
                raise KeyboardInterrupt
            finish(self, answers)

        monkeypatch.setattr(rounds.ArmRun, "_refuse_failing", stopping)
        discdiff(*arguments, "out=run", code=130)
        discdiff("resume", "run")
        tables = [pandas.read_csv(f"{name}/designs.csv") for name in ("whole", "run")]
        assert len(tables[0]) == 24
        plain = [t.drop(columns=[c for c in t if "seconds" in c.lower()]) for t in tables]
        pandas.testing.assert_frame_equal(*plain)

    def test_ask_and_tell(self, discdiff: Run):
        discdiff(
            *("design", "model=qm9_masked", "template=C1CC([*:1])C1", "oracle=measured"),
            *("guidance=best_of_n", "guidance.candidates=2", "budget=40", "out=lab"),
        )
        for number in range(2):
            discdiff("ask", "lab", "n=4", "oversample=2")
            batch = pandas.read_csv(f"lab/batch-{number}.csv")
            assert batch.SMILES.map(is_held).all()
            batch.iloc[:, 1] = [float(s.count("O")) for s in batch.SMILES]
            batch.to_csv("results.csv", index=False)
            assert "4 results recorded" in discdiff("tell", "lab", "results.csv")


def test_a_file_says_the_same_as_the_command_line(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "model: qm9_masked\ntemplate: '[*:2]C1CC([*:1])C1'\n"
        "points: {1: {length: [2, 4], tokens: [C, O]}, 2: 3}\n"
    )
    typed = (
        *("model=qm9_masked", "template=[*:2]C1CC([*:1])C1"),
        "points={1: {length: [2, 4], tokens: [C, O]}, 2: 3}",
    )
    demands = []
    for overrides, given in (((), file), (typed, None)):
        source = composition.compose("design", overrides, given)
        built = build.sampler(settings.fill(settings.Design, source), source)
        demands.append(built.model.domain.demands())
    assert demands[0] == demands[1]
    assert demands[0]["parts"] == "[*:2]{3 to 3} C 1 C C ( [*:1]{2 to 4: C O} ) C 1"


class TestBand:
    """Designs near their seeds."""

    @pytest.fixture(autouse=True)
    def _hits(self, discdiff: Run, tmp_path: Path) -> None:
        (tmp_path / "hits.smi").write_text("CC1CC(C=O)C1\nOCC1CCC1\n")

    def test_samples_outside_are_invalid_for_a_reason(self, discdiff: Run):
        discdiff(
            *("sample", "model=qm9_masked", "n=60", "seeds=hits.smi", "level=0.5", "seed=2"),
            *("similarity=[0.35, 0.99]", "out=found.csv"),
        )
        reasons = set(pandas.read_csv("found.csv").invalid_reason.dropna())
        assert {"too unlike the seeds", "too like a seed"} <= reasons

    def test_a_campaign_scores_neighbours_only(self, discdiff: Run):
        discdiff(
            *("design", "model=qm9_masked", "seeds=hits.smi", "similarity=[0.3, 0.99]"),
            *("guidance=best_of_n", "guidance.candidates=2", "budget=10", "baseline=false"),
            *("round_size=8", "out=run"),
        )
        designs = pandas.read_csv("run/designs.csv")
        assert not set(designs.SMILES) & {"CC1CC(C=O)C1", "OCC1CCC1"}
        with sqlite3.connect("run/campaign.sqlite") as database:
            counts = " ".join(c for (c,) in database.execute("SELECT counts FROM round"))
        assert "invalid: too" in counts
        discdiff("resume", "run")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["similarity=[0.9, 0.1]", "seeds=hits.smi"], r"similarity must be \[low, high\], got"),
            (
                ["similarity=[0.9]", "seeds=hits.smi"],
                r"similarity must be \[low, high\], got \[0.9",
            ),
            (["similarity=[0.1, 2]", "seeds=hits.smi"], r"high must lie in \[0, 1\], got 2"),
            (["similarity=0.4", "seeds=hits.smi"], "similarity must be a list, got 0.4"),
            (["similarity=[0.1, 0.9]"], "similarity must be null without seeds"),
        ],
    )
    def test_what_is_wrong_is_said(self, discdiff: Run, arguments: list[str], message: str):
        found = discdiff("sample", "model=qm9_masked", "n=2", *arguments, code=2)
        assert re.search(message, " ".join(found.split())), found


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("template=c1ccc([*:1])cc1", "template='c1ccc([*:1])cc1'"),
        ("template=[*:1]CC[*:2]", "template='[*:1]CC[*:2]'"),
        ("template=[nH]1cccc1[*:1]", "template='[nH]1cccc1[*:1]'"),
        ("template=F/C=C\\[*:1]", "template='F/C=C\\[*:1]'"),
        ("template=C[*:1],O[*:1]", "template='C[*:1]','O[*:1]'"),
        ("template='C[*:1]'", "template='C[*:1]'"),
        ('template="C[*:1]"', 'template="C[*:1]"'),
        ("template=[C,null]", "template=[C,null]"),
        ("template=['[C]',null,['[C]','[O]']]", "template=['[C]',null,['[C]','[O]']]"),
        ("template=null", "template=null"),
    ],
)
def test_a_scaffold_needs_no_quotes(typed: str, read: str):
    assert verbatim([typed]) == [read]
