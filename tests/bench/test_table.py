"""Tables of made-up cells, where every figure is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from discdiff.bench import Cell, Curve
from discdiff.bench.cell import Outcome, keep, kept
from discdiff.bench.table import ALL, at_equal_rows, lines, markdown
from discdiff.errors import StoreError


@dataclass
class Made:
    measure: str = "score"
    larger_is_better: bool = True
    against: str = "a"
    charged: str = "requests"


def results(values, nfe=None):
    found = {}
    for (task, method, seed), value in values.items():
        rows = np.array([1.0, 2.0]) * (nfe or {}).get(method, 10)
        curve = Curve(np.array([1.0, 2.0]), np.array([value / 2, value]), rows, 2)
        found[Cell(task, method, seed), 2] = Outcome(2, {"score": value}, curve)
    return found


VALUES = {
    ("t", "a", 0): 1.0,
    ("t", "a", 1): 3.0,
    ("t", "a", 2): 2.0,
    ("t", "b", 0): 3.0,
    ("t", "b", 1): 5.1,
    ("t", "b", 2): 3.9,
    ("u", "a", 0): 10.0,
    ("u", "a", 1): 10.0,
    ("u", "b", 0): 9.0,
}


def test_lines_have_medians_pairs_and_sums():
    found = {(line.task, line.method): line for line in lines(Made(), results(VALUES))}
    assert found["t", "b"].spread.median == 3.9
    assert found["t", "b"].seeds == 3
    assert sum(found["t", "b"].ahead) / 2 == pytest.approx(2.0)
    assert found["t", "b"].wins
    assert not found["t", "a"].wins
    assert found[ALL, "a"].spread.median == 12.0
    assert found[ALL, "b"].spread.median == 12.0  # the seed that has both tasks


def test_smaller_is_better_turns_the_comparison():
    (rising,), (falling,) = (
        [line for line in found if (line.task, line.method) == ("t", "b")]
        for found in (
            lines(Made(), results(VALUES)),
            lines(Made(larger_is_better=False), results(VALUES)),
        )
    )
    assert falling.ahead == pytest.approx((-rising.ahead[1], -rising.ahead[0]))
    assert rising.wins
    assert not falling.wins


def test_equal_rows_cut_the_dearer_method_and_leave_out_the_free_one():
    values = {("t", m, s): 4.0 for m in "abc" for s in (0, 1)}
    found = at_equal_rows(Made(), results(values, {"a": 10, "b": 15, "c": np.nan}))
    best = {line.method: line.spread.median for line in found}
    assert best == {"a": pytest.approx(3.0), "b": pytest.approx(2.0)}
    assert {line.budget for line in found} == {20}


def test_what_was_run_to_a_smaller_budget_is_not_compared_at_equal_rows():
    found = results({("t", m, 0): 4.0 for m in "ab"})
    found = {
        (cell, 1 if cell.method == "b" else budget): one for (cell, budget), one in found.items()
    }
    assert {line.method for line in at_equal_rows(Made(), found)} == {"a"}


def test_a_missing_figure_hides_no_other():
    values = {("t", "a", 0): float("nan"), ("t", "b", 0): 1.0}
    assert "| t | 2 | b | **1.000** |" in markdown(
        lines(Made(), results(values)), Made(), "budget", "score"
    )


def test_markdown_marks_the_best():
    text = markdown(lines(Made(), results(VALUES)), Made(), "budget", "score")
    assert "| t | 2 | b | **3.900** |" in text
    assert "| t | 2 | a | 2.000 |" in text
    lower = Made(larger_is_better=False)
    assert "| t | 2 | a | **2.000** |" in markdown(
        lines(lower, results(VALUES)), lower, "budget", "score"
    )


def test_figures_of_a_cell_are_kept_with_their_settings(tmp_path):
    assert kept(tmp_path / "cell", {"n": 1}) is None
    keep(tmp_path / "cell", {"n": 1}, [Outcome(5, {"tv": 0.25})])
    (found,) = kept(tmp_path / "cell", {"n": 1})
    assert (found.budget, found.figures) == (5, {"tv": 0.25})
    with pytest.raises(StoreError, match="measured with other settings"):
        kept(tmp_path / "cell", {"n": 2})
    (tmp_path / "cell" / "figures.json").write_text("{")
    with pytest.raises(StoreError, match=r"figures.json is damaged: remove it"):
        kept(tmp_path / "cell", {"n": 1})
