"""A small model of a pool of strings, in minutes on one core."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from discdiff import _check
from discdiff.data.encoded import Encoded
from discdiff.data.module import DataModule
from discdiff.domain import Domain
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, Process, UniformProcess
from discdiff.training.fit import fit
from discdiff.training.lr import LearningRate

_PROCESSES: dict[str, type[Process]] = {"masked": MaskedProcess, "uniform": UniformProcess}


def prior(
    strings: Sequence[str],
    domain: Domain,
    folder: str | Path,
    *,
    kind: str = "masked",
    steps: int = 1500,
    minutes: float | None = None,
    width: int = 64,
    depth: int = 3,
    heads: int = 4,
    batch_tokens: int = 4096,
    valid_fraction: float = 0.05,
    seed: int = 0,
    progress: bool = False,
) -> Model:
    """Return a model trained on `strings`; one that `folder` holds already is not trained again.

    The folder gets one folder for each set of arguments, named by a hash of them and the strings,
    so what is found there was trained just so. A training that was cut off goes on.

    Args:
        strings: the pool; no value of any string is needed.
        domain: their domain, whose alphabet the model has, used in the pool or not.
        folder: where trained models are kept.
        kind: `masked`, or `uniform`, which is then trained with fixed positions too.
        steps: optimiser steps.
        minutes: minutes after which training ends, decayed, if the steps are not over first. The
            weights then depend on the machine.
        width: of the transformer.
        depth: its blocks.
        heads: its attention heads.
        batch_tokens: tokens a step, at most.
        valid_fraction: share of the pool held out for validation.
        seed: of initial weights, order, noise and the rows held out.
        progress: whether to show a progress bar.

    Raises:
        InputError: if an argument is out of range.
        DataError: if the domain cannot encode a string.

    Example:
        >>> import tempfile
        >>> from discdiff.domain import Letters
        >>> model = prior(["AC", "GT"] * 20, Letters("ACGT"), tempfile.mkdtemp(), steps=2, width=16)
        >>> model.process.kind, model.max_length
        ('masked', 2)
    """
    process = _PROCESSES[_check.one_of("kind", kind, tuple(_PROCESSES))](len(domain.alphabet))
    recipe = {
        "kind": kind,
        "steps": steps,
        "minutes": minutes,
        "width": width,
        "depth": depth,
        "heads": heads,
        "batch_tokens": batch_tokens,
        "valid_fraction": valid_fraction,
        "seed": seed,
    }
    encoded = Encoded.of(strings, domain)
    whole = json.dumps([recipe, domain.name, domain.settings(), list(strings)], sort_keys=True)
    out = Path(folder) / hashlib.sha256(whole.encode()).hexdigest()[:16]
    longest = int(encoded.lengths.max())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_check.seed("seed", seed))
        network = Transformer(
            len(domain.alphabet),
            longest,
            width=width,
            depth=depth,
            heads=heads,
            needs_time=process.needs_time,
        )
    model = Model(
        network,
        process,
        domain,
        LengthLaw(encoded.length_law(longest)),
        card={"data": f"{len(encoded)} strings", "recipe": recipe},
        frozen_training=kind == "uniform",
    )
    data = DataModule(encoded.hold_out(valid_fraction, seed), batch_tokens=batch_tokens, seed=seed)
    return fit(
        model,
        data,
        out,
        max_steps=steps,
        max_minutes=minutes,
        rate=3e-3,
        ema=0.99,
        frozen_fraction=0.25 if kind == "uniform" else 0.0,
        schedule=LearningRate("wsd", warmup=50, decay=0.3),
        precision="32-true",
        valid_every=max(1, steps // 4),
        log_every=max(1, min(50, steps // 4)),
        progress=progress,
        seed=seed,
    )
