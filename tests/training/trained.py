"""A tiny training run, as a program: `trained.py FOLDER [--kill-at STEP] [--devices N] ...`."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from discdiff.data.encoding import encode_file
from discdiff.data.module import DataModule
from discdiff.data.readers import Columns
from discdiff.domain import Letters
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess
from discdiff.training.fit import fit
from discdiff.training.lr import LearningRate

STEPS = 9


def write_data(folder: Path) -> Path:
    """Write 120 random strings of 2 to 8 letters, a sixth of them for validation."""
    generator = np.random.default_rng(0)
    lines = ["seq,part"]
    for i in range(120):
        string = "".join(generator.choice(list("ACGT"), generator.integers(2, 9)))
        lines.append(f"{string},{'valid' if i % 6 == 0 else 'train'}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return folder / "data.csv"


def parts(data: Path, seed: int = 0, dropout: float = 0.0) -> tuple[Model, DataModule]:
    """Return a small masked model and its data."""
    encoded = encode_file(data, Letters("ACGT"), Columns("seq", "part"))
    torch.manual_seed(seed)
    net = Transformer(4, max_length=8, width=8, depth=1, heads=2, dropout=dropout)
    model = Model(net, MaskedProcess(4), encoded.domain, LengthLaw(encoded.length_law(8)))
    return model, DataModule(encoded, batch_tokens=48, seed=5)


def train(model: Model, data: DataModule, out: Path, **options: Any) -> Model:
    """Run `fit` with the settings that the tests share."""
    common: dict[str, Any] = {
        "max_steps": STEPS,
        "rate": 1e-2,
        "schedule": LearningRate("wsd", warmup=2, decay=0.3),
        "ema": 0.9,
        "precision": "32-true",
        "log_every": 1,
        "valid_every": 4,
        "progress": False,
        "seed": 5,
    }
    return fit(model, data, out, **common | options)


class Kill(pl.Callback):
    """Ends the process as a power cut would, in the middle of a step's bookkeeping."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kill-at", type=int, default=-1)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--logger", default="csv")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--optimiser", default="adamw")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, data = parts(given.folder.parent / "data.csv", dropout=given.dropout)
    train(
        model,
        data,
        given.folder,
        accumulate=given.accumulate,
        snapshot_steps=3,
        logger=given.logger,
        devices=given.devices,
        optimiser=given.optimiser,
        callbacks=[Kill(given.kill_at)],
        strategy="ddp" if given.devices > 1 else "auto",
    )


if __name__ == "__main__":
    main()
