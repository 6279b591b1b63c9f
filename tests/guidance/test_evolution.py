"""Evolution: the population is the best of all that was evaluated, and that is all it is."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from discdiff.domain import Letters, Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.crossover import cross
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.pool import Pool
from discdiff.guidance.redraw import fragments, resized
from discdiff.model import Model
from discdiff.oracle import stack
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from discdiff.wrapped import Wrapped
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


VARIANTS = {
    "span": {"region": "span"},
    "crossover": {"crossover": "uniform"},
    "one point": {"crossover": "one_point", "crossed": 1.0},
    "moved": {"crossover": "moved", "crossed": 1.0, "retries": 2},
    "retries": {"retries": 3},
    "regions": {"region": ["sites", "span"]},
    "restarts": {"restarts": 2, "stagnation": 1},
    "metropolis": {"select": "metropolis", "scale": 2.0},
    "all": {"region": "span", "crossover": "uniform", "retries": 2, "select": "metropolis"},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


@kinds
@variants
def test_whatever_the_proposals_what_is_returned_is_the_best_of_all_that_was_evaluated(
    kind, variant
):
    method = Evolution(6, 5, 30, 12, **VARIANTS[variant])
    samples, asked, reward = run(method, SAMPLERS[kind], budget=30)
    assert samples.reward.tolist() == best_of(asked.seen, 6)
    assert samples.reward.tolist() == [asked.table[s] for s in samples.strings]
    assert reward.counts.evaluated == 30


@variants
def test_variants_keep_templates_and_do_not_depend_on_the_batch(variant):
    template = Template(SAMPLERS["masked"].model.domain.alphabet, ["B", ["A", "C"], None, None])
    method = Evolution(3, 3, 6, 6, patience=2, **VARIANTS[variant])
    whole, asked, _ = run(method, SAMPLERS["masked"], n=9, key=7, template=template)
    assert all(string[0] == "B" and string[1] in "AC" for string in asked.seen)
    for first in (0, 6):
        options = {"first_design": first, "template": template}
        one, *_ = run(method, SAMPLERS["masked"], n=3, key=7, **options)
        assert torch.equal(one.tokens, whole.tokens[first : first + 3])
        np.testing.assert_array_equal(one.confidence, whole.confidence[first : first + 3])


def test_crossover_reaches_what_no_parent_has():
    """Nothing is drawn again at this level, so all that is new is made of two parents."""
    reached = {}
    for crossover in (None, "uniform", "one_point"):
        method = Evolution(6, 6, 20, 6, level=1e-12, crossover=crossover, crossed=1.0)
        _, asked, _ = run(method, SAMPLERS["masked"], key=3)
        reached[crossover] = list(asked.seen)
    assert len(reached[None]) <= 6
    for crossover in ("uniform", "one_point"):
        first, new = reached[crossover][: len(reached[None])], reached[crossover]
        assert first == reached[None]
        assert len(new) > len(first) + 3
        for place in range(4):
            assert {string[place] for string in new} == {string[place] for string in first}


def crossed(strings, how, share=1.0, fixed=()):
    """Children of all members, each crossed with another, as tokens; all of them are members."""
    model = SAMPLERS["masked"].model
    tokens = model.domain.encode_batch(strings, 4)
    active = tokens < model.process.mask_id
    active[:, list(fixed)] = False
    state = SAMPLERS["masked"].start(
        tokens, torch.zeros(len(tokens)), active, keys=torch.arange(len(tokens))
    )
    parents = torch.arange(len(tokens)).repeat(200)
    begun = state.gather(parents)
    new = cross(begun, state, parents, torch.arange(len(parents)) + 99, share, how)
    return parents.numpy(), new, model.domain.decode_batch(new.tokens)


def test_uniform_crossover_takes_each_position_from_either_parent():
    parents, new, strings = crossed(["AAAA", "BBBB"], "uniform")
    second = np.array([[(c != "AB"[p]) for c in s] for p, s in zip(parents, strings, strict=True)])
    assert abs(second.mean(0) - 0.5).max() < 0.12  # 5 standard errors
    assert len(set(strings)) == 16
    lost = new.path.log_prob.isnan().all(1).numpy()
    assert (lost == second.any(1)).all()  # of a mixture the model has said nothing


def test_one_point_crossover_takes_the_end_from_the_other():
    parents, _, strings = crossed(["AAAA", "BBBB"], "one_point")
    assert {s for s, p in zip(strings, parents, strict=True) if p == 0} == {"ABBB", "AABB", "AAAB"}
    parents, _, strings = crossed(["AAAA", "BBBB"], "one_point", share=0.3)
    kept = np.mean([s == "AB"[p] * 4 for s, p in zip(strings, parents, strict=True)])
    assert abs(kept - 0.7) < 0.12
    parents, _, strings = crossed(["CAAA", "CBBB"], "one_point", fixed=[0])
    assert {s for s, p in zip(strings, parents, strict=True) if p == 0} == {"CABB", "CAAB"}


def test_a_run_moves_to_any_place_of_the_other():
    parents, _, strings = crossed(["AAAA", "ABCB"], "moved")
    found = {s for s, p in zip(strings, parents, strict=True) if p == 0}
    runs = {"A", "B", "C", "AB", "BC", "CB"}
    at = {(run, place) for run in runs for place in range(5 - len(run))}
    assert found == {"AAAA"[:place] + run + "A" * (4 - place - len(run)) for run, place in at}
    # stepping over what is fixed: free are the places 1 and 3, so runs are single tokens
    parents, _, strings = crossed(["AAAA", "ABAC"], "moved", fixed=[0, 2])
    found = {s for s, p in zip(strings, parents, strict=True) if p == 0}
    assert found == {"ABAA", "ACAA", "AAAB", "AAAC"}


def test_a_run_leaves_out_what_may_not_stand_where_it_goes():
    model = SAMPLERS["masked"].model
    template = Template(model.domain.alphabet, [["A", "B"], None, None, ["A", "C"]])
    state = SAMPLERS["masked"].init(2, key=0, template=template)
    state = replace(state, tokens=model.domain.encode_batch(["AAAA", "BCBC"], 4))
    parents = torch.zeros(400, dtype=torch.int64)
    new = cross(state.gather(parents), state, parents, torch.arange(400), 1.0, "moved")
    strings = set(model.domain.decode_batch(new.tokens))
    assert {s[0] for s in strings} == {"A", "B"}
    assert {s[3] for s in strings} == {"A", "C"}
    assert {s[1:3] for s in strings} >= {"CB", "BC", "AB", "BA", "CA", "AC"}


def test_parents_of_different_lengths_are_not_crossed():
    _, _, strings = crossed(["AAAA", "BBBB", "AAA", "CCC", "BB"], "uniform")
    assert {len(s) for s in strings} == {2, 3, 4}
    for string in strings:
        letters = {2: "B", 3: "AC", 4: "AB"}[len(string)]
        assert set(string) <= set(letters)


def test_a_child_that_was_seen_is_not_asked_for_and_with_retries_drawn_again():
    new, spent = {}, {}
    for retries in (0, 5):
        method = Evolution(4, 8, 4, 12, level=(0.3, 0.8), retries=retries)
        samples, asked, reward = run(method, SAMPLERS["masked"], key=2)
        new[retries], spent[retries] = reward.counts.requested - 12, samples.counts["nfe"]
        assert reward.counts.requested - len(asked.seen) == reward.counts.cached <= 12
    assert 0 < new[0] < new[5] <= 4 * 8
    assert spent[5] > spent[0]


class NoPairs(Wrapped):
    def invalid_reason(self, string):
        return "a pair" if any(a == b for a, b in pairwise(string)) else None


def test_with_retries_an_invalid_child_is_drawn_again():
    model = model_of(LAW)
    model.domain = NoPairs(model.domain)
    children = {}
    for retries in (0, 50):
        method = Evolution(4, 8, 1, 12, level=(0.3, 0.8), retries=retries)
        counts = run(method, FirstHitting(model), key=2)[2].counts
        children[retries] = counts.requested - 12, counts.invalid
    assert children[0][1] > children[50][1]  # the first draws are the same
    assert children[50][0] == 8


def spelt(strings, run, change):
    """What is left of strings whose runs are resized, with dots where a run now is."""
    alphabet = SAMPLERS["masked"].model.domain.alphabet
    tokens = SAMPLERS["masked"].model.domain.encode_batch(strings, 6)
    where = torch.zeros(tokens.shape, dtype=torch.bool)
    where[:, slice(*run)] = True
    new, where = resized(tokens, where, torch.tensor(change), alphabet.pad_id)
    assert (where.sum(1) >= 1).all()
    assert not (where & (new == alphabet.pad_id)).any()
    kept = new.masked_fill(where, alphabet.mask_id)
    return ["".join((*LETTERS[:3], ".", "")[i] for i in row) for row in kept.tolist()]


def test_a_resized_run_moves_what_follows_it_and_loses_nothing_else():
    assert spelt(["ABCA"] * 5, (1, 2), [0, 1, 2, 5, -1]) == [
        *("A.CA", "A..CA", "A...CA"),
        *("A...CA", "A.CA"),  # as far as there is room, and one is left
    ]
    assert spelt(["ABCA", "AB"], (1, 2), [-3, 1]) == ["A.CA", "A.."]
    assert spelt(["ABCABC"], (1, 4), [-2]) == ["A.BC"]


@pytest.mark.parametrize("region", ["span", ["sites", "span"]])
def test_resizing_finds_lengths_that_no_parent_has(region):
    """Only strings of one letter are drawn at first, and the longest string is wanted."""
    strings = ["A", "AA", "AAA", "AAAA"]
    sampler = FirstHitting(Model.tabular(strings, [0.97, 0.01, 0.01, 0.01]))
    lengths = {}
    for resize in (0, 1):
        reward = Reward(sampler.model.domain, lambda found: [len(s) for s in found])
        method = Evolution(2, 4, 40, 2, region=region, resize=resize)
        lengths[resize] = method.run(sampler, reward, 2, key=1, length=1).reward.max().item()
    assert lengths == {0: 1.0, 1: 4.0}


def test_resizing_is_refused_where_positions_are_held():
    template = Template(SAMPLERS["masked"].model.domain.alphabet, ["B", None, None, None])
    method = Evolution(4, 4, 2, 4, region="span", resize=1)
    with pytest.raises(UnsupportedError, match="resize must be 0 where a template holds"):
        run(method, SAMPLERS["masked"], template=template)


class Halves(Wrapped):
    def fragments(self, tokens):
        return [(2, len(tokens))]


def test_fragments_are_what_the_domain_says():
    model = model_of(LAW)
    with pytest.raises(UnsupportedError, match="region must be sites or span for letters strings"):
        run(Evolution(4, 4, 2, 4, region="fragment"), FirstHitting(model))
    model.domain = Halves(model.domain)
    sampler = FirstHitting(model)
    state = sampler.run(sampler.init(200, key=1))
    half = torch.tensor([[False, False, True, True]]).expand(200, -1)
    assert torch.equal(fragments(sampler, state, torch.full((200,), 0.5), state.keys), half)
    short = fragments(sampler, state, torch.full((200,), 0.25), state.keys)
    assert (short.sum(1) == 1).all()
    assert short.any(0).all()  # none fits: a run of that length


def pool(values):
    """Finished designs with these rewards."""
    model = SAMPLERS["masked"].model
    tokens = model.domain.encode_batch(["AAAA"] * len(values))
    state = SAMPLERS["masked"].start(
        tokens, torch.zeros(len(tokens)), tokens >= 0, keys=torch.arange(len(tokens))
    )
    reward = torch.tensor(values, dtype=torch.float64)
    return Pool(state, torch.arange(len(values)), reward, ["AAAA"] * len(values))


def test_metropolis_takes_a_child_in_place_of_its_parent_by_its_chance():
    n = 400
    method = Evolution(n, n, initial=n, select="metropolis", scale=2.0)
    parents = method._parents(torch.tensor([5]))
    assert sorted(parents.tolist()) == list(range(n))  # no member twice
    nan = float("nan")
    for before, after, chance in (
        (0.0, -0.5, np.exp(-1.0)),
        (0.0, 0.1, 1.0),
        (0.0, nan, 0.0),
        (nan, 0.0, 1.0),
        (nan, nan, 0.0),
    ):
        members, children = pool([before] * n), pool([after] * n)
        kept = method._accepted(members, parents, children, torch.tensor([5]))
        taken = np.mean([(r == after) or (r != r and after != after) for r in kept.reward.tolist()])
        if before == before or after == after:
            assert abs(taken - chance) < 4 * np.sqrt(chance * (1 - chance) / n) + 1e-9


def test_metropolis_leaves_a_local_optimum_that_the_best_alone_cannot_leave():
    """Two letters at a time are never changed, and every neighbour of AA is worse."""
    rows = words(2, 2)
    law, values = Law(2, rows, np.full(4, 0.25)), np.array([1.0, 0.0, 0.0, 2.0])
    found = {}
    for select in ("best", "metropolis"):
        method = Evolution(
            1, 1, 80, 1, level=0.3, region="span", select=select, scale=1.0, patience=80
        )
        found[select] = [
            run(method, FirstHitting(model_of(law)), law, values, key=key, seeds=START)[0].strings
            for key in range(3)
        ]
    assert found == {"best": [["AA"]] * 3, "metropolis": [["BB"]] * 3}


START = Seeds(["AA"], level=1e-12)


def test_a_span_needs_a_model_that_draws_one_given_the_rest():
    model = model_of(LAW, "uniform")
    model.frozen_training = False
    with pytest.raises(UnsupportedError, match="region must be sites for this model.* got 'span'"):
        run(Evolution(4, 4, 2, 4, region="span"), Ancestral(model, steps=4))


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
        assert 50 < reward.counts.requested <= 250
        assert samples.reward[0] == 8.0
        plain = sampler.sample(250, key=key).strings
        assert max(asked.table[string] for string in plain) < 8.0


def test_cost():
    population, children, generations, initial, width = 3, 5, 4, 7, 4
    method = Evolution(population, children, generations, initial, level=1.0)
    samples, _, reward = run(method, SAMPLERS["masked"], n=6)
    asked = 2 * (initial + generations * children)
    assert 0.8 * asked < reward.counts.requested <= asked  # repeats are not asked for
    assert samples.counts["nfe"] == width * asked


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
        ({"region": "block"}, "region must be one of sites, span, fragment, got 'block'"),
        ({"region": []}, "region must be one of sites, span, fragment or several, got none"),
        ({"region": 3}, "region must be one of sites, span, fragment, got 3"),
        ({"level": None}, "level must be a finite number, got None"),
        ({"resize": -1}, "resize must be"),
        (
            {"crossover": "two_point"},
            "crossover must be one of uniform, one_point, moved, got 'two_point'",
        ),
        ({"crossed": 1.5}, r"crossed must lie in \[0, 1\], got 1.5"),
        ({"restarts": -1}, "restarts must be a non-negative integer, got -1"),
        ({"stagnation": 0}, "stagnation must be a positive integer, got 0"),
        ({"retries": -1}, "retries must be a non-negative integer, got -1"),
        ({"select": "worst"}, "select must be one of best, metropolis, pareto, got 'worst'"),
        ({"scale": float("inf")}, "scale must be a finite number, got inf"),
        (
            {"population": 5, "children": 6, "select": "metropolis"},
            "children must be at most the population of 5 with select='metropolis', got 6",
        ),
        ({"tournament": 0}, "tournament must be a positive integer, got 0"),
        ({"level": (0.0, 0.5)}, r"level must be a time in \(0, 1\] or two of them"),
    ],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Evolution(**options)


@kinds
def test_on_a_plateau_newer_members_take_the_place_of_older_ones(kind):
    method = Evolution(4, 8, 40, 4, level=0.9)
    flat = np.ones(len(VALUES))
    samples, asked, _ = run(method, SAMPLERS[kind], values=flat)
    first = list(asked.seen)[:4]  # which would stay for ever if older ones were preferred
    assert set(samples.strings) != set(first)


def test_a_population_that_has_settled_gives_way_to_another_of_draws_of_its_own():
    """Nothing is drawn again at this level: what is new comes from another population alone."""
    still = {"level": 1e-12, "generations": 50}
    first, asked, _ = run(Evolution(2, 2, initial=4, **still), SAMPLERS["masked"], n=2, key=3)
    again, more, _ = run(
        Evolution(2, 2, initial=4, restarts=5, stagnation=2, **still),
        SAMPLERS["masked"],
        n=2,
        key=3,
    )
    assert len(asked.seen) <= 4 < len(more.seen)
    assert list(more.seen)[: len(asked.seen)] == list(asked.seen)
    assert again.reward.tolist() == best_of(more.seen, 2)
    assert again.reward.tolist()[0] >= first.reward.tolist()[0]


def test_the_last_population_is_not_ended_for_its_stagnation():
    plain, asked, _ = run(Evolution(3, 4, 20, 6), SAMPLERS["masked"], key=5)
    never, same, _ = run(Evolution(3, 4, 20, 6, stagnation=1), SAMPLERS["masked"], key=5)
    assert same.seen == asked.seen
    assert never.strings == plain.strings


def test_with_restarts_as_without_populations_do_not_depend_on_the_batch():
    method = Evolution(3, 4, 8, 6, restarts=2, stagnation=1)
    whole, *_ = run(method, SAMPLERS["masked"], n=6, key=9)
    second, *_ = run(method, SAMPLERS["masked"], n=3, key=9, first_design=3)
    assert whole.strings[3:] == second.strings
