"""`select` and `export`: from a run to files, and what is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from discdiff.campaign import Campaign
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of both arms over molecules; a score that not every molecule has."""

    def score(strings: list[str]) -> list[float]:
        return [float(len(s)) if len(s) % 5 else np.nan for s in strings]

    folder = tmp_path_factory.mktemp("runs") / "run"
    sampler = FirstHitting(Model.load(tiny))
    Campaign(
        folder, sampler, Unguided(), score, budget=40, round_size=8, baseline=Unguided(), seed=3
    ).run()
    return folder


@pytest.fixture
def designs(run: Path) -> pandas.DataFrame:
    """What the run evaluated."""
    return pandas.read_csv(run / "designs.csv", engine="python")


def test_a_batch_is_scored_ranked_distinct_and_repeatable(
    discdiff: Run, run: Path, designs: pandas.DataFrame, tmp_path: Path
):
    assert "12 designs: a.csv" in discdiff("select", run, "n=12", "out=a.csv")
    discdiff("select", run, "n=12", "out=b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    batch = pandas.read_csv("a.csv", engine="python", keep_default_na=False)
    assert batch["rank"].tolist() == list(range(1, 13))
    assert batch["SMILES"].is_unique
    by_id = designs.set_index("id")
    for row in batch.itertuples():
        assert by_id.loc[row.id, "SMILES"] == row.SMILES
        assert by_id.loc[row.id, "Score"] == row.Score
        mol = Chem.MolFromSmiles(row.SMILES)
        core = Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol), isomericSmiles=False)
        assert row.scaffold == core
    assert batch.columns.tolist()[:6] == [
        *("SMILES", "Score", "score (raw)", "rank", "scaffold", "nearest"),
    ]
    assert batch.Score.astype(float).max() == designs.Score.max()  # the best is always in it


@pytest.mark.parametrize("method", ["dpp", "maxmin"])
def test_weight_one_takes_the_best(
    discdiff: Run, run: Path, designs: pandas.DataFrame, method: str
):
    discdiff("select", run, "n=5", "weight=1", f"method={method}", "out=a.csv")
    best = designs.drop_duplicates("SMILES").Score.nlargest(5)
    assert pandas.read_csv("a.csv").Score.tolist() == best.tolist()


def test_diversity_is_bought_with_reward(discdiff: Run, run: Path):
    for weight in ("0", "1"):
        discdiff("select", run, "n=8", f"weight={weight}", f"out={weight}.csv")
    diverse, best = pandas.read_csv("0.csv"), pandas.read_csv("1.csv")
    assert diverse.nearest.mean() < best.nearest.mean()
    assert diverse.Score.mean() < best.Score.mean()


def test_the_cap_and_the_pool_and_the_arm_hold(discdiff: Run, run: Path, designs: pandas.DataFrame):
    discdiff("select", run, "n=3", "max_per_scaffold=1", "out=a.csv")
    scaffolds = pandas.read_csv("a.csv", keep_default_na=False).scaffold
    assert set(Counter(scaffolds).values()) == {1}
    discdiff("select", run, "n=4", "pool=6", "weight=0", "arm=unguided", "out=b.csv")
    batch = pandas.read_csv("b.csv")
    assert set(batch.arm) == {"unguided"}
    least = designs[designs.arm == "unguided"].Score.nlargest(6).min()
    assert batch.Score.min() >= least


def test_a_batch_as_sdf(discdiff: Run, run: Path):
    discdiff("select", run, "n=6", "out=a.sdf")
    discdiff("select", run, "n=6", "out=a.csv")
    batch = pandas.read_csv("a.csv")
    found = list(Chem.SDMolSupplier("a.sdf"))
    assert [Chem.MolToSmiles(mol) for mol in found] == batch.SMILES.tolist()
    assert [int(mol.GetProp("rank")) for mol in found] == batch["rank"].tolist()


def test_a_design_that_a_filter_rejected_is_never_chosen(discdiff: Run, tiny: Path, tmp_path: Path):
    folder = tmp_path / "strict"
    rule = "objective.filters=[{name: range, output: mw, high: 60}]"
    discdiff(
        *(
            "design",
            f"model={tiny}",
            "oracle=[qed]",
            "oracle.mw.name=molecular_weight",
            "budget=40",
            rule,
        ),
        *("objective.terms.qed={}", "guidance=none", "baseline=false", f"out={folder}"),
    )
    table = pandas.read_csv(folder / "designs.csv", engine="python")
    passed = table.SMILES[table["mw (raw)"] <= 60].tolist()
    assert 0 < len(passed) < len(table)
    discdiff("select", folder, f"n={len(passed)}", "weight=0", "out=all.csv")
    assert sorted(pandas.read_csv("all.csv").SMILES) == sorted(passed)
    discdiff("export", folder, "top=1000", "out=top.csv")
    assert sorted(pandas.read_csv("top.csv").SMILES) == sorted(passed)
    assert "no filter rejected" in discdiff("select", folder, f"n={len(passed) + 1}", code=2)


class TestExport:
    """Every column in every format, and the filters."""

    def test_csv_is_the_table_of_the_run(self, discdiff: Run, run: Path):
        discdiff("export", run, "out=a.csv")
        assert Path("a.csv").read_bytes() == (run / "designs.csv").read_bytes()

    def test_parquet_and_sdf_hold_the_same(
        self, discdiff: Run, run: Path, designs: pandas.DataFrame
    ):
        discdiff("export", run, "out=a.parquet")
        discdiff("export", run, "out=a.sdf")
        found = pandas.read_parquet("a.parquet")
        assert found.columns.tolist() == designs.columns.tolist()
        assert found.Score.equals(designs.Score)
        assert found.SMILES.tolist() == designs.SMILES.tolist()
        molecules = list(Chem.SDMolSupplier("a.sdf"))
        assert [Chem.MolToSmiles(mol) for mol in molecules] == designs.SMILES.tolist()
        scores = [float(m.GetProp("Score")) if m.HasProp("Score") else np.nan for m in molecules]
        assert np.array_equal(scores, designs.Score, equal_nan=True)

    def test_filters(self, discdiff: Run, run: Path, designs: pandas.DataFrame):
        discdiff("export", run, "arm=guided", "top=3", "final=true", "out=a.csv")
        kept = designs[(designs.arm == "guided") & designs.final]
        assert pandas.read_csv("a.csv").Score.tolist() == kept.Score.nlargest(3).tolist()
        discdiff("export", run, "arm=guided", "out=a.smi")
        lines = [line.split("\t")[0] for line in Path("a.smi").read_text().splitlines()]
        assert lines == designs[designs.arm == "guided"].SMILES.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["n=96"],
            r"n must be at most \d+ here \(\d+ designs with a reward that no filter rejected\)",
        ),
        (["n=9", "pool=5"], r"n must be at most 5 here \(the best 5 of \d+ designs"),
        (["max_per_scaffold=1"], r"at most 1 of each of \d+ scaffolds\), got 96"),
        (["n=0"], "command line: n must be a positive integer, got 0"),
        (["n=many"], "command line: n must be an integer, got 'many'"),
        (["methd=dpp"], "command line: unknown key 'methd'.* Did you mean 'method'?"),
        (["method=dp"], "method must be one of dpp, maxmin, got 'dp'. Did you mean 'dpp'?"),
        (["weight=2"], r"weight must lie in \[0, 1\], got 2"),
        (["pool=0"], "pool must be a positive integer, got 0"),
        (["max_per_scaffold=0"], "max_per_scaffold must be a positive integer, got 0"),
        (["arm=guide"], "arm must be one of guided, unguided, got 'guide'"),
        (["out=x.pdf"], "out must end in .bed, .csv, .*, .sdf, .smi, .txt, got 'x.pdf'"),
        (["out=no/x.csv"], "out must lie in a folder that exists"),
        (["out=there.csv"], "out must be a new file"),
    ],
)
def test_a_wrong_selection(
    discdiff: Run, run: Path, tmp_path: Path, arguments: list[str], message: str
):
    (tmp_path / "there.csv").write_text("mine")
    error = discdiff("select", run, "out=new.csv", *arguments, code=2)
    assert re.search(message, error)
    assert len(error.splitlines()) == 1
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give out=VALUE, it has no default"),
        (["out=x.xls"], "out must end in"),
        (["out=x.csv", "top=0"], "top must be a positive integer, got 0"),
        (["out=x.csv", "arm=x"], "arm must be one of guided, unguided, got 'x'"),
        (["out=x.csv", "final=maybe"], "final must be true or false, got 'maybe'"),
    ],
)
def test_a_wrong_export(
    discdiff: Run, run: Path, tmp_path: Path, arguments: list[str], message: str
):
    assert message in discdiff("export", run, *arguments, code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["select", "export"])
def test_no_run(discdiff: Run, tmp_path: Path, command: str):
    assert "nothing holds no run" in discdiff(command, "nothing", "out=x.csv", code=1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "campaign.sqlite").write_text("not a database, whatever its name")
    assert "broken" in discdiff(command, "broken", "out=x.csv", code=1)
    assert not (tmp_path / "x.csv").exists()


def test_a_domain_without_scaffolds(discdiff: Run, tmp_path: Path):
    sampler = FirstHitting(Model.tabular(["AC", "GT", "GG", "AA"]))
    Campaign(
        tmp_path / "run", sampler, Unguided(), lambda s: [x.count("G") for x in s], budget=4
    ).run()
    error = discdiff("select", "run", "n=2", "max_per_scaffold=1", "out=x.csv", code=2)
    assert "strings of the domain 'letters' have no scaffold" in error
    discdiff("select", "run", "n=2", "out=x.csv")
    found = pandas.read_csv("x.csv")
    assert found.sequence[0] == "GG"
    assert "scaffold" not in found
    assert "needs a first column SMILES" in discdiff("export", "run", "out=x.sdf", code=2)
