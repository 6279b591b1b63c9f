"""`discdiff config from-reinvent`: a scoring function of REINVENT 4 as a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def from_reinvent(
    scoring: Annotated[
        Path, typer.Argument(help="TOML file with a scoring function.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Argument(help="YAML file to write; by default beside the TOML file.")
    ] = None,
) -> None:
    """Turn a scoring function of REINVENT 4 into a configuration.

    Components become oracles, terms and filters. What has no counterpart is named, here and at the
    head of the file.
    """
    from omegaconf import OmegaConf

    from discdiff.config import reinvent
    from discdiff.errors import StoreError

    found = reinvent.read(scoring)
    target = scoring.with_suffix(".yaml") if out is None else out
    if target.exists():
        raise StoreError(f"{target} exists already: choose another name")
    head = [f"# The scoring function of {scoring.name}.", *(f"# {note}" for note in found.notes)]
    text = OmegaConf.to_yaml(OmegaConf.create(found.values))
    target.write_text("\n".join([*head, text]), encoding="utf-8")
    for note in found.notes:
        typer.secho(f"discdiff: {note}", err=True, fg=typer.colors.YELLOW)
    typer.echo(f"{target}: next: discdiff design {target}")
