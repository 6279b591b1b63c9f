"""The table and the settings of the yeast promoter models."""

from __future__ import annotations

import csv
import gzip
import runpy
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from discdiff.config import composition

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "yeast80_table.py"
ROOTS = {"native": 30, "random": 20}
FLANKS = ("TGCATTTTTTTCACATC", "GGTTACGGCTGTT")


def mutants(root, rng, count):
    for _ in range(count):
        place = int(rng.integers(80))
        yield root[:place] + "ACGT"[int(rng.integers(4))] + root[place + 1 :]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table of families of four near copies of native roots, and of random cores alone."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("yeast")
    rows, family = [], {}
    for library, count in ROOTS.items():
        for root in range(count):
            core = "".join(rng.choice(list("ACGT"), 80))
            for copy in {core, *(mutants(core, rng, 3) if library == "native" else ())}:
                family[copy] = (library, root)
                rows += [(copy, medium, library) for medium in ("complex", "defined")]
    with gzip.open(folder / "cores.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([("core80", "medium", "library"), *sorted(rows)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["", str(folder / "cores.csv.gz"), str(folder / "out.csv")])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    with (folder / "out.csv").open(newline="") as file:
        return list(csv.DictReader(file)), family


def test_every_core_is_there_once_in_its_family(table):
    rows, family = table
    assert Counter(row["core80"] for row in rows) == Counter(list(family))
    pairs = {(row["family"], family[row["core80"]]) for row in rows}
    assert len(pairs) == len({one for one, _ in pairs}) == sum(ROOTS.values())
    assert all(row["library"] == family[row["core80"]][0] for row in rows)


def test_one_core_of_each_family_has_a_split(table):
    rows, _ = table
    drawn = [row for row in rows if row["split"] != "copies"]
    assert len({row["family"] for row in drawn}) == len(drawn) == sum(ROOTS.values())
    for library, count in ROOTS.items():
        found = Counter(row["split"] for row in drawn if row["library"] == library)
        assert found == {"train": 0.8 * count, "valid": 0.1 * count, "test": 0.1 * count}


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_the_experiments_train_on_such_a_table(kind):
    asked = [f"experiment=yeast80_{kind}", "data.path=yeast80.csv"]
    values = composition.compose("train", asked).values
    assert values["process"]["name"] == kind
    assert (values["domain"]["flank5"], values["domain"]["flank3"]) == FLANKS
    assert values["domain"]["length"] == 80
    assert not values["data"].get("augment", False)  # a promoter has a direction
    assert (values["trainer"].get("frozen_fraction", 0) > 0) == (kind == "uniform")
