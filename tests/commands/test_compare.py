"""`compare`: the numbers against the tables of the runs, the page, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from discdiff.campaign import Campaign, Store
from discdiff.campaign.compare import compare
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting

Run = Callable[..., str]


def letters(strings: list[str]) -> list[float]:
    return [float(len(s)) / 10 for s in strings]


def oxygens(strings: list[str]) -> list[float]:
    return [float(s.count("O")) for s in strings]


@pytest.fixture(scope="module")
def runs(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three runs: `one` with a baseline, `two` shorter, `other` with another oracle."""
    folder = tmp_path_factory.mktemp("runs")
    sampler = FirstHitting(Model.load(tiny))
    common = {"round_size": 8, "seed": 1}
    Campaign(
        folder / "one", sampler, BestOfN(2), letters, budget=40, baseline=Unguided(), **common
    ).run()
    Campaign(folder / "two", sampler, Unguided(), letters, budget=24, **common).run()
    Campaign(folder / "<b>o=ther", sampler, Unguided(), oxygens, budget=24, **common).run()
    return folder


def test_the_numbers_are_those_of_the_tables(runs: Path):
    with Store.open(runs / "one", read_only=True) as one, Store.open(runs / "two") as two:
        found = compare({"one": one, "two": two}, levels=[0.795, 99.0])
    assert found.evaluations == 24
    assert [c.name for c in found.contestants] == ["one guided", "one unguided", "two guided"]
    lines = dict(found.lines())
    for place, (name, arm) in enumerate(
        [("one", "guided"), ("one", "unguided"), ("two", "guided")]
    ):
        table = pandas.read_csv(runs / name / "designs.csv")
        scores = table[table.arm == arm].head(24)
        best = scores.Score.nlargest(10)
        assert lines["best"][place] == f"{best.max():.3f}"
        assert lines["best 10, mean"][place] == f"{best.mean():.3f}"
        assert lines["best 10, median"][place] == f"{best.median():.3f}"
        assert lines["all evaluated, median"][place] == f"{scores.Score.median():.3f}"
        cores = {MurckoScaffoldSmiles(s, includeChirality=False) for s in scores.SMILES}
        assert lines["scaffolds"][place] == str(len(cores))
        means = [scores.Score[:i].nlargest(10).mean() for i in range(10, 25)]
        expected = [str(i) for i, mean in enumerate(means, start=10) if mean >= 0.795]
        (reached,) = (values for label, values in lines.items() if label.endswith("of 0.795"))
        assert reached[place] == (expected or ["–"])[0]
        assert lines["evaluations, whole run"][place] == str((table.arm == arm).sum())
    assert set(lines["evaluations to a mean of the best 10 of 99"]) == {"–"}
    assert any("one guided, one unguided went on" in note for note in found.notes)


def test_the_levels_are_what_each_arm_had_in_the_end(runs: Path):
    with Store.open(runs / "one", read_only=True) as one, Store.open(runs / "two") as two:
        found = compare({"one": one, "two": two})
    assert [level for _, level in found.levels] == sorted(
        c.arm.best_mean for c in found.contestants
    )
    for contestant in found.contestants:
        count = contestant.evaluations_to(contestant.arm.best_mean)
        rewards = np.array([row.reward for row in contestant.arm.rows[:count]])
        assert np.sort(rewards)[-10:].mean() == pytest.approx(contestant.arm.best_mean)


def test_table_and_page(discdiff: Run, runs: Path, tmp_path: Path):
    output = discdiff("compare", runs / "one", runs / "two", runs / "<b>o=ther", "out=x.html")
    assert "<b>o=ther and one have different oracles" in " ".join(output.split())
    page = (tmp_path / "x.html").read_text()
    assert "&lt;b&gt;o=ther guided" in page
    assert "<b>" not in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)|url\((?!#)|@import", page)
    assert page.count("<svg") == 1 + 4 * 10  # the figure, and the ten best of each arm
    assert "default-src &#39;none&#39;" in page
    assert "script-src &#39;none&#39;" in page


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["one"], "a comparison needs two runs or more, got 1", 2),
        (["one", "one"], "runs must be different ones, got .*one twice", 2),
        (["one", "absent"], "absent holds no run", 1),
        (["one", "two", "levels=[high]"], "levels must be a finite number, got 'high'", 2),
        (["one", "two", "level=[1]"], "unknown key 'level'.*Did you mean 'levels'?", 2),
        (["one", "two", "out=x.csv"], "out must end in .html, got 'x.csv'", 2),
        (["one", "two", "out=no/x.html"], "out must lie in a folder that exists", 2),
        (["one", "two", "out=there.html"], "out must be a new file", 2),
    ],
)
def test_a_wrong_comparison(
    discdiff: Run, runs: Path, tmp_path: Path, arguments: list[str], message: str, code: int
):
    (tmp_path / "there.html").write_text("mine")
    given = [a if "=" in a else runs / a for a in arguments]
    error = discdiff("compare", *given, code=code)
    assert re.search(message, error)
    assert len(error.splitlines()) == 1
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]
