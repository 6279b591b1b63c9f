"""How long the report of a large run takes to build and to open, and how large it is.

The run is made up: molecules put together from cores and groups, with random scores. The page is
opened in a headless Chromium, where there is one, and the time is the page's own: from the start of
the navigation until the table and the plots are drawn.

    python -m benchmarks.report_page [--evaluations 20000] [--most 3.0] [--keep FOLDER]

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

from discdiff.campaign import Store, write_report
from discdiff.campaign.rows import GUIDED, UNGUIDED, Draw, Row
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


def fill(store: Store, count: int) -> None:
    """Record `count` evaluations, half of each arm."""
    rng = random.Random(1)
    found = list(dict.fromkeys(molecules()))
    rng.shuffle(found)
    if len(found) < count:
        raise SystemExit(f"--evaluations must be at most {len(found)}, got {count}")
    half = count // 2
    for arm, first, last in ((GUIDED, 0, half), (UNGUIDED, half, count)):
        for number, start in enumerate(range(first, last, ROUND)):
            rows = [
                Row(i + 1, arm, number, found[i], found[i], "ok", "", _scores(rng), 0.01)
                for i in range(start, min(start + ROUND, last))
            ]
            store.begin_round(arm, number)
            store.record(rows)
            store.reward(arm, {row.sequence: row.scores[0] / row.scores[1] for row in rows})
            draws = [Draw(r.raw, r.sequence, 1, log_likelihood=-20 - r.id % 17) for r in rows[::4]]
            counts = {"requested": len(rows), "evaluated": len(rows), "seconds": 1.0}
            store.finish_round(arm, number, draws, counts)


def _scores(rng: random.Random) -> tuple[float, float]:
    return rng.betavariate(4, 3), 1 + rng.gammavariate(4, 0.5)


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


def opened(path: Path, command: str) -> list[float]:
    """Return the seconds that the page takes to open; print how long sorting and filtering take."""
    times = []
    with chromium(command) as program, program.page() as page:
        for _ in range(REPEATS):
            page.open(path)
            times.append(page.run("performance.now()") / 1000)
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
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--most", type=float, default=3.0, help="seconds to open")
    parser.add_argument("--keep", type=Path, help="new folder for the run, to look at its report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary) / "run"
        with Store.create(folder, settings(given.evaluations)) as store:
            fill(store, given.evaluations)
            began = time.perf_counter()
            path = write_report(store)
            seconds = time.perf_counter() - began
        print(f"built in {seconds:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
        command = browser()
        if command is None:
            print("not opened: no Chromium was found; CHROMIUM in the environment can name one")
            return 0
        times = opened(path, command)
    median = statistics.median(times)
    print(f"opened in {median:.2f} s ({REPEATS} times: {min(times):.2f} to {max(times):.2f})")
    return int(median > given.most)


if __name__ == "__main__":
    sys.exit(main())
