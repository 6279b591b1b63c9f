"""`bench`: cells run once, resumed, chosen, compared, logged; and what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
import yaml
from rdkit import Chem
from rdkit.Chem import Descriptors
from typer.testing import CliRunner

from discdiff.bench.campaigns import Campaigns
from discdiff.bench.pool import read_curve
from discdiff.campaign import Store
from discdiff.cli import app
from discdiff.errors import InputError
from discdiff.model import Model
from discdiff.registry import build
from tests.commands.test_tracking import Service

Run = Callable[..., str]
ORACLES = {"qed": ["oracle=[qed]"], "tpsa": ["oracle=[tpsa]"]}
METHODS = {
    "best_of_n": ["guidance=none"],
    "evolution": [
        *("guidance=evolution", "guidance.population=4", "guidance.initial=8"),
        *("guidance.children=4", "round_size=4"),
    ],
    "fk": {"arguments": ["guidance=fk", "guidance.particles=2"], "budget": 16},
    "ga": {"search": {"name": "graph_ga", "population": 10, "offspring": 6}, "pool": 10},
}


@pytest.fixture
def track(tiny: Path) -> dict[str, object]:
    return {
        "name": "campaigns",
        "title": "small",
        "tasks": ORACLES,
        "methods": METHODS,
        "common": [f"model={tiny}", "round_size=8"],
        "budgets": [16, 40],
        "seeds": [0, 1],
        "measure": "top10",
    }


@pytest.fixture
def file(track: dict[str, object], tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({"track": track, "out": "bench"}))
    return path


def figures(folder: Path) -> pandas.DataFrame:
    return pandas.read_parquet(folder / "figures.parquet")


def test_a_benchmark_from_a_file(discdiff: Run, file: Path, tmp_path: Path):
    text = discdiff("bench", "guidance", file)
    assert "| qed | 40 | best_of_n |" in text
    assert "| all tasks | 16 | fk |" in text
    assert "| qed | 40 | fk |" not in text  # too slow for the largest budget
    assert "Within the denoiser rows" in text
    found = figures(tmp_path / "bench")
    assert len(found) == 2 * 2 * (2 + 2 + 1 + 2)
    assert (found["evaluated"] <= found["budget"]).all()
    assert "<svg" in (tmp_path / "bench" / "curves.svg").read_text()
    assert (tmp_path / "bench" / "table.md").read_text().strip() in text
    # a small budget is what the large one had found by then
    curves = pandas.read_parquet(tmp_path / "bench" / "curves.parquet")
    for _, line in found.iterrows():
        same = [curves[key] == line[key] for key in ("task", "method", "seed")]
        own = curves[np.logical_and.reduce(same) & (curves["cost"] <= line["budget"])]
        best = np.sort(own["reward"].dropna())[-10:]
        assert line["top10"] == pytest.approx(best.mean())


def test_draws_without_guidance_are_made_once(discdiff: Run, file: Path, tmp_path: Path):
    discdiff("bench", "guidance", file, "methods=[best_of_n]", "seeds=[0]")
    shared = tmp_path / "bench" / "tpsa" / "best_of_n" / "seed-0"
    assert {path.name for path in shared.iterdir()} == {"curve.npz"}
    # the same figures as a campaign of its own
    out = tmp_path / "own"
    composed = yaml.safe_load((tmp_path / "bench/qed/best_of_n/seed-0/config.yaml").read_text())
    discdiff(
        *("design", f"model={composed['model']}", "oracle=[tpsa]", "guidance=none", "budget=40"),
        *("charge=all", "round_size=8", "baseline=false", f"out={out}"),
    )
    with Store.open(out, read_only=True) as store:
        rows = [(row.request, row.reward) for row in store.rows()]
    scored = read_curve(shared)
    pairs = list(zip(scored.cost.tolist(), scored.reward.tolist(), strict=True))
    assert [cost for cost, _ in pairs] == [cost for cost, _ in rows]
    assert [value for _, value in pairs] == pytest.approx([value for _, value in rows])


def test_a_search_begins_with_the_draws_and_pays_for_them(
    discdiff: Run, file: Path, tmp_path: Path
):
    discdiff("bench", "guidance", file, "methods=[ga]", "seeds=[1]", "tasks=[tpsa]")
    with Store.open(tmp_path / "bench/qed/best_of_n/seed-1", read_only=True) as store:
        pool = [(row.request, row.sequence) for row in store.rows()][:10]
    found = read_curve(tmp_path / "bench/tpsa/ga/seed-1")
    assert found.cost[:10].tolist() == [request for request, _ in pool]
    assert found.cost[10:].tolist() == list(range(pool[-1][0] + 1, 41))
    expected = [Descriptors.TPSA(Chem.MolFromSmiles(sequence)) for _, sequence in pool]
    assert found.reward[:10].tolist() == pytest.approx(expected)
    assert np.isnan(found.nfe).all()
    assert found.reward[10:].max() > max(expected)


def test_another_model_in_the_same_place_is_refused(
    discdiff: Run, file: Path, tiny: Path, track: dict[str, object], tmp_path: Path
):
    shutil.copytree(tiny, tmp_path / "mine")
    track["common"] = [f"model={tmp_path / 'mine'}", "round_size=8"]
    file.write_text(yaml.safe_dump({"track": track, "out": "bench"}))
    arguments = ("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", "methods=[fk]")
    discdiff(*arguments)
    model = Model.load(tmp_path / "mine")
    with torch.no_grad():
        for weight in model.denoiser.parameters():
            weight.add_(0.1)
    model.save(tmp_path / "mine")
    assert "cannot be continued with other settings" in discdiff(*arguments, code=1)


def test_measures_that_begin_at_0_refuse_what_is_below(
    discdiff: Run, file: Path, track: dict[str, object]
):
    track["tasks"] = {"logp": ["oracle=[logp]"]}
    track["measure"] = "auc_top10"
    file.write_text(yaml.safe_dump({"track": track, "out": "bench"}))
    arguments = ("bench", "guidance", file, "seeds=[0]", "methods=[best_of_n]")
    assert "measure must be top10 or top1 where rewards are below 0" in discdiff(*arguments, code=2)


def test_each_cell_says_what_it_measured_when_it_ends(discdiff: Run, file: Path):
    arguments = ["bench", "guidance", str(file), "tasks=[qed]", "seeds=[0]", "methods=[fk]"]
    for lines in (2, 0):  # the second time all are recorded
        result = CliRunner().invoke(app, arguments)
        said = [line for line in result.stderr.splitlines() if line.startswith("qed ")]
        assert len(said) == lines
        assert all("top10 " in line and " at 16" in line for line in said)


def test_a_pool_without_a_search_is_refused(discdiff: Run, file: Path):
    message = discdiff("bench", "guidance", file, "+track.methods.fk.pool=9", code=2)
    assert "methods.fk.pool must be left out where there is no search" in message


def test_a_changed_search_needs_another_folder(discdiff: Run, file: Path):
    arguments = ("bench", "guidance", file, "methods=[ga]", "seeds=[1]", "tasks=[tpsa]")
    discdiff(*arguments)
    message = discdiff(*arguments, "track.methods.ga.pool=9", code=1)
    assert "cannot be continued with other settings" in message
    assert "pool" in message


def test_what_is_there_is_not_run_again(discdiff: Run, file: Path, tmp_path: Path):
    discdiff("bench", "guidance", file, "tasks=[qed]", "seeds=[0]")
    database = tmp_path / "bench/qed/evolution/seed-0/campaign.sqlite"
    before = (database.stat().st_mtime_ns, figures(tmp_path / "bench"))
    discdiff("bench", "guidance", file, "tasks=[qed]")
    assert database.stat().st_mtime_ns == before[0]
    after = figures(tmp_path / "bench")
    assert len(after) == 2 * len(before[1])
    pandas.testing.assert_frame_equal(after[after["seed"] == 0].reset_index(drop=True), before[1])


def test_an_interrupted_benchmark_ends_with_the_same_figures(
    discdiff: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from discdiff.campaign.store import Store as Record

    arguments = ("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", "methods=[evolution]")
    discdiff(*arguments, "out=whole")
    record, written = Record.record, 0

    def dying(self: Record, rows: object) -> None:
        nonlocal written
        written += 1
        if written == 7:
            raise KeyboardInterrupt
        record(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Record, "record", dying)
    discdiff(*arguments, "out=cut", code=130)
    discdiff(*arguments, "out=cut")
    pandas.testing.assert_frame_equal(figures(tmp_path / "cut"), figures(tmp_path / "whole"))


def test_a_table_has_no_figures_of_other_settings(
    discdiff: Run, file: Path, track: dict[str, object]
):
    track["methods"] = {name: METHODS[name] for name in ("best_of_n", "ga")}
    track["seeds"] = [0]
    file.write_text(yaml.safe_dump({"track": track, "out": "bench"}))
    discdiff("bench", "guidance", file)
    others = ("bench", "guidance", file, "tasks=[qed]", "methods=[best_of_n]")
    assert "search.offspring was 6, now 7" in discdiff(
        *others, "track.methods.ga.search.offspring=7", code=1
    )
    weight = 'track.tasks.tpsa=["oracle=[tpsa]","objective.terms.tpsa.weight=3"]'
    assert "objective.terms was not set" in discdiff(*others, weight, code=1)  # scored anew


def test_a_search_without_a_valid_draw_finds_nothing(
    discdiff: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from discdiff.chem.selfies import Selfies

    monkeypatch.setattr(Selfies, "invalid_reason", lambda self, string: "no")
    arguments = ("seeds=[0]", "tasks=[qed]", "methods=[ga]", "track.methods.fk.budget=5")
    text = discdiff("bench", "guidance", file, *arguments, "track.budgets=[5]")
    assert "| qed | 5 | ga | nan" in text
    assert len(read_curve(tmp_path / "bench/qed/ga/seed-0").cost) == 0


def test_a_folder_may_have_any_name(discdiff: Run, file: Path, tmp_path: Path):
    arguments = ("tasks=[qed]", "seeds=[0]", "methods=[fk]")
    discdiff("bench", "guidance", file, *arguments, r"out='it\'s, a = place'")
    assert (tmp_path / "it's, a = place/qed/fk/seed-0/campaign.sqlite").is_file()


def test_a_changed_benchmark_needs_another_folder(
    discdiff: Run, file: Path, track: dict[str, object]
):
    discdiff("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", "methods=[evolution]")
    track["common"] = [*track["common"], "batch_size=5"]  # type: ignore[misc]
    file.write_text(yaml.safe_dump({"track": track, "out": "bench"}))
    message = discdiff("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", code=1)
    assert "cannot be continued with other settings" in message
    assert "batch_size" in message


def test_figures_and_files_reach_wandb(
    discdiff: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    service = Service()
    monkeypatch.setitem(__import__("sys").modules, "wandb", service)
    discdiff("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", "logger=wandb")
    assert ("*/*", "budget") in service.metrics
    logged = {key: value for one in service.logged for key, value in one.items()}
    found = figures(tmp_path / "bench").set_index(["method", "budget"])
    assert logged["qed/evolution/seed-0/top10"] == found.loc[("evolution", 40), "top10"]
    assert len(logged["figures"].data) == len(found)
    (files,) = service.artifacts
    assert {"table.md", "figures.parquet", "curves.svg"} <= set(map(os.path.basename, files.files))
    assert service.ended == [0]


def test_a_service_that_fails_costs_a_warning(
    discdiff: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(__import__("sys").modules, "wandb", Service(fails="init"))
    text = discdiff("bench", "guidance", file, "tasks=[qed]", "seeds=[0]", "logger=wandb")
    assert "| qed | 40 |" in text


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("tasks=[qd]", "tasks must be among qed, tpsa, got 'qd'"),
        ("methods=[svdd]", "methods must be among best_of_n, evolution, fk, ga, got 'svdd'"),
        ("track.methods.ga.search=gax", "baseline must be one of genetic, graph_ga, local"),
        ("track.methods.ga.search.popul=3", "popul"),
        ("tasks=[]", "tasks must not be empty, or null for all"),
        ("track.against=ga", "against must be a guidance method run to the largest budget"),
        ("track.against=fk", "against must be a guidance method run to the largest budget"),
        ("track.methods.fk.budget=9", "methods.fk.budget must be at least the smallest of budgets"),
        ("seeds=[7]", "seeds must be among 0, 1, got 7"),
        ("track.measure=auc", "measure must be one of auc_top10, top10, top1, regret, got 'auc'"),
        ("track.against=tds", "against must be one of best_of_n"),
        ("track.budgets=[]", "budgets must not be empty"),
        ("track.budget=[5]", "budget"),
        ("track.methods.fk.budget=0", "methods.fk.budget"),
        ("track.methods.fk=guidance", "methods.fk must be a list of arguments"),
        ('track.methods.best_of_n=["guidance=nonne"]', "with best_of_n: guidance must be one of"),
        (
            'track.methods.best_of_n=["guidance=fk","guidance.size=3"]',
            "with best_of_n: command line: guidance 'fk' has",
        ),
        ("track.tasks.qed=null", "tasks.qed must be a list of arguments such as guidance=fk"),
        ("track.budgets=16", "budgets must be a list, got 16"),
        ("track.common=null", "common must be a list of arguments"),
        ("track.charge=some", "charge must be one of all, evaluated, got 'some'"),
    ],
)
def test_mistakes_are_named(discdiff: Run, file: Path, argument: str, message: str):
    assert message in discdiff("bench", "guidance", file, argument, code=2)


def test_the_packaged_tracks_compose():
    from discdiff.config.composition import compose
    from discdiff.config.hydra import options

    for name in options("track"):
        if name == "campaigns":  # the class, which has tasks of the user's
            continue
        values = compose("bench", [f"track={name}"]).values["track"]
        built = build("tracks", values)
        assert list(built.cells())
        if isinstance(built, Campaigns):
            for cell in (one for one in built.cells() if one.seed == built.seeds[0]):
                assert built.composed(cell, Path("out")).values["oracle"]


def test_tasks_must_be_given():
    with pytest.raises(InputError, match="tasks must not be empty"):
        Campaigns({}, {"best_of_n": ["guidance=none"]})


def test_a_posterior_in_closed_form(discdiff: Run, tmp_path: Path):
    methods = {
        "unguided": {"name": "none"},
        "split_gibbs": {"name": "split_gibbs", "step": "closed", "sweeps": 20, "scale": 1.0},
        "isir": {"guidance": {"name": "isir", "sweeps": 2, "scale": 1.0}, "draws": 100},
    }
    settings = {"name": "grid", "methods": methods, "dimensions": [2, 3], "budgets": [100, 200]}
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump({"track": settings | {"seeds": [0, 1]}, "out": "bench"}))
    text = discdiff("bench", "guidance", path)
    assert "| 2 dimensions | 200 | split_gibbs |" in text
    assert "Cost: draws." in text
    assert "| 3 dimensions | 200 | isir |" not in text
    assert len(figures(tmp_path / "bench")) == 2 * 2 * (2 + 2 + 1)
    assert "split_gibbs" in discdiff("bench", "guidance", "track=grid", "--show")


def test_laws_that_are_enumerated(discdiff: Run, tmp_path: Path):
    methods = {
        "unguided": {"guidance": {"name": "none"}, "twin": True},
        "best_of_n": {"name": "best_of_n", "select": "soft", "candidates": 128},
    }
    settings = {"name": "landscapes", "tasks": {"table": {"size": 2, "length": 5, "seed": 1}}}
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump({"track": settings | {"methods": methods}, "out": "bench"}))
    text = discdiff("bench", "guidance", path, "track.draws=2000")
    assert "twin, beyond 1.5 floors |  |" in text
    assert "| within 1.5 floors |  |" in text
    assert figures(tmp_path / "bench")["ratio"].max() > 1.5
    assert (tmp_path / "bench" / "table.md").read_text().strip() in text


def test_a_track_has_a_full_version(discdiff: Run):
    text = discdiff("bench", "guidance", "--full", "--show")
    assert text.count("oracle=[") == 20
    assert "title: molecules_full" in text
    message = discdiff("bench", "guidance", "--full", "track=grid", code=2)
    assert "track must be one of" in message
    assert "got 'grid_full'" in message
