import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from discdiff.errors import InputError
from discdiff.objective import Objective, Term
from discdiff.objective.aggregation import AGGREGATIONS, as_aggregation
from discdiff.objective.filters import HardFilter
from discdiff.objective.transform import Gaussian, Linear, Sigmoid, Step
from discdiff.oracle import Scores

tables = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(0, 1))
weights = hnp.arrays(np.float64, 3, elements=st.floats(0.1, 5))


def judge(objective, rows, outputs=("a", "b"), strings=None):
    values = np.array(rows, dtype=np.float64)
    return objective(Scores.of(values), outputs, strings or [""] * len(values))


@given(tables, weights)
def test_aggregations_equal_their_definitions(values, w):
    expected = {
        "arithmetic_mean": np.average(values, axis=1, weights=w),
        "geometric_mean": [0.0 if 0 in v else stats.gmean(v, weights=w) for v in values],
        "product": [v[0] ** w[0] * v[1] ** w[1] * v[2] ** w[2] for v in values],
        "weighted_sum": [np.dot(v, w) for v in values],
        "difference": [v[0] * w[0] - v[1] * w[1] - v[2] * w[2] for v in values],
    }
    for name, result in expected.items():
        np.testing.assert_allclose(as_aggregation(name)(values, w), result, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(as_aggregation("min")(values, np.ones(3)), values.min(axis=1))


@given(tables)
def test_a_row_does_not_depend_on_its_batch(values):
    for name in AGGREGATIONS:
        aggregation = as_aggregation(name)
        together = aggregation(values, np.ones(3))
        alone = [aggregation(values[i : i + 1], np.ones(3))[0] for i in range(len(values))]
        assert together.tolist() == alone


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_a_missing_term_gives_no_reward(name):
    objective = Objective([Term("a"), Term("b")], name)
    reward = judge(objective, [[0.5, np.nan], [np.nan, 0.0], [0.0, 0.5]])
    assert np.isnan(reward).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("name", "w", "message"),
    [
        ("arithmetic_mean", [1, 0], "weights of arithmetic_mean must be greater than 0, got"),
        ("geometric_mean", [1, -1], "weights of geometric_mean must be greater than 0"),
        ("product", [0, 1], "weights of product must be greater than 0"),
        ("min", [1, 2], r"min takes no weights, got \[1.0, 2.0\]"),
        ("weighted_sum", [0, 1], "weights of weighted_sum must not be 0"),
        ("difference", [1, -1], "weights of difference must be greater than 0"),
        ("difference", [1], "difference must have at least 2 terms, got 1"),
    ],
)
def test_weights_must_suit_the_aggregation(name, w, message):
    terms = [Term("ab"[j], Linear(0, 1), weight) for j, weight in enumerate(w)]
    with pytest.raises(InputError, match=message):
        Objective(terms, name)


def test_terms_are_transformed_weighted_and_directed():
    objective = Objective(
        [Term("b", Sigmoid(0, 10), weight=3), Term("a", Linear(0, 10), direction="min")],
        "arithmetic_mean",
    )
    expected = (3 * Sigmoid(0, 10)(np.array([4.0]))[0] + (1 - 0.7)) / 4
    assert judge(objective, [[7.0, 4.0]])[0] == pytest.approx(expected)
    assert judge(Objective([Term("a", direction="min")], "arithmetic_mean"), [[7, 0]])[0] == -7


def test_components_are_the_terms_before_aggregation():
    objective = Objective([Term("b"), Term("a", direction="min")], "weighted_sum")
    components = objective.components(Scores.of(np.array([[1.0, 2.0]])), ["a", "b"])
    assert components.tolist() == [[2.0, -1.0]]


def test_rejected_is_not_missing():
    objective = Objective([Term("a")], "product", filters=[HardFilter("b", 1, 2)])
    rows = [[0.5, 1.0], [0.5, 2.5], [0.5, np.nan], [np.nan, 3.0]]
    np.testing.assert_array_equal(judge(objective, rows), [0.5, 0.0, np.nan, np.nan])
    accepted = objective.accepted(Scores.of(np.array(rows)), ["a", "b"], [""] * 4)
    assert accepted.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("terms", "aggregation"),
    [
        ([Term("a")], "arithmetic_mean"),
        ([Term("a"), Term("b")], "difference"),
        ([Term("a", Step(0, 1), weight=-1.0)], "weighted_sum"),
        ([Term("a", direction="min")], "min"),
    ],
)
def test_filters_need_a_reward_below_all_others(terms, aggregation):
    only = [HardFilter("b", high=1)]
    with pytest.raises(
        InputError, match="rejected must be given: a term without a transform can go below 0"
    ):
        Objective(terms, aggregation, only)
    objective = Objective(terms, aggregation, only, rejected=-100)
    assert judge(objective, [[0.5, 2.0]]).tolist() == [-100.0]


@pytest.mark.parametrize(
    ("terms", "aggregation"),
    [
        ([Term("a")], "geometric_mean"),
        ([Term("a", Gaussian(0, 1))], "arithmetic_mean"),
        ([Term("a", Gaussian(0, 1), direction="min")], "min"),
    ],
)
def test_rejected_is_0_where_nothing_is_below(terms, aggregation):
    assert Objective(terms, aggregation, [HardFilter("b", high=1)]).rejected == 0.0


class Halving:
    """A diversity filter that halves what it has seen."""

    def __init__(self):
        self.seen = []
        self.asked = []

    def penalise(self, strings, rewards):
        self.asked += strings
        return np.where([s in self.seen for s in strings], rewards / 2, rewards)

    def update(self, strings, rewards):
        self.seen += strings

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


def test_diversity_lowers_repeats_and_sees_only_scored_designs():
    diversity = Halving()
    objective = Objective([Term("a")], "product", diversity=diversity)
    rows = [[0.5, 0], [np.nan, 0], [0.8, 0]]
    np.testing.assert_array_equal(
        judge(objective, rows, strings=["x", "y", "z"]), [0.5, np.nan, 0.8]
    )
    assert diversity.asked == ["x", "z"]
    diversity.update(["x"], np.array([0.5]))
    np.testing.assert_array_equal(
        judge(objective, rows, strings=["x", "y", "z"]), [0.25, np.nan, 0.8]
    )


def test_a_negative_term_is_named_where_it_makes_no_sense():
    objective = Objective([Term("a"), Term("b")], "geometric_mean")
    with pytest.raises(
        InputError, match=r"term 'b' must be at least 0 for GeometricMean, got -1.5"
    ):
        judge(objective, [[1.0, 1.0], [1.0, -1.5]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Objective([]), "terms must hold at least one Term, got none"),
        (
            lambda: Objective([Term("a")], "prod"),
            "aggregation must be one of .*'prod'. Did you mean",
        ),
        (
            lambda: Objective([Term("a", direction="min")], "product"),
            "term 'a' must not be negative here",
        ),
        (lambda: Term(""), "output must be the name of an oracle's output, got ''"),
        (lambda: Term("a", "sigmoid"), "transform must be a Transform, got 'sigmoid'"),
        (lambda: Term("a", weight="1"), "weight of 'a' must be a finite number, got '1'"),
        (lambda: Term("a", direction="up"), "direction of 'a' must be one of max, min, got 'up'"),
        (lambda: HardFilter("a"), "low or high must be given, got neither"),
        (lambda: HardFilter("", 1), "output must be the name"),
    ],
)
def test_arguments_are_checked(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_an_unknown_output_is_named_with_the_nearest():
    with pytest.raises(
        InputError, match=r"output must be one of qed, sa, got 'qde'. Did you mean 'qed'"
    ):
        judge(Objective([Term("qde")]), [[1.0, 1.0]], outputs=("qed", "sa"))


def test_what_a_filter_rejects_has_the_reason():
    objective = Objective([Term("a")], "product", filters=[HardFilter("b", high=1.0)])
    scores = Scores.of(np.array([[1.0, 0.5], [1.0, 2.0], [1.0, np.nan]]))
    assert objective.rejections(scores, ["a", "b"], ["x", "y", "z"]) == ["", "b", ""]
