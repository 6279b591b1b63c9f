import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.oracle import Counts, as_oracle, identity, stack
from discdiff.oracle.ehrlich import Ehrlich, Problem

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
FLOAT32 = 1e-6  # the reference computes in single precision; values are at most 1


def stored(case, quantization=None, epistasis=0.0):
    allowed = np.array([[int(x) for x in row] for row in case["allowed"]], dtype=float)
    motifs = [[ALPHABET.index(letter) for letter in motif] for motif in case["motifs"]]
    transition = (allowed / allowed.sum(axis=1, keepdims=True)).tolist()
    problem = Problem(transition, motifs, case["spacings"], case["length"])
    return Ehrlich(problem, quantization, epistasis)


@pytest.fixture(scope="module")
def cases(golden_folder):
    return json.loads((golden_folder / "ehrlich.json").read_text())["problems"]


def test_values_equal_the_reference(cases):
    compared = 0
    for case in cases:
        by_setting = {}
        for row in case["sequences"]:
            for setting, value in row["values"].items():
                by_setting.setdefault(setting, []).append((row["sequence"], value))
        for setting, pairs in by_setting.items():
            quantization, epistasis = setting.split(",")
            scores = stored(case, int(quantization), float(epistasis))([s for s, _ in pairs])
            expected = np.array([np.nan if v is None else v for _, v in pairs])
            np.testing.assert_allclose(scores.values[:, 0], expected, atol=FLOAT32)
            assert scores.valid.tolist() == [v is not None for _, v in pairs]
            compared += len(pairs)
    assert compared > 1000


def test_optimal_and_initial_solutions_of_the_reference(cases):
    for case in cases:
        oracle = stored(case)
        assert oracle.optimal_solution() == case["optimal"]
        assert oracle([case["optimal"]]).values.tolist() == [[1.0]]
        assert oracle.invalid_reason(case["initial"]) is None


@given(
    st.integers(3, 12),
    st.integers(1, 3),
    st.sampled_from([2, 3, 4]),
    st.integers(0, 9),
    st.integers(0, 2**32 - 1),
)
def test_a_drawn_problem_is_as_published(states, motifs, k, slack, seed):
    length = motifs * k + slack
    problem = Problem.sample(states, length, motifs, k, seed)
    oracle = Ehrlich(problem)
    allowed = np.array(problem.transition) > 0
    assert np.diag(allowed).all()
    band = 2 * int(0.4 * states) + 1
    assert set(allowed.sum(axis=1).tolist()) <= {band, band + 1, states}
    assert all(sum(gaps) <= k - 1 + slack // motifs for gaps in problem.spacings)
    assert oracle([oracle.optimal_solution()]).values[0, 0] == 1.0
    assert oracle([oracle.initial_solution(seed)]).status == ("ok",)
    assert Ehrlich({"states": states, "length": length, "motifs": motifs, "motif_length": k,
                    "seed": seed}).problem == problem  # fmt: skip


def slow_value(problem, q, e, x):
    """The definition, one sequence at a time and without arrays."""
    if any(problem.transition[a][b] == 0 for a, b in pairwise(x)):
        return -np.inf
    product = 1.0
    for motif, gaps in zip(problem.motifs, problem.spacings, strict=True):
        offsets = [sum(gaps[:j]) for j in range(len(motif))]
        most = max(
            sum(x[start + o] == a for a, o in zip(motif, offsets, strict=True))
            for start in range(len(x) - offsets[-1])
        )
        h = (most * q // len(motif)) / q
        product *= h * (1 + e * h * (h - 1))
    return product


@given(st.integers(0, 50), st.sampled_from([1, 2, 4]), st.floats(0, 1), st.randoms())
def test_values_equal_the_definition(seed, q, e, random):
    problem = Problem.sample(states=5, length=11, motifs=2, motif_length=4, seed=seed)
    oracle = Ehrlich(problem, q, e)
    rows = [[random.randrange(5) for _ in range(11)] for _ in range(20)]
    rows.append([oracle.letters.index(c) for c in oracle.initial_solution(seed)])
    expected = [slow_value(problem, q, e, row) for row in rows]
    np.testing.assert_allclose(oracle.evaluate(np.array(rows)), expected, rtol=1e-12)


def tiny(**options):
    transition = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]
    return Ehrlich(Problem(transition, [[0, 1]], [[2]], 4), **options)


def test_infeasible_is_invalid_and_says_why():
    scores = tiny()(["AABB", "ACBB", "AAB", "AAXB"])
    assert scores.status == ("ok", "invalid", "invalid", "invalid")
    assert scores.valid.tolist() == [True, False, False, False]
    assert np.isnan(scores.values[1:]).all()
    assert scores.reasons[1:] == (
        "transition AC is forbidden",
        "length 3 instead of 4",
        "letter 'X' is not a state",
    )


def test_it_works_behind_the_wrappers():
    oracle = stack(tiny(), Letters("ABC"), budget=2)
    assert oracle(["AABB", "ACBB", "ABBB"]).status == ("ok", "invalid", "not_evaluated")
    assert oracle.counts == Counts(requested=3, evaluated=2, not_evaluated=1)


def test_identity_holds_the_whole_problem():
    def key(**options):
        return identity(as_oracle(tiny(**options)))

    assert key() == key()
    assert len({key(), key(epistasis=0.5), key(quantization=1), key(letters="XYZ")}) == 4


def test_parameters_rebuild_the_oracle():
    oracle = tiny(epistasis=0.5)
    again = Ehrlich(**json.loads(json.dumps(oracle.parameters)))
    assert identity(as_oracle(again)) == identity(as_oracle(oracle))


GOOD = {
    "transition": [[0.5, 0.5], [0.5, 0.5]],
    "motifs": [[0, 1, 0]],
    "spacings": [[1, 2]],
    "length": 5,
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transition": [[0.5, 0.5]]}, r"transition must be square, got shape \(1, 2\)"),
        ({"transition": [[0.5, 0.6], [0.5, 0.5]]}, "rows of probabilities that sum to 1"),
        ({"transition": [[1.5, -0.5], [0.5, 0.5]]}, "rows of probabilities that sum to 1"),
        ({"motifs": []}, "motifs must be one or more of equal length"),
        ({"motifs": [[0, 1, 0], [0]]}, "motifs must be one or more of equal length"),
        ({"motifs": [[0]]}, "motif_length must be at least 2, got 1"),
        ({"motifs": [[0, 2, 0]]}, r"motifs must hold states in \[0, 2\)"),
        ({"spacings": [[1]]}, "spacings must hold 2 gaps for each motif"),
        ({"spacings": [[1, 0]]}, "gap must be a positive integer, got 0"),
        ({"spacings": [[3, 2]]}, "length must be at least 6, the longest motif with its gaps"),
        ({"length": 2}, "length must be at least motifs x motif_length = 3, got 2"),
        ({"lenght": 2}, "key of problem must be one of .* Did you mean 'length'"),
        ({"seed": 2}, "key of problem must be one of transition, motifs, spacings, length"),
    ],
)
def test_a_stored_problem_is_checked(changes, message):
    with pytest.raises(InputError, match=message):
        Ehrlich({**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": 1}, "states must be at least 2, got 1"),
        ({"motif_length": 1}, "motif_length must be at least 2, got 1"),
        ({"motifs": 0}, "motifs must be a positive integer, got 0"),
        ({"length": 7}, "length must be at least motifs x motif_length = 8, got 7"),
        ({"seed": -1}, r"seed must lie in \[0, 4.29497e\+09\], got -1"),
        ({"states": 2, "seed": 0}, "seed must give an ergodic chain, got 0, which does not"),
    ],
)
def test_a_draw_is_checked(changes, message):
    good = {"states": 4, "length": 8, "motifs": 2, "motif_length": 4}
    with pytest.raises(InputError, match=message):
        Ehrlich({**good, **changes})


def test_a_missing_key_is_named():
    with pytest.raises(InputError, match=r"problem must have the keys .*, got no length"):
        Ehrlich({"states": 4})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantization": 2}, "quantization must divide the motif length 3, got 2"),
        ({"quantization": 6}, "quantization must divide the motif length 3, got 6"),
        ({"quantization": 0}, "quantization must be a positive integer, got 0"),
        ({"epistasis": -1}, "epistasis must be at least 0, got -1"),
        ({"letters": "A"}, "letters must be 2 distinct letters, got 'A'"),
        ({"letters": "AA"}, "letters must be 2 distinct letters, got 'AA'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        Ehrlich(GOOD, **options)


def test_an_optimum_that_the_construction_misses_is_refused():
    transition = [[0.5, 0.5], [0.0, 1.0]]
    with pytest.raises(InputError, match="must let its motifs follow one another"):
        Ehrlich(Problem(transition, [[0, 1], [0, 1]], [[1], [1]], 4)).optimal_solution()


@given(st.integers(4, 32), st.integers(0, 9), st.integers(0, 99))
def test_a_feasible_pool_is_feasible_by_the_transitions_and_by_the_oracle(states, problem, seed):
    oracle = Ehrlich(Problem.sample(states, length=16, motifs=2, motif_length=4, seed=problem))
    pool = oracle.feasible_pool(40, seed)
    assert pool == oracle.feasible_pool(40, seed)
    assert len(set(pool)) == 40
    allowed = np.array(oracle.problem.transition) > 0
    for string in pool:
        states_of = [oracle.letters.index(letter) for letter in string]
        assert all(allowed[a, b] for a, b in pairwise(states_of))
    assert oracle(pool).valid.all()
    assert np.isfinite(oracle(pool).values).all()


def test_a_feasible_pool_has_the_law_of_the_chain():
    oracle = Ehrlich(Problem.sample(5, length=40, motifs=2, motif_length=4, seed=3))
    pool = oracle.feasible_pool(2000, seed=1)
    rows = np.array([[oracle.letters.index(letter) for letter in string] for string in pool])
    transition = np.array(oracle.problem.transition)
    stationary = np.linalg.matrix_power(transition, 500)[0]
    first = np.bincount(rows[:, 0], minlength=5)
    assert _chi_square(first, 2000 * stationary) < 25  # 4 degrees of freedom: p < 1e-4
    assert _chi_square(first, np.full(5, 400.0)) > 25  # not the uniform law
    for state in range(5):
        here = rows[:, 1:][rows[:, :-1] == state]
        counts = np.bincount(here, minlength=5)
        assert not counts[transition[state] == 0].any()
        assert _chi_square(counts, len(here) * transition[state]) < 25


def test_a_pool_larger_than_its_space_is_refused():
    oracle = Ehrlich(Problem([[1.0, 0.0], [0.5, 0.5]], [[1, 0]], [[1]], length=3))
    with pytest.raises(InputError, match="n must be at most the number of feasible sequences"):
        oracle.feasible_pool(5)
    with pytest.raises(InputError, match="n must be a positive integer, got 0"):
        oracle.feasible_pool(0)


def _chi_square(counts, expected):
    seen = expected > 0
    return float(((counts[seen] - expected[seen]) ** 2 / expected[seen]).sum())
