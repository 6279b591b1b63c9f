"""Fronts of cyclic peptides at equal evaluations: tree search, evolution by fronts, best of N.

    python benchmarks/peptide_cyclic.py [--methods ...] [--seeds 0 1 2] [--budget 300] [--out DIR]

Each method and seed is a campaign of `experiment=peptide_cyclic`, in a folder of its own; runs that
are there already are read, one that was cut is resumed. The hypervolume is that of everything a run
has evaluated so far, of the terms of the objective from -0.1 in each. With `--data`, the table that
the model was trained on, the similarity of the front to its nearest training peptide is that to a
sample of 5,000.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import CONFIG, Store
from discdiff.chem.metrics.diversity import nearest_similarity, pairwise_diversity
from discdiff.chem.molecule import parse
from discdiff.cli import app
from discdiff.config import build, composition
from discdiff.config.settings import Design, fill
from discdiff.data.readers import Columns, read_chunks
from discdiff.model import Model
from discdiff.objective.pareto import ParetoArchive
from discdiff.oracle.scores import Floats, Scores

EXPERIMENT = "experiment=peptide_cyclic"
METHODS: dict[str, tuple[str, ...]] = {
    "best of N": ("guidance=none",),
    "evolution": (
        *("guidance=evolution", "guidance.select=pareto", "guidance.initial=60"),
        *("guidance.population=20", "guidance.children=20", "guidance.generations=1000"),
    ),
    "tree search": (),
}
BELOW = -0.1
SAMPLE = 5_000


class Line(NamedTuple):
    """One campaign: hypervolumes at some numbers of evaluations, and what its front is like."""

    method: str
    seed: int
    evaluated: int
    volumes: list[float]
    front: int
    validity: float
    diversity: float
    nearest: float
    nfe: float
    minutes: float


def campaign(method: str, seed: int, budget: int, out: Path, more: Sequence[str]) -> Path:
    """Return the folder of a campaign, run as far as it is missing."""
    folder = out / f"{method.replace(' ', '_')}-{seed}"
    if (folder / CONFIG).exists():
        arguments = ["resume", str(folder)]
    else:
        arguments = ["design", EXPERIMENT, *METHODS[method], f"budget={budget}", *more]
        arguments += [f"seed={seed}", f"out={folder}"]
    app(arguments, standalone_mode=False)
    return folder


def terms(folder: Path) -> tuple[Floats, list[str], dict[str, float]]:
    """Return the terms of all that a run evaluated, in order, their SMILES, and its counts."""
    source = composition.stored("design", folder / CONFIG)
    settings = fill(Design, source)
    with Store.open(folder, read_only=True) as store:
        rows = [row for row in store.rows(GUIDED) if row.status == "ok"]
        counts: dict[str, float] = {}
        for one in store.rounds(GUIDED):
            for name, value in one.counts.items():
                counts[name] = counts.get(name, 0.0) + value
    scored = build.oracle(settings.oracle, source, Model.load(settings.model))
    objective = build.objective(settings.objective, scored, source)
    values = np.array([row.scores for row in rows], dtype=np.float64)
    found = objective.components(Scores.of(values), scored.outputs)
    return found, [row.sequence for row in rows], counts


def line(method: str, seed: int, folder: Path, marks: Sequence[int], known: list[str]) -> Line:
    """Return what a finished campaign found."""
    values, smiles, counts = terms(folder)
    archive = ParetoArchive([BELOW] * values.shape[1])
    volumes = []
    for first, last in zip([0, *marks[:-1]], marks, strict=True):
        archive.add(values[first:last], smiles[first:last])
        volumes.append(archive.hypervolume)
    front = [mol for mol in map(parse, archive.items) if mol is not None]
    others = [mol for mol in map(parse, known) if mol is not None]
    return Line(
        *(method, seed, len(values), volumes, len(front)),
        validity=1 - counts["invalid"] / counts["requested"],
        diversity=pairwise_diversity(front),
        nearest=nearest_similarity(front, others),
        nfe=counts["nfe"],
        minutes=counts["seconds"] / 60,
    )


def sample(path: str | None) -> list[str]:
    """Return training peptides, drawn at random."""
    if path is None:
        return []
    chunks = read_chunks(path, Columns("smiles", "split"))
    rows = [row.string for chunk in chunks for row in chunk if row.split == "train" and row.string]
    chosen = np.random.default_rng(0).choice(len(rows), min(SAMPLE, len(rows)), replace=False)
    return [rows[place] for place in chosen]


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--data", help="table the model was trained on")
    parser.add_argument("--out", type=Path, default=Path("runs/peptide_cyclic"))
    given, more = parser.parse_known_args()
    marks = [given.budget // 3, 2 * given.budget // 3, given.budget]
    known = sample(given.data)
    heads = ["method", "seed", *(f"volume at {mark}" for mark in marks), "front", "validity"]
    heads += ["diversity", "nearest training", "passes of a row", "minutes"]
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    for seed in given.seeds:
        for method in given.methods:
            found = line(
                *(method, seed, campaign(method, seed, given.budget, given.out, more)),
                *(marks, known),
            )
            cells = [method, str(seed), *(f"{volume:.3f}" for volume in found.volumes)]
            cells += [str(found.front), *(f"{x:.3f}" for x in found[5:8])]
            print("|", " | ".join([*cells, f"{found.nfe:,.0f}", f"{found.minutes:.1f}"]), "|")


if __name__ == "__main__":
    main()
