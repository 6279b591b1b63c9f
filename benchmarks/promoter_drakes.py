"""Promoters of tuned models against guided ones, at equal evaluations of the guide.

    python benchmarks/promoter_drakes.py --data yeast80.csv [--seeds 0 1 2] [--out runs/drakes]

A tuned model is that of `discdiff finetune experiment=promoter_drakes`, or of `promoter_wdce`. What
its training asked the guide for, for gradients too, and the designs that are then drawn of it are
`BUDGET` together. The others are campaigns of `benchmarks/promoter_yeast.py` with as many, which
also says what is measured. Further designs of a tuned model need no evaluation. Runs that are there
already are read, one that was cut is resumed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from promoter_yeast import METHODS, Line, campaign, measured, native_cores, table

from discdiff.campaign.store import CONFIG
from discdiff.cli import app
from discdiff.model import Model

BUDGET = 1024
DRAWN = 64  # designs of a tuned model
TUNED: dict[str, tuple[str, ...]] = {
    "DRAKES": ("experiment=promoter_drakes",),
    "WDCE": ("experiment=promoter_wdce",),
}
GUIDED = ("best of N", "SVDD", "FK")


def tuned(method: str, seed: int, out: Path) -> Path:
    """Return the folder of a tuned model's draws, tuned and drawn as far as it is missing."""
    run = out / f"{method.lower()}-{seed}"
    if (run / CONFIG).exists():
        arguments = ["resume", str(run)]
    else:
        given = (*TUNED[method], f"seed={seed}", f"out={run}", "logger=none")
        arguments = ["finetune", *given]
    app(arguments, standalone_mode=False)
    drawn = (f"model={run / 'model'}", f"budget={DRAWN}")
    return campaign("best of N", seed, out / f"{run.name}-drawn", *drawn)


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="table of yeast80_table.py")
    every = [*GUIDED, *TUNED]
    parser.add_argument("--methods", nargs="+", choices=every, default=every)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/promoter_drakes"))
    given = parser.parse_args()
    native, prior = native_cores(given.data), Model.load("yeast80_masked")
    found: dict[str, list[Line]] = {method: [] for method in given.methods}
    for seed in given.seeds:
        for method, lines in found.items():
            if method in METHODS:
                folder = campaign(method, seed, given.out, f"budget={BUDGET}")
            else:
                folder = tuned(method, seed, given.out)
            line = measured(folder, native, prior)
            lines.append(line._replace(evaluated=BUDGET))  # those of the training too
            print("\n" + "\n".join(table(found)), flush=True)


if __name__ == "__main__":
    main()
