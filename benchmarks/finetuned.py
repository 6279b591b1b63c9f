"""What a tuned model is worth beside draws of the model before, and beside guidance.

    python benchmarks/finetuned.py [--tasks ehrlich qed_sa] [--seeds 0 1 2] [--out runs/finetuned]

Every contestant of a task and seed may make the same number of evaluations: draws of the model
before; SVDD on it; a model tuned by WDCE, the budget less `DRAWN` designs that are drawn of it at
the end; and a model tuned with half of the budget, on which SVDD spends the other half. An Ehrlich
function, its pool and its prior are those of the seed, as in `discdiff bench guidance
track=ehrlich`. Molecules are those of `qm9_masked`, with the product of QED and normalised SA for a
reward, and of `zinc_selfies`, with the similarity to albuterol of the PMO benchmark. What has no
say is measured on the designs: how unlike each other they are, and how like the nearest of some
that the model before knows (a file of molecules, `--known`; the pool of an Ehrlich function). On
`peptides`, closed forms of natural ones, a tree search is compared with a model tuned on what
searches of it find, and with one tuned on draws. Runs that are there already are read, one that was
cut is resumed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import CONFIG, Store
from discdiff.campaign.summary import best_of
from discdiff.cli import app
from discdiff.data.readers import Columns, read_chunks
from discdiff.domain import Domain, Letters
from discdiff.model import Model
from discdiff.oracle.ehrlich import Ehrlich
from discdiff.training.prior import prior

Contest = Iterator[tuple[str, Path, tuple[Path, ...]]]
DRAWN = 512
COMPARED = 64  # designs that are compared with each other and with what is known
KNOWN = 1000
EHRLICH = {"states": 32, "length": 32, "motifs": 4, "motif_length": 4}


@dataclass(frozen=True)
class Task:
    """What is designed.

    Attributes:
        budget: evaluations of a contestant.
        arguments: of every command: model, oracle and objective.
        every: steps of training between two draws.
        tuning: of `discdiff finetune`.
        guidance: of SVDD.
        domain: of the strings.
        known: strings that the model before knows.
    """

    budget: int
    arguments: tuple[str, ...]
    every: int
    tuning: tuple[str, ...]
    guidance: tuple[str, ...]
    domain: Domain
    known: Sequence[str]


class Line(NamedTuple):
    """What a contestant came to."""

    evaluated: int
    drawn: float
    valid: float
    distinct: float
    best512: float
    best10: float
    unlike: float
    nearest: float


def ehrlich(seed: int, out: Path, known: Path | None) -> Task:
    """Return the task of an Ehrlich function, whose prior is trained if it is missing."""
    function = Ehrlich({**EHRLICH, "seed": seed}, quantization=4)
    pool, domain = function.feasible_pool(5000, seed), Letters(function.letters)
    folder = out / f"ehrlich-prior-{seed}"
    prior(pool, domain, folder, steps=400).save(folder / "model")
    problem = ",".join(f"{key}:{value}" for key, value in {**EHRLICH, "seed": seed}.items())
    return Task(
        2048,
        (
            f"model={folder / 'model'}",
            *("oracle=[]", "oracle.ehrlich.name=ehrlich", "oracle.ehrlich.quantization=4"),
            *(f"oracle.ehrlich.problem={{{problem}}}", "sampler=first_hitting"),
        ),
        4,
        ("method.scale=100", "method.effective=0", "trainer.rate=1e-3"),  # few have any reward
        ("guidance.scale=100", "guidance.interval=4"),
        domain,
        pool[:KNOWN],
    )


def qed_sa(seed: int, out: Path, known: Path | None) -> Task:
    """Return the task of molecules."""
    model = Model.load("qm9_masked")
    return Task(
        2048,
        ("model=qm9_masked", "oracle=[qed,sa]", "objective=product", "sampler=first_hitting"),
        12,
        ("method.scale=40", "trainer.rate=1e-3"),
        ("guidance.scale=40", "guidance.interval=4"),
        model.domain,
        strings_of(known, model),
    )


def pmo(seed: int, out: Path, known: Path | None) -> Task:
    """Return a task of the PMO benchmark; settings were chosen on similarity to mestranol."""
    model = Model.load("zinc_selfies")
    return Task(
        2048,
        ("model=zinc_selfies", "oracle=[albuterol_similarity]", "sampler=first_hitting"),
        12,
        ("method.scale=100", "method.effective=0", "trainer.rate=2e-4"),
        ("guidance.scale=100", "guidance.interval=8"),
        model.domain,
        strings_of(known, model),
    )


def strings_of(known: Path | None, model: Model) -> list[str]:
    """Return some strings of a file, spread evenly; none without one."""
    if known is None:
        return []
    chunks = read_chunks(known, Columns(), usual=model.domain.column)
    strings = [row.string for chunk in chunks for row in chunk if row.string]
    return strings[:: max(1, len(strings) // KNOWN)][:KNOWN]


def peptides(seed: int, out: Path, known: Path | None) -> Task:
    """Return the task of natural peptides, by closed forms."""
    terms = "{charge: {transform: {name: band, low: 3, high: 6, width: 2}}, moment: {}}"
    return Task(
        1024,
        (
            *("model=peptide_natural", "sampler=first_hitting", "length=20"),
            *("oracle=[charge]", "oracle.moment.name=hydrophobic_moment"),
            *("objective=geometric_mean", f"objective.terms={terms}"),
        ),
        4,
        ("method.scale=20", "trainer.rate=1e-3"),
        (),
        Model.load("peptide_natural").domain,
        (),
    )


TASKS = {"ehrlich": ehrlich, "qed_sa": qed_sa, "pmo": pmo, "peptides": peptides}
SEARCH = ("guidance=tree_search", "guidance.children=8", "guidance.iterations=1000")
BUFFER = ("method=tree_search", "method.search={children: 8, iterations: 8, designs: 8}")


def command(folder: Path, *arguments: str) -> None:
    """Run a command in a folder, or what is left of it."""
    begun = (folder / CONFIG).exists()
    given = ["resume", str(folder)] if begun else [*arguments, f"out={folder}"]
    app(given, standalone_mode=False)


def designed(task: Task, seed: int, folder: Path, *arguments: str) -> Path:
    """Return the folder of a campaign."""
    fixed = (*task.arguments, "baseline=false", "charge=all", f"seed={seed}")
    command(folder, "design", *fixed, *arguments)
    return folder


def tuned(task: Task, seed: int, folder: Path, budget: int, *method: str) -> str:
    """Return the argument that names a model tuned with a budget."""
    steps, designs = task.every * (budget // 64 - 1), 8 if method else 64
    schedule = (
        f"method.designs={designs}",
        f"method.every={task.every}",
        f"trainer.max_steps={steps}",
    )
    schedule += ("method.batch=64", "method.replicas=1", "method.buffer=2048")
    schedule += ("keep=last",)
    fixed = (*task.arguments, "charge=all", f"seed={seed}", f"budget={budget}", "logger=none")
    command(folder, "finetune", *fixed, *method, *schedule, *task.tuning)
    return f"model={folder / 'model'}"


def searched(task: Task, seed: int, out: Path) -> Contest:
    """Yield contestants of tree search, as `contest` does: alone, as a buffer, and without it."""
    plain = ("guidance=none", "round_size=64")
    yield "tree search", designed(task, seed, out / "tree", *SEARCH, f"budget={task.budget}"), ()
    for name, method in (("tuned on searches", BUFFER), ("tuned on draws", ())):
        run = out / name.replace(" ", "-")
        own = tuned(task, seed, run, task.budget - DRAWN, *method)
        drawn = out / f"{run.name}-drawn"
        yield name, designed(task, seed, drawn, *plain, own, f"budget={DRAWN}"), (run,)


def contest(task: Task, seed: int, out: Path) -> Contest:
    """Yield contestants: their names, the folder of their last draws, and what else they asked."""
    svdd, budget = ("guidance=svdd", "round_size=4", *task.guidance), task.budget
    plain = ("guidance=none", "round_size=64")
    yield "model before", designed(task, seed, out / "none", *plain, f"budget={budget}"), ()
    yield "SVDD", designed(task, seed, out / "svdd", *svdd, f"budget={budget}"), ()
    own = tuned(task, seed, out / "tune", budget - DRAWN)
    drawn = designed(task, seed, out / "tuned", *plain, own, f"budget={DRAWN}")
    yield "tuned", drawn, (out / "tune",)
    own = tuned(task, seed, out / "tune-half", budget // 2)
    both = designed(task, seed, out / "tuned-svdd", *svdd, own, f"budget={budget // 2}")
    yield "tuned + SVDD", both, (out / "tune-half",)


def measured(task: Task, folder: Path, before: Sequence[Path]) -> Line:
    """Return what became of the folders of a contestant."""
    rows, drawn, asked = [], [], 0
    for one in (folder, *before):
        with Store.open(one, read_only=True) as store:
            found = store.rows(GUIDED)
            asked += sum(done.counts.get("requested", 0) for done in store.rounds(GUIDED))
            if one == folder:
                drawn = [design for _, design in store.draws(GUIDED)]
        rows += found
    best = best_of(rows, 512)
    strings = [row.sequence for row in best]
    spread = strings[:: max(1, len(strings) // COMPARED)][:COMPARED]
    likeness = task.domain.likeness(spread)
    pairs = np.stack([likeness(string) for string in spread])
    unlike = 1.0 - (pairs.sum() - np.trace(pairs)) / (len(pairs) * (len(pairs) - 1))
    near = float("nan")
    if task.known:
        known = task.domain.likeness(task.known)
        near = float(np.mean([np.max(known(string)) for string in spread]))
    rewards = [row.reward for row in best]
    return Line(
        asked,
        float(np.nanmean([design.reward for design in drawn])),
        float(np.mean([design.sequence is not None for design in drawn])),
        len({design.sequence for design in drawn} - {None}) / len(drawn),
        float(np.mean(rewards)),
        float(np.mean(rewards[:10])),
        float(unlike),
        near,
    )


def table(found: dict[tuple[str, str], list[Line]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown: means over seeds."""
    yield (
        "| task | contestant | asked | mean of its valid draws (by seed) | valid | distinct | "
        "best 512 | best ten | unlike each other | like the nearest known |"
    )
    yield "|---" * 10 + "|"
    for (task, name), lines in found.items():
        mean = Line(*np.mean(lines, axis=0))
        by_seed = " ".join(f"{line.drawn:.3f}" for line in lines)
        cells = (
            *(task, name, f"{mean.evaluated:,.0f}", f"{mean.drawn:.3f} ({by_seed})"),
            *(f"{value:.3f}" for value in mean[2:]),
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--known", type=Path, help="file of molecules like those of qm9_masked")
    parser.add_argument("--out", type=Path, default=Path("runs/finetuned"))
    given = parser.parse_args()
    found: dict[tuple[str, str], list[Line]] = {}
    for seed in given.seeds:
        for name in given.tasks:
            task = TASKS[name](seed, given.out, given.known)
            out = given.out / f"{name}-{seed}"
            contestants = (searched if name == "peptides" else contest)(task, seed, out)
            for contestant, folder, before in contestants:
                found.setdefault((name, contestant), []).append(measured(task, folder, before))
                print("\n" + "\n".join(table(found)), flush=True)


if __name__ == "__main__":
    main()
