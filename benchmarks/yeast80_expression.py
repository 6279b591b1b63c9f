"""The tables that the yeast expression oracles learn from: one of each medium, with families.

    python benchmarks/yeast80_expression.py yeast_promoters_vaishnav.csv.gz FOLDER

writes FOLDER/yeast80_complex.csv and FOLDER/yeast80_defined.csv. Families are those of
`benchmarks/yeast80_table.py`, of the cores of both media together: by `data.group_column=family`
a family falls into the same half of both tables, and held-out rows have no near copy in training.
Values of the library `sswm` that rest on fewer than 20 reads are left out; the other libraries come
filtered, without their reads.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import Counter
from pathlib import Path

from yeast80_table import SUBSTITUTIONS

from discdiff.bio.families import families

READS = 20
MEDIA = ("complex", "defined")


def main() -> None:
    """Read, filter, group and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="columns core80, medium, library, expression")
    parser.add_argument("out", type=Path, help="folder")
    given = parser.parse_args()
    with gzip.open(given.source, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cores = list(dict.fromkeys(row["core80"] for row in rows))
    family = dict(zip(cores, families(cores, SUBSTITUTIONS).tolist(), strict=True))
    given.out.mkdir(parents=True, exist_ok=True)
    for medium in MEDIA:
        measured = [row for row in rows if row["medium"] == medium]
        kept = [row for row in measured if not row["reads"] or float(row["reads"]) >= READS]
        path = given.out / f"yeast80_{medium}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("core80", "library", "family", medium))
            for row in kept:
                core = row["core80"]
                writer.writerow((core, row["library"], family[core], row["expression"]))
        found = {family[row["core80"]] for row in kept}
        print(
            f"{path}: {len(kept):,} of {len(measured):,} values, {len(found):,} families, "
            f"{dict(Counter(row['library'] for row in kept))}"
        )


if __name__ == "__main__":
    main()
