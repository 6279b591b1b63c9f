"""What counts as an oracle, and every way in which one can be wrong."""

import functools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from discdiff.errors import InputError, OracleError
from discdiff.oracle import Checked, Scores, as_oracle, identity

TWO = ["AC", "ACG"]


def replying(reply, outputs=None):
    return as_oracle(lambda sequences: reply, name="mine", outputs=outputs)


def lengths(sequences):
    return [len(s) for s in sequences]


class Length:
    """An oracle with every attribute."""

    name, version, outputs, direction = "length", "3", ("n",), "min"

    def __init__(self, offset=0):
        self.parameters = {"offset": offset}

    def __call__(self, sequences):
        return [len(s) + self.parameters["offset"] for s in sequences]


@pytest.mark.parametrize(
    "reply",
    [
        [2, 3],
        (2.0, 3.0),
        np.array([2, 3], dtype=np.int8),
        np.array([[2.0], [3.0]], dtype=np.float32),
        torch.tensor([2.0, 3.0], requires_grad=True),
        torch.tensor([2, 3], dtype=torch.bfloat16),
        torch.tensor([2, 3]),
        {"mine": [2, 3]},
        Scores.of(np.array([[2.0], [3.0]])),
    ],
)
def test_any_row_of_numbers_will_do(reply):
    scores = replying(reply)(TWO)
    assert scores.values.tolist() == [[2.0], [3.0]]
    assert scores.status == ("ok", "ok")
    assert scores.origin == ("oracle", "oracle")


def test_several_outputs_by_column_or_by_name():
    by_column = replying([[1, 2], [3, 4]], outputs=["a", "b"])(TWO)
    by_name = replying({"b": [2, 4], "a": [1, 3]}, outputs=["a", "b"])(TWO)
    assert by_column.values.tolist() == by_name.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("reply", "outputs", "message"),
    [
        ([1], None, "'mine' must return 2 rows, one a sequence, got 1$"),
        ([1, 2, 3], None, "must return 2 rows, one a sequence, got 3"),
        ([], None, "must return 2 rows, one a sequence, got 0"),
        (1.0, None, "must return 2 rows, one a sequence, got a single number"),
        ([[1, 2], [3, 4]], None, r"must return 1 columns \(mine\), got shape \(2, 2\)"),
        ([1, 2], ["a", "b"], r"must return 2 columns \(a, b\), got shape \(2,\)"),
        (np.zeros((2, 1, 1)), None, "must return 1 columns"),
        (["1", "2"], None, "real numbers .*, got strings"),
        ([b"1", b"2"], None, "got bytes"),
        ([1, "2"], None, "got strings"),
        ([1 + 2j, 3], None, "got complex numbers"),
        ([None, 1.0], None, "NaN where a sequence cannot be scored.*got objects"),
        ([Fraction(1), Fraction(2)], None, "got objects"),
        (None, None, "got objects: None"),
        ({1.0, 2.0}, None, "got objects"),
        ((x for x in (1, 2)), None, "got objects"),
        ([[1], [2, 3]], None, "one row of numbers a sequence"),
        (np.array(["2020-01-01"] * 2, dtype="datetime64[D]"), None, "got datetime64"),
        ({"other": [1, 2]}, None, "must return the outputs mine, got other"),
        ({}, None, "must return the outputs mine, got none"),
        ({"a": [1, 2]}, ["a", "b"], "must return the outputs a, b, got a"),
        ({"mine": [1]}, None, r"must return 2 numbers for mine, got shape \(1,\)"),
        ({"mine": ["x", "y"]}, None, "'mine.mine' must return real numbers"),
        (Scores.of(np.zeros((3, 1))), None, "must return 2 rows, one a sequence, got 3"),
        (Scores.of(np.zeros((2, 2))), None, "must return 1 columns"),
    ],
)
def test_anything_else_is_an_error_that_names_the_oracle(reply, outputs, message):
    with pytest.raises(OracleError, match=message):
        replying(reply, outputs)(TWO)


def test_an_exception_is_attributed_and_chained():
    def broken(sequences):
        return {}[sequences[0]]

    with pytest.raises(OracleError, match=r"'broken' raised KeyError: 'AC' .batch of 2") as caught:
        as_oracle(broken)(TWO)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_oracle_that_exits_is_an_error_too():
    def leaves(strings):
        raise SystemExit(0)

    with pytest.raises(OracleError, match="oracle 'leaves' raised SystemExit: 0"):
        as_oracle(leaves)(["A"])


def test_functions_of_one_source_are_told_apart_by_what_they_hold():
    def scaled(k, unit=1):
        def score(strings, shift=unit):
            return [k * len(s) + shift for s in strings]

        return as_oracle(score)

    assert identity(scaled(1)) == identity(scaled(1))
    assert len({identity(scaled(1)), identity(scaled(100)), identity(scaled(1, unit=2))}) == 3
    assert identity(scaled(np.ones(2))) == identity(scaled(np.ones(2)))


def test_an_interrupt_is_not_swallowed():
    def interrupted(sequences):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        as_oracle(interrupted)(TWO)


def test_nan_means_could_not_be_scored():
    scores = replying([np.nan, 1.0])(TWO)
    assert scores.status == ("failed", "ok")
    assert scores.valid.tolist() == [True, True]
    assert scores.reasons == ("mine returned nan for mine", "")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_fails_its_row_and_becomes_nan(value):
    scores = replying([[1.0, value], [1.0, 2.0]], ["a", "b"])(TWO)
    assert scores.status == ("failed", "ok")
    assert scores.reasons[0] == f"mine returned {value} for b"
    np.testing.assert_array_equal(scores.values, [[1.0, np.nan], [1.0, 2.0]])


def test_the_oracle_may_call_a_sequence_invalid():
    reply = Scores(np.array([[5.0], [1.0]]), np.array([False, True]), ("invalid", "ok"))
    scores = replying(reply)(TWO)
    np.testing.assert_array_equal(scores.values, [[np.nan], [1.0]])
    assert scores.status == ("invalid", "ok")


def test_it_is_not_called_for_nothing_and_cannot_change_the_request():
    def greedy(sequences):
        sequences.clear()
        return [0.0, 0.0]

    mine = list(TWO)
    assert len(replying(None)([])) == 0
    assert len(as_oracle(greedy)(mine)) == 2
    assert mine == TWO


@given(st.lists(st.floats(width=64), min_size=1))
def test_values_pass_unchanged_and_status_agrees(values):
    scores = replying(values)(["A"] * len(values))
    finite = np.isfinite(values)
    np.testing.assert_array_equal(scores.values[finite, 0], np.array(values)[finite])
    assert np.isnan(scores.values[~finite]).all()
    assert [s == "ok" for s in scores.status] == finite.tolist()


def test_names_and_versions():
    assert as_oracle(lengths).name == "lengths"
    assert as_oracle(lambda s: s).name == "oracle"
    assert as_oracle(len).version == "0"
    assert as_oracle(functools.partial(lengths)).name == "partial"
    assert as_oracle(lengths).version == as_oracle(lengths).version
    assert as_oracle(lengths).version != as_oracle(lambda s: [len(x) + 1 for x in s]).version
    assert as_oracle(lengths, version="7").version == "7"
    mine = as_oracle(Length())
    assert (mine.name, mine.version, mine.outputs, mine.directions) == (
        "length",
        "3",
        ("n",),
        ("min",),
    )


def test_identity_follows_everything_that_fixes_the_values():
    same = identity(as_oracle(Length(1)))
    assert same == identity(as_oracle(Length(1)))
    others = [
        as_oracle(Length(2)),
        as_oracle(Length(1), version="4"),
        as_oracle(Length(1), name="other"),
        as_oracle(Length(1), outputs=["m"]),
    ]
    assert len({same, *map(identity, others)}) == 5


def test_a_checked_oracle_is_left_as_it_is():
    oracle = as_oracle(lengths)
    assert as_oracle(oracle) is oracle
    assert as_oracle(oracle, name="renamed").name == "renamed"


def test_a_method_called_stream_does_not_make_an_oracle_stream():
    oracle = Length()
    oracle.stream = lambda: None
    assert isinstance(as_oracle(oracle), Checked)


def attributes(**given):
    oracle = Length()
    for name, value in given.items():
        setattr(oracle, name, value)
    return oracle


@pytest.mark.parametrize(
    ("oracle", "message"),
    [
        (3, "oracle must be a callable from strings to numbers, got 3"),
        (Length, "oracle must be a callable from strings to numbers, got <class"),
        (attributes(outputs="n"), "outputs of oracle 'length' must be a list of names, got 'n'"),
        (attributes(outputs=()), "outputs of oracle 'length' must be distinct names"),
        (attributes(outputs=("n", "n")), "outputs of oracle 'length' must be distinct names"),
        (attributes(outputs=(1,)), "output of an oracle must be a non-empty string, got 1"),
        (attributes(direction="up"), "direction of oracle 'length' must be one of max, min"),
        (attributes(direction=("max", "min")), "direction of oracle 'length' must be max or min"),
        (attributes(direction={"m": "min"}), "direction of oracle 'length' names no output 'm'"),
        (attributes(parameters=3), "parameters of oracle 'length' must be a dict, got 3"),
    ],
)
def test_wrong_declarations_are_refused(oracle, message):
    with pytest.raises(InputError, match=message):
        as_oracle(oracle)


def test_parameters_must_be_json():
    with pytest.raises(InputError, match="parameters of oracle 'length' must be JSON"):
        identity(as_oracle(attributes(parameters={"x": object()})))
