"""Random DNA whose values are known, and a small training of them; also a program that is killed.

`toy.py FOLDER STEP` trains into FOLDER and kills itself at STEP.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from discdiff.domain import Letters
from discdiff.predictor.predictor import Predictor
from discdiff.predictor.training import fit

DNA = Letters("ACGT")
STEPS = 12


def strings(count: int, seed: int = 0, low: int = 8, high: int = 13) -> list[str]:
    """Return distinct random strings of `low` to `high` - 1 letters."""
    generator = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        letters = generator.choice(list("ACGT"), generator.integers(low, high))
        found["".join(letters)] = None
    return list(found)


def motif(string: str) -> float:
    """A linear model of motifs: what G, TA and GC add up to."""
    pairs = [string[i : i + 2] for i in range(len(string) - 1)]
    return string.count("G") - 1.5 * pairs.count("TA") + pairs.count("GC")


def small(folder: Path | None, **options: Any) -> Predictor:
    """Train for a few steps on a few strings."""
    table = strings(120)
    values = {"a": [motif(s) for s in table]}
    common: dict[str, Any] = {"steps": STEPS, "members": 2, "width": 8, "depth": 1, "patience": 0}
    return fit(table, values, DNA, folder, **common | {"valid_every": 5} | options)


class Kill(pl.Callback):
    """Ends the process as a power cut would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    torch.set_num_threads(1)
    small(Path(sys.argv[1]), snapshot_steps=3, callbacks=[Kill(int(sys.argv[2]))])
