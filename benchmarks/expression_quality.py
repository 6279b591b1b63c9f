"""What the yeast expression oracles know: the figures of their cards, measured again.

    python benchmarks/expression_quality.py --data FOLDER [--runs RUNS] [--write]

FOLDER holds the tables of `benchmarks/yeast80_expression.py`. All is measured on cores of families
that neither guide nor judge of any medium was trained on, and stands beside ridge regressions that
are fitted to the same rows as the oracle: on GC content, and on GC content with the counts of words
of up to 4 bases wherever they stand. `--runs RUNS` takes the oracles of RUNS/complex and
RUNS/defined, two runs of `discdiff train-predictor`, in place of the shipped ones; `--write` stores
each as bio/pretrained/NAME with what was measured in its card.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from discdiff.predictor.linear import ridge
from discdiff.predictor.predictor import Predictor, locate
from discdiff.predictor.quality import pearson, spearman
from discdiff.predictor.splits import split

Floats = NDArray[np.float64]
MEDIA, HALVES = ("complex", "defined"), ("guide", "judge")
WORD = 4
USE = (
    "Expression in one medium, as the mean bin of fluorescence (0 to 17), of a promoter of 80 "
    "variable bases between TGCATTTTTTTCACATC and GGTTACGGCTGTT in yeast. It reads the 80 bases "
    "alone: the flanks never vary. Guide and judge of both media share the same two halves of "
    "families, so that what guides in either medium never judges. Many rows are mutants of a few "
    "hundred promoters. Other organisms, flanks and media are not what this has seen."
)
HOME = Path(__file__).parent.parent / "bio" / "pretrained"


def gc_content(cores: Sequence[str]) -> Floats:
    """Return the share of G and C, `(N, 1)`."""
    return np.array([[(core.count("G") + core.count("C")) / len(core)] for core in cores])


def words(cores: Sequence[str]) -> Floats:
    """Return GC content and the counts of words of up to `WORD` bases, each by its spread."""
    listed = [
        "".join(letters)
        for k in range(1, WORD + 1)
        for letters in itertools.product("ACGT", repeat=k)
    ]
    place = {word: column for column, word in enumerate(listed)}
    counts = np.zeros((len(cores), len(listed)))
    for row, core in zip(counts, cores, strict=True):
        for k in range(1, WORD + 1):
            for i in range(len(core) - k + 1):
                row[place[core[i : i + k]]] += 1
    return np.concatenate([gc_content(cores), counts], axis=1)


def both(predicted: Floats, target: Floats) -> str:
    """Return Pearson's and Spearman's correlation."""
    return f"Pearson {pearson(predicted, target):.3f}, Spearman {spearman(predicted, target):.3f}"


def measured(predictor: Predictor, rows: Sequence[dict[str, str]], medium: str) -> dict[str, str]:
    """Return what is said of one oracle: itself and the regressions, on the rows held out."""
    half = split([row["family"] for row in rows], predictor.origin.half)
    cores = np.array([row["core80"] for row in rows])
    values = np.array([float(row[medium]) for row in rows])
    library = np.array([row["library"] for row in rows])
    known = np.concatenate([half.train, half.valid])
    asked, target = cores[half.test], values[half.test]
    said = predictor(asked.tolist())
    found = {"oracle": both(said.mean[:, 0], target)}
    for name, features in (("ridge on GC", gc_content), ("ridge on GC and words", words)):
        fitted = ridge(features(cores[known].tolist()), values[known])
        found[name] = both(fitted(features(asked.tolist())), target)
    error = np.abs(said.mean[:, 0] - target)
    found["sd and error"] = f"Spearman {spearman(said.sd[:, 0], error):.3f}"
    within = float((error <= said.sd[:, 0]).mean())
    found["within one sd"] = f"{within:.1%} of the values, mean sd {said.sd.mean():.2f}"
    for name in sorted(set(library)):
        these = library[half.test] == name
        found[f"oracle, {name}"] = (
            f"{both(said.mean[these, 0], target[these])} ({these.sum()} cores)"
        )
    families = len({rows[i]["family"] for i in half.test})
    found["held out"] = f"{len(target):,} cores of {families:,} families"
    return found


def contrast(predictors: dict[tuple[str, str], Predictor], data: Path) -> dict[str, str]:
    """Return how well each half tells complex less defined, of held-out cores known in both."""
    tables = [_table(data, medium) for medium in MEDIA]
    other = {row["core80"]: float(row[MEDIA[1]]) for row in tables[1]}
    rows = [row for row in tables[0] if row["core80"] in other]
    test = split([row["family"] for row in rows], HALVES[0]).test
    cores = [rows[i]["core80"] for i in test]
    target = np.array([float(rows[i][MEDIA[0]]) - other[rows[i]["core80"]] for i in test])
    said = {
        half: np.subtract(*(predictors[medium, half](cores).mean[:, 0] for medium in MEDIA))
        for half in HALVES
    }
    found = {half: both(values, target) for half, values in said.items()}
    found["guide and judge"] = both(*said.values())
    return found | {"held out": f"{len(cores):,} cores known in both media"}


def _table(data: Path, medium: str) -> list[dict[str, str]]:
    with (data / f"yeast80_{medium}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _command(predictor: Predictor, medium: str) -> str:
    recipe = predictor.card["recipe"]
    steps = recipe["max_steps"] if isinstance(recipe, dict) else ""
    return (
        "`python benchmarks/yeast80_expression.py yeast_promoters_vaishnav.csv.gz .`, then "
        f"`discdiff train-predictor experiment=yeast80_expression name=yeast80_{medium} "
        f"target={medium} data.path=yeast80_{medium}.csv trainer.max_steps={steps}`. Cores within "
        "25 substitutions, by single linkage, are a family, and a family has one place: held out, "
        "guide or judge. Values of the library sswm on fewer than 20 reads are left out. The steps "
        "were chosen for time, and on the families that tell when to stop of the complex medium; "
        "the held-out ones chose nothing."
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="tables of yeast80_expression.py")
    parser.add_argument("--runs", type=Path, help="folder of the runs complex and defined")
    parser.add_argument("--write", action="store_true", help="into the cards of bio/pretrained")
    given = parser.parse_args()
    shipped = {pair: f"yeast80_{'_'.join(pair)}" for pair in itertools.product(MEDIA, HALVES)}
    folders = {
        pair: given.runs.joinpath(*pair) if given.runs else locate(name)
        for pair, name in shipped.items()
    }
    predictors = {pair: Predictor.load(folder) for pair, folder in folders.items()}
    contrasts = contrast(predictors, given.data)
    print(json.dumps({"complex less defined": contrasts}, indent=2))
    for pair, name in shipped.items():
        predictor, medium = predictors[pair], pair[0]
        found = measured(predictor, _table(given.data, medium), medium)
        print(json.dumps({name: found}, indent=2))
        if given.write:
            predictor.card |= {
                "title": name,
                "use": USE,
                "training": _command(predictor, medium),
                "held-out families": found,
                "complex less defined, held-out families": contrasts,
                "licence of the weights": "Apache-2.0; the data ask for attribution (CC BY 4.0).",
            }
            predictor.save(HOME / name)


if __name__ == "__main__":
    main()
