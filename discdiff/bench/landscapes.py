"""A track of laws that can be enumerated: how far each method is from the one that it claims."""

from __future__ import annotations

import functools
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from discdiff import _check
from discdiff.bench.cell import Cell, Outcome, Seen, keep, kept
from discdiff.bench.entrant import Entrant
from discdiff.bench.fit import distance, effective, floor
from discdiff.bench.given import check_listed, check_named, check_shared
from discdiff.bench.landscape import Landscape
from discdiff.bench.sources import MeasuredTable, RandomTable
from discdiff.bench.states import codes
from discdiff.bench.table import Results
from discdiff.errors import InputError

MEASURES = ("ratio", "tv")
_ROWS = 65_536  # in flight; it does not change a design
_FEWEST = 0.1  # of the draws, that their weights must be worth
_SURE = 1e-12  # a floor below which a law is that of one bin
Kind = RandomTable | MeasuredTable


@dataclass(frozen=True)
class Landscapes:
    r"""Draws of methods against $\pi(x)\propto p(x)\,e^{\lambda r(x)}$, p the sampler's own law.

    The total variation over all rows of a small space, over bins of the reward of a large one, and
    that of as many draws of π itself, the floor; draws with weights, or made together, count as the
    independent ones that vary as much. A method is within the limit of its law if the ratio of the
    two is at most `limit`; twins, with another law, must not be.

    Args:
        tasks: by name, the arguments of a `RandomTable`, or of a `MeasuredTable`, which has a
            `file`.
        methods: by name, the settings of a guidance method, or those of an `Entrant`. Their
            `scale` is relative to that of the task.
        data: folder of the files; without it tasks that have one are left out.
        title: a name for all of it.
        draws: of each method, where neither it nor the task says.
        seeds: of the draws.
        bins: of the reward.
        limit: of the ratio.
        measure: `ratio` or `tv`.
        against: the method that others are compared with.

    Raises:
        InputError: if a value is out of range, a list is empty, or a file is missing.
    """

    tasks: Mapping[str, Any]
    methods: Mapping[str, Any]
    data: str | None = None
    title: str = "landscapes"
    draws: int = 10_000
    seeds: Sequence[int] = (0,)
    bins: int = 64
    limit: float = 1.5
    measure: str = "ratio"
    against: str = "unguided"
    larger_is_better: bool = field(default=False, init=False)
    charged: str = field(default="draws", init=False)
    kinds: dict[str, Kind] = field(init=False)
    entrants: dict[str, Entrant] = field(init=False)

    def __post_init__(self) -> None:
        _check.one_of("measure", self.measure, MEASURES)
        for name in ("tasks", "methods"):
            check_named(name, getattr(self, name))
        check_listed("seeds", self.seeds)
        for seed in self.seeds:
            _check.seed("seeds", seed)
        for name in ("draws", "bins"):
            _check.positive_int(name, getattr(self, name))
        if _check.finite("limit", self.limit) <= 1:
            raise InputError(f"limit must be greater than 1, got {self.limit}")
        _check.one_of("against", self.against, tuple(self.methods))
        kinds = {name: _kind(name, given) for name, given in self.tasks.items()}
        entrants = {name: Entrant.of(name, given) for name, given in self.methods.items()}
        for name, entrant in entrants.items():
            for task in entrant.tasks or ():
                _check.one_of(f"methods.{name}.tasks", task, tuple(kinds))
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "entrants", entrants)
        for kind in kinds.values():
            if isinstance(kind, MeasuredTable) and self.data is not None:
                _check_file(Path(self.data), kind.file)
        self._check_draws()

    @property
    def left_out(self) -> list[str]:
        """Tasks that have a file where no folder of files is given."""
        missing = self.data is None
        return [n for n, kind in self.kinds.items() if missing and isinstance(kind, MeasuredTable)]

    def _check_draws(self) -> None:
        """Refuse draws that are no whole populations, before anything is run."""
        for cell in self.cells():
            kind, entrant = self.kinds[cell.task], self.entrants[cell.method]
            returned = entrant.built(kind.scale, kind.process).returned
            check_shared(f"draws of {cell.method}", self._draws(cell), returned)

    def cells(self) -> Iterator[Cell]:
        """Return the cells, task by task, so that a prior is made ready once."""
        for seed in self.seeds:
            for task, kind in self.kinds.items():
                for method, entrant in self.entrants.items():
                    fits = entrant.process in (None, kind.process)
                    if fits and task in (entrant.tasks or (task,)) and task not in self.left_out:
                        yield Cell(task, method, seed)

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Draw what a cell has no record of."""
        folder, settings = cell.folder(out), self._settings(cell)
        if kept(folder, settings) is None:
            seen("law")
            keep(folder, settings, [self._measured(cell, out, seen)])

    def outcomes(self, cell: Cell, out: Path) -> list[Outcome]:
        """Return what a finished cell measured."""
        return kept(cell.folder(out), self._settings(cell)) or []

    def landscape(self, task: str, out: Path) -> Landscape:
        """Return the landscape of a task; priors and laws that are not in `out` are made."""
        return _landscape(self.kinds[task], self.data, out)

    def tables(self, results: Results) -> str:
        """Return what was measured, with a verdict on each method, as Markdown."""
        groups: dict[tuple[str, str], list[Mapping[str, float]]] = defaultdict(list)
        for (cell, _), outcome in results.items():
            groups[cell.task, cell.method].append(outcome.figures)
        head = "| task | method | draws | TV | floor | ratio | law | |"
        text = [head, "|---|---|---:|---:|---:|---:|---|---|"]
        wrong = []
        for (task, method), found in groups.items():
            one = {name: float(np.median([f[name] for f in found])) for name in found[0]}
            said, right = self._verdict(task, method, one)
            wrong += [] if right else [f"{method} on {task}"]
            text.append(
                f"| {task} | {method} | {one['effective']:,.0f} | {one['tv']:.4f} | "
                f"{one['floor']:.4f} | {one['ratio']:.2f} | {said} | {'' if right else 'WRONG'} |"
            )
        text += ["", f"Not as it should be: {', '.join(wrong)}." if wrong else "All as it should."]
        if self.left_out:
            text += ["", f"Left out, for track.data is not set: {', '.join(self.left_out)}."]
        return "\n".join(text) + "\n"

    def _verdict(self, task: str, method: str, one: Mapping[str, float]) -> tuple[str, bool]:
        entrant, least = self.entrants[method], _FEWEST * one["asked"]
        inside = one["ratio"] <= self.limit
        if one["effective"] < least:  # too few to tell a law from another
            return f"fewer than {_FEWEST:.0%} of the draws count", False
        where = f"within {self.limit:g} floors" if inside else f"beyond {self.limit:g} floors"
        if entrant.twin:
            return f"twin, {where}", not inside
        if entrant.agrees and not one["agrees"]:
            return f"none claimed, {where}", True
        return where, inside

    def _settings(self, cell: Cell) -> dict[str, object]:
        kind, entrant = self.kinds[cell.task], self.entrants[cell.method]
        task = asdict(kind)
        if isinstance(kind, MeasuredTable) and self.data is not None:
            task["sha256"] = _sha256(Path(self.data) / kind.file)
        return {
            "task": task,
            "guidance": entrant.settings(kind.scale, kind.process),
            "draws": self._draws(cell),
            "bins": self.bins,
            "seed": cell.seed,
        } | ({} if entrant.power == 1.0 else {"power": entrant.power})

    def _draws(self, cell: Cell) -> int:
        given = self.kinds[cell.task].draws, self.entrants[cell.method].draws
        return min((n for n in given if n is not None), default=self.draws)

    def _measured(self, cell: Cell, out: Path, seen: Seen) -> Outcome:
        found, entrant = self.landscape(cell.task, out), self.entrants[cell.method]
        n, kind = self._draws(cell), self.kinds[cell.task]
        method, reward = entrant.built(found.scale, kind.process), found.reward()
        bins = found.bins(self.bins)
        places, weights, nfe, first = [], [], 0.0, 0
        chunk = max(1, _ROWS // method.particles) * method.returned
        while first < n:
            size = min(chunk, n - first)
            drawn = method.run(found.sampler, reward, size, key=cell.seed, first_design=first)
            places.append(bins[codes(drawn.tokens, found.size).numpy()])
            weights.append(drawn.log_weight.double().numpy())
            nfe += drawn.counts["nfe"]
            first += size
            seen(f"{first} draws")
        place, log_weight = np.concatenate(places), np.concatenate(weights)
        weight = np.exp(log_weight - log_weight.max()) if log_weight.max() > -math.inf else 1.0
        weight = np.broadcast_to(weight, place.shape)
        law = np.bincount(bins, weights=found.tilted(entrant.power)).astype(np.float64)
        independent = effective(place, weight, method.returned, len(law))
        tv, least = distance(law, place, weight), floor(law, independent)
        ratio = tv / least if least > _SURE else (1.0 if tv <= _SURE else math.inf)
        figures = {"tv": tv, "floor": least, "ratio": ratio}
        figures |= {"effective": independent, "asked": float(n), "agrees": float(found.agrees)}
        figures |= {"requested": float(reward.counts.requested), "nfe": nfe}
        return Outcome(n, figures)


def _kind(name: str, given: Any) -> Kind:
    if not isinstance(given, Mapping):
        raise InputError(f"tasks.{name} must be a mapping, got {given!r}")
    kind = MeasuredTable if "file" in given else RandomTable
    for key in given:
        _check.one_of(f"tasks.{name}", key, tuple(kind.__dataclass_fields__))
    try:
        return kind(**given)
    except InputError as error:
        raise InputError(f"tasks.{name}: {error}") from error


def _check_file(folder: Path, file: str) -> None:
    if not (folder / file).is_file():
        raise InputError(
            f"data must be a folder that holds {file}, a table of measured values that its authors "
            f"give away, got {str(folder)!r}; the README says where it is to be had"
        )


@functools.lru_cache(maxsize=1)
def _landscape(kind: Kind, data: str | None, out: Path) -> Landscape:
    return kind.build(None if data is None else Path(data), out)


@functools.lru_cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
