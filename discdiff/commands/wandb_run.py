"""One run of Weights & Biases; a service that fails costs one warning, never the work."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from discdiff.campaign.files import write_atomic

RUN_ID = "wandb-id.txt"
PATIENCE = 120.0  # seconds for what is left to send at the end


class WandbRun:
    """A run that begins with the first figures; after a failure it is only ended.

    Its id is kept in the folder, so that work that is resumed continues it. WANDB_MODE,
    WANDB_PROJECT and the like are read by wandb itself.

    Args:
        folder: of the work.
        config: shown beside the run.
        step: the figure that others are drawn against.
        drawn: patterns of those figures.
    """

    def __init__(
        self, folder: Path, config: Mapping[str, Any], step: str, drawn: Sequence[str]
    ) -> None:
        self.folder, self.config = folder, dict(config)
        self.step, self.drawn = step, drawn
        self._run: Any = None
        self._broken = False

    @property
    def name(self) -> str:
        """Of the folder, as artifacts can be called."""
        return re.sub(r"[^\w.-]+", "_", self.folder.resolve().name)

    def log(self, figures: Mapping[str, float]) -> None:
        """Send figures."""
        if not self._broken:
            self._attempt(lambda: self._begun().log(dict(figures)))

    def finish(self, send: Callable[[Any], None] | None) -> None:
        """Let `send` hand over what the work left, and end the run; None: it counts as failed."""
        if send is not None and not self._broken:
            self._attempt(lambda: send(self._begun()))
        if self._run is not None:
            self._attempt(lambda: self._run.finish(exit_code=1 if send is None else 0))

    def _attempt(self, act: Callable[[], object]) -> None:
        """Do what may fail: the first failure is one warning, later ones add nothing to it."""
        try:
            act()
        except Exception as error:  # a service of others: any failure of it must not end a run
            if not self._broken:
                typer.secho(
                    f"discdiff: wandb cannot be used, going on without it: {error}", err=True
                )
            self._broken = True

    def _begun(self) -> Any:
        """Return the W&B run: begun now, or going on where the folder has its id."""
        if self._run is not None:
            return self._run
        import wandb

        kept = self.folder / RUN_ID
        if not kept.is_file():
            write_atomic(kept, f"{secrets.token_hex(6)}\n")
        options: dict[str, Any] = {}
        if "finish_timeout" in getattr(wandb.Settings, "model_fields", {}):
            options["settings"] = wandb.Settings(finish_timeout=PATIENCE)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "discdiff"),
            name=os.environ.get("WANDB_NAME", self.folder.resolve().name),
            dir=self.folder,
            id=kept.read_text(encoding="utf-8").strip(),
            resume="allow",
            config=self.config,
            **options,
        )
        self._run.define_metric(self.step)
        for pattern in self.drawn:
            self._run.define_metric(pattern, step_metric=self.step)
        return self._run


def add_files(run: Any, name: str, kind: str, paths: Sequence[Path]) -> None:
    """Hand those of `paths` that are files to `run`, as one artifact."""
    import wandb

    files = wandb.Artifact(name, type=kind)
    for path in paths:
        if path.is_file():
            files.add_file(str(path), name=path.name)
    run.log_artifact(files)
