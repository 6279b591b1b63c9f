"""Fréchet ChemNet distance; needs the extra ``fcd``.

It falls with the sample size even for two samples of one distribution, so a value means nothing
without its size and the value of real against real molecules at that size: `fcd_floor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError, UnsupportedError
from discdiff.metrics import frechet_distance

_WEIGHTS = "ChemNet_v0.13_pretrained.pt"
_BATCH = 128


def package() -> Any:
    """Return the package fcd.

    Raises:
        UnsupportedError: if it is not installed.
    """
    try:
        import fcd
    except ImportError as error:
        raise UnsupportedError(
            "fcd needs the package fcd, got none; install it with pip install 'discdiff[fcd]'"
        ) from error
    return fcd


@cache
def _chemnet() -> Any:
    with as_file(files(package()) / _WEIGHTS) as path:
        return package().load_ref_model(str(path))


def activations(smiles: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 `(N, 512)`: ChemNet's last hidden layer for each SMILES.

    About 150 molecules a second on two cores. The values depend on how the SMILES is written, so
    give canonical ones; keep those of a reference set to use them again.

    Raises:
        UnsupportedError: if fcd is not installed.
        InputError: if `smiles` is empty.
    """
    if not smiles:
        raise InputError("smiles must hold at least one molecule, got none")
    chemnet = _chemnet()
    rows = package().utils.SmilesDataset(list(smiles))
    found = []
    with torch.no_grad():
        for start in range(0, len(smiles), _BATCH):
            batch = [rows[i] for i in range(start, min(start + _BATCH, len(smiles)))]
            found.append(chemnet(torch.from_numpy(np.stack(batch)).float().transpose(1, 2)).numpy())
    return np.concatenate(found)


def fcd(smiles: Sequence[str], reference: Sequence[str]) -> float:
    """Return the Fréchet ChemNet distance between two sets; 0 is best.

    Args:
        smiles: canonical SMILES of the valid designs; 10,000 is usual.
        reference: canonical SMILES of as many molecules that the designs should resemble.

    Raises:
        UnsupportedError: if fcd is not installed.
        InputError: if a set has fewer than two molecules.

    Source:
        Fréchet ChemNet distance (Preuer et al., 2018, 1803.09518).
    """
    return frechet_distance(activations(smiles), activations(reference))


def fcd_floor(reference: Sequence[str], size: int, seed: int = 0) -> float:
    """Return the distance between two disjoint random samples of the reference itself.

    Args:
        reference: canonical SMILES, at least `2 * size`.
        size: molecules a sample, as many as there are designs.
        seed: of the draw.

    Raises:
        UnsupportedError: if fcd is not installed.
        InputError: if the reference is too small.
    """
    _check.positive_int("size", size)
    if len(reference) < 2 * size:
        raise InputError(f"reference must hold at least {2 * size} SMILES, got {len(reference)}")
    drawn = np.random.default_rng(_check.seed("seed", seed)).permutation(len(reference))[: 2 * size]
    chosen = [reference[i] for i in drawn.tolist()]
    return fcd(chosen[:size], chosen[size:])
