"""The measures of a search, against sums by hand and brute force."""

import itertools

import numpy as np
import pytest

from discdiff.bench import Curve
from discdiff.campaign import Campaign, Store
from discdiff.errors import InputError
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.samplers.first_hitting import FirstHitting


def curve(cost, reward, asked=None):
    cost = np.array(cost, dtype=float)
    return Curve(cost, np.array(reward, dtype=float), 10 * cost, asked or int(cost[-1]))


def brute_area(cost, reward, count, budget):
    """Trapezoids between every hundredth request, the first at zero."""
    points = sorted({*range(0, budget, 100), budget})
    heights = [0.0]
    for point in points[1:]:
        known = sorted(r for c, r in zip(cost, reward, strict=True) if c <= point and r == r)
        best = known[-count:]
        heights.append(sum(best) / len(best) if best else 0.0)
    pairs = zip(points, points[1:], heights, heights[1:], strict=False)
    return sum((b - a) * (x + y) / 2 for a, b, x, y in pairs) / budget


def test_the_best_of_a_prefix():
    found = curve([1, 2, 5, 9], [0.1, np.nan, 0.7, 0.4])
    assert found.cut(4).best(10) == pytest.approx(0.1)
    assert found.best(1) == 0.7
    assert found.best(2) == pytest.approx(0.55)
    assert np.isnan(found.cut(0).best(1))
    assert found.within_rows(50).best(1) == 0.7
    assert found.within_rows(49).best(1) == pytest.approx(0.1)


@pytest.mark.parametrize("budget", [100, 250, 1000])
def test_area_equals_trapezoids_by_hand(budget):
    generator = np.random.default_rng(3)
    cost = np.cumsum(generator.integers(1, 9, 120))
    reward = np.where(generator.random(120) < 0.2, np.nan, generator.random(120))
    expected = brute_area(cost, reward, 10, budget)
    assert curve(cost, reward).cut(budget).area(10, budget) == pytest.approx(expected, abs=1e-12)


def test_lengths_must_agree():
    with pytest.raises(InputError, match="one length, got 2, 1 and 2"):
        Curve(np.zeros(2), np.zeros(1), np.zeros(2), 2)


@pytest.mark.parametrize("charge", ["all", "evaluated"])
def test_the_curve_of_a_campaign_is_what_its_oracle_saw(tmp_path, charge):
    words = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
    sampler = FirstHitting(Model.tabular(words))
    asked = []

    def share(strings):
        asked.extend(strings)
        return [s.count("G") for s in strings]

    settings = {"budget": 60, "round_size": 8, "charge": charge, "baseline": Unguided()}
    Campaign(tmp_path / "run", sampler, FKSteering(particles=4), share, **settings).run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        found = Curve.of(store, "guided", charge=charge)
        counts = [one.counts for one in store.rounds("guided")]
    total = {name: sum(c[name] for c in counts) for name in ("requested", "evaluated", "nfe")}
    left_out = sum(c["not_evaluated"] + c["rejected"] for c in counts)
    assert found.reward.tolist() == [s.count("G") for s in asked[: len(found.reward)]]
    assert (np.diff(found.cost) > 0).all()
    assert found.nfe[-1] == pytest.approx(total["nfe"])
    if charge == "evaluated":
        assert found.cost.tolist() == list(range(1, total["evaluated"] + 1))
        assert found.asked == total["evaluated"] == 60
    else:
        assert found.asked == total["requested"] - left_out == 60
        assert len(found.cost) == total["evaluated"] < found.cost[-1] <= 60
