"""Searches without a model: what they ask for, what they keep, and what they refuse."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.baselines import Asked, GeneticAlgorithm, LocalSearch
from discdiff.domain import Letters
from discdiff.errors import InputError, OracleError
from discdiff.oracle import stack
from discdiff.oracle.ehrlich import Ehrlich
from discdiff.reward import Reward

POOL = ["AACC", "CCAA", "ACAC", "CACA", "TTAA", "CCTT", "TATC", "CTCA", "ATTC", "TCCT"]


class Counted:
    """A scorer that keeps every call."""

    def __init__(self, value=lambda string: string.count("G")):
        self.value, self.calls = value, []

    def __call__(self, strings):
        self.calls.append(list(strings))
        return [self.value(string) for string in strings]

    @property
    def asked(self):
        return [string for call in self.calls for string in call]


SEARCHES = {
    "genetic": lambda: GeneticAlgorithm("ACGT", population=12, survivors=3),
    "local": lambda: LocalSearch("ACGT", initial=3, batch=6),
}
searches = pytest.mark.parametrize("name", SEARCHES)


@searches
@given(seed=st.integers(0, 99), budget=st.integers(1, 90))
@settings(max_examples=15, deadline=None)
def test_the_budget_is_kept_to_the_call_and_nothing_is_asked_twice(name, seed, budget):
    score = Counted()
    found = SEARCHES[name]().run(score, POOL, budget, seed)
    assert len(score.asked) == budget == len(set(score.asked))  # 256 strings: never too few
    assert list(found.strings) == score.asked
    assert found.values.tolist() == [string.count("G") for string in found.strings]
    assert all(len(s) == 4 and set(s) <= set("ACGT") for s in found.strings)
    assert np.array_equal(found.running_best(), np.maximum.accumulate(found.values))


@searches
def test_a_seed_decides_the_search_and_a_small_budget_is_its_beginning(name):
    long = SEARCHES[name]().run(Counted(), POOL, 80, seed=3)
    again = SEARCHES[name]().run(Counted(), POOL, 80, seed=3)
    short = SEARCHES[name]().run(Counted(), POOL, 30, seed=3)
    other = SEARCHES[name]().run(Counted(), POOL, 80, seed=4)
    assert long.strings == again.strings != other.strings
    assert short.strings == long.strings[:30]
    assert long.running_best()[-1] > long.running_best()[2] == 0.0


@searches
def test_a_space_that_is_all_asked_ends_the_search(name):
    genetic = GeneticAlgorithm("AC", population=4, survivors=2, mutation=0.5)
    search = genetic if name == "genetic" else LocalSearch("AC")
    found = search.run(Counted(lambda string: 0.0), ["AA"], budget=100)
    assert sorted(found.strings) == ["AA", "AC", "CA", "CC"]


@searches
def test_strings_without_a_value_are_asked_once_and_never_parents_of_the_best(name):
    score = Counted(lambda string: np.nan if "T" in string else string.count("G"))
    found = SEARCHES[name]().run(score, POOL, 60, seed=1)
    assert np.array_equal(np.isnan(found.values), ["T" in string for string in found.strings])
    assert found.running_best()[-1] >= 3
    nothing = SEARCHES[name]().run(Counted(lambda string: np.nan), POOL, 60)
    assert len(set(nothing.strings)) == 60
    assert np.isnan(nothing.running_best()).all()


@searches
def test_the_same_meter_as_every_guidance_method(name):
    domain = Letters("ACGT")
    reward = Reward(domain, stack(Counted(), domain, budget=40, charge="all"))
    found = SEARCHES[name]().run(lambda s: reward.strings(s).reward.numpy(), POOL, 40)
    assert reward.exhausted
    assert reward.counts.requested == reward.counts.evaluated == 40 == len(found.strings)


@searches
def test_a_search_that_broke_off_goes_on_from_the_answers_that_were_kept(name):
    kept, whole = {}, SEARCHES[name]().run(Counted(), POOL, 50, seed=2)

    def failing(strings):
        new = [string for string in strings if string not in kept]
        if len(kept) + len(new) > 30:
            raise OracleError("the instrument is down")
        kept.update((string, string.count("G")) for string in new)
        return [kept[string] for string in strings]

    with pytest.raises(OracleError, match="the instrument is down"):
        SEARCHES[name]().run(failing, POOL, 50, seed=2)
    asked = Counted()
    resumed = SEARCHES[name]().run(
        lambda strings: [
            kept[string] if string in kept else asked([string])[0] for string in strings
        ],
        POOL,
        50,
        seed=2,
    )
    assert resumed.strings == whole.strings
    assert not set(asked.asked) & set(kept)


def test_children_come_from_the_survivors_alone():
    search = GeneticAlgorithm("ACGT", population=50, survivors=2, mutation=0.0, recombination=0.5)
    values = {"AAAA": 3.0, "CCCC": 2.0, "GGGG": 1.0}
    score = Counted(lambda string: values.get(string, 0.0))
    search.run(score, list(values), budget=19)
    assert set(score.asked[3:]) <= {"".join(s) for s in _words("AC", 4)}
    assert len(score.asked) == 3 + 14  # all but the two parents, after which nothing is new


def test_rates_of_recombination_and_mutation():
    search = GeneticAlgorithm("ACGT", population=4002, survivors=2, mutation=0.2, recombination=0.3)
    rows = search._children(["A" * 25, "C" * 25], np.random.default_rng(0))
    letters = np.array([list(row) for row in rows])
    n = letters.size
    # a letter changes to one of the two others with chance 0.2 / 2, and the first parent is either
    new = np.isin(letters, ["G", "T"]).mean()
    assert abs(new - 0.1) < 5 * np.sqrt(0.1 * 0.9 / n)
    same = GeneticAlgorithm("ACGT", 4002, 2, mutation=0.0, recombination=0.3)
    rows = same._children(["A" * 25, "C" * 25], np.random.default_rng(0))
    share = np.array([row.count("A") / 25 for row in rows])
    mixed = share[(share > 0) & (share < 1)]
    low = mixed[mixed < 0.5].mean(), mixed[mixed > 0.5].mean()
    assert np.allclose(low, (0.3, 0.7), atol=0.02)


def test_equal_values_leave_the_newest_in_front():
    asked = Asked(lambda strings: [1.0] * len(strings), budget=9)
    asked(["A", "C"])
    asked(["G"])
    assert asked.best(2) == ["G", "C"]


def test_local_search_changes_just_so_many_letters():
    score = Counted(lambda string: 1.0 if string == "AACC" else 0.0)
    LocalSearch("ACGT", initial=1, batch=9, sites=2).run(score, POOL, 40)
    apart = [sum(a != b for a, b in zip("AACC", s, strict=True)) for s in score.asked[1:]]
    assert set(apart) == {2}


def test_both_climb_an_ehrlich_function_better_than_its_pool():
    oracle = Ehrlich({"states": 8, "length": 24, "motifs": 3, "motif_length": 4, "seed": 1})
    pool = oracle.feasible_pool(600)
    score = lambda strings: oracle(strings).values[:, 0]  # noqa: E731
    drawn = score(pool).max()
    for search in (GeneticAlgorithm(oracle.letters, 50, 5), LocalSearch(oracle.letters)):
        assert search.run(score, pool, 600).running_best()[-1] > drawn


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GeneticAlgorithm("A"), "letters must be two or more distinct letters, got 'A'"),
        (lambda: GeneticAlgorithm("AA"), "letters must be two or more distinct letters, got 'AA'"),
        (lambda: GeneticAlgorithm("AC", survivors=1), "survivors must be at least 2"),
        (lambda: GeneticAlgorithm("AC", 5, 5), "less than the population of 5, got 5"),
        (lambda: GeneticAlgorithm("AC", mutation=2.0), "mutation must"),
        (lambda: LocalSearch("AC", sites=0), "sites must be a positive integer, got 0"),
        (lambda: SEARCHES["local"]().run(Counted(), [], 9), "pool must be a list of strings"),
        (lambda: SEARCHES["genetic"]().run(Counted(), "AC", 9), "pool must be a list of strings"),
        (lambda: SEARCHES["genetic"]().run(Counted(), ["A", "AC"], 9), "strings of one length"),
        (lambda: SEARCHES["local"]().run(Counted(), ["AX"], 9), "only the letters given, got 'X'"),
        (lambda: SEARCHES["local"]().run(Counted(), POOL, 0), "budget must be a positive integer"),
        (lambda: SEARCHES["local"]().run(lambda s: [1.0], POOL, 9), "score must return (3,)"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make()


def _words(letters, length):
    if not length:
        return [""]
    return [word + letter for word in _words(letters, length - 1) for letter in letters]
