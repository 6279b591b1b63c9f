"""The shipped model of modified and cyclic peptides, its table, and the experiment that uses it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from discdiff.chem import grammar
from discdiff.chem.peptide.analyse import read
from discdiff.chem.peptide.domain import BACKBONE, PeptideSmiles
from discdiff.chem.peptide.helm import read_helm, write_helm
from discdiff.chem.peptide.order import canonical
from discdiff.class_masked import ClassMaskedProcess
from discdiff.config import build, composition
from discdiff.config.settings import Design, Train, fill
from discdiff.model import Model
from discdiff.objective import Objective
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.recommended import recommended

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
TABLE = runpy.run_path(str(BENCHMARKS / "peptides_table.py"))
FRONTS = runpy.run_path(str(BENCHMARKS / "peptide_cyclic.py"))


@pytest.fixture(scope="module")
def model():
    return Model.load("peptides")


@pytest.fixture(scope="module")
def table():
    return TABLE["rows"](60)


def test_a_table_is_the_same_each_time_and_begins_as_a_longer_one(table):
    assert table == TABLE["rows"](60)
    kept = [helm for _, helm, _ in table]
    assert [helm for _, helm, _ in TABLE["rows"](20)] == kept[: len(TABLE["rows"](20))]
    assert kept != [helm for _, helm, _ in TABLE["rows"](60, seed=1)]
    assert len(set(kept)) == len(kept)
    assert {split for *_, split in TABLE["rows"](400)} == {"train", "valid", "test"}


def test_rows_are_as_the_domain_prepares_them_and_as_the_recipe_says(table, model):
    recipe = TABLE["RECIPE"]
    for smiles, helm, _ in table[:20]:
        assert model.domain.prepare(smiles) == smiles  # so training need not ask
        assert model.domain.prepare(helm) == smiles
        peptide = read(model.domain.canonical(smiles))
        assert write_helm(peptide) == helm == write_helm(canonical(read_helm(helm)))
        assert recipe.shortest <= len(peptide.residues) <= recipe.longest
        assert len(grammar.split(smiles)) <= TABLE["LONGEST"]


def test_the_shipped_model_masks_its_backbone_last(model):
    assert isinstance(model.domain, PeptideSmiles)
    assert model.domain.order == "residues"
    process = model.process
    assert isinstance(process, ClassMaskedProcess)
    late = {model.domain.alphabet.tokens[i] for i in process.token_classes["backbone"]}
    assert late == set(BACKBONE) & set(model.domain.alphabet.tokens)
    half = process.levels(torch.tensor([0.5], dtype=torch.float64))[0]
    for token, level in zip(model.domain.alphabet.tokens, half.tolist(), strict=True):
        assert level == pytest.approx(0.125 if token in late else 0.5)
    assert {"data", "recipe", "quality"} <= set(model.card)


def test_it_draws_strings_of_its_alphabet(model):
    first = recommended(model).sample(2, key=3, length=20)
    assert first.strings == recommended(model).sample(2, key=3, length=20).strings
    drawn = Ancestral(model, steps=4).sample(2, key=1, length=40)
    assert all(len(grammar.split(string)) == 40 for string in drawn.strings)


def test_the_experiments_compose_and_their_terms_stay_apart(model):
    source = composition.compose("design", ["experiment=peptide_cyclic"])
    settings = fill(Design, source)
    scored = build.oracle(settings.oracle, source, model)
    objective = build.objective(settings.objective, scored, source)
    assert isinstance(objective, Objective)
    assert all(term.bounded for term in objective.terms)
    outputs = ["permeability", "logp", "tpsa", "peptide_synthesis", "macrocycle"]
    assert [term.output for term in objective.terms] == outputs
    assert "permeability_judge" in scored.outputs  # recorded, of no weight in any choice
    # cyclo(Leu-Leu-Leu-Leu-Pro-Tyr), with one methyl or none, as tested for permeability
    ring = model.domain.prepare("PEPTIDE1{L.[dL].L.L.P.Y}$PEPTIDE1,PEPTIDE1,1:R1-6:R2$$$")
    found = objective.components(scored([ring]), scored.outputs)[0]
    assert found[4] == 1.0  # a ring of 18
    assert found.min() > 0.1
    assert settings.charge == "all"
    # what the guide knows nothing of is refused
    assert scored([ring, "CC(=O)Oc1ccccc1C(=O)O"]).status == ("ok", "invalid")
    train = fill(Train, composition.compose("train", ["experiment=peptides", "data.path=x.csv"]))
    assert train.process["schedules"] == {"backbone": {"name": "polynomial", "power": 3}}
    assert (train.domain["order"], train.trainer.frozen_fraction) == ("residues", 0.25)


def test_the_methods_that_are_compared_build():
    for overrides in FRONTS["METHODS"].values():
        source = composition.compose("design", ["experiment=peptide_cyclic", *overrides])
        settings = fill(Design, source)
        build.component("guidance", "guidance", settings.guidance, source)
        assert settings.charge == "all"


def test_a_line_of_the_table_counts_all_that_was_asked_for(tmp_path):
    more = ["length=40", "round_size=6", "sampler.name=ancestral", "sampler.steps=8"]
    folder = FRONTS["campaign"]("best of N", 1, 6, tmp_path, more)
    found, line = FRONTS["read"](folder), FRONTS["line"](folder, [3, 6], [])
    assert found.counts["requested"] == 6
    assert line.scored == len(found.smiles) <= 6 * line.validity
    assert line.volumes == sorted(line.volumes)
    assert 0 <= line.validity <= 1
    assert 0 <= line.inside <= 1
