"""What `design`, `train`, `sample` and `evaluate` share: arguments in, configurations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discdiff.errors import ConfigError

if TYPE_CHECKING:
    from discdiff.config.composition import Composition

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
    arguments: Sequence[str] | None,
    *,
    multirun: bool = False,
    show: bool = False,
    allow_code: bool = False,
) -> list[Composition]:
    """Return the configurations that the arguments describe, several with `multirun`.

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
        found = composition.jobs(command, overrides, file)
    else:
        found = [composition.compose(command, overrides, file)]
    if show:
        from omegaconf import OmegaConf

        for one in found:
            typer.echo(OmegaConf.to_yaml(OmegaConf.create(one.values)))
        raise typer.Exit
    return [replace(one, trusted=allow_code) for one in found]


def _is_file(text: str) -> bool:
    return "=" not in text and text.endswith((".yaml", ".yml"))
