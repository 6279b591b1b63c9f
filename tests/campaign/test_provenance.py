"""What a run records of its oracles, model and packages, and what the report says of it."""

from __future__ import annotations

import numpy as np
import pytest

from discdiff.campaign import Campaign, Store
from discdiff.campaign.page.used import notes_on_outputs, used_in
from discdiff.campaign.provenance import USED, _oracle_licences, directions, provenance
from discdiff.errors import StoreError
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.oracle import Combined, as_oracle, stack
from discdiff.samplers.first_hitting import FirstHitting


class Docking:
    """Longer is better, or so it says."""

    name, version, outputs = "docking", "1", ("affinity", "clash")
    direction, units, licence = ("min", "max"), ("kcal/mol", ""), "CC-BY-4.0"

    def __call__(self, strings):
        return [[-float(len(s)), 0.0] for s in strings]


def lengths(strings):
    return [len(s) for s in strings]


def model(**card):
    found = Model.tabular(["AC", "GT", "GGA"])
    found.card = card
    return found


def test_what_oracles_declare_is_recorded():
    found = provenance(model(), Combined([Docking(), lengths]), "mine")
    assert found["outputs"] == [
        {"name": "affinity", "direction": "min", "units": "kcal/mol"},
        {"name": "clash", "direction": "max", "units": ""},
        {"name": "lengths", "direction": "max", "units": ""},
    ]
    assert found["oracle_licences"] == {"docking": "CC-BY-4.0"}
    assert found["packages"]["discdiff"] == "Apache-2.0"


def test_licences_stand_by_the_names_that_the_user_gave():
    def part(licence, outputs):
        def score(strings):
            return [[0.0] * len(outputs) for _ in strings]

        score.name, score.licence, score.outputs = "predictor", licence, outputs
        return score

    oracle = Combined({"hemo": part("GPL-3.0", ("p",)), "amp": part("CC0", ("mean", "sd"))})
    found = provenance(model(), stack(oracle, model().domain))
    assert found["oracle_licences"] == {"hemo": "GPL-3.0", "amp": "CC0"}


def test_what_the_card_says_of_data_and_licence_is_recorded():
    card = {"data": {"licence": "CC0"}, "licence_of_the_weights": "MIT", "quality": {"x": 1}}
    found = provenance(model(**card), as_oracle(lengths), "mine")
    del card["quality"]
    assert found["model"] == {"name": "mine", "card": card}
    lines = used_in({USED: found})
    assert lines["model"] == [
        ("name", "mine"),
        ("licence of the weights", "MIT"),
        ("data licence", "CC0"),
    ]
    assert lines["oracles"] == [("licences", "none declared")]
    assert used_in({}) is None


@pytest.mark.parametrize(
    ("term", "direction"),
    [
        ({"direction": "min", "transform": {"type": "Identity"}}, "min"),
        ({"direction": "max", "transform": {"type": "ReverseSigmoid"}}, "min"),
        ({"direction": "min", "transform": {"type": "ReverseSigmoid"}}, "max"),
        ({"direction": "min", "transform": {"type": "Sigmoid"}}, "min"),
        ({"direction": "max", "transform": {"type": "Linear", "low": 9, "high": 1}}, "min"),
        ({"direction": "max", "transform": {"type": "Band"}}, "max"),  # as the oracle says
    ],
)
def test_the_direction_is_that_of_the_score_itself(term, direction):
    stated = {"outputs": [{"name": "x", "direction": "max", "units": "nM"}]}
    settings = {"outputs": ["x"], USED: stated, "objective": {"terms": [{"output": "x", **term}]}}
    assert directions(settings) == {"x": direction}
    arrow = {"max": "↑", "min": "↓"}[direction]
    assert notes_on_outputs(settings, directions(settings)) == {"x": f"nM {arrow}"}


def test_a_difference_wants_less_of_what_it_subtracts():
    terms = [{"output": name, "direction": "max"} for name in ("x", "y", "z")]
    terms[2]["direction"] = "min"
    found = directions({"objective": {"terms": terms, "aggregation": {"type": "Difference"}}})
    assert found == {"x": "max", "y": "min", "z": "max"}


def test_no_licence_is_lost_where_names_meet():
    class Scored:
        def __init__(self, name, outputs, licence):
            self.name, self.outputs, self.licence, self.version = name, outputs, licence, "1"

        def __call__(self, strings):
            return np.zeros((len(strings), len(self.outputs)))

    oracles = {"m.x": Scored("a", ("a",), "GPL-3.0"), "m": Scored("b", ("y", "z"), "MIT")}
    found = _oracle_licences(Combined(oracles))
    assert sorted(found.values()) == ["GPL-3.0", "MIT"]
    swapped = {"m": oracles["m"], "n": Scored("c", ("m",), "GPL-3.0")}
    assert sorted(_oracle_licences(Combined(list(swapped.values()))).values()) == [
        "GPL-3.0",
        "MIT",
    ]


def test_a_run_keeps_it_and_goes_on_whatever_it_says(tmp_path):
    def campaign(found, budget=2):
        return Campaign(
            tmp_path / "run", FirstHitting(found), Unguided(), lengths, budget=budget, round_size=4
        )

    campaign(model(licence_of_the_weights="MIT")).run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert store.settings[USED]["model"]["card"] == {"licence_of_the_weights": "MIT"}
    campaign(model(licence_of_the_weights="Apache-2.0")).resume()  # the card makes no design
    with pytest.raises(StoreError, match=r"rules\.budget was 2, now 3"):
        campaign(model(), budget=3).resume()
    assert "licence of the weights" in (tmp_path / "run" / "report.html").read_text()
