"""Members that are linear maps, fitted in closed form on resamples of the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from discdiff.errors import InputError
from discdiff.oracle.scores import Floats
from discdiff.predictor.ensemble import Ensemble
from discdiff.predictor.linear import logistic, ridge
from discdiff.predictor.rows import read_items
from discdiff.predictor.splits import Rows

_TRIES = 100  # of a resample that must hold both classes


def fit_linear(
    ensemble: Ensemble, strings: Sequence[str], values: Floats, seed: int
) -> list[float]:
    """Fit every member to a resample of the rows, and return the penalty of each output.

    The penalty is chosen once, on the rows themselves, by leaving out one at a time: on a resample
    the repeats of a row left out would give it away. The first member is fitted to the rows as
    they are, so one member alone is the plain regression.

    Args:
        ensemble: of linear members.
        strings: N.
        values: `(N, R)`, NaN where there is none.
        seed: of the resamples.

    Raises:
        DataError: if a string cannot be read.
        InputError: if a member is not linear, or an output has too few rows.
    """
    representation = ensemble.representation
    batch = representation.collate(read_items(representation, strings))
    features = batch.double().cpu().numpy()
    regress = logistic if ensemble.binary else ridge
    generator = np.random.default_rng(seed)
    penalties = []
    for j in range(values.shape[1]):
        known = np.flatnonzero(~np.isnan(values[:, j]))
        x, y = features[known], values[known, j]
        first = regress(x, y)
        penalties.append(first.penalty)
        for k, member in enumerate(ensemble.members):
            if not isinstance(member, nn.Linear):
                raise InputError(f"members must be linear maps, got {type(member).__name__}")
            rows = _resample(y, generator, ensemble.binary)
            found = first if k == 0 else regress(x[rows], y[rows], first.penalty)
            with torch.no_grad():
                member.weight[j] = torch.from_numpy(found.weight)
                member.bias[j] = found.bias
    return penalties


def _resample(target: Floats, generator: np.random.Generator, binary: bool) -> Rows:
    for _ in range(_TRIES):
        rows = generator.integers(len(target), size=len(target))
        if np.ptp(target[rows]) > 0 or not binary:
            return rows
    raise InputError(f"target must hold more of both classes, got {target.sum():g} positives")
