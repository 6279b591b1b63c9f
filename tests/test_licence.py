"""What clears commercial use, and that every shipped weight says the licence of its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from discdiff import licence, registry
from discdiff.errors import InputError
from discdiff.licence import (
    MADE_WITH,
    Stated,
    clears,
    inherited,
    of_card,
    refuse_uncleared,
    shipped,
)
from discdiff.oracle import Combined

CLEARED = [
    "Apache-2.0",
    "Apache-2.0 (discdiff)",
    "BSD-3-Clause (RDKit)",
    "Biopython License (Biopython; pK values of Bjellqvist et al.)",
    "MIT; data CC BY 4.0",
    "QM9 is CC0; the repository is MIT; weights Apache-2.0, as the library",
]
WITHHELD = [
    "",
    " ; ",
    "CC BY-NC 4.0",
    "CC-BY-NC-4.0",
    "CC BY-SA 4.0",
    "CC BY ND 4.0",
    "GPL-3.0",
    "MIT; data: academic use only",
    "MIT for non-commercial use",
    "MITRE's own",
    "repository MIT; record CC BY 4.0 (not checked again)",
    "the repository is MIT; ZINC is free to use, and redistribution is restricted",
    "Apache-2.0; data unknown",
    "MIT and GPL-3.0",
    "code MIT, data AGPL-3.0",
    "CC BY 4.0 and CC BY-SA 4.0",
    "CC BY 4.0 SA",
    "CC BY 4.0 ShareAlike",
    "MIT, all rights reserved",
    "MIT, commercial use prohibited",
    "CC0, but personal use",
    "Apache-2.0, evaluation only",
    "ours",
]


@pytest.mark.parametrize("text", CLEARED)
def test_cleared(text):
    assert clears(text)


@pytest.mark.parametrize("text", WITHHELD)
def test_not_cleared(text):
    assert not clears(text)


@pytest.mark.parametrize("kind", ["models", "predictors"])
def test_every_shipped_weight_says_the_licence_of_its_data(kind):
    found = shipped(kind)
    assert found.keys() == {entry.name for entry in registry.names(kind)}
    for name, text in found.items():
        assert text, name
        card = (registry.model_folder(name, kind) / "README.md").read_text(encoding="utf-8")
        assert f"| licence | {text.split('; weights')[0]} |" in card, name


def test_the_readme_names_every_shipped_weight():
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    table = text.split("\n## Licences\n")[1].split("\n```")[0]
    for kind in ("models", "predictors"):
        for name, stated in shipped(kind).items():
            (row,) = [line for line in table.splitlines() if f"`{name}`" in line]
            assert row.endswith("| yes |" if clears(stated) else "| no |"), name


def test_closed_forms_are_cleared():
    """All built-in oracles but those whose licence is that of what they are given."""
    given = {"command", "file", "log_likelihood", "measured", "predictor"}
    for entry in registry.names("oracles"):
        if entry.distribution == registry.DISTRIBUTION and entry.name not in given:
            found = getattr(registry.find("oracles", entry.name), "licence", "")
            assert clears(found), (entry.name, found)


def test_a_card_says_data_and_weights():
    assert of_card({}) == of_card({"data": {"licence": "not stated"}}) == ""
    assert of_card({"data": {"licence": "not stated"}, "licence_of_the_weights": "MIT"}) == ""
    assert of_card({"data": {"licence": "CC0"}}) == "CC0"
    weights = {"licence_of_the_weights": "Apache-2.0; a remark."}
    assert clears(of_card({"data": {"licence": "CC0"}} | weights))
    weights = {"licence_of_the_weights": "Apache-2.0; mind the terms of others."}
    assert not clears(of_card({"data": {"licence": "CC0"}} | weights))


def test_a_card_says_what_else_went_into_the_weights():
    card = {"data": {"licence": "CC0"}, "licence_of_the_weights": "MIT"}
    free, bound, mute = (Stated("model", name, name) for name in ("CC0", "CC BY-NC 4.0", ""))
    assert of_card(card | {MADE_WITH: inherited({}, [free])}) == "CC0; weights MIT"
    assert not clears(of_card(card | {MADE_WITH: inherited({}, [bound])}))
    assert not clears(of_card(card | {MADE_WITH: inherited({}, [free, mute])}))
    again = {MADE_WITH: inherited({MADE_WITH: inherited({}, [bound])}, [free])}
    assert not clears(of_card(card | again))
    assert of_card({MADE_WITH: inherited({}, [free])}) == ""


def test_refusals(monkeypatch):
    monkeypatch.setattr(licence, "shipped", lambda kind: {"free": "CC0", "own": "ours"})
    used = [
        Stated("model", "own", "ours"),
        Stated("oracle", "qed", "MIT"),
        Stated("oracle", "dock", ""),
        Stated("predictor", "permeable", "CC BY-NC 4.0"),
    ]
    with pytest.raises(InputError) as found:
        refuse_uncleared(used, "commercial")
    text = str(found.value)
    assert (
        "model 'own' (ours); oracle 'dock' (none stated); predictor 'permeable' (CC BY-NC" in text
    )
    assert "Shipped models that are cleared: free. Shipped predictors that are cleared: fr" in text
    assert "LICENCE in a file" in text
    assert "cleared=[own, dock, permeable]" in text
    assert "'qed'" not in text
    with pytest.raises(InputError, match=r"refuses oracle 'dock' \(none stated\)\. Cleared are"):
        refuse_uncleared(used, "commercial", ["own", "permeable"])
    refuse_uncleared(used, "commercial", ["own", "permeable", "dock"])
    with pytest.raises(InputError, match="licence must be one of commercial, or null, got 'comm"):
        refuse_uncleared(used, "comm")
    with pytest.raises(InputError, match="cleared must name oracles and models of this design"):
        refuse_uncleared(used, "commercial", ["docking"])


def test_two_oracles_of_one_name_keep_their_licences():
    class Scorer:
        name = "predictor"

        def __init__(self, licence: str) -> None:
            self.licence = licence

        def __call__(self, strings: list[str]) -> list[int]:
            return [len(s) for s in strings]

    both = Combined({"a": Scorer("MIT"), "b": Scorer("CC BY-NC 4.0")})
    assert both.licences == {"predictor": "MIT", "b": "CC BY-NC 4.0"}
