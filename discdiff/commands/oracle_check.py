"""`discdiff oracle check`: whether an oracle keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discdiff.commands.arguments import AllowCode
from discdiff.errors import ConfigError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition

_COUNT = 8  # strings of a file that are used


def check(
    oracle: Annotated[
        str,
        typer.Argument(
            help="A registered name, a FILE.py:NAME, a command, or a .yaml FILE with oracles.",
            show_default=False,
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Options of the oracle.", show_default=False),
    ] = None,
    strings: Annotated[
        Path | None, typer.Option(help="File of strings to score; by default the domain's own.")
    ] = None,
    domain: Annotated[str, typer.Option(help="What the strings are.")] = "smiles",
    allow_code: AllowCode = False,
) -> None:
    """Check that an oracle keeps the contract.

    Right length, order and batch independence, determinism, empty and invalid input, pickling, and
    what it declares. Ends with exit code 1 where a rule is broken.
    """
    from discdiff.config import build

    source = _composed(oracle, options or [], allow_code)
    given = _strings(strings, domain)
    broken = 0
    for name, config in source.values["oracle"].items():
        build.refuse_foreign_code(f"oracle.{name}", config, source)
        broken += _show(build.component("oracles", f"oracle.{name}", config, source), given)
    if broken:
        raise typer.Exit(1)


def _composed(oracle: str, options: Sequence[str], allow_code: bool) -> Composition:
    """Return a configuration with the oracle that the arguments mean."""
    from dataclasses import replace

    from discdiff import registry
    from discdiff.config import composition

    for option in options:
        if "=" not in option:
            raise ConfigError(f"an option is KEY=VALUE, got {option!r}")
    if oracle.endswith((".yaml", ".yml")):
        composed = composition.compose("design", [f"oracle.{o}" for o in options], Path(oracle))
        return replace(composed, trusted=allow_code)
    known = {entry.name for entry in registry.names("oracles")}
    if oracle in known or (oracle.isidentifier() and not options):
        chosen = [f"oracle={oracle}", *(f"oracle.{oracle}.{option}" for option in options)]
    else:
        key = "path" if ".py" in oracle and " " not in oracle else "command"
        chosen = [f"oracle.{key}={oracle}", *(f"oracle.{option}" for option in options)]
    return composition.compose("design", chosen)


def _strings(path: Path | None, domain: str) -> Sequence[str]:
    """Return strings to score: the first of a file, or the examples of a domain."""
    from discdiff import registry
    from discdiff.data.readers import Columns, read_chunks

    if path is None:
        examples: Sequence[str] = registry.find("domains", domain).examples
        if not examples:
            raise ConfigError(f"domain {domain!r} has no examples: give --strings FILE")
        return examples
    usual = registry.find("domains", domain).column
    chunk = next(read_chunks(path, Columns(), _COUNT, usual), [])
    return [row.string for row in chunk if row.string]


def _show(oracle: Any, strings: Sequence[str]) -> int:
    """Print what the oracle declares and what came of each rule; return how many are broken."""
    from discdiff.commands import table
    from discdiff.oracle import as_oracle
    from discdiff.oracle.contract import check_oracle

    checked = as_oracle(oracle)
    outputs = [
        f"{output} ({direction}{f', {unit}' if unit else ''})"
        for output, direction, unit in zip(
            checked.outputs, checked.directions, checked.units, strict=True
        )
    ]
    findings = check_oracle(oracle, strings)
    licence = checked.licences.get(checked.name, "not declared")
    length = next(f for f in findings if f.rule == "one row a string")
    facts = [
        ("version", checked.version, ""),
        ("outputs", ", ".join(outputs), ""),
        ("licence", licence, ""),
        ("time", f"{1e3 * length.seconds / (len(strings) + 1):.3g} ms a string", ""),
    ]
    rows = [(finding.rule, finding.status, finding.detail) for finding in findings]
    table.show(checked.name, ("rule", "", "how"), [*facts, *rows])
    return sum(finding.status == "broken" for finding in findings)
