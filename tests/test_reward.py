import numpy as np
import pytest
import torch

from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.objective import Objective, Term
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
