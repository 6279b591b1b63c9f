"""Progress: a bar on a terminal, a plain line now and then elsewhere; always on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

LINES = 10  # plain lines for a whole task
QUIET_SECONDS = 2.0
COUNT_SECONDS = 15.0  # between lines of a task without a total


class Progress:
    """Shows how far tasks have come; a task is known by its name.

    Use as a context manager. Nothing is shown of what takes less than two seconds, except on a
    terminal.

    Args:
        clock: seconds since some moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True)
        self._clock = clock
        self._began = clock()
        self._spoke = QUIET_SECONDS - COUNT_SECONDS
        self._tenths: dict[str, int] = {}
        self._bars: Bars | None = None
        if self._console.is_terminal:
            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                TimeRemainingColumn(),
                console=self._console,
            )

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, name: str, done: int, total: int | None, note: str = "") -> None:
        """Say that `done` of `total` are done, and a few words; None is a total nobody knows."""
        if self._bars is not None:
            found = [task.id for task in self._bars.tasks if task.description == name]
            task = found[0] if found else self._bars.add_task(name, total=total, note="")
            self._bars.update(task, completed=done, total=total, note=note)
            return
        if total is None:
            self._count(name, done, note)
            return
        tenth = LINES * done // max(1, total)
        if tenth > self._tenths.get(name, 0) and self._clock() - self._began > QUIET_SECONDS:
            self._console.print(f"{name}: {done}/{total} {note}".rstrip(), markup=False)
            self._tenths[name] = tenth

    def say(self, line: str) -> None:
        """Print a line of its own."""
        self._console.print(line, markup=False, soft_wrap=True)

    def _count(self, name: str, done: int, note: str) -> None:
        seconds = self._clock() - self._began
        if seconds >= self._spoke + COUNT_SECONDS:
            self._console.print(f"{name}: {done:,} {note}".rstrip(), markup=False)
            self._spoke = seconds
