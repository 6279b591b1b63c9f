"""Filters that need no score: what they read, what they say, what they refuse."""

import numpy as np
import pytest
import torch

from discdiff.belief import Belief
from discdiff.errors import InputError
from discdiff.objective import Objective, Term
from discdiff.objective.filters import ConfidenceFilter, HardFilter, LikelihoodFilter
from discdiff.oracle import Scores


class Short:
    """Passes strings of at most three letters; a filter of strings, as a plug-in writes it."""

    outputs = ()

    def __call__(self, values, strings):
        assert values.shape == (len(strings), 0)
        return np.array([len(s) <= 3 for s in strings])


def belief(*confidences):
    found = torch.tensor(confidences, dtype=torch.float64)
    return Belief(found.log() * 10, found)


STRINGS = ["A", "AAAA", "AA", "AAAAA"]
RULES = [Short(), ConfidenceFilter(at_least=0.3), HardFilter("a", low=1)]


def test_the_first_filter_that_rejects_is_named():
    objective = Objective([Term("a")], filters=RULES)
    assert len(objective.screens) == 2
    found = objective.screen(STRINGS, belief(0.2, 0.2, 0.3, 0.9))
    assert found == ["confidence", "Short", "", "Short"]


def test_after_its_screens_an_objective_reads_scores_alone():
    objective = Objective([Term("a")], filters=RULES)
    left = objective.after_screens()
    assert left.screens == ()
    scores = Scores.of(np.array([[2.0], [2.0], [0.5], [2.0]]))
    assert left(scores, ["a"], STRINGS).tolist() == [2.0, 2.0, 0.0, 2.0]
    assert left.rejections(scores, ["a"], STRINGS) == ["", "", "a", ""]
    # called by itself, it decides what it can
    assert objective(scores, ["a"], STRINGS).tolist() == [2.0, 0.0, 0.0, 0.0]
    assert objective.rejections(scores, ["a"], STRINGS) == ["", "Short", "a", "Short"]
    assert len(objective.filters) == 3
    plain = Objective([Term("a")], filters=[HardFilter("a", low=1)])
    assert plain.after_screens() is plain


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ConfidenceFilter(at_least=0.5), [False, True, True]),
        (ConfidenceFilter(at_most=0.5), [True, True, False]),
        (ConfidenceFilter(0.3, 0.6), [False, True, False]),
        (LikelihoodFilter(at_least=10 * np.log(0.5)), [False, True, True]),
        (LikelihoodFilter(at_most=-1e9), [False, False, False]),
    ],
)
def test_edges_are_included(rule, expected):
    objective = Objective([Term("a")], filters=[rule])
    found = objective.screen(["A", "C", "G"], belief(0.25, 0.5, 1.0))
    assert [not name for name in found] == expected
    assert set(found) <= {"", rule.name}


def test_an_impossible_design_passes_no_lower_edge():
    rule = LikelihoodFilter(at_least=-1e300)
    never = torch.tensor([-torch.inf], dtype=torch.float64)
    impossible = Belief(never, never.exp())
    assert Objective([Term("a")], filters=[rule]).screen(["A"], impossible) == ["log_likelihood"]


def test_what_is_not_known_is_an_error_and_no_pass():
    objective = Objective([Term("a")], filters=[ConfidenceFilter(at_least=0.1)])
    with pytest.raises(InputError, match=r"filter 'confidence' needs .*reward\(tokens, belief\)"):
        objective.screen(["A"], Belief.unknown(1))
    # but what an earlier filter rejected need not be known
    objective = Objective([Term("a")], filters=[Short(), ConfidenceFilter(at_least=0.1)])
    assert objective.screen(["AAAA"], Belief.unknown(1)) == ["Short"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (ConfidenceFilter, "at_least or at_most must be given, got neither"),
        (lambda: ConfidenceFilter(at_least=1.5), r"at_least must lie in \[0, 1\], got 1.5"),
        (lambda: ConfidenceFilter(at_most=-0.1), r"at_most must lie in \[0, 1\], got -0.1"),
        (lambda: ConfidenceFilter(0.5, 0.4), "at_most must be at least at_least, got at_least=0.5"),
        (LikelihoodFilter, "at_least or at_most must be given"),
        (lambda: LikelihoodFilter(at_least=float("nan")), "at_least must be a finite number"),
    ],
)
def test_edges_out_of_range_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
