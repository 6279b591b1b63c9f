"""`discdiff list`: every registered name with one line on what it is."""

from __future__ import annotations

from typing import Annotated

import typer


def list_names(
    kind: Annotated[
        str | None, typer.Argument(help="Only this kind, such as samplers or guidance.")
    ] = None,
) -> None:
    """List what is registered.

    Built-ins and plug-ins; broken ones with the reason.
    """
    from discdiff import registry
    from discdiff.commands import table

    for name in registry.KINDS if kind is None else (kind,):
        entries = registry.names(name, load=True)
        rows = [
            (
                entry.name,
                entry.status if entry.broken else entry.summary,
                "" if entry.distribution == registry.DISTRIBUTION else entry.distribution,
            )
            for entry in entries
        ]
        table.show(name, ("name", "what it is", "from"), rows)
