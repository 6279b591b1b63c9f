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

    def show(self, name: str, done: int, total: int, note: str = "") -> None:
        """Say that `done` of `total` are done, and a few words."""
        if self._bars is not None:
            found = [task.id for task in self._bars.tasks if task.description == name]
            task = found[0] if found else self._bars.add_task(name, total=total, note="")
            self._bars.update(task, completed=done, total=total, note=note)
            return
        tenth = LINES * done // max(1, total)
        if tenth > self._tenths.get(name, 0) and self._clock() - self._began > QUIET_SECONDS:
            self._console.print(f"{name}: {done}/{total} {note}".rstrip(), markup=False)
            self._tenths[name] = tenth
