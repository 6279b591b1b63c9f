"""The table that the model of modified and cyclic peptides learns from: drawn at random, its own.

    python benchmarks/peptides_table.py peptides.csv

Peptides of 4 to 10 residues, all lengths drawn alike: 20 % linear, 45 % closed head to tail, 15 %
by a lactam, 10 % by a disulfide and 10 % from a side chain to the end. A residue is one of 38
non-canonical ones with a chance of 20 %, else one of the 20, all alike; then the D form and the
N-methyl form with a chance of 20 % each where there is one, and a free end is capped with a chance
of 30 %. What is written with more than 160 tokens is left out, and so are repeats. SMILES have the
residues one after the other. Same seed, same table.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np

from discdiff.chem import grammar
from discdiff.chem.peptide.generate import Recipe, generated
from discdiff.chem.peptide.helm import write_helm
from discdiff.chem.peptide.order import canonical
from discdiff.chem.peptide.spelling import spelt
from discdiff.errors import DataError

SEED = 0
LONGEST = 160
"""Most tokens."""
SPLITS, SHARES = ("train", "valid", "test"), (0.9, 0.05, 0.05)
RECIPE = Recipe(
    shortest=4,
    longest=10,
    dextro=0.2,
    methyl=0.2,
    uncommon=0.2,
    capped=0.3,
    rings={
        "linear": 0.2,
        "head_to_tail": 0.45,
        "lactam": 0.15,
        "disulfide": 0.1,
        "side_to_tail": 0.1,
    },
)


def rows(drawn: int, seed: int = SEED) -> list[tuple[str, str, str]]:
    """Return SMILES, HELM and split of the peptides that are kept of so many drawn."""
    random = np.random.default_rng(seed)
    seen: set[str] = set()
    found = []
    for peptide in generated(drawn, seed, RECIPE):
        ordered = canonical(peptide)
        spelling = spelt(ordered)
        if spelling is None:
            raise DataError(f"cannot write {write_helm(ordered)} residue after residue")
        helm = write_helm(ordered)  # one peptide, one HELM
        if helm in seen or len(grammar.split(spelling)) > LONGEST:
            continue
        seen.add(helm)
        found.append((spelling, helm, str(random.choice(SPLITS, p=SHARES))))
    return found


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--drawn", type=int, default=75_000)
    given = parser.parse_args()
    table = rows(given.drawn)
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("smiles", "helm", "split"))
        writer.writerows(table)
    print(f"{len(table):,} of {given.drawn:,} peptides, {dict(Counter(row[2] for row in table))}")


if __name__ == "__main__":
    main()
