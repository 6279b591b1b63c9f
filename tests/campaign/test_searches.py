"""One long round: cut, a search ends with the table of an untouched one; a broken score ends it."""

from __future__ import annotations

import itertools

import pytest

from discdiff.campaign import Campaign, Store, runner
from discdiff.errors import OracleError, StoreError
from discdiff.guidance.beam import Beam
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.evolution import Evolution
from discdiff.guidance.isir import ISIRGibbs
from discdiff.guidance.split_gibbs import SplitGibbs
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.guidance.tree_search import TreeSearch
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.objective.transform import Linear
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.campaign.doubles import without_times

WORDS = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
SAMPLER = FirstHitting(Model.tabular(WORDS))
METHODS = {
    "evolution": Evolution(population=4, children=4, generations=30, initial=8),
    "tree": TreeSearch(children=4, iterations=30, designs=4),
    "front": TreeSearch(children=4, iterations=30, goal="front", designs=4),
    "isir": ISIRGibbs(sweeps=12, candidates=2, level=0.6, select="softmax"),
    "tds": TDS(particles=3, scale=4.0, ramp=2),
    "beam": Beam(particles=2, candidates=3),
    "correctors": Correctors(power=1.5, particles=3, scale=4.0),
    "svdd": SVDD(candidates=6, scale=4.0, fewest=2, agree=0.3),
    "evolution, crossed": Evolution(
        population=4,
        children=4,
        generations=30,
        initial=8,
        region="span",
        crossover="uniform",
        retries=2,
        select="metropolis",
    ),
    "evolution, front": Evolution(
        population=4, children=4, generations=30, initial=8, select="pareto"
    ),
    "split_gibbs": SplitGibbs(sweeps=8, moves=3),
}
UNIFORM = {"split_gibbs": Ancestral(Model.tabular(WORDS, kind="uniform"), steps=4)}
BUDGET = 48
STOPS = {"evolution": (0, 1, 3, 7, 11), "isir": (0, 1, 3, 7, 11)}


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


class Score:
    """The share of G; stops the run before its n-th call, or fails for everything."""

    name, version, outputs = "g", "1", ("g",)

    def __init__(self, stop=None, broken=False):
        self.left, self.broken, self.asked = stop, broken, []

    def __call__(self, strings):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        self.asked.extend(strings)
        return [float("nan") if self.broken else s.count("G") / 4 for s in strings]

    def relaxed(self, rows):
        return rows[:, :, "ACGT".index("G")].mean(1)


class Pair(Score):
    """The share of C as well, as another output."""

    outputs = ("g", "c")

    def __call__(self, strings):
        return [
            (g, s.count("C") / 4) for g, s in zip(super().__call__(strings), strings, strict=True)
        ]


SCORES = {"front": Pair, "evolution, front": Pair}
PAIR = Objective([Term("g", Linear(0, 1)), Term("c", Linear(0, 1))], "arithmetic_mean")
OBJECTIVES = {"front": PAIR, "evolution, front": PAIR}


def campaign(folder, method, oracle, sampler=SAMPLER, **changes):
    options = {"budget": BUDGET, "round_size": 4, "batch_size": 4, "baseline": Unguided()}
    sampler = UNIFORM.get(method, SAMPLER) if sampler is SAMPLER else sampler
    return Campaign(
        folder, sampler, METHODS[method], oracle, OBJECTIVES.get(method), **options | changes
    )


def contents(folder):
    with Store.open(folder, read_only=True) as store:
        return without_times(store), (folder / "designs.csv").read_text()


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_search_ends_with_the_same_table(tmp_path, method):
    make = SCORES.get(method, Score)
    oracle = make()
    campaign(tmp_path / "whole", method, oracle).run()
    for stop in STOPS.get(method, (1, 5)):
        folder = tmp_path / f"{stop}"
        first, again = make(stop), make()
        with pytest.raises(KeyboardInterrupt):
            campaign(folder, method, first).run()
        campaign(folder, method, again).resume()
        assert contents(folder) == contents(tmp_path / "whole")
        assert sorted(first.asked + again.asked) == sorted(oracle.asked)  # nothing twice


def held(**conditions):
    return FirstHitting(SAMPLER.model, constraint=conditions)


def test_a_constrained_search_goes_on_as_it_began_and_with_nothing_else(tmp_path):
    oracle = Score()
    campaign(tmp_path / "whole", "evolution", oracle, held(forbidden=["GG"])).run()
    assert oracle.asked
    assert not any("GG" in string for string in oracle.asked)
    first, again = Score(3), Score()
    with pytest.raises(KeyboardInterrupt):
        campaign(tmp_path / "cut", "evolution", first, held(forbidden=["GG"])).run()
    for other in (SAMPLER, held(forbidden=["GT"])):
        with pytest.raises(StoreError, match="cannot be continued with other settings.*forbidden"):
            campaign(tmp_path / "cut", "evolution", again, other).resume()
    campaign(tmp_path / "cut", "evolution", again, held(forbidden=["GG"])).resume()
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_what_evolution_returns_is_final_although_the_budget_ended_it(tmp_path):
    campaign(tmp_path / "run", "evolution", Score()).run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        rows = store.rows("guided")
    assert len(rows) == BUDGET
    best = sorted((row.reward for row in rows), reverse=True)
    assert sorted((row.reward for row in rows if row.final), reverse=True) == best[:4]


def test_what_a_front_returns_is_final_and_dominated_by_nothing_recorded(tmp_path):
    campaign(tmp_path / "run", "front", Pair()).run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        rows = store.rows("guided")
    found = {row.sequence: (row.sequence.count("G"), row.sequence.count("C")) for row in rows}
    finals = [found[row.sequence] for row in rows if row.final]
    front = {
        a
        for a in found.values()
        if not any(b[0] >= a[0] and b[1] >= a[1] and b != a for b in found.values())
    }
    assert len(rows) == BUDGET
    assert front <= set(finals)


def test_a_score_that_always_fails_ends_a_long_round_early(tmp_path):
    oracle = Score(broken=True)
    with pytest.raises(OracleError, match=r"failed for (\d+) of the last \1 evaluations"):
        campaign(tmp_path / "run", "evolution", oracle, budget=200, round_size=4).run()
    assert 32 <= len(oracle.asked) < 40  # the end of the generation in which it was enough
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert len(store.rows("guided")) == len(oracle.asked)  # every one of them is on record
