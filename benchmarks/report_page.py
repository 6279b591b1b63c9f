"""How long the report of a large run takes to build and to open, and how large it is.

The run is made up: molecules put together from cores and groups, with random scores, or random DNA
of 80 bases, scored by a TATA motif, with logos, maps of substitutions and marks. The page is opened
in a headless Chromium, where there is one, and the time is the page's own: from the start of the
navigation until the table and the plots are drawn. `--image` keeps a picture of what is seen.

    python -m benchmarks.report_page [--kind dna] [--evaluations 20000] [--most 3.0]
        [--keep FOLDER] [--image FILE.png]

The exit code is 1 if the page takes more than `--most` seconds to open.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from discdiff.bio.domain import DNA
from discdiff.bio.oracles.motif import MotifScore
from discdiff.campaign import Store, write_report
from discdiff.campaign.insight import Insight
from discdiff.campaign.rows import GUIDED, UNGUIDED, Draw, Row
from discdiff.reward import Reward
from tests.chromium import browser, chromium

REPEATS = 3
ROUND = 500
CORES = (
    "c1cc({0})cc({1})c1",
    "c1cnc({0})nc1{1}",
    "C1CN({0})CCN1{1}",
    "c1cc({0})c2nc({1})ccc2c1",
    "O=C(N{0})c1ccc({1})cc1",
    "O=S(=O)(N{0})c1ccc({1})cc1",
    "c1cc({0})oc1{1}",
    "C1CC({0})CCN1{1}",
    "c1c({0})[nH]c2ccc({1})cc12",
    "O=C(C{0})Nc1nc({1})cs1",
    "c1cc({0})nn1{1}",
    "C1OC({0})CN1{1}",
)
ENDS = (
    "F",
    "Cl",
    "Br",
    "C",
    "CC",
    "C(C)C",
    "OC",
    "C#N",
    "N(C)C",
    "C(F)(F)F",
    "C(=O)OC",
    "c1ccccc1",
)
CHAINS = ("C", "CC", "CO", "CCC", "CCO", "C(C)", "CC(C)", "c1ccc(cc1)", "C(=O)N", "CC(=O)N")


def molecules() -> Iterator[str]:
    """Every core with two chains and an end on each."""
    groups = [f"{chain}{end}" for chain, end in itertools.product(CHAINS, ENDS)]
    for core, one, other in itertools.product(CORES, groups, groups):
        yield core.format(one, other)


class Made(NamedTuple):
    """What a run is made of: strings with scores and a reward each, its record and its insight."""

    strings: list[str]
    scores: list[tuple[float, ...]]
    rewards: list[float]
    changes: dict[str, object]
    insight: Insight | None


def made_of_molecules(count: int, folder: Path) -> Made:
    """Return molecules with random QED and SA."""
    rng = random.Random(1)
    found = list(dict.fromkeys(molecules()))
    rng.shuffle(found)
    if len(found) < count:
        raise SystemExit(f"--evaluations must be at most {len(found)}, got {count}")
    scores = [(rng.betavariate(4, 3), 1 + rng.gammavariate(4, 0.5)) for _ in range(count)]
    return Made(found[:count], scores, [qed / sa for qed, sa in scores], {}, None)


def made_of_dna(count: int, folder: Path) -> Made:
    """Return random DNA, scored by the best site of a TATA box."""
    rng = random.Random(1)
    rows = {base: [9 if base == one else 1 for one in "TATAAA"] for base in "ACGT"}
    text = "".join(f"{base} [ {' '.join(map(str, row))} ]\n" for base, row in rows.items())
    path = folder / "tata.jaspar"
    path.write_text(f">M1 TATA\n{text}", encoding="utf-8")
    oracle = MotifScore(str(path), threshold=3.0, domain=DNA())
    strings = ["".join(rng.choices("ACGT", k=80)) for _ in range(count)]
    scores = [(float(value),) for value in oracle(strings)]
    objective = {"terms": [{"output": "motif", "direction": "max"}]}
    changes = {"oracle": "motif", "outputs": ["motif"], "objective": objective}
    changes |= {"domain": {"name": "dna"}, "column": "sequence"}
    insight = Insight(DNA(), Reward(DNA(), oracle))
    return Made(strings, scores, [value for (value,) in scores], changes, insight)


KINDS = {"molecules": made_of_molecules, "dna": made_of_dna}


def fill(store: Store, made: Made) -> None:
    """Record the evaluations, half of each arm."""
    found, count = made.strings, len(made.strings)
    half = count // 2
    for arm, first, last in ((GUIDED, 0, half), (UNGUIDED, half, count)):
        for number, start in enumerate(range(first, last, ROUND)):
            rows = [
                Row(i + 1, arm, number, found[i], found[i], "ok", "", made.scores[i], 0.01)
                for i in range(start, min(start + ROUND, last))
            ]
            store.begin_round(arm, number)
            store.record(rows)
            store.reward(arm, {row.sequence: made.rewards[row.id - 1] for row in rows})
            draws = [Draw(r.raw, r.sequence, 1, log_likelihood=-20 - r.id % 17) for r in rows[::4]]
            counts = {"requested": len(rows), "evaluated": len(rows), "seconds": 1.0}
            store.finish_round(arm, number, draws, counts)


def settings(count: int) -> dict[str, object]:
    """What a campaign would have recorded of itself."""
    terms = [{"output": "qed", "direction": "max"}, {"output": "sa", "direction": "min"}]
    rules = {"budget": count // 2, "charge": "evaluated", "patience": 10, "seed": 0}
    return {
        "config": {"experiment": "benchmark of the report"},
        "oracle": "qed+sa",
        "outputs": ["qed", "sa"],
        "domain": {"name": "smiles", "tokens": ["C"], "salts": "keep"},
        "column": "SMILES",
        "network": "none",
        "methods": {GUIDED: {}, UNGUIDED: {}},
        "objective": {"terms": terms},
        "rules": rules,
    }


def opened(path: Path, command: str, image: Path | None) -> list[float]:
    """Return the seconds that the page takes to open; print how long sorting and filtering take."""
    times = []
    with chromium(command) as program, program.page() as page:
        for _ in range(REPEATS):
            page.open(path)
            times.append(page.run("performance.now()") / 1000)
        if image is not None:
            page.screenshot(image, whole=True)
        began = page.run("performance.now()")
        page.run("document.querySelectorAll('button.sort')[2].click()")
        page.settle()
        print(f"sorted in {page.run('performance.now()') - began:.0f} ms")
        began = page.run("performance.now()")
        page.type("#controls input", "c1ccccc1")
        print(f"filtered in {page.run('performance.now()') - began:.0f} ms")
        print(f"elements on the page: {page.run('document.querySelectorAll(`*`).length')}")
    return times


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="molecules")
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--most", type=float, default=3.0, help="seconds to open")
    parser.add_argument("--keep", type=Path, help="new folder for the run, to look at its report")
    parser.add_argument("--image", type=Path, help="new .png file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary) / "run"
        made = KINDS[given.kind](given.evaluations, Path(temporary))
        with Store.create(folder, settings(given.evaluations) | made.changes) as store:
            fill(store, made)
            began = time.perf_counter()
            path = write_report(store, made.insight)
            seconds = time.perf_counter() - began
        print(f"built in {seconds:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
        command = browser()
        if command is None:
            print("not opened: no Chromium was found; CHROMIUM in the environment can name one")
            return 0
        times = opened(path, command, given.image)
    median = statistics.median(times)
    print(f"opened in {median:.2f} s ({REPEATS} times: {min(times):.2f} to {max(times):.2f})")
    return int(median > given.most)


if __name__ == "__main__":
    sys.exit(main())
