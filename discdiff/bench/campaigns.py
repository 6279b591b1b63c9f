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
from discdiff.bench.given import arguments_of, check_listed, check_named
from discdiff.bench.pool import Drawn, read_curve, rescored, searched
from discdiff.campaign.identity import refuse_changes
from discdiff.campaign.progress import Progress
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.standing import standing
from discdiff.campaign.store import CONFIG, DATABASE, Store
from discdiff.config import build
from discdiff.config.composition import Composition, compose, stored
from discdiff.config.settings import Design, fill
from discdiff.config.shorthand import quoted
from discdiff.errors import ConfigError, InputError

_SCORING = ("oracle", "objective")
_FROM_0 = ("auc_top10", "regret")  # measures that count what is missing as 0
MEASURES = {"auc_top10": True, "top10": True, "top1": True, "regret": False}
TOP = 10


@dataclass(frozen=True)
class Campaigns:
    """Campaigns of every method on every task, over seeds, read at several budgets.

    Each runs once, to its largest budget; smaller ones are what it had found by then. A request is
    charged whatever becomes of it: invalid and repeated strings cost as much as new ones. A search
    without a model asks for no string twice.

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

    tasks: Mapping[str, Any]
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
        for name in ("tasks", "methods"):
            check_named(name, getattr(self, name))
        for name in ("budgets", "seeds"):
            check_listed(name, getattr(self, name))
        arguments_of("common", self.common)
        for budget in self.budgets:
            _check.positive_int("budgets", budget)
        for seed in self.seeds:
            _check.seed("seeds", seed)
        _check.one_of("against", self.against, tuple(self.methods))
        most = max(self.budgets)
        self._check_against()
        entries = {name: Contestant.of(name, one, most) for name, one in self.methods.items()}
        object.__setattr__(self, "entries", entries)
        for name, entry in entries.items():
            if entry.budget < min(self.budgets):
                raise InputError(
                    f"methods.{name}.budget must be at least the smallest of budgets, "
                    f"{min(self.budgets)}, got {entry.budget}"
                )
            if entry.search is not None:
                self.search(name)  # refuses what is wrong with it before anything runs
        self._check_arguments()

    def _check_arguments(self) -> None:
        """Compose each task and each method once: a typo is found before anything runs."""
        task, method, seed = next(iter(self.tasks)), self.against, self.seeds[0]
        every = [Cell(task, name, seed) for name in self.methods]
        every += [Cell(name, method, seed) for name in self.tasks]
        for cell in every:
            try:
                source = self.composed(cell, Path())
                build.component("guidance", "guidance", fill(Design, source).guidance, source)
            except ConfigError as error:
                raise InputError(f"{cell.task} with {cell.method}: {error}") from error

    def _check_against(self) -> None:
        given = self.methods[self.against]
        if isinstance(given, Mapping) and set(given) != {"arguments"}:
            raise InputError(
                f"against must be a guidance method run to the largest budget, got {given!r}"
            )

    def _given(self, cell: Cell, out: Path) -> Sequence[str]:
        """Return the arguments that a cell has before those of its method."""
        return arguments_of(f"tasks.{cell.task}", self.tasks[cell.task])

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
                *self._given(cell, out),
                *entry.arguments,
                f"budget={entry.budget}",
                f"charge={self.charge}",
                f"seed={cell.seed}",
                "baseline=false",
                f"out={quoted(str(cell.folder(out)))}",
            ),
            Path.cwd(),
        )

    def search(self, name: str) -> Any:
        """Return the search that a method is.

        Raises:
            ConfigError: if its name or an option is wrong.
        """
        return self.entries[name].built()

    def pool(self, cell: Cell) -> Cell:
        """Return the cell whose draws this one takes: itself, where a reward steers its own."""
        if self.entries[cell.method].search is not None:
            return self.pool(replace(cell, method=self.against))
        first = replace(cell, task=next(iter(self.tasks)))
        mine, theirs = (self.composed(one, Path()).values for one in (cell, first))
        filtered = any(one["objective"].get("filters") for one in (mine, theirs))
        if mine["guidance"]["name"] != "none" or filtered or _drawn(mine) != _drawn(theirs):
            return cell
        return first

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Run or resume the campaign of a cell; one that is complete is only checked."""
        pool, search = self.pool(cell), self.entries[cell.method].search
        if pool == cell:
            self._campaign(cell, out, seen)
            return
        self.run(pool, out, seen)
        folder, source = cell.folder(out), self.composed(cell, out)
        drawn = Drawn.by(pool.folder(out))
        if search is None:
            rescored(drawn, folder, source)
        else:
            searched(drawn, folder, source, search, self.search(cell.method))

    def _campaign(self, cell: Cell, out: Path, seen: Seen) -> None:
        begun = (cell.folder(out) / DATABASE).exists()
        source = self.composed(cell, out)
        settings = fill(Design, source)

        def progress(now: Progress) -> None:
            seen(f"{now.spent}/{now.budget}, best {now.best:.3f}")

        with build.campaign(settings, source) as campaign:
            if not begun:
                campaign.run(progress)
            elif not campaign.standing().complete:  # refuses another model, oracle or setting
                campaign.resume(progress)

    def outcomes(self, cell: Cell, out: Path) -> list[Outcome]:
        """Return the measures of a cell at each budget it was run to; none of an unfinished one."""
        curve = self._curve(cell, out)
        if curve is None:
            return []
        if self.measure in _FROM_0 and (curve.reward < 0).any():
            raise InputError(
                f"measure must be top10 or top1 where rewards are below 0, as in {cell.task}, got "
                f"{self.measure!r}"
            )
        most = self.entries[cell.method].budget
        return [self._outcome(curve, budget) for budget in self.budgets if budget <= most]

    def _curve(self, cell: Cell, out: Path) -> Curve | None:
        folder = cell.folder(out)
        if self.entries[cell.method].search is not None or self.pool(cell) != cell:
            return read_curve(folder, self.composed(cell, out), self.entries[cell.method].search)
        if not (folder / DATABASE).exists():
            return None
        recorded = stored("design", folder / CONFIG).values
        refuse_changes(_scored(recorded), _scored(self.composed(cell, out).values), folder)
        with Store.open(folder, read_only=True) as store:
            return Curve.of(store, GUIDED, charge=self.charge) if standing(store).complete else None

    def _outcome(self, whole: Curve, budget: int) -> Outcome:
        curve = whole.cut(budget)
        best = curve.best(1)
        below = bool((curve.reward < 0).any())
        figures = {
            "auc_top10": math.nan if below else curve.area(TOP, budget),
            "top10": curve.best(TOP),
            "top1": best,
            "regret": 1.0 - (0.0 if math.isnan(best) else best),
            "evaluated": float(len(curve.cost)),
            "nfe": float(curve.nfe[-1]) if len(curve.nfe) else 0.0,
        }
        return Outcome(budget, figures, curve)


@functools.cache
def _composed(arguments: tuple[str, ...], cwd: Path) -> Composition:
    """Return the configuration, in which paths are absolute: another `cwd` makes another one."""
    return compose("design", arguments)


def _drawn(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the designs of an unguided campaign depend on."""
    return {key: value for key, value in values.items() if key not in (*_SCORING, "out", "name")}


def _scored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "out"}
