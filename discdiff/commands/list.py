"""`discdiff list`: every registered name with one line on what it is."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer


def list_names(
    kind: Annotated[
        str | None, typer.Argument(help="Only this kind, such as samplers or guidance.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="Only this one, with its options and documentation.")
    ] = None,
) -> None:
    """List what is registered.

    Built-ins and plug-ins; broken ones with the reason. With a kind and a name, the options.
    """
    from discdiff import registry
    from discdiff.commands import table

    if kind is not None and name is not None:
        rows = [
            (o, _default(p), str(p.annotation)) for o, p in registry.options(kind, name).items()
        ]
        table.show(name, ("option", "default", "type"), rows)
        typer.echo(inspect.getdoc(registry.find(kind, name)))
        return
    for each in registry.KINDS if kind is None else (kind,):
        entries = registry.names(each, load=True)
        rows = [
            (
                entry.name,
                entry.status if entry.broken else entry.summary,
                "" if entry.distribution == registry.DISTRIBUTION else entry.distribution,
            )
            for entry in entries
        ]
        table.show(each, ("name", "what it is", "from"), rows)


def _default(option: inspect.Parameter) -> str:
    return "must be given" if option.default is option.empty else repr(option.default)
