import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.errors import InputError, OracleError
from discdiff.oracle import Scores


def some(count):
    return Scores.of(np.arange(float(count))[:, None], "oracle")


def test_of_marks_missing_outputs_as_failed():
    scores = Scores.of(np.array([[1.0, 2.0], [np.nan, 2.0]]))
    assert scores.status == ("ok", "failed")
    assert scores.valid.all()
    assert scores.values[1, 1] == 2.0


def test_defaults_fill_every_row():
    scores = some(3)
    assert scores.reasons == scores.canonical == ("", "", "")
    assert scores.seconds.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"values": np.zeros(2)}, r"values must be \(N, R\), got shape \(2,\)"),
        ({"values": np.zeros((3, 1))}, "values must have 2 rows, got 3"),
        ({"valid": np.ones(1, dtype=bool)}, "valid must have 2 rows, got 1"),
        ({"status": ("ok", "fine")}, "status must be one of ok, .*, got 'fine'"),
        ({"reasons": ("x",)}, "reasons must have 2 rows, got 1"),
        ({"seconds": np.zeros(5)}, "seconds must have 2 rows, got 5"),
    ],
)
def test_fields_must_agree(fields, message):
    good = {"values": np.zeros((2, 1)), "valid": np.ones(2, dtype=bool), "status": ("ok", "ok")}
    with pytest.raises(InputError, match=message):
        Scores(**{**good, **fields})


@given(st.permutations(range(7)), st.integers(0, 7))
def test_join_undoes_any_division_and_order(order, cut):
    whole = some(7)
    parts = [
        (np.array(rows, dtype=np.int64), whole.take(rows)) for rows in (order[:cut], order[cut:])
    ]
    joined = Scores.join(parts, 7, 1)
    assert joined.values.tolist() == whole.values.tolist()
    assert joined.origin == whole.origin


@pytest.mark.parametrize("rows", [[0], [0, 0], [0, 2]])
def test_join_needs_each_row_once(rows):
    with pytest.raises(OracleError, match="each of 2 rows once"):
        Scores.join([(np.array(rows, dtype=np.int64), some(3).take(rows))], 2, 1)


def test_join_of_nothing_has_the_right_width():
    assert Scores.join([], 0, 3).values.shape == (0, 3)
