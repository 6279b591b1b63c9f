"""What a fine-tuning hands to Weights & Biases when it ends: the tuned model and its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import typer
from pytorch_lightning.loggers import WandbLogger

from discdiff.campaign.page.tuning import FIGURES
from discdiff.campaign.store import OTHER_FILES, RESULT
from discdiff.commands.wandb_run import add_files


class Handover(pl.Callback):
    """Notes the W&B run that curves go to, so that artifacts reach the same one.

    Without that logger, and where it could not be reached, nothing is sent. A failure is one
    warning: the run has ended, and its folder is whole.
    """

    def __init__(self) -> None:
        self._loggers: Sequence[Any] = ()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._loggers = [one for one in trainer.loggers if isinstance(one, WandbLogger)]

    def send(self, folder: Path, model: Path) -> None:
        """Send the files of a run, and its model folder.

        Args:
            folder: of the run.
            model: folder of the tuned model.
        """
        name = re.sub(r"[^\w.-]+", "_", folder.resolve().name)
        for logger in self._loggers:
            try:
                import wandb

                files = [folder / file for file in (*OTHER_FILES, FIGURES, RESULT)]
                add_files(logger.experiment, f"{name}-finetuning", "campaign", files)
                weights = wandb.Artifact(f"{name}-model", type="model")
                weights.add_dir(str(model))
                logger.experiment.log_artifact(weights)
            except Exception as error:  # a service of others: it must not fail what is done
                typer.secho(
                    f"discdiff: wandb cannot be used, nothing is handed over: {error}", err=True
                )
