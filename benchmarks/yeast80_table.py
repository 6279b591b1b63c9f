"""The table that the yeast promoter models learn from: one core of each family, split by family.

    python benchmarks/yeast80_table.py yeast_promoters_vaishnav.csv.gz yeast80.csv

Most cores are mutants of a few hundred promoters, or steps of an evolution, so that a core left out
at random has a copy among the others. Cores that differ in at most 25 places, or are joined by a
chain of such pairs, are one family: no two cores of this set differ in 23 to 30 places, and
unrelated ones in more. Of every family one core, drawn at random, is in `train`, `valid` or `test`
(80/10/10, within each library); the others are `copies`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import Counter
from pathlib import Path

import numpy as np

from discdiff.bio.families import families

SUBSTITUTIONS = 25
SEED = 0
TRAIN, VALID = 0.8, 0.9


def splits(family: np.ndarray, library: list[str]) -> list[str]:
    """Return the split of each row: one row of a family has its split, the others are copies."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(family))
    _, first = np.unique(family[order], return_index=True)
    drawn = order[first]  # a random row of each family
    kinds = np.array(library)[drawn]
    found = ["copies"] * len(family)
    for kind in sorted(set(library)):
        rows = rng.permutation(drawn[kinds == kind])
        for place, row in enumerate(rows.tolist()):
            share = place / len(rows)
            found[row] = "train" if share < TRAIN else "valid" if share < VALID else "test"
    return found


def main() -> None:
    """Read, group, split and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="with columns core80 and library")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    with gzip.open(given.source, "rt", encoding="utf-8", newline="") as file:
        library: dict[str, str] = {}
        for row in csv.DictReader(file):  # a core measured in both media is one row
            library.setdefault(row["core80"], row["library"])
    cores = list(library)
    family = families(cores, SUBSTITUTIONS)
    split = splits(family, list(library.values()))
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("core80", "library", "family", "split"))
        writer.writerows(zip(cores, library.values(), family.tolist(), split, strict=True))
    print(f"{len(cores):,} cores, {family.max() + 1:,} families, {dict(Counter(split))}")


if __name__ == "__main__":
    main()
