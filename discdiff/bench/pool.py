"""Draws that no reward steers are made once, and scored for every task."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from discdiff.bench.curve import Curve
from discdiff.campaign.files import write_atomic
from discdiff.campaign.rows import GUIDED
from discdiff.campaign.store import Store
from discdiff.config import build
from discdiff.config.composition import Composition
from discdiff.config.settings import Design, fill
from discdiff.errors import StoreError
from discdiff.oracle import stack
from discdiff.reward import Reward

_FILE = "scored.npz"


def rescored(pool: Path, folder: Path, source: Composition) -> None:
    """Score the designs of the campaign in `pool` as `source` says; what is there stays.

    Args:
        pool: a finished campaign.
        folder: where the curve goes.
        source: the configuration of a campaign that would draw the same designs.
    """
    if (folder / _FILE).is_file():
        return
    settings = fill(Design, source)
    with Store.open(pool, read_only=True) as store:
        drawn, rows = Curve.of(store, GUIDED), store.rows(GUIDED)
    owner = build.model(settings.model, settings.device, source)
    scored = build.oracle(settings.oracle, source, owner)
    judged = build.objective(settings.objective, scored, source)
    reward = Reward(owner.domain, stack(scored, owner.domain), judged)
    found = reward.strings([row.sequence for row in rows]).reward.numpy()
    buffer = io.BytesIO()
    np.savez(buffer, cost=drawn.cost, reward=found, nfe=drawn.nfe, asked=drawn.asked)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / _FILE, buffer.getvalue())


def read_pool(folder: Path) -> Curve:
    """Return the curve that `rescored` wrote.

    Raises:
        StoreError: if it is not there, or damaged.
    """
    path = folder / _FILE
    try:
        with np.load(path) as found:
            arrays = (found["cost"], found["reward"], found["nfe"])
            return Curve(*arrays, int(found["asked"]))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise StoreError(f"{path} cannot be read: remove it, and its cell runs again") from error
