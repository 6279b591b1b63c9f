"""What a training leaves on disk, written so that a kill at any moment harms nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from discdiff import _check
from discdiff.checkpoint import DTYPES
from discdiff.errors import CheckpointError, DiscdiffError
from discdiff.training.averaged import AveragedTraining
from discdiff.training.pace import Pace

LAST = "last.ckpt"
_PARTS = {"state_dict", "optimizer_states", "callbacks", "loops"}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it and renames it; reads no pickled objects."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except RuntimeError as error:
            # what torch says of the file it was stopped in
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise
        finally:
            temporary.unlink(missing_ok=True)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch names no common error for a broken or foreign file
            raise CheckpointError(f"{path} is not a whole training checkpoint: {error}") from error
        if not isinstance(loaded, dict) or not loaded.keys() >= _PARTS:
            raise CheckpointError(f"{path} must be a training checkpoint of discdiff")
        return loaded


class Snapshots(pl.Callback):
    """Writes last.ckpt and the model folder every few minutes of training, and at the end.

    Also wherever the training asks for it.

    Args:
        out: folder of the run.
        pace: the clock.
        minutes: time between two snapshots.
        steps: also after every so many steps; 0 for never.
        dtype: of the weights in the model folder.

    Raises:
        InputError: if an argument is outside its range.
    """

    def __init__(
        self,
        out: Path,
        pace: Pace,
        minutes: float = 5.0,
        steps: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.out, self.pace = out, pace
        self.dtype = _check.one_of("dtype", dtype, tuple(DTYPES))
        self.minutes = _check.positive("snapshot_minutes", minutes)
        self.steps = _check.non_negative_int("snapshot_steps", steps)
        self._due = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._due = self.pace.seconds + 60.0 * self.minutes

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        due = pl_module.snapshot_due or self.pace.seconds >= self._due
        if due or (self.steps and trainer.global_step % self.steps == 0):
            self.write(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.write(trainer, pl_module)

    def write(self, trainer: pl.Trainer, training: AveragedTraining) -> None:
        """Write the checkpoint, then the model folder on rank 0.

        Raises:
            DiscdiffError: if the weights are not finite; what was written before stays.
        """
        for name, weights in training.denoiser.named_parameters():
            if not bool(torch.isfinite(weights).all()):
                raise DiscdiffError(
                    f"training diverged by step {trainer.global_step}: {name} is not finite. "
                    "Lower the rate and start from the last checkpoint"
                )
        trainer.save_checkpoint(self.out / LAST, weights_only=False)
        if trainer.is_global_zero:
            training.averaged.save(self.out / "model", self.dtype)
        self._due = self.pace.seconds + 60.0 * self.minutes
