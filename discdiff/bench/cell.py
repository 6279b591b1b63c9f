"""One cell of a benchmark, and what a track is: the cells and what is measured of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from discdiff.bench.curve import Curve
from discdiff.campaign.files import write_atomic
from discdiff.errors import StoreError

Seen = Callable[[str], None]
"""Gets a line on how far a cell has come."""
_FILE = "figures.json"


@dataclass(frozen=True, order=True)
class Cell:
    """A method on a task with a seed.

    Example:
        >>> Cell("qed", "fk", 0).folder(Path("out")).as_posix()
        'out/qed/fk/seed-0'
    """

    task: str
    method: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Return where the record of the cell lies."""
        return out / self.task / self.method / f"seed-{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """What a cell measured.

    Attributes:
        budget: of evaluations, or of samples.
        figures: by name; NaN where there is none.
        curve: reward against cost, where the cell is a search.
    """

    budget: int
    figures: Mapping[str, float]
    curve: Curve | None = field(default=None, repr=False)


class Track(Protocol):
    """Cells of one kind.

    Attributes:
        measure: the figure that decides.
        larger_is_better: of that figure.
        against: the method that the others are compared with.
        charged: what is counted, in words.
    """

    measure: str
    larger_is_better: bool
    against: str
    charged: str

    def cells(self) -> Iterable[Cell]:
        """Return the cells in the order in which they run."""

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Run what is missing of a cell; its record lies in `cell.folder(out)`."""

    def outcomes(self, cell: Cell, out: Path) -> list[Outcome]:
        """Return what a cell measured, an outcome for each budget; nothing of an unfinished one."""


def keep(folder: Path, settings: Mapping[str, object], outcomes: Iterable[Outcome]) -> None:
    """Write the figures of a cell that has no record of its own, with the settings behind them."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"budget": one.budget, "figures": dict(one.figures)} for one in outcomes]
    write_atomic(folder / _FILE, json.dumps({"settings": settings, "outcomes": listed}, indent=1))


def kept(folder: Path, settings: Mapping[str, object]) -> list[Outcome] | None:
    """Return the figures that `keep` wrote, or None.

    Raises:
        StoreError: if they were measured with other settings, or the file is damaged.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        outcomes = [Outcome(int(one["budget"]), dict(one["figures"])) for one in found["outcomes"]]
        before = found["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: remove it, and its cell runs again") from error
    if before != json.loads(json.dumps(settings)):
        raise StoreError(
            f"{folder} was measured with other settings, {before} in place of {dict(settings)}: "
            "choose another folder"
        )
    return outcomes
