"""Evolution: the population is the best of all that was evaluated, and that is all it is."""

import numpy as np
import pytest
import torch

from discdiff.domain import Letters, Template
from discdiff.errors import InputError
from discdiff.guidance.evolution import Evolution
from discdiff.oracle import stack
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from tests.exact.laws import LETTERS, Law, dirichlet, model_of, outer, rewards, two_lengths, words

LAW = dirichlet(3, 4, seed=5, concentration=1.0)
VALUES = rewards(LAW)
SAMPLERS = {
    "masked": FirstHitting(model_of(LAW)),
    "uniform": Ancestral(model_of(LAW, "uniform"), steps=4),
    "remdm": ReMDM(model_of(LAW), steps=6, eta=0.5),
}
kinds = pytest.mark.parametrize("kind", SAMPLERS)


def spelled(law):
    return ["".join(LETTERS[i] for i in row if i < law.size) for row in law.rows]


class Asked:
    """A table of values as an oracle that remembers every design it was asked for."""

    def __init__(self, law, values):
        self.table = dict(zip(spelled(law), values.tolist(), strict=True))
        self.seen = {}

    def __call__(self, strings):
        found = [self.table[string] for string in strings]
        self.seen.update(zip(strings, found, strict=True))
        return found


def run(method, sampler, law=LAW, values=VALUES, budget=None, n=None, key=1, **options):
    asked = Asked(law, values)
    reward = Reward(sampler.model.domain, stack(asked, sampler.model.domain, budget=budget))
    n = method.returned if n is None else n
    return method.run(sampler, reward, n, key=key, **options), asked, reward


def best_of(seen, n):
    return sorted((value for value in seen.values() if value == value), reverse=True)[:n]


@kinds
@pytest.mark.parametrize("budget", [None, 30, 9])
def test_the_population_is_the_best_of_all_that_was_evaluated(kind, budget):
    method = Evolution(6, 5, 30 if budget else 8, 12)
    samples, asked, reward = run(method, SAMPLERS[kind], budget=budget)
    assert samples.reward.tolist() == best_of(asked.seen, 6)
    assert len(set(samples.strings)) == 6
    assert samples.reward.tolist() == [asked.table[s] for s in samples.strings]
    if budget is not None:
        assert reward.counts.evaluated == budget


@kinds
def test_it_finds_the_best_design_of_a_space_that_it_can_walk_through(kind):
    method = Evolution(8, 8, 60, 8, level=(0.2, 0.7))
    samples, asked, _ = run(method, SAMPLERS[kind])
    assert samples.reward[0] == VALUES.max()
    assert len(asked.seen) < len(VALUES)  # and not by trying everything


def test_selection_is_what_finds_it():
    """Eight letters that are A with chance .2, and as many As as there can be are wanted."""
    rows = words(2, 8)
    law = Law(2, rows, outer([[0.2, 0.8]] * 8))
    sampler, values = FirstHitting(model_of(law)), (rows == 0).sum(1).astype(float)
    for key in range(3):
        method = Evolution(4, 8, 30, 10, level=0.2)
        samples, asked, reward = run(method, sampler, law, values, key=key)
        assert reward.counts.requested == 250
        assert samples.reward[0] == 8.0
        plain = sampler.sample(250, key=key).strings
        assert max(asked.table[string] for string in plain) < 8.0


def test_cost():
    population, children, generations, initial, width = 3, 5, 4, 7, 4
    method = Evolution(population, children, generations, initial, level=1.0)
    samples, _, reward = run(method, SAMPLERS["masked"], n=6)
    assert reward.counts.requested == 2 * (initial + generations * children)
    assert samples.counts["nfe"] == width * reward.counts.requested


def test_it_ends_where_nothing_new_comes():
    law = Law(2, words(2, 1), np.array([0.5, 0.5]))
    method = Evolution(2, 4, 1000, 4, patience=3)
    _, asked, reward = run(method, FirstHitting(model_of(law)), law, rewards(law))
    assert len(asked.seen) == 2
    assert reward.counts.requested <= 4 + 4 * (1 + 3 + 3)


@kinds
def test_a_population_is_the_same_in_any_batch(kind):
    method = Evolution(3, 4, 12, 6, patience=1)  # so that they end at different times
    whole, *_ = run(method, SAMPLERS[kind], n=9, key=7)
    for first in (0, 3, 6):
        one, *_ = run(method, SAMPLERS[kind], n=3, key=7, first_design=first)
        assert torch.equal(one.tokens, whole.tokens[first : first + 3])
        np.testing.assert_array_equal(one.confidence, whole.confidence[first : first + 3])


def test_templates_and_alphabets_hold():
    alphabet = SAMPLERS["masked"].model.domain.alphabet
    template = Template(alphabet, ["B", ["A", "C"], None, None])
    samples, asked, _ = run(Evolution(6, 6, 10, 10), SAMPLERS["masked"], template=template)
    for string in asked.seen:
        assert string[0] == "B"
        assert string[1] in "AC"
    assert samples.reward.tolist() == best_of(asked.seen, 6)


def test_lengths_live_side_by_side():
    law = two_lengths()
    values = rewards(law) + 5 * ((law.rows < law.size).sum(1) == 2)  # the short ones are better
    samples, asked, _ = run(Evolution(4, 6, 6, 12), FirstHitting(model_of(law)), law, values)
    assert {len(s) for s in asked.seen} == {2, 3}
    assert {len(s) for s in samples.strings} == {2}


def test_it_can_begin_at_seeds():
    method = Evolution(2, 4, 3, 2, level=0.3)
    seeds = Seeds(["ABCA"], level=0.3)
    samples, *_ = run(method, SAMPLERS["masked"], seeds=seeds)
    assert len(samples) == 2


def test_invalid_designs_are_never_members_while_there_are_others():
    some = np.where(np.arange(len(VALUES)) % 2 == 0, np.nan, VALUES)

    class Half(Letters):
        def invalid_reason(self, string):
            return "unwanted" if np.isnan(table[string]) else None

    table = dict(zip(spelled(LAW), some.tolist(), strict=True))
    model = model_of(LAW)
    model.domain = Half("ABC")
    samples, asked, _ = run(Evolution(5, 6, 6, 12), FirstHitting(model), values=some)
    assert samples.valid.all()
    assert samples.reward.tolist() == best_of(asked.seen, 5)
    table = dict.fromkeys(table, np.nan)
    samples, *_ = run(Evolution(3, 4, 2, 3), FirstHitting(model), values=some)
    assert not samples.valid.any()
    assert samples.fallback.all()
    assert len(samples) == 3


def test_a_space_smaller_than_the_population_returns_repeats():
    law = Law(2, words(2, 1), np.array([0.5, 0.5]))
    samples, *_ = run(Evolution(4, 3, 3, 8), FirstHitting(model_of(law)), law, rewards(law))
    assert sorted(set(samples.strings[:2])) == ["A", "B"]
    assert len(samples) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"population": 0}, "population must be a positive integer, got 0"),
        ({"children": 0}, "children must be a positive integer, got 0"),
        ({"generations": 0}, "generations must be a positive integer, got 0"),
        ({"population": 30, "initial": 20}, "initial must be at least the population of 30, got"),
        ({"tournament": 0}, "tournament must be a positive integer, got 0"),
        ({"level": (0.0, 0.5)}, r"level must be a time in \(0, 1\] or two of them"),
    ],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Evolution(**options)
