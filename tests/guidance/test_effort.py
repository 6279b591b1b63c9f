"""Effort goes where values disagree: draws of a row, children of a particle."""

import numpy as np
import pytest
import torch

from discdiff.guidance.svdd import SVDD
from discdiff.guidance.value import RolloutValue, SampledValue
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting

MODEL = Model.tabular(["AAB", "ABB", "BAB", "BBB"], [4, 3, 2, 1])
SAMPLER = FirstHitting(MODEL)


def count_b(strings):
    return [s.count("B") for s in strings]


class Watched:
    """Counts how often each design is asked for, repeats included."""

    def __init__(self):
        self.requested, self.reward = [], Reward(MODEL.domain, count_b)
        self.exhausted = False

    def __call__(self, tokens, belief=None):
        found = self.reward(tokens, belief)
        self.requested += found.strings
        return found


def value_of(value, tokens, scale=2.0, reward=None):
    x = torch.tensor(tokens)
    t = torch.full((len(x),), 0.2, dtype=torch.float64)
    state = SAMPLER.start(x, t, x >= 0, keys=torch.arange(len(x)))
    return value(SAMPLER, state, reward or Watched(), scale)[1]


@pytest.mark.parametrize("kind", [SampledValue, RolloutValue])
def test_only_rows_whose_draws_disagree_are_drawn_again(kind):
    watched = Watched()
    # the first row is AAB or BAB; of the second nothing but the end is open, and that is B
    value_of(kind(4, most=20, agree=0.05), [[2, 0, 1], [1, 1, 2]], reward=watched)
    first = sum(s.endswith("AB") for s in watched.requested)
    assert watched.requested.count("BBB") == 4
    assert first == 20


def test_draws_stop_when_they_agree_well_enough():
    spent = []
    for agree in (0.0, 0.1, 0.3, 10.0):
        watched = Watched()
        value_of(SampledValue(2, most=40, agree=agree), [[2, 2, 1]] * 50, reward=watched)
        spent.append(len(watched.requested) / 50)
    assert spent[0] >= spent[1] > spent[2] > spent[3]  # equal draws agree at any tolerance
    assert spent[3] == 2


def test_what_all_draws_say_is_averaged():
    found = value_of(SampledValue(2, most=400, agree=0.0), [[2, 0, 1]])
    expected = np.log((2 * np.exp(2.0) + np.exp(4.0)) / 3)
    assert found.item() == pytest.approx(expected, abs=0.15)


def test_a_row_with_no_valid_draw_is_given_up_after_the_most():
    class Nothing(type(MODEL.domain)):
        def invalid_reason(self, string):
            return "never"

    reward = Reward(Nothing("AB"), count_b)
    found = value_of(SampledValue(2, most=7), [[2, 2, 2]], reward=reward)
    assert found.isnan().all()
    assert reward.counts.requested == 7


def test_draws_are_the_same_whether_or_not_more_may_follow():
    tokens = [[2, 2, 1], [2, 2, 2]]
    by_number = torch.stack([value_of(SampledValue(n), tokens) for n in (2, 4, 6)])
    found = value_of(SampledValue(2, most=6, agree=0.1), tokens)
    assert ((by_number - found).abs() < 1e-12).any(0).all()
    assert ((by_number[0] - found).abs() > 1e-12).any()


def test_a_spent_budget_ends_the_extra_draws():
    watched = Watched()
    watched.exhausted = True
    value_of(SampledValue(2, most=40, agree=0.0), [[2, 2, 2]], reward=watched)
    assert len(watched.requested) == 2


def test_families_that_agree_are_followed_by_small_ones():
    def spent(**options):
        reward = Reward(MODEL.domain, count_b)
        SVDD(8, scale=2.0, **options).run(SAMPLER, reward, 40, key=0)
        return reward.counts.requested / 40

    assert spent() == 8 * 3
    assert spent(fewest=2, agree=0.0) <= 8 * 3
    assert spent(fewest=2, agree=1e9) == 8 + 2 * 2
    assert 8 + 2 * 2 < spent(fewest=2, agree=0.6) < 8 * 3


def test_a_constant_reward_agrees_at_once():
    reward = Reward(MODEL.domain, lambda strings: [1.0 for _ in strings])
    SVDD(8, scale=2.0, fewest=3).run(SAMPLER, reward, 10, key=0)
    assert reward.counts.requested / 10 == 8 + 3 * 2
