"""Fronts of cyclic peptides at equal requests: best of N, evolution by fronts, tree search.

    python benchmarks/peptide_cyclic.py [--methods ...] [--seeds 0 1 2] [--budget 300] [--out DIR]

Each method and seed is a campaign of `experiment=peptide_cyclic`, in a folder of its own; runs that
are there already are read, one that was cut is resumed. All that a method asks for counts: invalid
strings, repeats, and peptides that the guide refuses as outside of what it knows. The hypervolume
is that of all that a run has found within so many requests, of the terms of the objective from -0.1
in each; judged, it is the same of the front that the guide chose, with what the judge says in the
place of what the guide says. With `--data`, the table that the model was trained on, the similarity
of the front to its nearest training peptide is that to a sample of 5,000. Arguments of `design`
after those of the script go to every run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit.Chem import Mol

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
BASE = "best of N"
METHODS: dict[str, tuple[str, ...]] = {
    BASE: ("guidance=none",),
    "evolution": (),
    "tree search": (
        *("guidance=tree_search", "guidance.goal=front", "guidance.designs=20"),
        *("guidance.children=16", "guidance.iterations=1000", "guidance.stride=4"),
    ),
}
GUIDE, JUDGE = "permeability", "permeability_judge"
OUTSIDE = "outside of the applicability domain"
BELOW = -0.1
SAMPLE = 5_000


class Line(NamedTuple):
    """One campaign: hypervolumes within some numbers of requests, and what its front is like."""

    volumes: list[float]
    judged: float
    scored: int
    front: int
    validity: float
    inside: float
    diversity: float
    nearest: float
    judge: float
    nfe: float
    minutes: float


class Found(NamedTuple):
    """What a campaign evaluated, in order, and what it had asked for by then."""

    request: Floats
    terms: Floats
    judged: Floats
    judge: Floats
    smiles: list[str]
    counts: dict[str, float]


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


def read(folder: Path) -> Found:
    """Return what a campaign found."""
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
    outputs = list(scored.outputs)
    values = np.array([row.scores for row in rows], dtype=np.float64).reshape(-1, len(outputs))
    judge = values[:, outputs.index(JUDGE)]
    exchanged = values.copy()
    exchanged[:, outputs.index(GUIDE)] = judge
    terms, judged = (
        objective.components(Scores.of(every), outputs) for every in (values, exchanged)
    )
    request = np.array([row.request for row in rows], dtype=np.float64)
    return Found(request, terms, judged, judge, [row.sequence for row in rows], counts)


def line(folder: Path, marks: Sequence[int], known: Sequence[Mol]) -> Line:
    """Return the figures of a finished campaign."""
    found = read(folder)
    places = list(range(len(found.smiles)))
    archive, volumes, before = ParetoArchive([BELOW] * found.terms.shape[1]), [], 0
    for mark in marks:
        new = [i for i in places if before < found.request[i] <= mark]
        archive.add(found.terms[new], new)
        volumes.append(archive.hypervolume)
        before = mark
    chosen: list[int] = archive.items
    again = ParetoArchive([BELOW] * found.terms.shape[1])
    again.add(found.judged[chosen], chosen)
    front = [mol for mol in (parse(found.smiles[i]) for i in chosen) if mol is not None]
    asked, invalid = found.counts["requested"], found.counts["invalid"]
    outside = sum(value for name, value in found.counts.items() if OUTSIDE in name)
    return Line(
        *(volumes, again.hypervolume, len(places), len(front)),
        validity=1 - invalid / asked,
        inside=1 - outside / max(asked - invalid, 1),
        diversity=pairwise_diversity(front),
        nearest=nearest_similarity(front, known),
        judge=float(found.judge[chosen].mean()) if chosen else float("nan"),
        nfe=found.counts["nfe"],
        minutes=found.counts["seconds"] / 60,
    )


def sample(path: str | None) -> list[Mol]:
    """Return training peptides, drawn at random."""
    if path is None:
        return []
    chunks = read_chunks(path, Columns("smiles", "split"))
    rows = [row.string for chunk in chunks for row in chunk if row.split == "train" and row.string]
    chosen = np.random.default_rng(0).choice(len(rows), min(SAMPLE, len(rows)), replace=False)
    return [mol for mol in (parse(rows[place]) for place in chosen) if mol is not None]


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
    heads = ["method", "seed", *(f"volume at {mark}" for mark in marks), "judged", "scored"]
    heads += ["front", "validity", "inside", "diversity", "nearest training", "judge", "passes"]
    table = ["| " + " | ".join([*heads, "minutes"]) + " |", "|---" * (len(heads) + 1) + "|"]
    won: dict[str, list[bool]] = {}
    for seed in given.seeds:
        base = 0.0
        for method in sorted(given.methods, key=list(METHODS).index):
            folder = campaign(method, seed, given.budget, given.out, more)
            found = line(folder, marks, known)
            if method == BASE:
                base = found.volumes[-1]
            elif BASE in given.methods:
                won.setdefault(method, []).append(found.volumes[-1] > base)
            cells = [method, str(seed), *(f"{volume:.3f}" for volume in found.volumes)]
            cells += [f"{found.judged:.3f}", str(found.scored), str(found.front)]
            cells += [f"{x:.2f}" for x in found[4:9]]
            cells += [f"{found.nfe:,.0f}", f"{found.minutes:.1f}"]
            table.append(f"| {' | '.join(cells)} |")
        print("\n".join(table), flush=True)
    for method, pairs in won.items():
        print(f"{method}: more hypervolume than {BASE} in {sum(pairs)} of {len(pairs)} pairs")


if __name__ == "__main__":
    main()
