"""The designs of a run as its report shows them: best first, grouped by scaffold, with a front."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import moocore
import numpy as np

from discdiff.campaign.page.columns import Column, columns_of
from discdiff.campaign.rows import Row
from discdiff.campaign.runlog import logger
from discdiff.campaign.store import Store
from discdiff.campaign.table import design_table
from discdiff.data.tables import Cell, Table

Scaffold = Callable[[str], str | None]

EVALUATION = "evaluation"
"""The column that numbers the evaluations of an arm, from 1."""

_INVALID = "invalid"
_KINDS = {True: "final", False: "preview"}
_LEFT_OUT = ("drawn_as",)
_AFTER_SCORES = ("arm", "final")
_LAST = (EVALUATION, "round", "status", "reason", "id")


@dataclass(frozen=True)
class Group:
    """The designs of one scaffold: how many there are, and the best reward."""

    number: int
    scaffold: str
    count: int
    best: float


@dataclass(frozen=True)
class Designs:
    """The valid designs of a run, best reward first, those without one last.

    Attributes:
        rows: the designs.
        columns: their columns, the string first.
        outputs: the names of the scores, each of which is a column.
        directions: ``max`` or ``min`` for each output.
        scaffold_of: the scaffold of each design, None where the domain knows none.
        invalid: how many evaluations are left out since they are invalid.
    """

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    outputs: tuple[str, ...]
    directions: tuple[str, ...]
    scaffold_of: tuple[str, ...] | None
    invalid: int

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The scaffolds, numbered in the order of their best designs."""
        counts: dict[str, int] = {}
        best: dict[str, float] = {}
        for row, scaffold in zip(self.rows, self.scaffold_of or (), strict=False):
            counts[scaffold] = counts.get(scaffold, 0) + 1
            best.setdefault(scaffold, row.reward)
        return tuple(
            Group(number, scaffold, counts[scaffold], best[scaffold])
            for number, scaffold in enumerate(counts)
        )

    def place(self, name: str) -> int | None:
        """Return the place of a column, None where it was left out."""
        names = [column.name for column in self.columns]
        return names.index(name) if name in names else None

    def front(self, outputs: Sequence[int]) -> list[int]:
        """Return the places of the designs that no other beats in all the chosen `outputs`.

        Designs that miss one of the scores or that a filter rejected do not count. Equal ones are
        all in it.
        """
        signs = [1.0 if self.directions[output] == "max" else -1.0 for output in outputs]
        values = np.array(
            [[row.scores[output] for output in outputs] for row in self.rows], dtype=np.float64
        ).reshape(len(self.rows), len(outputs))
        known = [
            place
            for place, row in enumerate(self.rows)
            if not row.rejected and np.isfinite(values[place]).all()
        ]
        if not known:
            return []
        kept = moocore.is_nondominated(values[known] * signs, maximise=True, keep_weakly=True)
        return [known[place] for place in np.flatnonzero(kept)]


def designs_of(
    store: Store, directions: Mapping[str, str], notes: Mapping[str, str], scaffold: Scaffold
) -> Designs:
    """Return the valid designs in `store`.

    Args:
        store: the run.
        directions: ``max`` or ``min`` by output; ``max`` where it is not known.
        notes: what else is to be said of an output, such as its units.
        scaffold: what the designs of a series share; None where there is no such thing.

    Raises:
        StoreError: if the store cannot be read.
    """
    found = store.rows()
    valid = [row for row in found if row.status != _INVALID]
    rows = sorted(valid, key=lambda row: math.inf if math.isnan(row.reward) else -row.reward)
    outputs = tuple(store.settings["outputs"])
    labels = {f"{output} (raw)": output for output in outputs}
    shared = _scaffolds([row.sequence for row in rows], scaffold)
    return Designs(
        rows=tuple(rows),
        columns=columns_of(
            _arranged(store, rows, _evaluations(found)),
            {**labels, "Score": "reward", "final": "kind"},
            {f"{output} (raw)": note for output, note in notes.items()},
        ),
        outputs=outputs,
        directions=tuple(directions.get(output, "max") for output in outputs),
        scaffold_of=shared,
        invalid=len(found) - len(valid),
    )


def _scaffolds(sequences: Sequence[str], scaffold: Scaffold) -> tuple[str, ...] | None:
    """Return the scaffold of each sequence, None where the domain knows none."""
    found = []
    for sequence in sequences:
        try:
            shared = scaffold(sequence)
        except Exception as error:  # a domain may be a plug-in; a page without them is still true
            logger.warning("no scaffold of %r: %s: %s", sequence, type(error).__name__, error)
            return None
        if shared is None:
            return None
        found.append(shared)
    return tuple(found) or None


def _evaluations(rows: Sequence[Row]) -> dict[int, int]:
    """Return by id the number of each evaluation in its arm, from 1."""
    counts: dict[str, int] = {}
    numbers = {}
    for row in rows:
        counts[row.arm] = numbers[row.id] = counts.get(row.arm, 0) + 1
    return numbers


def _arranged(store: Store, rows: Sequence[Row], evaluations: Mapping[int, int]) -> Table:
    """Return the table of `rows` with scores first and the circumstances last."""
    table = design_table(store, rows)
    cells: dict[str, Sequence[Cell]] = {
        name: [row[place] for row in table.rows] for place, name in enumerate(table.columns)
    }
    cells[EVALUATION] = [evaluations[row.id] for row in rows]
    cells["final"] = [_KINDS[row.final] for row in rows]
    if "measured" in store.settings:  # a laboratory is sent finished designs
        del cells["final"]
    first = 2 + len(store.settings["outputs"])  # the string, the reward, the scores
    names = [name for name in _AFTER_SCORES if name in cells]
    names += [n for n in table.columns[first:] if n not in (*_AFTER_SCORES, *_LAST, *_LEFT_OUT)]
    names = [*table.columns[:first], *names, *(name for name in _LAST if name in cells)]
    return Table(tuple(names), list(zip(*(cells[name] for name in names), strict=True)))
