"""Whether guided peptides beat best-of-N at equal evaluations, by judges that did not guide.

    python benchmarks/peptide_natural_designs.py [--methods evolution ...] [--seeds 0 1 2] [--out F]

Each method and seed is a campaign of `experiment=peptide_natural` with its unguided arm, in a
folder of its own; one that is there already is read, and one that was cut goes on. The ten designs
of highest reward are chosen by the guides in both arms, and judged by the same reward with the
judges in the place of the guides. `chance` is the mean probability that a judge gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discdiff.campaign.rows import Row
from discdiff.campaign.store import CONFIG, Store
from discdiff.campaign.summary import Summary, summarise
from discdiff.cli import app
from discdiff.objective import Objective, Term
from discdiff.objective.transform import Band, Linear
from discdiff.oracle.scores import Scores

METHODS: dict[str, tuple[str, ...]] = {
    "evolution": (),
    "fk": ("guidance=fk", "guidance.particles=20", "guidance.scale=30", "guidance.keep=all"),
    "svdd": ("guidance=svdd", "guidance.candidates=5", "guidance.scale=30"),
    "tree_search": ("guidance=tree_search", "guidance.children=10", "guidance.iterations=1000"),
}
JUDGED = Objective(
    [
        Term("charge", Band(3, 6, 2)),
        Term("liabilities"),
        Term("antimicrobial_judge"),
        Term("hemolytic_judge", Linear(0, 0.5), direction="min"),
    ],
    "geometric_mean",
)


def campaign(method: str, seed: int, out: Path) -> Summary:
    """Return the summary of a campaign, run as far as it is missing."""
    folder = out / f"{method}-{seed}"
    if (folder / CONFIG).exists():
        arguments = ["resume", str(folder)]
    else:
        arguments = ["design", "experiment=peptide_natural", *METHODS[method], f"seed={seed}"]
        arguments.append(f"out={folder}")
    app(arguments, standalone_mode=False)
    with Store.open(folder, read_only=True) as store:
        return summarise(store)


def judged(best: Sequence[Row], outputs: Sequence[str]) -> tuple[float, float, float]:
    """Return the mean judged reward, and the chances that the judges give, of some designs."""
    scores = Scores.of(np.array([row.scores for row in best]))
    reward = JUDGED(scores, outputs, [row.sequence for row in best])
    values = dict(zip(outputs, scores.values.T, strict=True))
    chances = (float(values[f"{name}_judge"].mean()) for name in ("antimicrobial", "hemolytic"))
    return (float(reward.mean()), *chances)


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["evolution"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/peptide_natural_designs"))
    given = parser.parse_args()
    lines, won = [], 0
    for method in given.methods:
        for seed in given.seeds:
            found = campaign(method, seed, given.out)
            if found.unguided is None:
                raise SystemExit(f"{method}: the run has no unguided arm")
            cells = [judged(arm.best, found.outputs) for arm in (found.guided, found.unguided)]
            pairs = [f"{a:.3f} against {b:.3f}" for a, b in zip(*cells, strict=True)]
            own = f"{found.guided.best_mean:.3f} against {found.unguided.best_mean:.3f}"
            won += cells[0][0] > cells[1][0]
            head = (method, f"{seed}", f"{found.guided.evaluated}", own)
            lines.append(f"| {' | '.join((*head, *pairs))} |")
    print(
        "\n| method | seed | evaluations | reward | judged reward "
        "| judge: chance antimicrobial | judge: chance hemolytic |"
    )
    print("|---" * 7 + "|")
    print("\n".join(lines))
    print(f"\nguided won {won} of {len(lines)} by judged reward")


if __name__ == "__main__":
    main()
