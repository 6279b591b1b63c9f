"""`discdiff bench`: methods compared on the tasks of a track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from discdiff.commands.arguments import Arguments, Show, read
from discdiff.config.settings import Bench

if TYPE_CHECKING:
    from discdiff.bench.cell import Cell, Outcome, Track
    from discdiff.config.composition import Composition

Compared = Annotated[
    Literal["guidance"], typer.Argument(help="What is compared.", show_default=False)
]


Full = Annotated[bool, typer.Option("--full", help="Take the full version of the track.")]


def bench(
    compared: Compared, arguments: Arguments = None, full: Full = False, show: Show = False
) -> None:
    """Compare methods at equal cost over the same seeds.

    Every cell, a method on a task with a seed, is recorded in the output folder: called again, the
    command goes on where it stopped, or adds the tasks, methods and seeds that are asked for now.
    """
    given = _full(arguments or []) if full else arguments
    ((source, settings),) = read("bench", Bench, given, show=show)
    from discdiff.bench import record
    from discdiff.bench.table import gather
    from discdiff.commands.progress import Progress
    from discdiff.commands.tracking import tracked_bench
    from discdiff.config.build import component

    track: Track = component("tracks", "track", settings.track, source)
    cells = _chosen(track, settings, source)
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    with tracked_bench(settings.logger["name"], out, source.values) as log:
        with Progress() as shown:
            for place, cell in enumerate(cells):

                def seen(note: str, place: int = place, cell: Cell = cell) -> None:
                    words = f"{cell.task} {cell.method} seed {cell.seed}: {note}"
                    shown.show("cells", place, len(cells), words)

                known = bool(track.outcomes(cell, out))
                seen("recorded before" if known else "begins")
                track.run(cell, out, seen)
                found = track.outcomes(cell, out)
                if not known:
                    log(cell, found)
                    shown.say(_measured(track, cell, found))
            shown.show("cells", len(cells), len(cells))
        text = record.write(track, gather(track, track.cells(), out), out)
    typer.echo(text)
    typer.echo(f"benchmark: {out}")


def _measured(track: Track, cell: Cell, found: Sequence[Outcome]) -> str:
    """Return one line of what a cell measured."""
    values = [f"{one.figures[track.measure]:.3f} at {one.budget:,}" for one in found]
    name = f"{cell.task} {cell.method} seed {cell.seed}"
    return f"{name}: {track.measure} {', '.join(values) or 'of nothing'}"


def _full(arguments: Sequence[str]) -> list[str]:
    """Return arguments that name the full version of the track in place of the track."""
    named = [text for text in arguments if text.startswith("track=")]
    track = named[-1] if named else "track=molecules"
    return [f"{track}_full", *(text for text in arguments if text not in named)]


def _chosen(track: Track, settings: Bench, source: Composition) -> list[Cell]:
    """Return the cells that the settings ask for.

    Raises:
        ConfigError: if one of the tasks, methods or seeds is unknown.
    """
    from discdiff.config.build import located
    from discdiff.errors import InputError

    cells = list(track.cells())
    for key in ("tasks", "methods", "seeds"):
        wanted: Sequence[object] | None = getattr(settings, key)
        if wanted is None:
            continue
        known = list(dict.fromkeys(getattr(cell, key[:-1]) for cell in cells))
        with located(source, key):
            if not wanted:
                raise InputError(f"{key} must not be empty, or null for all")
            for name in wanted:
                if name not in known:
                    raise InputError(
                        f"{key} must be among {', '.join(map(str, known))}, got {name!r}"
                    )
        kept = [*wanted, track.against] if key == "methods" else wanted
        cells = [cell for cell in cells if getattr(cell, key[:-1]) in kept]
    return cells
