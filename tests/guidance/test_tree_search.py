"""Tree search returns the best it has seen, finds what there is to find, and keeps the rules."""

import numpy as np
import pytest
import torch

from discdiff.domain import Letters, Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.tree_search import TreeSearch
from discdiff.objective import Objective, Term
from discdiff.objective.filters import HardFilter
from discdiff.objective.transform import Identity, Linear
from discdiff.oracle import stack
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from tests.exact.laws import LETTERS, Law, dirichlet, model_of, outer, rewards, two_lengths, words

LAW = dirichlet(4, 3, seed=5, concentration=1.0)
VALUES = rewards(LAW)
SAMPLERS = {
    "masked": FirstHitting(model_of(LAW)),
    "parallel": Parallel(model_of(LAW), steps=2),
    "uniform": Ancestral(model_of(LAW, "uniform"), steps=4),
}
EVEN = dirichlet(4, 3, seed=5, concentration=9.0)
FLAT = {
    "masked": FirstHitting(model_of(EVEN)),
    "parallel": Parallel(model_of(EVEN), steps=2),
    "uniform": Ancestral(model_of(EVEN, "uniform"), steps=4),
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
@pytest.mark.parametrize("budget", [None, 15])
def test_it_returns_the_best_of_all_that_was_evaluated(kind, budget):
    method = TreeSearch(4, 30 if budget else 10, designs=5)
    samples, asked, reward = run(method, SAMPLERS[kind], budget=budget)
    assert samples.reward.tolist() == best_of(asked.seen, 5)
    assert len(set(samples.strings)) == 5
    assert samples.reward.tolist() == [asked.table[s] for s in samples.strings]
    if budget is not None:
        assert reward.counts.evaluated == budget


@kinds
def test_it_finds_the_best_design_of_a_small_space(kind):
    for key in range(3):
        samples, *_ = run(TreeSearch(24, 60, designs=1), FLAT[kind], key=key)
        assert samples.reward[0] == VALUES.max()


def test_selection_is_what_finds_it():
    """Eight letters that are A with chance .2, and as many As as there can be are wanted."""
    rows = words(2, 8)
    law = Law(2, rows, outer([[0.2, 0.8]] * 8))
    sampler, values = FirstHitting(model_of(law)), (rows == 0).sum(1).astype(float)
    for key in range(3):
        method = TreeSearch(12, 60, designs=1, exploration=0.3)
        samples, asked, reward = run(method, sampler, law, values, key=key)
        assert samples.reward[0] >= 7.0
        plain = sampler.sample(reward.counts.requested, key=key).strings
        assert max(asked.table[string] for string in plain) <= 6.0


def test_an_exhausted_tree_stops():
    law = Law(2, words(2, 2), np.full(4, 0.25))
    samples, asked, reward = run(
        TreeSearch(8, 1000, designs=2), FirstHitting(model_of(law)), law, rewards(law)
    )
    assert reward.counts.requested < 40
    assert len(asked.seen) == 4
    assert samples.reward[0] == rewards(law).max()


def test_a_space_smaller_than_what_is_returned_gives_repeats():
    law = Law(2, words(2, 1), np.array([0.5, 0.5]))
    samples, *_ = run(TreeSearch(4, 3, designs=5), FirstHitting(model_of(law)), law, rewards(law))
    assert set(samples.strings) == {"A", "B"}
    assert len(samples) == 5
    assert samples.reward[0] == rewards(law).max()


@kinds
def test_a_tree_is_the_same_in_any_batch(kind):
    method = TreeSearch(3, 8, designs=3)
    whole, *_ = run(method, SAMPLERS[kind], n=9, key=7)
    for first in (0, 3, 6):
        one, *_ = run(method, SAMPLERS[kind], n=3, key=7, first_design=first)
        assert torch.equal(one.tokens, whole.tokens[first : first + 3])
        np.testing.assert_array_equal(one.log_likelihood, whole.log_likelihood[first : first + 3])
    assert len(set(whole.strings)) > 3


@kinds
def test_templates_and_alphabets_hold(kind):
    alphabet = SAMPLERS[kind].model.domain.alphabet
    template = Template(alphabet, ["B", ["A", "C"], None])
    samples, asked, _ = run(TreeSearch(4, 12, designs=4), SAMPLERS[kind], template=template)
    assert len(asked.seen) > 4
    for string in asked.seen:
        assert string[0] == "B"
        assert string[1] in "AC"
    assert samples.reward.tolist() == best_of(asked.seen, 4)


def test_each_of_several_templates_keeps_its_own_alphabets():
    alphabet = SAMPLERS["masked"].model.domain.alphabet
    templates = [Template(alphabet, [["A", "B"], "C", None]), Template(alphabet, ["D", "D", ["A"]])]
    _, asked, _ = run(TreeSearch(6, 12, designs=4), SAMPLERS["masked"], template=templates)
    for string in asked.seen:
        assert (string[0] in "AB" and string[1] == "C") or string == "DDA"
    assert "DDA" in asked.seen


def test_lengths_compete():
    law = two_lengths()
    values = rewards(law) + 5 * ((law.rows < law.size).sum(1) == 2)  # the short ones are better
    sampler = FirstHitting(model_of(law))
    samples, asked, _ = run(TreeSearch(6, 10, designs=4), sampler, law, values)
    assert {len(s) for s in asked.seen} == {2, 3}
    assert {len(s) for s in samples.strings} == {2}


@kinds
def test_it_can_begin_at_seeds(kind):
    method = TreeSearch(3, 4, designs=2)
    samples, *_ = run(method, SAMPLERS[kind], seeds=Seeds(["ABC"], level=0.5))
    assert len(samples) == 2


@kinds
def test_a_constant_reward_lets_it_wander(kind):
    samples, asked, _ = run(TreeSearch(4, 10, designs=5), SAMPLERS[kind], values=VALUES * 0 + 0.7)
    assert samples.reward.tolist() == [0.7] * 5
    assert len(asked.seen) > 8


class Half(Letters):
    """Designs without a value are invalid."""

    def __init__(self, table):
        super().__init__(LETTERS[:4])
        self.table = table

    def invalid_reason(self, string):
        return "unwanted" if np.isnan(self.table[string]) else None


@kinds
@pytest.mark.parametrize("share", [2, 1], ids=["some", "all"])
def test_invalid_designs_come_last(kind, share):
    values = np.where(np.arange(len(VALUES)) % share == 0, np.nan, VALUES)
    model = model_of(LAW, SAMPLERS[kind].process.kind)
    model.domain = Half(dict(zip(spelled(LAW), values.tolist(), strict=True)))
    sampler = FirstHitting(model) if kind == "masked" else Ancestral(model, steps=4)
    samples, asked, _ = run(TreeSearch(4, 8, designs=3), sampler, values=values)
    assert len(samples) == 3
    if share == 1:
        assert not samples.valid.any()
        assert samples.fallback.all()
    else:
        assert samples.valid.all()
        assert not samples.fallback.any()
        assert samples.reward.tolist() == best_of(asked.seen, 3)


def test_progress_sees_the_events_of_every_rollout():
    seen = []
    method = TreeSearch(1, 2, designs=1)
    run(method, SAMPLERS["masked"], progress=lambda state: seen.append(state.event))
    assert seen == [1, 2, 3, 2, 3, 2]


# Several objectives.


class Two:
    """Letters that are A or B, and letters that are C."""

    name, version, outputs = "two", "1", ("ab", "c")

    def __init__(self):
        self.asked = []

    def __call__(self, strings):
        self.asked += strings
        return np.array([counted(string) for string in strings], dtype=float)


def counted(string):
    return string.count("A") + string.count("B"), string.count("C")


THIRDS = Linear(0, 3)


def pair_of_terms(transform=THIRDS, last=None, **options):
    oracle = Two()
    terms = [Term("ab", transform), Term("c", transform if last is None else last)]
    objective = Objective(terms, "arithmetic_mean", **options)
    return Reward(SAMPLERS["masked"].model.domain, oracle, objective), oracle


@kinds
def test_a_front_holds_what_no_other_design_dominates(kind):
    reward, _ = pair_of_terms()
    samples = TreeSearch(24, 40, "front", designs=4).run(SAMPLERS[kind], reward, 4, key=2)
    assert sorted(map(counted, samples.strings)) == [(0, 3), (1, 2), (2, 1), (3, 0)]
    assert samples.reward.tolist() == [0.5] * 4  # the mean of the terms, as the objective has it
    assert samples.scores.values.tolist() == [list(counted(s)) for s in samples.strings]


def test_an_objective_that_does_not_steer_yet_changes_nothing():
    """Until its iteration the search is the same whatever the second objective says."""

    def asked(schedule, transform):
        reward, oracle = pair_of_terms(last=transform)
        method = TreeSearch(4, 10, "front", designs=2, schedule=schedule)
        method.run(SAMPLERS["masked"], reward, 2, key=3)
        return oracle.asked

    assert asked([0, 10], THIRDS) == asked([0, 10], Linear(3, 0))
    assert asked([0, 0], THIRDS) != asked([0, 0], Linear(3, 0))
    assert asked([0, 0], THIRDS) == asked(None, THIRDS)


def test_a_design_that_a_filter_rejects_is_not_in_the_front():
    reward, _ = pair_of_terms(filters=[HardFilter("ab", high=2)])
    samples = TreeSearch(24, 40, "front", designs=3).run(SAMPLERS["masked"], reward, 3, key=2)
    assert sorted(map(counted, samples.strings)) == [(0, 3), (1, 2), (2, 1)]


def test_a_reference_cuts_what_is_not_of_interest():
    reward, _ = pair_of_terms()
    method = TreeSearch(24, 40, "front", designs=1, reference=[0.5, 0.3])
    samples = method.run(SAMPLERS["masked"], reward, 1, key=2)
    assert counted(samples.strings[0]) == (2, 1)  # the only one above both ends


def test_the_front_is_refused_where_it_cannot_be_compared():
    sampler = SAMPLERS["masked"]
    reward, _ = pair_of_terms()
    single = Reward(sampler.model.domain, lambda strings: [1.0] * len(strings))
    with pytest.raises(InputError, match="goal must be 'best' for an objective without two terms"):
        TreeSearch(goal="front").run(sampler, single, 20)
    with pytest.raises(InputError, match="schedule must hold one number for each of the 2 terms"):
        TreeSearch(goal="front", schedule=[0]).run(sampler, reward, 20)
    with pytest.raises(InputError, match="reference must hold one number for each of the 2 terms"):
        TreeSearch(goal="front", reference=[0, 0, 0]).run(sampler, reward, 20)
    unbounded, _ = pair_of_terms(Identity())
    with pytest.raises(InputError, match="reference must be given, or term 'ab' a transform"):
        TreeSearch(goal="front").run(sampler, unbounded, 20)


def test_a_plan_that_masks_again_is_refused():
    with pytest.raises(UnsupportedError, match="tree_search on a masked process with a plan that"):
        run(TreeSearch(3, 3, designs=2), ReMDM(model_of(LAW), steps=6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"children": 0}, "children must be a positive integer, got 0"),
        ({"iterations": 0}, "iterations must be a positive integer, got 0"),
        ({"goal": "all"}, "goal must be one of best, front, got 'all'"),
        ({"designs": 0}, "designs must be a positive integer, got 0"),
        ({"exploration": -1}, "exploration must not be negative, got -1"),
        ({"penalty": float("nan")}, "penalty must be a finite number, got nan"),
        ({"stride": 0}, "stride must be a positive integer, got 0"),
        ({"rollout": "short"}, "rollout must be one of run, preview, got 'short'"),
        ({"schedule": [0, 3]}, "schedule must be None with goal='best'"),
        ({"reference": [0.0]}, "reference must be None with goal='best'"),
        ({"goal": "front", "schedule": [1, 2]}, "schedule must let an objective begin at 0"),
        ({"goal": "front", "schedule": [0, -2]}, "schedule must be a non-negative integer"),
        ({"goal": "front", "reference": [float("inf"), 0]}, "reference must be a finite number"),
        ({"archive": 10}, "archive must hold at least the 20 designs, got 10"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        TreeSearch(**options)
