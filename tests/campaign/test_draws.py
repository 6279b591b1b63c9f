"""Which of a round's weighted designs stand for the law."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.campaign import Campaign, runner
from discdiff.campaign.draws import draws_from_law
from discdiff.domain import Template
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import floor, tv


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.floats(0.001, 0.999))
def test_a_design_is_taken_as_often_as_its_weight_says(log_weight, u):
    weight = np.exp(np.array(log_weight) - max(log_weight))
    expected = weight / weight.sum() * len(weight)
    taken = draws_from_law(np.array(log_weight), len(weight), np.array([u]))
    assert taken.sum() == len(weight)
    assert (np.abs(taken - expected) < 1 + 1e-6).all()


def test_systematic_draws_are_unbiased():
    weight = np.array([0.1, 2.5, 0.0, 0.7, 0.7])
    us = (np.arange(1000) + 0.5) / 1000
    log_weight = np.tile(np.log(weight, where=weight > 0, out=np.full(5, -np.inf)), 1000)
    taken = draws_from_law(log_weight, 5, us).reshape(1000, 5).mean(0)
    np.testing.assert_allclose(taken, 5 * weight / weight.sum(), atol=0.002)


def test_equal_weights_take_each_and_no_weight_takes_none():
    weights = np.array([[-3.0] * 4, [-np.inf] * 4, [0, -np.inf, -np.inf, 0]]).ravel()
    taken = draws_from_law(weights, 4, np.array([0.5, 0.5, 0.5]))
    assert taken.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 2, 0, 0, 2]


def run(folder, sampler, method, reward, **options):
    """Carry a campaign through and return (string, draws it stands for) of every design."""

    def oracle(strings):
        return [reward[s] for s in strings]

    options = {"budget": 4000, "charge": "all", "round_size": 400, **options}
    Campaign(folder, sampler, method, oracle, **options).run()
    with sqlite3.connect(folder / "campaign.sqlite") as database:
        return database.execute("SELECT raw, final FROM draw").fetchall()


def distances(draws, law):
    """Total variation from `law` of the final designs, and of all of them."""
    found = []
    for strings in ([raw for raw, n in draws for _ in range(n)], [raw for raw, _ in draws]):
        share = np.array([strings.count(word) for word in law]) / len(strings)
        found.append(tv(share, list(law.values())))
    return found


def test_the_final_designs_of_weighted_populations_follow_the_law(tmp_path):
    reward = {"AC": 0.0, "AG": 1.0, "TC": 0.0, "TG": -1.0}
    total = np.exp(list(reward.values())).sum()
    law = {word: np.exp(r) / total for word, r in reward.items()}
    method = FKSteering(particles=8, scale=1.0, keep="all", threshold=0.0)
    draws = run(tmp_path / "run", FirstHitting(Model.tabular(list(reward))), method, reward)
    final, everything = distances(draws, law)
    assert final < 0.04 < 0.25 < everything  # a population of eight is biased by O(1/8)


def test_final_designs_of_an_allow_list_follow_the_law(tmp_path):
    model = Model.tabular(["AC", "AT", "TG", "TC"], [0.1, 0.3, 0.2, 0.4])
    template = Template(model.domain.alphabet, [None, {"C", "G"}])
    reward = dict.fromkeys(("AC", "TG", "TC"), 1.0)
    law = {"AC": 1 / 7, "TG": 2 / 7, "TC": 4 / 7}
    draws = run(
        tmp_path / "run", FirstHitting(model), Unguided(), reward, template=template, budget=3000
    )
    final, everything = distances(draws, law)
    expected = floor(np.array(list(law.values())), sum(n for _, n in draws))
    assert final < 3 * expected < everything
