"""The shipped model and predictors of peptides: they load, and do what their cards say."""

from __future__ import annotations

import numpy as np
import pytest

from discdiff import registry
from discdiff.config import composition
from discdiff.model import Model
from discdiff.oracle.likelihood import ModelLikelihood
from discdiff.predictor.predictor import Predictor
from discdiff.samplers.recommended import recommended

PREDICTORS = sorted(entry.name for entry in registry.names("predictors"))
MINE = [name for name in PREDICTORS if name.startswith("peptide_")]
# magainin 2, melittin, LL-37 and indolicidin; and pieces of human haemoglobin, albumin and actin
AMPS = ("GIGKFLHSAKKFGKAFVGEIMNS", "GIGAVLKVLTTGLPALISWIKRKRQQ", "ILPWKWPWWPWRR")
OTHERS = ("VHLTPEEKSAVTALWGKVNVDEVGG", "DAHKSEVAHRFKDLGEENFKALVLI", "MDDDIAALVVDNGSGMCKAGFAGDD")


@pytest.fixture(scope="module")
def model():
    return Model.load("peptide_natural")


def test_the_model_writes_peptides_of_its_lengths(model):
    drawn = recommended(model).sample(30, key=1)
    assert drawn.valid.all()
    assert len(set(drawn.strings)) > 27
    assert {len(string) for string in drawn.strings} <= set(range(5, 51))
    # shares of residues are learnt: leucine is common, tryptophan rare
    text = "".join(drawn.strings)
    assert text.count("L") > text.count("W")


def test_the_model_tells_peptides_from_their_letters_in_another_order(model):
    rng = np.random.default_rng(0)
    shuffled = ["".join(rng.permutation(list(one))) for one in AMPS]
    values = ModelLikelihood(model)([*AMPS, *shuffled]).values[:, 0]
    assert values[:3].sum() > values[3:].sum()


def test_the_card_of_the_model_says_what_may_be_done_with_it(model):
    data = model.card["data"]
    assert "not cleared for commercial use" in data["licence"]
    assert {"recipe", "quality", "hardware"} <= set(model.card)
    assert "Markov chains on the same rows, by order" in model.card["quality"]


@pytest.mark.parametrize("name", MINE)
def test_cards_of_predictors_hold_baselines_and_licence(name):
    shipped = Predictor.load(name)
    (methods,) = shipped.quality.values()
    own, length = methods["predictor"], methods["length only"]
    assert own["length-matched AUC"] > max(0.55, length["length-matched AUC"])
    assert "not cleared for commercial use" in shipped.card["data"]["licence"]
    folder = registry.model_folder(name, "predictors")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2e6
    assert len(shipped.applicability.references) <= 200  # the data are not the repository's to give


@pytest.mark.parametrize("what", ["antimicrobial", "hemolytic", "soluble"])
def test_guides_and_judges_share_no_rows(what):
    guide, judge = (Predictor.load(f"peptide_{what}_{half}") for half in ("guide", "judge"))
    assert guide.origin.data == judge.origin.data
    assert not guide.origin.overlaps(judge.origin)
    assert not set(guide.applicability.references) & set(judge.applicability.references)


def test_known_peptides_are_told_from_pieces_of_proteins():
    for half in ("guide", "judge"):
        said = Predictor.load(f"peptide_antimicrobial_{half}")([*AMPS, *OTHERS]).mean[:, 0]
        assert said[:3].min() > said[3:].max()
        said = Predictor.load(f"peptide_hemolytic_{half}")([AMPS[1], *OTHERS]).mean[:, 0]
        assert said[0] > said[1:].max()


def test_the_experiment_guides_by_one_half_and_records_the_other():
    values = composition.compose("design", ["experiment=peptide_natural"]).values
    terms = values["objective"]["terms"]
    guiding = {name for name, term in terms.items() if term is not None}
    assert guiding == {"charge", "liabilities", "antimicrobial", "hemolytic"}
    for name in ("antimicrobial", "hemolytic"):
        assert values["oracle"][name]["path"] == f"peptide_{name}_guide"
        assert values["oracle"][f"{name}_judge"]["path"] == f"peptide_{name}_judge"
        assert terms[f"{name}_judge"] is None
