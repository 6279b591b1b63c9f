"""The tables and the settings of the peptide model and classifiers."""

from __future__ import annotations

import csv
import gzip
import runpy
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from discdiff.bio.families import families_by_identity
from discdiff.config import composition

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "peptide_natural_tables.py"
LETTERS = list("ACDEFGHIKLMNPQRSTVWY")
LARGE, SMALL = 30, 40


def write(path, header, rows):
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def peptide(rng, size=24):
    return "".join(rng.choice(LETTERS, size))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The tables of one large family, families of two, and rows that are to be left out."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("peptides")
    root = peptide(rng)
    large = [root[:i] + "W" + root[i + 1 :] for i in range(24) if root[i] != "W"]
    large += [root[:i] + "Y" + root[i + 1 :] for i in range(12) if root[i] != "Y"]
    large = large[:LARGE]
    pairs = [(one, one[:10]) for one in (peptide(rng) for _ in range(SMALL))]
    sets = [(s, "amp_modlamp", 1) for s in large] + [(peptide(rng, 51), "amp_modlamp", 0)]
    sets += [(one, "cpp_mlcpp", 1) for one, _ in pairs]
    sets += [(large[0], "amp_antibp2", 0)]  # both labels
    mic = [(part, 0, "") for _, part in pairs]
    header = ("sequence", "task", "label")
    write(folder / "peptide_activity_sets.csv.gz", header, sets)
    write(folder / "amp_ecoli_ampH.csv.gz", ("sequence", "is_amp", "log10_mic"), mic)
    tagged = ("MGSSHHHHHH" + "SLEWPKRTTANE", "GDLEWPKNNTTRA" + "LEHHHHHH")
    rows = [(tagged[0], 1), (tagged[1], 0)]
    write(folder / "peptide_solubility.csv.gz", ("sequence", "label"), rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["", str(folder), str(folder / "out")])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    found = {}
    for path in (folder / "out").iterdir():
        with path.open(newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found, large, pairs


def test_the_table_of_the_model_is_split_by_family(tables):
    found, large, pairs = tables
    rows = found["peptide_natural"]
    split = {row["sequence"]: row["split"] for row in rows}
    assert set(split) == {*large, *(s for pair in pairs for s in pair)}
    assert {split[s] for s in large} == {"train"}
    kinds = Counter(tuple(sorted((split[one], split[two]))) for one, two in pairs)
    assert kinds == {
        ("train", "train"): 0.8 * SMALL,
        ("copies", "valid"): 0.1 * SMALL,
        ("copies", "test"): 0.1 * SMALL,
    }
    named = {row["sequence"]: row["kind"] for row in rows}
    assert {named[s] for s in large} == {"antimicrobial"}
    assert {(named[a], named[b]) for a, b in pairs} == {("active", "fragment")}


def test_the_tables_of_classifiers_have_one_label_a_peptide(tables):
    found, large, pairs = tables
    assert set(found) == {"peptide_natural", "antimicrobial", "soluble"}  # the others have no file
    label = {row["sequence"]: row["antimicrobial"] for row in found["antimicrobial"]}
    assert label == dict.fromkeys(large[1:], "1") | {part: "0" for _, part in pairs}
    family = {row["sequence"]: row["family"] for row in found["antimicrobial"]}
    expected = families_by_identity(list(label), 0.8, 12)
    assert len({*zip(family.values(), expected.tolist(), strict=True)}) == len(set(expected))
    assert all(name in label for name in family.values())
    assert {row["sequence"] for row in found["soluble"]} == {"SLEWPKRTTANE", "GDLEWPKNNTTRA"}


def test_the_experiment_trains_on_such_a_table():
    asked = ["experiment=peptide_natural_model", "data.path=peptide_natural.csv"]
    values = composition.compose("train", asked).values
    assert (values["process"]["name"], values["domain"]["name"]) == ("masked", "peptide")
    assert (values["data"]["column"], values["data"]["split_column"]) == ("sequence", "split")
