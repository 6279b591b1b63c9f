"""Whether guided designs beat unguided ones of the same model at the same number of evaluations.

    python benchmarks/guided_wins.py [--tasks qed_sa ...] [--seeds 0 1 2] [--out runs/guided_wins]

Each task and seed is a campaign of the command line with its baseline, in a folder of its own. Runs
that are there already are read, one that was cut is resumed, so the script can be called again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from discdiff.campaign.store import CONFIG, Store
from discdiff.campaign.summary import Arm, Summary, summarise
from discdiff.cli import app

SEARCH = (
    "model=zinc_selfies",
    "guidance=evolution",
    "guidance.initial=200",
    "guidance.generations=1000",
    "round_size=20",
)
TASKS: dict[str, tuple[str, ...]] = {
    "qed_sa": ("experiment=qed_sa",),
    "osimertinib_mpo": (*SEARCH, "oracle=[osimertinib_mpo]"),
    "albuterol_similarity": (*SEARCH, "oracle=[albuterol_similarity]"),
    "scaffold": (
        *("experiment=qed_sa", "model=zinc_smiles", "sampler=entropy", "sampler.temperature=0.8"),
        *("template=c1ccc2[nH]c([*:1])nc2c1", "points={1: [4, 16]}"),
    ),
}


class Line(NamedTuple):
    """One campaign: the ten best of both arms."""

    task: str
    seed: int
    guided: Arm
    unguided: Arm

    @property
    def won(self) -> bool:
        """Whether mean and median of the guided ten are both the larger."""
        better = self.guided.best_mean > self.unguided.best_mean
        return better and self.guided.best_median > self.unguided.best_median


def campaign(task: str, seed: int, out: Path) -> Summary:
    """Return the summary of a campaign, run as far as it is missing."""
    folder = out / f"{task}-{seed}"
    if (folder / CONFIG).exists():
        arguments = ["resume", str(folder)]
    else:
        arguments = ["design", *TASKS[task], f"seed={seed}", f"out={folder}"]
    app(arguments, standalone_mode=False)
    with Store.open(folder, read_only=True) as store:
        return summarise(store)


def lines(tasks: list[str], seeds: list[int], out: Path) -> Iterator[Line]:
    """Yield the outcome of every task and seed."""
    for task in tasks:
        for seed in seeds:
            found = campaign(task, seed, out)
            if found.unguided is None:
                raise SystemExit(f"{task}: the run has no unguided arm")
            yield Line(task, seed, found.guided, found.unguided)


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/guided_wins"))
    given = parser.parse_args()
    found = list(lines(given.tasks, given.seeds, given.out))
    print("\n| task | seed | evaluations | best ten, mean | unguided | median | unguided | won |")
    print("|---|---|---|---|---|---|---|---|")
    for line in found:
        pairs = (
            f"{a:.3f}"
            for a in (
                *(line.guided.best_mean, line.unguided.best_mean),
                *(line.guided.best_median, line.unguided.best_median),
            )
        )
        won = "yes" if line.won else "no"
        print(
            "|",
            " | ".join([line.task, f"{line.seed}", f"{line.guided.evaluated}", *pairs, won]),
            "|",
        )
    print(f"\nguided won {sum(line.won for line in found)} of {len(found)}")


if __name__ == "__main__":
    main()
