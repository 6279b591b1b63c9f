"""The tables that the shipped peptide model and classifiers learn from, split by family.

    python benchmarks/peptide_natural_tables.py FOLDER_OF_THE_FILES OUT

`FOLDER_OF_THE_FILES` holds the files named in `PRIOR` and `CLASSES`; those that are missing are
passed over, with what is made of them. `OUT` gets `peptide_natural.csv`, for the model, and a
table for each classifier. Two peptides are relatives at 70 % identity (one minus edits over the
longer length), or with 8 residues in a row in common, or if one is part of the other; in the tables
of classifiers of peptides, whose largest families would else be half of the rows, at 80 % identity
or with 12 residues. Chains of relatives are a family.

The model's table: peptides of 5 to 50 residues of the files under permissive licences. Families of
more than 20 are `train`; of the others 80 % are `train`, with all members, and of the rest one
member each, drawn at random, is `valid` or `test` and the others are `copies`. `kind` is
`antimicrobial` or `active` where some task says so, else `fragment`: mostly pieces of proteins that
tasks have as negatives. A classifier's table has labels and families by name; a sequence of both
labels is left out, and so is one of more than 50 residues, but where it is of soluble proteins.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from discdiff.bio.families import families_by_identity

IDENTITY, RUN = 0.7, 8
CLASS_IDENTITY, CLASS_RUN = 0.8, 12
LONGEST, LARGE = 50, 20
SEED = 0
TRAIN, VALID = 0.8, 0.9
SETS, MIC = "peptide_activity_sets.csv.gz", "amp_ecoli_ampH.csv.gz"
PRIOR = (SETS, MIC)
ANTIMICROBIAL = ("amp_modlamp", "amp_antibp2", "amp_iamp2l")
PROTEINS = "soluble"
CLASSES = {
    "hemolytic": "peptide_hemolysis.csv.gz",
    PROTEINS: "peptide_solubility.csv.gz",
    "nonfouling": "peptide_nonfouling.csv.gz",
}
TAG = re.compile("^M?[GAS]*H{5,}|(LE)?H{5,}$")
Row = Mapping[str, str]


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a compressed CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kinds(folder: Path) -> dict[str, str]:
    """Return the kind of every peptide of the model's files that is not too long."""
    found: dict[str, str] = {}
    for row in rows_of(folder / SETS):
        antimicrobial = row["task"][:3] in ("amp", "afp", "avp")
        kind = "antimicrobial" if antimicrobial else "active"
        note(found, row["sequence"], kind if row["label"] == "1" else "fragment")
    for row in rows_of(folder / MIC):
        note(found, row["sequence"], "antimicrobial" if row["is_amp"] == "1" else "fragment")
    return {sequence: found[sequence] for sequence in sorted(found) if len(sequence) <= LONGEST}


def note(found: dict[str, str], sequence: str, kind: str) -> None:
    """Keep the first of `antimicrobial`, `active` and `fragment` that is said of a peptide."""
    found[sequence] = min(found.get(sequence, kind), kind, key=_ORDER.index)


_ORDER = ("antimicrobial", "active", "fragment")


def splits(family: np.ndarray) -> list[str]:
    """Return the split of each row of the model's table."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(family))
    _, first, counts = np.unique(family[order], return_index=True, return_counts=True)
    drawn = order[first]  # a random row of each family
    small = rng.permutation(np.flatnonzero(counts <= LARGE))
    held = {
        int(name): "valid" if place / len(small) < VALID else "test"
        for place, name in enumerate(small.tolist())
        if place / len(small) >= TRAIN
    }
    found = ["copies" if int(name) in held else "train" for name in family]
    for name, split in held.items():
        found[drawn[name]] = split
    return found


def labels(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the label of every sequence that has one label only."""
    seen: dict[str, set[str]] = {}
    for sequence, label in pairs:
        seen.setdefault(sequence, set()).add(label)
    return {s: min(seen[s]) for s in sorted(seen) if len(seen[s]) == 1}


def named(sequences: Sequence[str], name: str) -> list[str]:
    """Return the family of each sequence of the table `name`, by its first member."""
    rule = (IDENTITY, RUN) if name == PROTEINS else (CLASS_IDENTITY, CLASS_RUN)
    family = families_by_identity(sequences, *rule)
    first: dict[int, str] = {}
    return [first.setdefault(int(name), s) for name, s in zip(family, sequences, strict=True)]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file and say how many rows it has."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    last = dict(Counter(row[-1] for row in rows)) if header[-1] != "family" else ""
    print(f"{path.name}: {len(rows):,} peptides {last}", flush=True)


def write_prior(folder: Path, out: Path) -> None:
    """Write the model's table."""
    kind = kinds(folder)
    family = families_by_identity(list(kind), IDENTITY, RUN)
    print(f"{family.max() + 1:,} families, the largest of {np.bincount(family).max():,}")
    columns = zip(kind, kind.values(), map(str, family), splits(family), strict=True)
    write(out / "peptide_natural.csv", ("sequence", "kind", "family", "split"), columns)


def labelled(folder: Path) -> dict[str, dict[str, str]]:
    """Return the labels of every classifier whose files are there, by sequence."""
    found = {}
    if all((folder / name).is_file() for name in PRIOR):
        sets = (row for row in rows_of(folder / SETS) if row["task"] in ANTIMICROBIAL)
        pairs = [(row["sequence"], row["label"]) for row in sets]
        pairs += [(row["sequence"], row["is_amp"]) for row in rows_of(folder / MIC)]
        found["antimicrobial"] = labels(pairs)
    for name, file in CLASSES.items():
        if (folder / file).is_file():
            rows = rows_of(folder / file)
            if name == PROTEINS:  # a tag says how a protein was made, not what it is
                rows = [row | {"sequence": TAG.sub("", row["sequence"])} for row in rows]
            found[name] = labels((row["sequence"], row["label"]) for row in rows)
    return {
        name: {s: label for s, label in rows.items() if name == PROTEINS or len(s) <= LONGEST}
        for name, rows in found.items()
    }


def main() -> None:
    """Read, group, split and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder of the files")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if all((given.source / name).is_file() for name in PRIOR):
        write_prior(given.source, given.out)
    for name, label in labelled(given.source).items():
        rows = zip(label, label.values(), named(list(label), name), strict=True)
        write(given.out / f"{name}.csv", ("sequence", name, "family"), rows)


if __name__ == "__main__":
    main()
