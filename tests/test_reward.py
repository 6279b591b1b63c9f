import numpy as np
import pytest
import torch

from discdiff.belief import Belief
from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.objective import Objective, Term
from discdiff.objective.filters import ConfidenceFilter, HardFilter
from discdiff.oracle import Counts, as_oracle, stack
from discdiff.reward import Reward


class Folded(Letters):
    """Letters in either case; lower case is canonical upper case. Counts decodings."""

    decoded = 0

    def canonical(self, string):
        return string.upper()

    def decode(self, ids):
        self.decoded += 1
        return super().decode(ids)


AB = Folded("ABab")


def lengths(strings):
    return [len(s) for s in strings]


def test_tokens_to_reward():
    found = Reward(AB, lengths)(AB.encode_batch(["AB", "b", ""]))
    assert found.reward.dtype == torch.float64
    assert found.valid.tolist() == [True, True, False]
    np.testing.assert_array_equal(found.reward.numpy(), [2, 1, np.nan])
    assert found.strings == ["AB", "b", ""]
    assert found.scores.status == ("ok", "ok", "invalid")


def test_equal_rows_are_decoded_and_evaluated_once():
    domain = Folded("AB")
    reward = Reward(domain, lengths)
    reward(torch.tensor([[0, 1], [0, 1], [1, 1]]))
    assert domain.decoded == 2
    assert reward.counts == Counts(requested=3, cached=1, evaluated=2)


def test_invalid_is_nan_whatever_the_objective_says():
    found = Reward(AB, lengths, lambda scores, outputs, strings: np.zeros(len(scores)))
    assert torch.isnan(found.strings(["", "AX"]).reward).all()


def test_the_objective_sees_outputs_and_canonical_strings():
    seen = []

    def objective(scores, outputs, strings):
        seen.append((tuple(outputs), list(strings)))
        return scores.values[:, 0]

    Reward(AB, as_oracle(lengths, "n"), objective).strings(["ab", ""])
    assert seen == [(("n",), ["AB", ""])]


def test_several_outputs_go_through_an_objective():
    oracle = as_oracle(lambda s: [[len(x), x.count("A")] for x in s], "pair", outputs=["n", "a"])
    reward = Reward(AB, oracle, Objective([Term("n"), Term("a")], "difference"))
    assert reward.strings(["AAB"]).reward.tolist() == [1.0]


def test_a_stack_is_used_as_it_is():
    metered = stack(lengths, AB, budget=1)
    reward = Reward(AB, metered)
    found = reward.strings(["A", "AB"])
    assert reward.oracle is metered
    assert reward.exhausted
    assert found.scores.status == ("ok", "not_evaluated")
    np.testing.assert_array_equal(found.reward.numpy(), [1, np.nan])
    assert found.valid.all()


def test_an_empty_request():
    found = Reward(AB, lengths)(torch.zeros((0, 4), dtype=torch.int64))
    assert found.reward.shape == found.valid.shape == (0,)


def two_outputs(strings):
    return [[0, 0]] * len(strings)


def costs(strings):
    return lengths(strings)


costs.direction = "min"


@pytest.mark.parametrize(
    ("oracle", "message"),
    [
        (as_oracle(two_outputs, outputs=["a", "b"]), "has the outputs a, b: say with an objective"),
        (costs, "output 'costs' is to be minimised: give an objective, for example"),
    ],
)
def test_what_needs_an_objective_is_refused_without(oracle, message):
    with pytest.raises(InputError, match=message):
        Reward(AB, oracle)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (np.zeros((1, 1)), r"objective must return \(1,\), got shape \(1, 1\)"),
        (np.array([np.inf]), "objective must be finite or NaN, got an infinity for 'A'"),
    ],
)
def test_the_objective_is_checked(reply, message):
    with pytest.raises(InputError, match=message):
        Reward(AB, lengths, lambda *_: reply).strings(["A"])


def test_tokens_must_be_rows_that_are_finished():
    with pytest.raises(InputError, match=r"tokens must be \(N, L\), got shape \(2,\)"):
        Reward(AB, lengths)(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(InputError, match="the sequence is not finished"):
        Reward(AB, lengths)(torch.tensor([[0, 4]]))


class NoBB:
    """Passes canonical strings without BB."""

    name = "bb"
    outputs = ()

    def __call__(self, values, strings):
        return np.array(["BB" not in s for s in strings], dtype=bool)


def beliefs(*confidences):
    found = torch.tensor(confidences, dtype=torch.float64)
    return Belief(found.log(), found)


def screened(asked, budget=None, charge="evaluated"):
    """A reward whose filters need no score, and note what the oracle is asked."""

    def note(strings):
        asked.extend(strings)
        return [float(len(s)) for s in strings]

    rules = [NoBB(), ConfidenceFilter(at_least=0.5), HardFilter("note", high=3)]
    objective = Objective([Term("note")], filters=rules, rejected=-1)
    oracle = stack(as_oracle(note, "note", "1"), AB, budget=budget, charge=charge)
    return Reward(AB, oracle, objective)


def test_the_oracle_is_not_asked_for_what_filters_reject_without_it():
    asked = []
    reward = screened(asked)
    rows = ["AB", "bb", "A", "", "AAAA"]
    found = reward(AB.encode_batch(rows), beliefs(0.9, 0.9, 0.4, 0.1, 0.5))
    assert asked == ["AB", "AAAA"]
    np.testing.assert_array_equal(found.reward.numpy(), [2, -1, -1, np.nan, -1])
    assert found.scores.status == ("ok", "rejected", "rejected", "invalid", "ok")
    assert found.scores.reasons[1:3] == ("rejected by bb", "rejected by confidence")
    assert found.scores.canonical[:3] == ("AB", "BB", "A")
    assert np.isnan(found.scores.values[1:4]).all()
    assert found.valid.tolist() == [True, True, True, False, True]
    assert reward.counts == Counts(requested=5, invalid=1, evaluated=2, rejected=2)


def test_one_string_is_judged_by_each_of_its_paths():
    asked = []
    reward = screened(asked)
    tokens = AB.encode_batch(["AB", "AB", "ab"])
    found = reward(tokens, beliefs(0.4, 0.6, 0.5))
    assert found.reward.tolist() == [-1, 2, 2]
    assert asked == ["AB"]
    again = reward(tokens, beliefs(0.4, 0.4, 0.4))  # known by now, and rejected all the same
    assert again.reward.tolist() == [-1, -1, -1]
    assert asked == ["AB"]


@pytest.mark.parametrize("charge", ["evaluated", "all"])
def test_what_is_rejected_costs_no_budget(charge):
    asked = []
    reward = screened(asked, budget=2, charge=charge)
    first = reward(AB.encode_batch(["A", "B", "AB"]), beliefs(0.1, 0.1, 0.9))
    assert first.scores.status == ("rejected", "rejected", "ok")
    assert not reward.exhausted
    second = reward(AB.encode_batch(["A", "B"]), beliefs(0.9, 0.9))
    assert second.scores.status == ("ok", "not_evaluated")
    assert asked == ["AB", "A"]
    assert reward.exhausted


def test_all_may_be_rejected():
    asked = []
    found = screened(asked)(AB.encode_batch(["A", "AB"]), beliefs(0.1, 0.2))
    assert found.reward.tolist() == [-1, -1]
    assert not asked


def test_a_filter_that_reads_the_model_needs_its_word():
    with pytest.raises(InputError, match="must hand it on"):
        screened([]).strings(["A"])
