"""What the commands with a configuration share: arguments in, configurations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from discdiff.config.settings import fill
from discdiff.errors import ConfigError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition

T = TypeVar("T")
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="What to change: guidance=svdd chooses an option of a group, guidance.scale=5 sets a "
        "value of it, budget=2000 a value of the command. Or a .yaml FILE with such keys.",
        show_default=False,
    ),
]
Multirun = Annotated[
    bool,
    typer.Option("--multirun", "-m", help="Run every combination of values, as in seed=0,1,2."),
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code", help="Let a configuration file run the files and commands it names."
    ),
]
Show = Annotated[bool, typer.Option("--show", help="Print the configuration and stop.")]


def read(
    command: str,
    schema: type[T],
    arguments: Sequence[str] | None,
    *,
    multirun: bool = False,
    show: bool = False,
    allow_code: bool = False,
) -> list[tuple[Composition, T]]:
    """Return the configurations that the arguments describe, each with its checked values.

    Args:
        command: whose configurations.
        schema: the keys of the command.
        arguments: overrides, and at most one file.
        multirun: whether an override may list several values.
        show: print the configurations and stop.
        allow_code: whether files may name code.

    Raises:
        ConfigError: if an argument is wrong.
    """
    from discdiff.config import composition

    overrides = [text for text in arguments or () if not _is_file(text)]
    files = [Path(text) for text in arguments or () if _is_file(text)]
    if len(files) > 1:
        raise ConfigError(f"at most one file can be given, got {', '.join(map(str, files))}")
    file = files[0] if files else None
    if multirun:
        composed = composition.jobs(command, overrides, file)
    else:
        composed = [composition.compose(command, overrides, file)]
    trusted = [replace(one, trusted=allow_code) for one in composed]
    found = [(one, fill(schema, one)) for one in trusted]
    if show:
        from omegaconf import OmegaConf

        for one, _ in found:
            typer.echo(OmegaConf.to_yaml(OmegaConf.create(one.values)))
        raise typer.Exit
    return found


def new_file(source: Composition, out: str | None, suffixes: Sequence[str]) -> Path | None:
    """Return the file that the key `out` names, None where there is none.

    Raises:
        ConfigError: if the file has another suffix or no folder, or exists.
    """
    if out is None:
        return None
    path = Path(out)
    if path.suffix not in suffixes:
        rule, but = f"end in {', '.join(suffixes)}", ""
    elif not path.parent.is_dir():
        rule, but = "lie in a folder that exists", ""
    elif path.exists():
        rule, but = "be a new file", ", which exists"
    else:
        return path
    raise ConfigError(f"{source.origin('out')}: out must {rule}, got {out!r}{but}")


def _is_file(text: str) -> bool:
    return "=" not in text and text.endswith((".yaml", ".yml"))
