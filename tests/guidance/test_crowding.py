"""Non-dominated sorting with crowding distance, against brute force, and evolution by it."""

import numpy as np
import pytest

from discdiff.errors import InputError
from discdiff.guidance.crowding import crowding, sorted_by_front
from discdiff.guidance.evolution import Evolution
from discdiff.objective import Objective, Term
from discdiff.objective.pareto import nondominated
from discdiff.objective.transform import Linear
from discdiff.oracle import stack
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import Law, model_of, outer, words

LAW = Law(4, words(4, 4), outer(np.full((4, 4), 0.25)))
SAMPLER = FirstHitting(model_of(LAW))


def dominates(a, b):
    return all(x >= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def slow_fronts(values):
    """Peel one front after the other, pair by pair."""
    left, fronts = set(range(len(values))), []
    while left:
        front = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        fronts.append(sorted(front))
        left -= front
    return fronts


def slow_crowding(values):
    """For values all different: of each the gap between its two neighbours; one alone has none."""
    if len(values) == 1:
        return [0.0]
    room = []
    for i in range(len(values)):
        total = 0.0
        for r in range(values.shape[1]):
            column = sorted(values[:, r])
            place = column.index(values[i, r])
            if place in (0, len(column) - 1):
                total = np.inf
            else:
                total += (column[place + 1] - column[place - 1]) / (column[-1] - column[0])
        room.append(total)
    return room


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_order_is_that_of_brute_force(objectives):
    generator = np.random.default_rng(objectives)
    for _ in range(20):
        values = generator.random((17, objectives))
        order = sorted_by_front(values).tolist()
        expected = []
        for front in slow_fronts(values):
            room = dict(zip(front, slow_crowding(values[front]), strict=True))
            expected += sorted(front, key=lambda i: -room[i])
            np.testing.assert_allclose(crowding(values[front]), list(room.values()), rtol=1e-12)
        assert order == expected


def test_repeats_and_equal_objectives_are_no_exception():
    values = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    assert sorted_by_front(values).tolist() == [0, 1, 3, 2]
    np.testing.assert_array_equal(crowding(np.ones((3, 2))), np.zeros(3))
    assert sorted_by_front(np.zeros((0, 2))).tolist() == []


class Counted:
    """How often the first two letters occur, which no design has both of everywhere."""

    outputs = ("a", "b", "c")

    def __init__(self):
        self.seen = {}

    def __call__(self, strings):
        found = [[string.count(letter) for letter in "ABC"] for string in strings]
        self.seen.update(zip(strings, found, strict=True))
        return np.array(found, dtype=float)


def run(select, **options):
    oracle = Counted()
    terms = [Term(name, transform=Linear(0, 4)) for name in "abc"]
    domain = SAMPLER.model.domain
    reward = Reward(domain, stack(oracle, domain), Objective(terms, "product"))
    method = Evolution(15, 10, 40, 20, level=(0.3, 0.9), select=select, **options)
    return method.run(SAMPLER, reward, 15, key=2), oracle


def test_a_population_spreads_over_the_front_and_begins_with_it():
    samples, oracle = run("pareto")
    values = np.array([oracle.seen[string] for string in samples.strings], dtype=float)
    known = np.array(list(oracle.seen.values()), dtype=float)
    best = {tuple(row) for row in known[nondominated(known)]}
    # four letters of three kinds without a fourth: 15 different counts are not dominated
    assert best == {(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)}
    assert {tuple(row) for row in values} <= best
    for extreme in ((4, 0, 0), (0, 4, 0), (0, 0, 4)):
        assert extreme in {tuple(row) for row in values}
    assert len(set(samples.strings)) == 15
    alone, _ = run("best")  # of the product of all three, which extremes have none of
    assert not {"AAAA", "BBBB", "CCCC"} & set(alone.strings)


def test_crossover_and_retries_go_with_it_and_one_reward_does_not():
    samples, _ = run("pareto", crossover="uniform", retries=2)
    assert len(set(samples.strings)) == 15
    domain = SAMPLER.model.domain
    plain = Reward(domain, stack(lambda strings: [1.0 for _ in strings], domain))
    with pytest.raises(InputError, match="select must be 'best' or 'metropolis' for an objective"):
        Evolution(2, 2, 2, 2, select="pareto").run(SAMPLER, plain, 2, key=1)
    with pytest.raises(InputError, match="select must be one of best, metropolis, pareto"):
        Evolution(select="front")
