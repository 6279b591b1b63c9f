"""Guided promoters against draws of the prior, at equal evaluations, by oracles that did not guide.

    python benchmarks/promoter_yeast.py --data yeast80.csv [--seeds 0 1 2] [--out runs/promoter]

Each method and seed is a campaign `discdiff design experiment=promoter_yeast ...`. Runs that are
there already are read, one that was cut is resumed, so the script can be called again; the table
is printed after each seed. Of each campaign the `TOP` designs are taken that the guide rewards
most, and looked at by what had no say: the judge, the likeness of their short words to native
promoters (the file is that of `benchmarks/yeast80_table.py`), their bound under the prior, and in
how many bases two of them differ.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from promoter_quality import nats

from discdiff.bio.metrics.kmers import kmer_correlation
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import CONFIG, Store
from discdiff.campaign.summary import best_of
from discdiff.cli import app
from discdiff.model import Model

TOP = 32
BASE = "best of N"
METHODS: dict[str, tuple[str, ...]] = {
    BASE: ("guidance=none", "round_size=50"),
    "SVDD": ("guidance=svdd", "guidance.interval=4", "round_size=4"),
    "FK": (),
    "evolution": ("guidance=evolution", "guidance.generations=1000", "round_size=20"),
    "split Gibbs": (
        *("model=yeast80_uniform", "sampler=ancestral", "sampler.steps=32"),
        *("guidance=split_gibbs", "guidance.sweeps=12", "guidance.moves=10", "round_size=4"),
    ),
}


class Line(NamedTuple):
    """One campaign: means over its best designs, and what it took."""

    guide: float
    judge: float
    judge_all: float
    words3: float
    words6: float
    bound: float
    apart: float
    evaluated: int
    passes: float


def campaign(method: str, seed: int, out: Path, *more: str) -> Path:
    """Return the folder of a campaign, run as far as it is missing; `more` settings follow."""
    folder = out / f"{method.replace(' ', '_').lower()}-{seed}"
    if (folder / CONFIG).exists():
        arguments = ["resume", str(folder)]
    else:
        given = (*METHODS[method], "baseline=false", f"seed={seed}", f"out={folder}", *more)
        arguments = ["design", "experiment=promoter_yeast", *given]
    app(arguments, standalone_mode=False)
    return folder


def native_cores(table: Path) -> list[str]:
    """Return the cores of native promoters in a table of `benchmarks/yeast80_table.py`."""
    with table.open(encoding="utf-8", newline="") as file:
        return [row["core80"] for row in csv.DictReader(file) if row["library"] == "native"]


def measured(folder: Path, native: Sequence[str], prior: Model) -> Line:
    """Return what became of a campaign."""
    with Store.open(folder, read_only=True) as store:
        outputs = list(store.settings["outputs"])
        rows = store.rows(GUIDED)
        passes = sum(one.counts.get("nfe", 0) for one in store.rounds(GUIDED))
    best = best_of(rows, TOP)
    strings = [row.sequence for row in best]
    judge = outputs.index("judge")
    return Line(
        guide=float(np.mean([row.reward for row in best])),
        judge=float(np.mean([row.scores[judge] for row in best])),
        judge_all=float(np.nanmean([row.scores[judge] for row in rows])),
        words3=kmer_correlation(strings, native, 3),
        words6=kmer_correlation(strings, native, 6),
        bound=float(nats(prior, strings).mean()),
        apart=float(np.median(_apart(strings))),
        evaluated=len(rows),
        passes=passes,
    )


def _apart(strings: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return in how many places each two of some strings of one length differ."""
    letters = np.array([list(string) for string in strings])
    one, other = np.triu_indices(len(letters), k=1)
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = (letters[one] != letters[other]).sum(axis=1)
    return found


def table(found: dict[str, list[Line]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: means over seeds, and paired differences."""
    yield (
        "| method | guide's bound | judge | less best of N, by seed | judge, of all | words of 3 | "
        "words of 6 | nats a base | bases apart | evaluations | rows of passes |"
    )
    yield "|---" * 11 + "|"
    base = [line.judge for line in found.get(BASE, [])]
    for method, lines in found.items():
        if not lines:
            continue
        mean = Line(*np.mean(lines, axis=0))
        more = [f"{line.judge - own:+.2f}" for line, own in zip(lines, base, strict=False)]
        cells = (
            *(method, f"{mean.guide:.2f}", f"{mean.judge:.2f}"),
            "–" if method == BASE else " ".join(more),
            *(f"{value:.2f}" for value in (mean.judge_all, mean.words3, mean.words6)),
            *(
                f"{mean.bound:.3f}",
                f"{mean.apart:.0f}",
                f"{mean.evaluated:,.0f}",
                f"{mean.passes:,.0f}",
            ),
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="table of yeast80_table.py")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/promoter_yeast"))
    given = parser.parse_args()
    native = native_cores(given.data)
    prior = Model.load("yeast80_masked")
    found: dict[str, list[Line]] = {method: [] for method in given.methods}
    for seed in given.seeds:
        for method, lines in found.items():
            lines.append(measured(campaign(method, seed, given.out), native, prior))
        print("\n" + "\n".join(table(found)), flush=True)


if __name__ == "__main__":
    main()
