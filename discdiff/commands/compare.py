"""`discdiff compare`: several runs side by side."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from discdiff.commands.arguments import new_file, read
from discdiff.config.settings import Compare


def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN [KEY=VALUE]",
            help="Folders of two runs or more, and what to change.",
            show_default=False,
        ),
    ],
) -> None:
    """Compare runs at the same number of evaluations.

    Prints a table; with out=FILE.html also writes it as a page, with the curves of all runs in one
    figure. The runs may still be going on.
    """
    folders = [Path(text) for text in arguments if "=" not in text or Path(text).is_dir()]
    options = [text for text in arguments if Path(text) not in folders]
    ((source, settings),) = read("compare", Compare, options)
    out = new_file(source, settings.out, (".html",))
    from rich.console import Console

    from discdiff.campaign import compare as comparing
    from discdiff.campaign.files import write_atomic
    from discdiff.campaign.store import Store
    from discdiff.config.build import located

    with ExitStack() as stack, located(source):
        levels = None if settings.levels is None else [_level(x) for x in settings.levels]
        stores = {
            name: stack.enter_context(Store.open(folder, read_only=True))
            for name, folder in comparing.names_of(folders).items()
        }
        found = comparing.compare(stores, levels)
    Console().print(comparing.render(found))
    if out is not None:
        write_atomic(out, comparing.page(found))
        typer.echo(f"page: {out}")


def _level(value: object) -> float:
    from discdiff import _check

    return _check.finite("levels", value)
