"""The cells of a track side by side: at equal cost, and at equal denoiser rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from discdiff.bench.cell import Cell, Outcome, Track
from discdiff.bench.curve import Curve
from discdiff.bench.given import ALL
from discdiff.bench.statistics import Spread, paired_interval

_TOP = 10
Results = Mapping[tuple[Cell, int], Outcome]


@runtime_checkable
class Judging(Track, Protocol):
    """A track that judges methods one by one, in place of comparing them."""

    def tables(self, results: Results) -> str:
        """Return what was measured, with verdicts, as Markdown."""


@dataclass(frozen=True)
class Line:
    """A method on a task at a budget: its seeds, and how far it is ahead of `against`.

    `ahead` is positive where the method is the better one; NaN for `against` itself, or where
    there are fewer than three pairs.
    """

    task: str
    budget: int
    method: str
    seeds: int
    spread: Spread
    ahead: tuple[float, float]

    @property
    def wins(self) -> bool:
        """Whether the whole interval lies on the better side."""
        return self.ahead[0] > 0


def gather(track: Track, cells: Iterable[Cell], out: Path) -> dict[tuple[Cell, int], Outcome]:
    """Return what finished cells measured, by cell and budget."""
    return {(cell, one.budget): one for cell in cells for one in track.outcomes(cell, out)}


class Key(NamedTuple):
    """Of one figure."""

    task: str
    budget: int
    method: str
    seed: int


def lines(track: Track, results: Results) -> list[Line]:
    """Return a line for each task, budget and method, and for the sum over all tasks."""
    values = {
        Key(cell.task, budget, cell.method, cell.seed): float(outcome.figures[track.measure])
        for (cell, budget), outcome in results.items()
    }
    values |= _sums(values)
    return list(_lines(values, track.against, 1.0 if track.larger_is_better else -1.0))


def whole(results: Results) -> dict[Cell, tuple[int, Curve]]:
    """Return the largest budget of each cell that is a search, and its curve there."""
    found: dict[Cell, tuple[int, Curve]] = {}
    for (cell, budget), outcome in results.items():
        if outcome.curve is not None and (cell not in found or budget > found[cell][0]):
            found[cell] = (budget, outcome.curve)
    return found


def at_equal_rows(track: Track, results: Results) -> list[Line]:
    """Return lines for the best within the denoiser rows that `against` took.

    The figure is the mean of the ten best, of the best alone where regret is measured; the limit
    is what `against` took with the same seed at the largest budget that it was run to, and the
    median over the seeds stands in the line. Left out is what was run to a smaller budget, and a
    search without a model, of which rows do not say what it cost; against such a one there are no
    lines.
    """
    top = 1 if track.measure == "regret" else _TOP
    curves = whole(results)
    limits = {
        cell: (budget, float(curve.nfe[-1]))
        for cell, (budget, curve) in curves.items()
        if cell.method == track.against and len(curve.nfe) and not np.isnan(curve.nfe[-1])
    }
    named = {
        task: int(np.median([most for cell, (_, most) in limits.items() if cell.task == task]))
        for task in {cell.task for cell in limits}
    }
    values = {}
    for cell, (budget, curve) in curves.items():
        least, most = limits.get(Cell(cell.task, track.against, cell.seed), (math.inf, 0.0))
        if budget >= least and not np.isnan(curve.nfe).any():
            key = Key(cell.task, named[cell.task], cell.method, cell.seed)
            values[key] = curve.within_rows(most).best(top)
    return list(_lines(values, track.against, 1.0))


def _sums(values: Mapping[Key, float]) -> dict[Key, float]:
    """Return the sum over all tasks, of each budget, method and seed that has them all."""
    tasks = {key.task for key in values}
    groups: dict[Key, list[float]] = defaultdict(list)
    for key, value in values.items():
        groups[key._replace(task=ALL)].append(value)
    if len(tasks) < 2:
        return {}
    return {key: math.fsum(found) for key, found in groups.items() if len(found) == len(tasks)}


def _lines(values: Mapping[Key, float], against: str, sign: float) -> Iterator[Line]:
    groups: dict[tuple[str, int, str], dict[int, float]] = defaultdict(dict)
    for key, value in values.items():
        groups[key.task, key.budget, key.method][key.seed] = value
    order = {task: place for place, task in enumerate(dict.fromkeys(key.task for key in values))}
    for task, budget, method in sorted(groups, key=lambda group: (order[group[0]], group[1])):
        mine = groups[task, budget, method]
        other = {} if method == against else groups.get((task, budget, against), {})
        shared = [seed for seed in mine if seed in other]
        ahead = paired_interval([sign * mine[s] for s in shared], [sign * other[s] for s in shared])
        yield Line(task, budget, method, len(mine), Spread.of(list(mine.values())), ahead)


def markdown(found: Sequence[Line], track: Track, cost: str, figure: str) -> str:
    """Return lines as a Markdown table, the best median of each task and budget in bold.

    Args:
        found: the lines.
        track: says what is compared.
        cost: heading of the column of budgets.
        figure: heading of the column of medians.
    """
    rising = track.larger_is_better or figure != track.measure
    best: dict[tuple[str, int], float] = {}
    for line in found:
        key, median = (line.task, line.budget), line.spread.median
        if not math.isnan(median):
            best[key] = (max if rising else min)(best.get(key, median), median)
    head = f"| task | {cost} | method | {figure}, median | 10 % | 90 % | ahead of {track.against} |"
    rows = [head, "|---|---:|---|---:|---:|---:|---|"]
    for line in found:
        spread, key = line.spread, (line.task, line.budget)
        strong = "**" * (spread.median == best.get(key))
        low, high = line.ahead
        ahead = "" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}"
        rows.append(
            f"| {line.task} | {line.budget:,} | {line.method} | {strong}{spread.median:.3f}{strong}"
            f" | {spread.low:.3f} | {spread.high:.3f} | {ahead} |"
        )
    return "\n".join(rows) + "\n"
