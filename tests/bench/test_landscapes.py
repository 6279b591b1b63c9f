"""Landscapes: targets by hand, tables from files, and verdicts on methods and their twins."""

import gzip
from itertools import product

import numpy as np
import pytest
import torch

from discdiff.bench import sources
from discdiff.bench.cell import Cell
from discdiff.bench.landscape import Landscape, TableReward
from discdiff.bench.landscapes import Landscapes
from discdiff.bench.sources import MeasuredTable, RandomTable, measurements
from discdiff.bench.states import words
from discdiff.domain import Letters
from discdiff.errors import ConfigError, DataError, InputError, StoreError
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import Law as Table
from tests.exact.laws import fits, tv

TASKS = {"table": {"size": 2, "length": 5, "seed": 1}}
METHODS = {
    "unguided": {"guidance": {"name": "none"}, "twin": True},
    "wrong_lambda": {
        "guidance": {"name": "best_of_n", "select": "soft", "candidates": 128, "scale": 0.5},
        "twin": True,
    },
    "best_of_n": {"name": "best_of_n", "select": "soft", "candidates": 128},
    "weighted": {"name": "fk", "particles": 50, "keep": "all", "value": "zero", "threshold": 0.0},
}


def track(**changes):
    options = {"tasks": TASKS, "methods": METHODS, "draws": 2000} | changes
    return Landscapes(**options)


def ran(whole, out):
    for cell in whole.cells():
        whole.run(cell, out, lambda line: None)
    return {(c, one.budget): one for c in whole.cells() for one in whole.outcomes(c, out)}


@pytest.fixture
def folder(tmp_path):
    """A file of 5 sites with two letters each, others at the last, of which 4 rows are missing."""
    rows = ["".join(row) for row in product("AG", "AG", "AG", "AG", "CU")]
    lines = [f"{row},{row.count('G') + 0.1 * (row[-1] == 'U')}" for row in rows[4:]]
    with gzip.open(tmp_path / "small.csv.gz", "wt") as file:
        file.write("\n".join(["name,score", *lines[:-1], f"{rows[-1]},"]))
    return tmp_path


def small(**changes):
    options = {"file": "small.csv.gz", "sequence": "name", "value": "score", "pool": 12}
    return MeasuredTable(**(options | {"prior": "smoothed"} | changes))


def test_the_target_is_renormalised_over_valid_rows():
    model = RandomTable(size=2, length=2).build(None, None).sampler
    p, worth = np.array([0.1, 0.2, 0.3, 0.4]), np.array([5.0, np.nan, 7.0, 4.0])
    found = Landscape(model, p, worth, 2.0, True)
    valid = [0, 2, 3]
    mean = (p[valid] * worth[valid]).sum() / 0.8
    deviation = np.sqrt((p[valid] * (worth[valid] - mean) ** 2).sum() / 0.8)
    weight = p[valid] * np.exp(2 * (worth[valid] - mean) / deviation)
    assert found.target[1] == 0
    np.testing.assert_allclose(found.target[valid], weight / weight.sum(), rtol=1e-12)
    squared = p[valid] * weight
    np.testing.assert_allclose(found.tilted(2.0)[valid], squared / squared.sum(), rtol=1e-12)
    known = found.reward()(torch.tensor([[0, 1], [1, 0]]))
    assert known.valid.tolist() == [False, True]
    assert known.reward[1] == pytest.approx((7 - mean) / deviation)


def test_a_table_of_rewards_says_what_it_was_asked():
    reward = TableReward(Letters("AC"), np.array([1.0, 2.0, np.nan, 0.0]), 2)
    found = reward(torch.tensor([[0, 1], [1, 0], [0, 1]]))
    assert found.strings == ["AC", "CA", "AC"]
    assert found.scores.status == ("ok", "invalid", "ok")
    assert (reward.counts.requested, reward.counts.invalid, reward.counts.evaluated) == (3, 1, 2)
    np.testing.assert_array_equal(reward.strings(["CC", "AA"]).reward, [0.0, 1.0])


@pytest.mark.parametrize("process", ["masked", "uniform"])
def test_the_sampler_of_a_task_draws_its_law(process):
    found = RandomTable(size=3, length=2, seed=5, process=process, steps=3).build(None, None)
    tokens = found.sampler.run(found.sampler.init(20_000, key=3)).tokens
    assert fits(Table(3, words(3, 2).numpy(), found.law), tokens)


def test_a_random_table_is_not_that_of_independent_positions():
    one, other = (
        RandomTable(size=3, length=2, seed=5, independent=flag).build(None, None)
        for flag in (True, False)
    )
    for found, near in ((one, True), (other, False)):
        p = found.law.reshape(3, 3)
        assert np.allclose(np.outer(p.sum(1), p.sum(0)), p, atol=1e-12) == near
    assert tv(one.law, one.target) > 0.1


def test_methods_are_within_the_limit_and_twins_are_not(tmp_path):
    whole = track()
    text = whole.tables(ran(whole, tmp_path))
    said = {line.split(" | ")[1]: line for line in text.splitlines() if line.startswith("| table")}
    assert "twin, beyond 1.5 floors |  |" in said["unguided"]
    assert "twin, beyond 1.5 floors |  |" in said["wrong_lambda"]
    assert "| within 1.5 floors |  |" in said["best_of_n"]
    assert "| within 1.5 floors |  |" in said["weighted"]
    assert "All as it should." in text
    (found,) = whole.outcomes(Cell("table", "weighted", 0), tmp_path)
    assert 200 < found.figures["effective"] < 1700  # of 2000 with unequal weights
    assert found.figures["requested"] == 2000


def test_a_power_of_the_law_is_another_target(tmp_path):
    squared = {"guidance": {"name": "correctors", "particles": 64, "power": 2.0}}
    methods = METHODS | {"squared": squared | {"power": 2.0}, "wrong": squared | {"twin": True}}
    text = track(methods=methods).tables(ran(track(methods=methods), tmp_path))
    assert "All as it should." in text


def test_what_is_not_as_it_should_be_is_named(tmp_path):
    twin = METHODS["wrong_lambda"] | {"twin": False}
    fair = {"guidance": METHODS["best_of_n"], "twin": True}
    methods = {"unguided": METHODS["unguided"], "wrong": twin, "fair": fair}
    whole = track(methods=methods)
    text = whole.tables(ran(whole, tmp_path))
    assert "Not as it should be: wrong on table, fair on table." in text
    assert "beyond 1.5 floors | WRONG |" in text


def test_a_twin_of_which_few_draws_count_is_not_found_out():
    figures = {"ratio": 9.0, "effective": 5.0, "asked": 100.0, "agrees": 1.0}
    said, right = track()._verdict("table", "wrong_lambda", figures)
    assert (said, right) == ("fewer than 10% of the draws count", False)
    said, right = track()._verdict("table", "wrong_lambda", figures | {"effective": 50.0})
    assert (said, right) == ("twin, beyond 1.5 floors", True)


def test_nothing_is_claimed_where_conditionals_contradict_each_other(folder):
    tasks = {"small": {"file": "small.csv.gz", "sequence": "name", "value": "score", "pool": 12}}
    tasks["small"] |= {"training": 2}
    isir = {"guidance": {"name": "isir", "sweeps": 1, "level": 0.01}, "agrees": True}
    whole = track(
        tasks=tasks | TASKS, methods=METHODS | {"isir": isir}, data=str(folder), draws=500
    )
    text = whole.tables(ran(whole, folder / "out"))
    lines = [line for line in text.splitlines() if " isir " in line]
    assert "none claimed, beyond 1.5 floors |  |" in lines[0]
    assert "beyond 1.5 floors | WRONG |" in lines[1]


def test_a_cell_runs_once_and_not_with_other_settings(tmp_path):
    seen, whole = [], track(draws=50)
    cell = next(iter(whole.cells()))
    for _ in range(2):
        whole.run(cell, tmp_path, seen.append)
    assert seen == ["law", "50 draws"]
    with pytest.raises(StoreError, match="measured with other settings"):
        track(draws=100).run(cell, tmp_path, seen.append)


def test_letters_of_a_file_are_numbered_site_by_site(folder):
    found = measurements(folder / "small.csv.gz", "name", "score")
    assert found.domain.alphabet.tokens == ("A", "B")  # the sites differ in theirs
    assert (found.length, len(found.worth)) == (5, 32)
    assert np.isnan(found.worth).nonzero()[0].tolist() == [0, 1, 2, 3, 31]
    assert found.worth[0b11110] == pytest.approx(4.0)
    assert found.worth[0b01011] == pytest.approx(2.1)


def test_a_smoothed_prior_is_exact(folder):
    found = small(flip=0.2, between=(0.0, 0.5)).build(folder, folder)
    assert found.agrees
    tokens = found.sampler.run(found.sampler.init(20_000, key=3)).tokens
    assert fits(Table(2, words(2, 5).numpy(), found.law), tokens)
    assert np.isnan(found.rewards[[0, 31]]).all()
    assert found.target[[0, 1, 2, 3, 31]].sum() == 0


@pytest.mark.parametrize("process", ["masked", "uniform"])
def test_a_trained_prior_and_its_law_are_made_once(folder, process, monkeypatch):
    kind = small(prior="trained", training=2, process=process, steps=2)
    first = kind.build(folder, folder / "out")
    assert not first.agrees
    assert first.law.sum() == pytest.approx(1.0, abs=1e-6)
    tokens = first.sampler.run(first.sampler.init(20_000, key=3)).tokens
    assert fits(Table(2, words(2, 5).numpy(), first.law), tokens)

    def refuse(*_):
        raise AssertionError("made again")

    monkeypatch.setattr(sources, "first_hitting_law", refuse)
    monkeypatch.setattr(sources, "ancestral_law", refuse)
    again = kind.build(folder, folder / "out")
    np.testing.assert_array_equal(again.law, first.law)
    assert len(list((folder / "out" / "priors").iterdir())) == 2  # a model and a law


def test_another_sampler_has_no_law_here():
    task, model = RandomTable(size=2, length=2), Model.tabular(["AA", "CC"])
    with pytest.raises(InputError, match="sampler must be one that a task made, got <"):
        task.law(FirstHitting(model))


def test_a_sample_lies_between_quantiles(folder):
    known = measurements(folder / "small.csv.gz", "name", "score")
    rows = small(between=(0.5, 1.0)).sample(known.worth)
    assert len(set(rows.tolist())) == 12
    assert known.worth[rows].min() >= np.nanmedian(known.worth)
    with pytest.raises(InputError, match="pool must be at most 13 rows, got 15"):
        small(between=(0.5, 1.0), pool=15).sample(known.worth)


def test_tasks_with_a_file_are_left_out_without_their_folder(folder):
    tasks = TASKS | {"small": {"file": "small.csv.gz"}}
    whole = track(tasks=tasks)
    assert {cell.task for cell in whole.cells()} == {"table"}
    assert "Left out, for track.data is not set: small." in whole.tables({})
    assert {c.task for c in track(tasks=tasks, data=str(folder)).cells()} == {"table", "small"}


def test_methods_run_where_they_belong():
    tasks = TASKS | {"uniform": {"process": "uniform"}}
    methods = METHODS | {
        "gibbs": {"guidance": {"name": "split_gibbs"}, "process": "uniform"},
        "tilt": {"guidance": {"name": "importance_tilt"}, "tasks": ["table"]},
    }
    cells = {(c.task, c.method) for c in track(tasks=tasks, methods=methods).cells()}
    assert {t for t, m in cells if m == "gibbs"} == {"uniform"}
    assert {t for t, m in cells if m == "tilt"} == {"table"}


def test_the_scale_of_a_method_is_relative_to_that_of_the_task():
    entrants = track().entrants
    assert entrants["best_of_n"].built(3.0, "masked").scale == 3.0
    assert entrants["wrong_lambda"].built(3.0, "masked").scale == 1.5
    assert entrants["unguided"].settings(3.0, "masked") == {"name": "none"}


def test_a_method_may_have_other_settings_on_a_uniform_process():
    given = {"guidance": {"name": "fk", "particles": 4}, "uniform": {"interval": 8}}
    fk = track(methods=METHODS | {"fk": given}).entrants["fk"]
    assert fk.settings(1.0, "masked") == {"name": "fk", "particles": 4, "scale": 1.0}
    assert fk.built(1.0, "uniform").loop.interval == 8


def test_the_smallest_number_of_draws_holds(tmp_path):
    tasks = {"few": TASKS["table"] | {"draws": 50}, "many": TASKS["table"]}
    slow = {"guidance": {"name": "none"}, "draws": 80}
    whole = track(tasks=tasks, methods=METHODS | {"slow": slow}, draws=100)
    cells = [Cell("few", "slow", 0), Cell("many", "slow", 0), Cell("many", "unguided", 0)]
    for cell in cells:
        whole.run(cell, tmp_path, lambda line: None)
    assert [whole.outcomes(cell, tmp_path)[0].budget for cell in cells] == [50, 80, 100]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "kl"}, "measure must be one of ratio, tv, got 'kl'"),
        ({"tasks": {}}, "tasks must not be empty"),
        ({"limit": 1.0}, "limit must be greater than 1, got 1.0"),
        ({"draws": 0}, "draws must be a positive integer, got 0"),
        ({"seeds": 3}, "seeds must be a list, got 3"),
        ({"tasks": [1]}, r"tasks must be a mapping from names, got \[1\]"),
        ({"tasks": {"a/b": {"size": 2}}}, "a name in tasks must be fit for a folder, got 'a/b'"),
        ({"against": "fk"}, "against must be one of unguided, wrong_lambda, best_of_n"),
        ({"tasks": {"odd": 3}}, "tasks.odd must be a mapping, got 3"),
        ({"tasks": {"odd": {"sise": 3}}}, "tasks.odd must be one of .*Did you mean 'size'"),
        ({"tasks": {"odd": {"size": 1}}}, r"tasks.odd: size must lie in \[2, 26\], got 1"),
        ({"tasks": {"odd": {"size": 20, "length": 9}}}, "odd: .size . 1...length must be at most"),
        (
            {"methods": {"unguided": {"name": "evolution", "population": 30}}},
            "draws of unguided must be a multiple of the 30 designs that one run returns together",
        ),
        ({"tasks": {"odd": {"process": "both"}}}, "tasks.odd: process must be one of masked"),
        ({"tasks": {"odd": {"file": "a", "between": [1, 0]}}}, "between must be two quantiles"),
        ({"tasks": {"odd": {"file": "a"}}, "data": "."}, "data must be a folder that holds a, a"),
        ({"methods": {"unguided": 3}}, "methods.unguided must be the settings of a guidance"),
        (
            {"methods": {"unguided": {"guidance": {"name": "none"}, "power": 0.0}}},
            "methods.unguided.power must be greater than 0, got 0.0",
        ),
        (
            {"methods": {"unguided": {"guidance": {"name": "none"}, "twim": True}}},
            "methods.unguided must be one of .*Did you mean 'twin'",
        ),
        (
            {"methods": {"unguided": {"guidance": {"name": "none"}, "tasks": ["tabel"]}}},
            "methods.unguided.tasks must be one of table, got 'tabel'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        track(**({"against": "unguided"} | changes))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"guidance": 3}, "methods.odd must be the settings"),
        ({"guidance": {}}, "methods.odd must be the settings"),
        ({"guidance": {"name": "fk", "scale": "big"}}, "odd.guidance.scale must be a finite num"),
        ({"guidance": {"name": "none"}, "uniform": 3}, "odd.uniform must be a mapping, got 3"),
        ({"guidance": {"name": "none"}, "twin": "no"}, "odd.twin must be true or false, got 'no'"),
        ({"guidance": {"name": "none"}, "tasks": 5}, "odd.tasks must be a list, got 5"),
    ],
)
def test_a_method_of_another_kind_is_refused(method, message):
    with pytest.raises(InputError, match=message):
        track(methods=METHODS | {"odd": method})


def test_a_target_of_one_row_has_no_floor(tmp_path):
    steep = {"size": 2, "length": 2, "scale": 1000.0}
    methods = {"unguided": {"name": "none"}}
    whole = track(tasks={"steep": steep}, methods=methods, against="unguided", draws=50)
    (found,) = ran(whole, tmp_path).values()
    assert found.figures["ratio"] == np.inf


def test_a_method_that_nobody_knows_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="best_of_m"):
        track(methods=METHODS | {"odd": {"name": "best_of_m"}})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["AA,1", "AAA,2"], "name must hold rows of one length"),
        (["AA,1", "AC,2"], "equally many letters at each position, two or more, got A, AC"),
        (["AA,1", "CC,2", "AA,3"], "name must name each row once"),
        (["AA,1", "CC,two"], "row 2: score must be a number, got 'two'"),
    ],
)
def test_a_file_of_other_rows_is_refused(tmp_path, lines, message):
    (tmp_path / "odd.csv").write_text("\n".join(["name,score", *lines]))
    with pytest.raises(DataError, match=message):
        measurements(tmp_path / "odd.csv", "name", "score")


@pytest.mark.parametrize(
    ("file", "column", "value", "letters", "length", "measured", "best"),
    [
        ("tfbind8_six6.csv.gz", "sequence", "y", "ACGT", 8, 65_536, 1.0),
        ("phoq_four_site.csv.gz", "variant", "fitness", "ACDEFGHIKLMNPQRSTVWY", 4, 140_517, 133.6),
        ("ribozyme_f1u_16site.csv.gz", "sequence", "y", "AB", 16, 65_536, None),
    ],
)
def test_public_landscapes(data_folder, file, column, value, letters, length, measured, best):
    found = measurements(data_folder / file, column, value)
    assert "".join(found.domain.alphabet.tokens) == letters
    assert found.length == length
    assert len(found.worth) == len(letters) ** length
    assert (~np.isnan(found.worth)).sum() == measured
    if best is not None:
        assert np.nanmax(found.worth) == pytest.approx(best, rel=1e-3)
