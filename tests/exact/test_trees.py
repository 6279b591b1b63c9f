"""The parts of tree search against definitions: scores, back-ups, dominance, clocks and costs."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.guidance import tree as tree_module
from discdiff.guidance.found import Found
from discdiff.guidance.pool import Pool
from discdiff.guidance.tree import Node, Tree
from discdiff.guidance.tree_search import Search, TreeSearch
from discdiff.objective import Objective, Term, pareto
from discdiff.reward import Evaluation
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from tests.exact.laws import dirichlet, model_of, reward_of, rewards

LAW = dirichlet(2, 6, seed=4, concentration=1.0)
VALUES = rewards(LAW)
MASKED, UNIFORM = model_of(LAW), model_of(LAW, "uniform")
SAMPLERS = {
    "first hitting": FirstHitting(MASKED),
    "ancestral": Ancestral(MASKED, steps=4),
    "parallel": Parallel(MASKED, steps=3),
    "entropy": EntropyOrder(MASKED, steps=4),
    "confidence": ConfidenceOrder(MASKED),
    "uniform": Ancestral(UNIFORM, steps=4),
}
EVENTS = {"first hitting": 6, "parallel": 3, "entropy": 4, "confidence": 6, "uniform": 4}


def searched(sampler, method=None, values=VALUES, trees=1, key=1, kind=Search):
    method = TreeSearch(3, 12, designs=2) if method is None else method
    state = sampler.init(trees, particles=method.particles, key=key)
    search = kind(method, sampler, reward_of(LAW, values), state)
    search.run()
    return search


# One choice.


def grown(tree, path, values, priors=None, finished=None):
    """Add children whose rollouts had `values (C, R)`."""
    values = np.asarray(values, dtype=float)
    priors = np.full(len(values), 1 / len(values)) if priors is None else np.asarray(priors)
    done = None if finished is None else np.asarray(finished)
    tree.grow(path, [(None, i, i) for i in range(len(values))], priors, values, done)
    return path[-1].children


def test_the_score_of_a_child_by_hand():
    tree = Tree(1, exploration=0.7, penalty=0.5)
    first, second = grown(tree, [tree.root], [[2.0], [6.0]], [0.9, 0.1])
    grown(tree, [tree.root, first], [[4.0], [10.0], [np.nan]])
    # rewards lie between 2 and 10; the first had rollouts of 2 and of (4, 10, none)
    mean_first = (0.0 + (0.25 + 1.0 - 0.5) / 3) / 2
    mean_second = 0.5
    bonus_first = 0.7 * 0.9 * np.sqrt(2) / (1 + 2)
    bonus_second = 0.7 * 0.1 * np.sqrt(2) / (1 + 1)
    found = tree.scores(tree.root, [first, second])[:, 0]
    np.testing.assert_allclose(
        found, [mean_first + bonus_first, mean_second + bonus_second], rtol=1e-12
    )
    assert tree.path(np.full(3, 0.5))[1] is second
    visits = [node.visits for node in (tree.root, first, second, *first.children)]
    assert visits == [2, 2, 1, 1, 1, 1]


class SummedNode(Node):
    """The released back-up: the sum over children against one visit."""

    def add(self, rewards, shares):
        super().add(rewards, shares * len(rewards))


levels = st.lists(
    st.lists(st.one_of(st.integers(-5, 5).map(float), st.just(np.nan)), min_size=1, max_size=4),
    min_size=1,
    max_size=6,
)


def backed_up(waves, kind=Node):
    """Chain of nodes, each the first child of the one before, and the values through each."""
    tree = Tree(1)
    tree.root = kind(None, 0, 0, 1.0, np.zeros(1))
    path = [tree.root]
    for wave in waves:
        children = grown(tree, path, [[value] for value in wave])
        path = [*path, children[0]]
    return tree, path


def expected_mean(waves, depth, penalty=0.5):
    """The mean over back-ups of the mean over rollouts, on the scale of all rewards."""
    known = [v for wave in waves for v in wave if v == v]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span = high - low or 1.0

    def worth(value):
        return -penalty if value != value else (value - low) / span

    through = [] if depth == 0 else [worth(waves[depth - 1][0])]
    through += [np.mean([worth(v) for v in wave]) for wave in waves[depth:]]
    return np.mean(through)


@settings(max_examples=60, deadline=None)
@given(levels)
def test_a_node_has_the_mean_of_what_went_through_it(waves):
    tree, path = backed_up(waves)
    for depth, node in enumerate(path):
        found = tree.mean(node)[0]
        assert found == pytest.approx(expected_mean(waves, depth), abs=1e-9)
        assert -0.5 - 1e-9 <= found <= 1 + 1e-9


def test_the_released_sum_is_no_mean():
    waves = [[1.0, 2.0], [3.0, 0.0, 2.0]]
    tree, path = backed_up(waves)
    assert tree.mean(path[0])[0] == pytest.approx(expected_mean(waves, 0))
    tree, path = backed_up(waves, SummedNode)
    assert tree.mean(path[0])[0] != pytest.approx(expected_mean(waves, 0), abs=0.1)
    assert tree.mean(path[0])[0] > 1  # on another scale than its children


def dominating(a, b):
    return all(x >= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def brute_front(vectors):
    return [not any(dominating(other, one) for other in vectors) for one in vectors]


def released_front(vectors):
    """What the released code keeps: a point that is not above all that are kept is dropped."""
    kept = []
    for i, one in enumerate(vectors):
        if all(all(x >= y for x, y in zip(one, vectors[k], strict=True)) for k in kept):
            kept = [i]
    return np.isin(np.arange(len(vectors)), kept)


points = st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=8)


def choices(vectors):
    """Which children may be opened, of equal visits and priors."""
    tree = Tree(2)
    grown(tree, [tree.root], vectors)
    taken = {tree.path(np.array([u]))[1].row for u in np.linspace(0.01, 0.99, 50)}
    return [i in taken for i in range(len(vectors))]


@settings(max_examples=60, deadline=None)
@given(points)
def test_children_compete_by_true_dominance(vectors):
    assert choices(vectors) == brute_front(vectors)


def test_the_released_dominance_is_no_front(monkeypatch):
    vectors = [(4, 0), (0, 4), (1, 1)]
    assert choices(vectors) == brute_front(vectors) == [True, True, True]
    monkeypatch.setattr(tree_module, "nondominated", released_front)
    monkeypatch.setattr(pareto, "nondominated", released_front)
    assert choices(vectors) == [True, False, False]
    found = Found(3, [0.0, 0.0], 100)
    found.add(pool_of(["a", "b", "c"], [0.0] * 3), range(3), np.array(vectors, float))
    assert found.archive.items == ["a"]


def test_objectives_that_do_not_steer_yet_are_not_compared():
    tree = Tree(2)
    grown(tree, [tree.root], [(4.0, 0.0), (0.0, 4.0)])
    for u in (0.1, 0.9):
        assert tree.path(np.array([u]), [0])[1].row == 0
        assert tree.path(np.array([u]), [1])[1].row == 1
    assert {tree.path(np.array([u]))[1].row for u in (0.1, 0.9)} == {0, 1}
    method = TreeSearch(goal="front", schedule=[0, 5])
    assert [method.steering(i) for i in (0, 4, 5)] == [[0], [0], [0, 1]]


def test_closed_nodes_are_passed_by_and_close_their_parents():
    tree = Tree(1)
    first, second = grown(tree, [tree.root], [[5.0], [0.0]], finished=[False, False])
    u = np.full(4, 0.5)
    assert tree.path(u) == [tree.root, first]
    grown(tree, [tree.root, first], [[9.0], [9.0]], finished=[True, True])
    assert first.closed
    assert tree.path(u) == [tree.root, second]
    assert not tree.exhausted
    grown(tree, [tree.root, second], [[0.0]], finished=[True])
    assert tree.exhausted


def test_without_any_reward_all_are_alike():
    tree = Tree(1, penalty=0.5)
    children = grown(tree, [tree.root], [[np.nan], [np.nan]], [0.7, 0.3])
    assert [tree.mean(child)[0] for child in children] == [-0.5, -0.5]
    assert tree.path(np.array([0.5]))[1] is children[0]


# What is kept.


def pool_of(names, rewards):
    """Designs as a search hands them on."""
    state = SAMPLERS["first hitting"].init(len(names), key=0)
    reward = torch.tensor(rewards, dtype=torch.float64)
    return Pool(state, torch.arange(len(names)), reward, list(names))


def volume(vectors):
    """Unit cells below some vector of small whole numbers."""
    cells = itertools.product(range(6), repeat=len(vectors[0])) if vectors else ()
    return sum(
        any(all(c < v for c, v in zip(cell, one, strict=True)) for one in vectors) for cell in cells
    )


def brute_pruned(vectors, count):
    """The front, less one at a time the latest of those without which least is lost."""
    kept = [i for i, best in enumerate(brute_front(vectors)) if best]
    while len(kept) > count:
        whole = volume([vectors[i] for i in kept])
        lost = [whole - volume([vectors[j] for j in kept if j != i]) for i in kept]
        kept.pop(max(k for k in range(len(kept)) if lost[k] == min(lost)))
    return kept


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=8), st.integers(1, 5))
def test_what_adds_least_volume_leaves_the_front(vectors, count):
    found = Found(count, [0.0] * 3, 100)
    values = np.array(vectors, dtype=float)
    names = [str(i) for i in range(len(vectors))]
    for i, name in enumerate(names):  # one at a time
        found.add(pool_of([name], [values[i].sum()]), [0], values[i : i + 1])
    assert found.archive.items == [names[i] for i in np.flatnonzero(brute_front(vectors))]
    best = [int(one.names[0]) for one in found.best()]
    front = brute_pruned(vectors, count)
    assert set(best[: len(front)]) == set(front)
    # then the best others, by the reward
    rest = sorted(
        (i for i in range(len(vectors)) if i not in front), key=lambda i: -sum(vectors[i])
    )
    assert best[len(front) :] == rest[: count - len(front)]


def test_a_design_that_had_no_score_can_have_one_later():
    found = Found(3, None, 100)
    found.add(pool_of(["A", "A", "B"], [np.nan, 2.0, 3.0]), [0, 1, 2], np.zeros((3, 1)))
    found.add(pool_of(["A"], [9.0]), [0], np.zeros((1, 1)))
    assert [(one.names, one.reward.item()) for one in found.best()] == [(["B"], 3.0), (["A"], 2.0)]


def test_only_what_may_be_returned_is_kept():
    found = Found(2, None, 100)
    for value in (1.0, 5.0, 3.0, 4.0, 2.0):
        found.add(pool_of([str(value)], [value]), [0], np.zeros((1, 1)))
    assert list(found.kept) == ["5.0", "4.0"]


# Clocks and costs.


@pytest.mark.parametrize("name", SAMPLERS)
def test_children_go_on_from_what_their_parents_have_drawn(name):
    sampler = SAMPLERS[name]
    search = searched(sampler, TreeSearch(3, 20, designs=2), trees=2)
    edges = 0
    for tree in search.trees:
        for node in tree.nodes():
            for child in node.children:
                if node.batch is None:
                    continue
                edges += 1
                before, after = node.batch.tokens[node.row], child.batch.tokens[child.row]
                assert child.batch.t[child.row] < node.batch.t[node.row]
                assert child.start == node.start
                if sampler.process.kind == "masked":
                    shown = before != sampler.process.mask_id
                    assert torch.equal(before[shown], after[shown])
                    assert not torch.equal(before, after)
            rows = [tuple(child.batch.tokens[child.row].tolist()) for child in node.children]
            assert len(set(rows)) == len(rows)
            if node.children:
                assert sum(child.prior for child in node.children) == pytest.approx(1.0)
    assert edges > 40


class Restarting(Search):
    """The released rollout clock: the plan of what is left begins anew."""

    def _stacked(self, leaves, keys, starts):
        state = super()._stacked(leaves, keys, starts)
        state.plan = self.sampler.plan(state)
        return state


def chain_cost(events, stride=1):
    """Passes of a tree with one child a node: each opened node costs the events left before it."""
    return events + sum(range(events, 0, -stride))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", EVENTS)
def test_a_rollout_has_the_events_that_are_left(name, stride):
    search = searched(SAMPLERS[name], TreeSearch(1, 50, designs=1, stride=stride))
    assert search.first.counts["nfe"] == chain_cost(EVENTS[name], stride)
    assert search.iteration == -(-EVENTS[name] // stride)  # and then the tree is exhausted
    assert search.trees[0].exhausted


@pytest.mark.parametrize("name", ["parallel", "uniform"])
def test_a_clock_that_restarts_has_others(name):
    search = searched(SAMPLERS[name], TreeSearch(1, 50, designs=1), kind=Restarting)
    assert search.first.counts["nfe"] != chain_cost(EVENTS[name])


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("rollout", ["run", "preview"])
def test_cost_is_that_of_the_formula(name, rollout):
    """One pass for each opened node, and for each distinct child the events that are left."""
    search = searched(SAMPLERS[name], TreeSearch(3, 10, designs=2, rollout=rollout), trees=3)
    asked = passes = 0
    for tree in search.trees:
        depth = {tree.root: -1}
        for node in tree.nodes():
            passes += bool(node.children) and node is not tree.root
            for child in node.children:
                depth[child] = depth[node] + 1
                left = EVENTS[name] - depth[child]
                assert child.batch is not None
                asked += 1
                passes += left if rollout == "run" else left > 0
    assert search.first.counts["nfe"] == passes
    assert len(search.ledger.read(torch.arange(asked)).strings) == asked
    with pytest.raises(IndexError):
        search.ledger.read(torch.tensor([asked]))


def test_children_that_are_alike_are_one():
    """One position and two letters: of 16 draws there are two children."""
    law = dirichlet(2, 1, seed=1)
    sampler = FirstHitting(model_of(law))
    search = Search(
        TreeSearch(16, 50, designs=1),
        sampler,
        reward_of(law, np.array([0.0, 1.0])),
        sampler.init(1, particles=16, key=3),
    )
    search.run()
    (noise,) = search.trees[0].root.children
    assert noise.prior == pytest.approx(1.0)  # 16 draws of the same noise
    first = search.ledger.read(torch.tensor([0])).reward.item()
    letters = [int(child.batch.tokens[child.row, 0]) for child in noise.children]
    assert sorted(letters) == [0, 1]
    # the mean over the 16 draws is the share of the letter with the reward of 1
    ones = 16 * (noise.total[0] - first)
    assert ones == pytest.approx(round(ones))
    weight = np.array([16 - ones, ones]) * law.p
    priors = dict(zip(letters, [child.prior for child in noise.children], strict=True))
    np.testing.assert_allclose([priors[0], priors[1]], weight / weight.sum(), rtol=1e-9)
    assert search.iteration == 1  # both are finished
    assert search.samples().strings == ["B"]


class Vectors:
    """A reward of several values a design, looked up."""

    exhausted = False

    def __init__(self, law, values):
        self.law, self.values = law, np.asarray(values, dtype=float)
        self.single = reward_of(law, self.values.mean(1))
        self.asked = []
        self.objective = Objective([Term("a"), Term("b")], "arithmetic_mean")

    def __call__(self, tokens, belief=None):
        self.asked += self.law.places(tokens).tolist()
        return self.single(tokens)

    def components(self, evaluation: Evaluation):
        known = dict(zip(self.single.known.strings, self.values, strict=True))
        return torch.from_numpy(np.array([known[string] for string in evaluation.strings]))


SMALL = dirichlet(2, 4, seed=8, concentration=2.0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=16, max_size=16),
    st.integers(0, 10**6),
)
def test_the_archive_is_the_front_of_all_that_was_asked_for(table, key):
    reward = Vectors(SMALL, table)
    method = TreeSearch(3, 6, "front", designs=16, reference=[0.0, 0.0])
    sampler = FirstHitting(model_of(SMALL))
    samples = method.run(sampler, reward, 16, key=key)
    asked = sorted(set(reward.asked))
    vectors = [table[place] for place in asked]
    front = {asked[i] for i in np.flatnonzero(brute_front(vectors))}
    returned = SMALL.places(samples.tokens).tolist()
    assert set(returned[: len(front)]) == front
    assert set(returned) == set(asked)
