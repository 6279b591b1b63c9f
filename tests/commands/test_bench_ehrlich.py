"""Ehrlich functions as a track: one pool and one prior a function, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
import yaml

from discdiff.bench.cell import Cell
from discdiff.bench.ehrlich import EhrlichFunctions
from discdiff.bench.pool import read_curve
from discdiff.campaign import Store
from discdiff.errors import ConfigError, InputError
from discdiff.model import Model
from discdiff.oracle.ehrlich import Ehrlich

Run = Callable[..., str]
SMALL = {"states": 8, "length": 10, "motifs": 2, "motif_length": 3, "quantization": 3}
METHODS = {
    "genetic": {
        "search": {"name": "genetic", "population": 10, "survivors": 3},
        "pool": 10,
    },
    "evolution": [
        *("guidance=evolution", "guidance.population=4", "guidance.children=4"),
        *("guidance.initial=10", "guidance.crossover=moved", "guidance.retries=1"),
        *("guidance.generations=100", "round_size=4"),
    ],
    "best_of_n": {"arguments": ["guidance=none"], "budget": 20},
}
SETTINGS = {
    "tasks": {"small": SMALL},
    "methods": METHODS,
    "title": "small",
    "common": ["round_size=10", "sampler=first_hitting"],
    "budgets": [20, 60],
    "seeds": [3, 4],
    "feasible": 200,
    "prior": {"steps": 3, "width": 16, "depth": 1, "heads": 2},
    "seeded": ["evolution"],
    "held": ["evolution"],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({"track": {"name": "ehrlich"} | SETTINGS, "out": "bench"}))
    return path


def function(seed: int) -> Ehrlich:
    drawn = {key: SMALL[key] for key in SMALL if key != "quantization"} | {"seed": seed}
    return Ehrlich(drawn, quantization=3)


def rows(folder: Path) -> list[tuple[int, str, float]]:
    with Store.open(folder, read_only=True) as store:
        return [(row.request, row.sequence, row.reward) for row in store.rows()]


def test_a_benchmark_from_a_file(discdiff: Run, file: Path, tmp_path: Path):
    text = discdiff("bench", "guidance", file)
    assert "ahead of genetic" in text
    assert "Within the denoiser rows" not in text  # a search without a model takes none
    found = pandas.read_parquet(tmp_path / "bench" / "figures.parquet")
    assert len(found) == 2 * (2 + 2 + 1)
    assert np.allclose(found["regret"], 1 - found["top1"].fillna(0))
    for seed in (3, 4):
        pool, oracle = function(seed).feasible_pool(200, seed), function(seed)
        shared = tmp_path / f"bench/priors/small/seed-{seed}"
        assert (shared / "pool.csv").read_text().split() == ["sequence", *pool]
        assert Model.load(shared / "model").card["data"] == "200 strings"
        # a member of the pool costs a request of whoever asks for it
        curve = read_curve(tmp_path / f"bench/small/genetic/seed-{seed}")
        assert curve.cost.tolist() == list(range(1, 61))
        assert curve.reward[:10].tolist() == oracle(pool[:10]).values[:, 0].tolist()
        asked = rows(tmp_path / f"bench/small/evolution/seed-{seed}")
        first = {sequence for request, sequence, _ in asked if request <= 10}
        assert len(first) >= 8
        assert first <= set(pool)
        values = oracle([sequence for _, sequence, _ in asked]).values[:, 0]
        scored = np.array([reward for *_, reward in asked])
        assert np.array_equal(scored, values, equal_nan=True)
        drawn = [
            sequence for _, sequence, _ in rows(tmp_path / f"bench/small/best_of_n/seed-{seed}")
        ]
        assert not set(drawn[:5]) <= set(pool)


def test_cells_resume_with_the_prior_that_is_there(
    discdiff: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arguments = ("bench", "guidance", file, "seeds=[3]", "methods=[evolution]")
    discdiff(*arguments, "out=whole")
    record, written = Store.record, 0

    def dying(self: Store, rows: object) -> None:
        nonlocal written
        written += 1
        if written == 5:
            raise KeyboardInterrupt
        record(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "record", dying)
    discdiff(*arguments, "out=cut", code=130)
    (weights,) = (tmp_path / "cut/priors").rglob("training/*/model/model.safetensors")
    before = weights.stat().st_mtime_ns
    discdiff(*arguments, "out=cut")
    assert weights.stat().st_mtime_ns == before
    whole, cut = (
        pandas.read_parquet(tmp_path / name / "figures.parquet") for name in ("whole", "cut")
    )
    pandas.testing.assert_frame_equal(cut, whole)
    assert rows(tmp_path / "cut/small/evolution/seed-3") == rows(
        tmp_path / "whole/small/evolution/seed-3"
    )


def test_another_prior_needs_another_folder(discdiff: Run, file: Path):
    arguments = ("bench", "guidance", file, "seeds=[3]", "methods=[best_of_n]")
    discdiff(*arguments)
    message = discdiff(*arguments, "track.prior.steps=4", code=1)
    assert "cannot be continued with other settings" in message


def test_another_pool_needs_another_folder(discdiff: Run, file: Path):
    arguments = ("bench", "guidance", file, "seeds=[3]", "methods=[genetic]")
    discdiff(*arguments)
    message = discdiff(*arguments, "track.feasible=100", code=1)
    assert "cannot be continued with other settings" in message


def test_a_seed_is_a_function_with_a_pool_and_a_prior():
    track = EhrlichFunctions(**SETTINGS)
    one, other = (track.function(Cell("small", "genetic", seed)) for seed in (3, 4))
    assert one.parameters == function(3).parameters != other.parameters
    values = track.composed(Cell("small", "evolution", 4), Path("out")).values
    assert values["oracle"]["ehrlich"]["problem"]["seed"] == values["seed"] == 4
    assert values["seeds"] == str(Path("out/priors/small/seed-4/pool.csv").absolute())
    other = track.composed(Cell("small", "best_of_n", 4), Path("out")).values
    assert other["seeds"] is None
    assert not other["constraint"]


def test_methods_that_are_held_may_not_draw_a_pair_that_the_pool_does_not_have():
    pool, letters = function(3).feasible_pool(200, 3), function(3).letters
    seen = {string[i : i + 2] for string in pool for i in range(9)}
    track = EhrlichFunctions(**SETTINGS)
    given = track.composed(Cell("small", "evolution", 3), Path("out")).values["constraint"]
    assert given["forbidden"]
    assert set(given["forbidden"]) == {a + b for a in letters for b in letters} - seen


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": {"a": {"states": 4}}}, r"tasks\.a must hold states, length, .*, got \{'states'"),
        ({"tasks": {"a": ["oracle=[qed]"]}}, r"tasks\.a must hold states"),
        ({"tasks": {"a": SMALL | {"quantization": 2}}}, "quantization must divide the motif"),
        ({"tasks": {"a": SMALL | {"length": 5}}}, "length must be at least motifs x motif_length"),
        ({"feasible": 0}, "feasible must be a positive integer, got 0"),
        ({"prior": {"step": 4}}, "key of prior must be one of kind, steps, .*, got 'step'"),
        ({"seeded": ["genetic"]}, "seeded must be one of evolution, best_of_n, got 'genetic'"),
        ({"against": "fk"}, "against must be one of genetic, evolution, best_of_n, got 'fk'"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        EhrlichFunctions(**SETTINGS | change)


def test_a_folder_may_have_any_name():
    track, out = EhrlichFunctions(**SETTINGS), Path("it's")
    values = track.composed(Cell("small", "evolution", 4), out).values
    assert values["seeds"] == str((out / "priors/small/seed-4/pool.csv").absolute())
    assert values["model"] == str(out / "priors/small/seed-4/model")


def test_a_search_gets_the_letters():
    track = EhrlichFunctions(**SETTINGS)
    assert "".join(track.search("genetic").letters) == function(3).letters
    named = {"genetic": {"search": {"name": "genetic", "letters": "AB"}, "pool": 10}}
    with pytest.raises(ConfigError, match="has no option 'letters'"):
        EhrlichFunctions(**SETTINGS | {"methods": named})
