"""`discdiff list`: every registered name with one line on what it is."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

EXPERIMENTS = "experiments"


def list_names(
    kind: Annotated[
        str | None, typer.Argument(help="Only this kind, such as samplers or guidance.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="Only this one, with its options and documentation.")
    ] = None,
) -> None:
    """List what is registered, and the experiments.

    Built-ins and plug-ins; broken ones with the reason. With a kind and a name, the options.
    """
    from discdiff import registry
    from discdiff.commands import table

    if kind == EXPERIMENTS and name is None:
        table.show(EXPERIMENTS, ("name", "what it is"), _experiments())
        return

    if kind is not None and name is not None:
        rows = [
            (o, _default(p), str(p.annotation)) for o, p in registry.options(kind, name).items()
        ]
        table.show(name, ("option", "default", "type"), rows)
        found = registry.find(kind, name)
        typer.echo(f"from {found.__module__} import {found.__name__}\n\n{inspect.getdoc(found)}")
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
    if kind is None:
        table.show(EXPERIMENTS, ("name", "what it is"), _experiments())


def _experiments() -> list[tuple[str, str]]:
    from discdiff.config import hydra

    return [(option, hydra.purpose("experiment", option)) for option in hydra.options("experiment")]


def _default(option: inspect.Parameter) -> str:
    return "must be given" if option.default is option.empty else repr(option.default)
