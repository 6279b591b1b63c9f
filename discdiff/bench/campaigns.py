"""A track of campaigns: each cell is a run of `discdiff design`, described by its arguments."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from discdiff import _check
from discdiff.bench.cell import Cell, Outcome, Seen
from discdiff.bench.contestant import Contestant
from discdiff.bench.curve import Curve
from discdiff.bench.pool import read_curve, rescored, searched
from discdiff.campaign.identity import refuse_changes
from discdiff.campaign.progress import Progress
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.standing import standing
from discdiff.campaign.store import CONFIG, DATABASE, Store
from discdiff.config import build
from discdiff.config.composition import Composition, compose, stored
from discdiff.config.settings import Design, fill
from discdiff.errors import InputError

_SCORING = ("oracle", "objective")
MEASURES = {"auc_top10": True, "top10": True, "top1": True, "regret": False}
TOP = 10


@dataclass(frozen=True)
class Campaigns:
    """Campaigns of every method on every task, over seeds, read at several budgets.

    Each runs once, to its largest budget; smaller ones are what it had found by then. A request is
    charged whatever becomes of it: invalid and repeated strings cost as much as new ones.

    Args:
        tasks: by name, arguments of `discdiff design` that say what is scored.
        methods: by name, a list of arguments, or a mapping with `arguments`, or with `search`, a
            search without a model that begins with the first `pool` draws of `against`; with
            `budget` where it is too slow for the largest one.
        common: arguments of every cell.
        title: a name for all of it.
        budgets: requests.
        seeds: of the campaigns; the same ones for every method, so that differences are paired.
        measure: `auc_top10`, `top10`, `top1` or `regret` (1 less the best).
        against: the method that others are compared with.
        charge: ``all``, or ``evaluated``: new evaluations alone.

    Raises:
        InputError: if a value is out of range, or a list is empty.

    Source: Sample Efficiency Matters: A Benchmark for Practical Molecular Optimization (Gao, Fu,
    Sun and Coley, 2022, arXiv:2206.12411) for the area under the ten best.
    """

    tasks: Mapping[str, Sequence[str]]
    methods: Mapping[str, Any]
    common: Sequence[str] = ()
    title: str = "campaigns"
    budgets: Sequence[int] = (1000,)
    seeds: Sequence[int] = (0, 1, 2)
    measure: str = "auc_top10"
    against: str = "best_of_n"
    charge: str = "all"
    entries: dict[str, Contestant] = field(init=False)

    def __post_init__(self) -> None:
        _check.one_of("measure", self.measure, tuple(MEASURES))
        _check.one_of("charge", self.charge, ("all", "evaluated"))
        for name in ("tasks", "methods", "budgets", "seeds"):
            if not getattr(self, name):
                raise InputError(f"{name} must not be empty")
        for budget in self.budgets:
            _check.positive_int("budgets", budget)
        for seed in self.seeds:
            _check.seed("seeds", seed)
        _check.one_of("against", self.against, tuple(self.methods))
        most = max(self.budgets)
        entries = {name: Contestant.of(name, one, most) for name, one in self.methods.items()}
        for entry in entries.values():
            if entry.search is not None:
                entry.built()  # refuses what is wrong with it before anything runs
        object.__setattr__(self, "entries", entries)

    @property
    def larger_is_better(self) -> bool:
        """Whether a larger measure is a better one."""
        return MEASURES[self.measure]

    @property
    def charged(self) -> str:
        """What a budget counts."""
        if self.charge == "all":
            return "requests: evaluations, repeats and invalid strings alike"
        return "new evaluations"

    def cells(self) -> Iterator[Cell]:
        """Return the cells, seed by seed, so that an unfinished table has whole rows."""
        for seed in self.seeds:
            for task in self.tasks:
                for method in self.methods:
                    yield Cell(task, method, seed)

    def composed(self, cell: Cell, out: Path) -> Composition:
        """Return the configuration of a cell."""
        entry = self.entries[cell.method]
        return _composed(
            (
                *self.common,
                *self.tasks[cell.task],
                *entry.arguments,
                f"budget={entry.budget}",
                f"charge={self.charge}",
                f"seed={cell.seed}",
                "baseline=false",
                f"out='{cell.folder(out)}'",
            )
        )

    def pool(self, cell: Cell) -> Cell:
        """Return the cell whose draws this one takes: itself, where a reward steers its own."""
        if self.entries[cell.method].search is not None:
            return self.pool(replace(cell, method=self.against))
        first = replace(cell, task=next(iter(self.tasks)))
        mine, theirs = (self.composed(one, Path()).values for one in (cell, first))
        if mine["guidance"]["name"] != "none" or _drawn(mine) != _drawn(theirs):
            return cell
        return first

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Run or resume the campaign of a cell; one that is complete is only checked."""
        folder = cell.folder(out)
        source = self.composed(cell, out)
        pool, search = self.pool(cell), self.entries[cell.method].search
        if pool != cell:
            self.run(pool, out, seen)
            if search is None:
                rescored(pool.folder(out), folder, source)
            else:
                built = self.entries[cell.method].built()
                searched(pool.folder(out), folder, source, search, built)
            return
        begun = (folder / DATABASE).exists()
        if begun:
            recorded = stored("design", folder / CONFIG).values
            refuse_changes(_scored(recorded), _scored(source.values), folder)
            with Store.open(folder, read_only=True) as store:
                if standing(store).complete:
                    return
        settings = fill(Design, source)

        def progress(now: Progress) -> None:
            seen(f"{now.spent}/{now.budget}, best {now.best:.3f}")

        with build.campaign(settings, source) as campaign:
            (campaign.resume if begun else campaign.run)(progress)

    def outcomes(self, cell: Cell, out: Path) -> list[Outcome]:
        """Return the measures of a finished cell at each budget it was run to."""
        if self.pool(cell) != cell:
            curve = read_curve(cell.folder(out))
        else:
            with Store.open(cell.folder(out), read_only=True) as store:
                curve = Curve.of(store, GUIDED, charge=self.charge)
        most = self.entries[cell.method].budget
        return [self._outcome(curve, budget) for budget in self.budgets if budget <= most]

    def _outcome(self, whole: Curve, budget: int) -> Outcome:
        curve = whole.cut(budget)
        best = curve.best(1)
        figures = {
            "auc_top10": curve.area(TOP, budget),
            "top10": curve.best(TOP),
            "top1": best,
            "regret": 1.0 - (0.0 if math.isnan(best) else best),
            "evaluated": float(len(curve.cost)),
            "nfe": float(curve.nfe[-1]) if len(curve.nfe) else 0.0,
        }
        return Outcome(budget, figures, curve)


@functools.cache
def _composed(arguments: tuple[str, ...]) -> Composition:
    return compose("design", arguments)


def _drawn(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the designs of an unguided campaign depend on."""
    return {key: value for key, value in values.items() if key not in (*_SCORING, "out", "name")}


def _scored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "out"}
