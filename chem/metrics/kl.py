r"""GuacaMol's KL score: are ten simple properties distributed as in the training set.

For each property D = KL(reference || generated) in nats, and the score is the mean of `exp(-D)`.
Continuous properties (BertzCT, logP, weight, TPSA, and for each molecule the largest similarity to
another of its set) are compared by Gaussian kernel densities with Scott's bandwidth on 1,000 points
from the joint minimum to the joint maximum, counts (acceptors, donors, rotatable bonds, aliphatic
and aromatic rings) by histograms of 10 bins over the reference's range. 1e-10 is added to every
density before it is normalised.

Source: GuacaMol (Brown et al., 2019, 1811.09621).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Mol, rdMolDescriptors

from discdiff.chem.metrics.diversity import rows, vectors_of
from discdiff.chem.oracles.descriptors import (
    TPSA,
    AromaticRings,
    BertzCT,
    HBondAcceptors,
    HBondDonors,
    LogP,
    MolecularWeight,
    RotatableBonds,
)

Floats = NDArray[np.float64]

_CONTINUOUS: dict[str, Callable[[Mol], float]] = {
    "bertz_ct": BertzCT().value,
    "logp": LogP().value,
    "molecular_weight": MolecularWeight().value,
    "tpsa": TPSA().value,
}
_COUNTS: dict[str, Callable[[Mol], float]] = {
    "hba": HBondAcceptors().value,
    "hbd": HBondDonors().value,
    "rotatable_bonds": RotatableBonds().value,
    "aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "aromatic_rings": AromaticRings().value,
}
_POINTS, _BINS, _FLOOR = 1000, 10, 1e-10


def kl_score(molecules: Sequence[Mol], reference: Sequence[Mol]) -> float:
    """Return GuacaMol's KL score, in [0, 1]; 1 where all distributions agree.

    Args:
        molecules: the valid generated molecules; those equal without stereochemistry count once.
        reference: training molecules; the benchmark takes 10,000 of either.

    Returns:
        The score, NaN if a set has fewer than two distinct molecules.

    Example:
        >>> from discdiff.chem.molecule import parse
        >>> mols = [parse(s) for s in ("CCO", "CCN", "c1ccccc1O")]
        >>> kl_score(mols, mols)
        1.0
    """
    divergences = kl_divergences(molecules, reference).values()
    return sum(math.exp(-d) for d in divergences) / len(divergences)


def kl_divergences(molecules: Sequence[Mol], reference: Sequence[Mol]) -> dict[str, float]:
    """Return KL(reference || generated) of each of the ten properties, in nats.

    Args:
        molecules: as in `kl_score`.
        reference: as in `kl_score`.

    Returns:
        Property to divergence, all NaN if a set has fewer than two distinct molecules.
    """
    distinct = list({Chem.MolToSmiles(m, isomericSmiles=False): m for m in molecules}.values())
    if min(len(distinct), len(reference)) < 2:
        return dict.fromkeys((*_CONTINUOUS, "similarity", *_COUNTS), math.nan)
    found = {
        name: _continuous(_values(value, reference), _values(value, distinct))
        for name, value in _CONTINUOUS.items()
    }
    found["similarity"] = _continuous(_internal(reference), _internal(distinct))
    for name, value in _COUNTS.items():
        found[name] = _discrete(_values(value, reference), _values(value, distinct))
    return found


def _values(value: Callable[[Mol], float], molecules: Sequence[Mol]) -> Floats:
    return np.array([value(mol) for mol in molecules], dtype=np.float64)


def _internal(molecules: Sequence[Mol]) -> Floats:
    """Return each molecule's largest similarity to the others of its set."""
    vectors = vectors_of(molecules, "ecfp4_4096")
    found = np.empty(len(vectors))
    for i, row in enumerate(rows(vectors, vectors)):
        row[i] = 0.0
        found[i] = row.max()
    return found


def _continuous(reference: Floats, generated: Floats) -> float:
    both = np.concatenate([reference, generated])
    grid = np.linspace(both.min(), both.max(), _POINTS)
    return _divergence(_density(reference, grid), _density(generated, grid))


def _density(sample: Floats, grid: Floats) -> Floats:
    """Return the kernel density on `grid`; a sample without spread is a spike on its point."""
    width = sample.std(ddof=1) * sample.size ** (-1 / 5)
    if width == 0:
        spike = np.zeros_like(grid)
        spike[np.abs(grid - sample[0]).argmin()] = 1.0
        return spike
    scaled = sample / width
    sums = np.array([np.exp(-((point - scaled) ** 2) / 2).sum() for point in grid / width])
    return np.asarray(sums / (sample.size * width * math.sqrt(2 * math.pi)))


def _discrete(reference: Floats, generated: Floats) -> float:
    expected, edges = np.histogram(reference, bins=_BINS)
    found, _ = np.histogram(generated, bins=edges)
    width = edges[1] - edges[0]
    # A generated set wholly outside the reference's range has no density there, not 0 / 0.
    return _divergence(expected / (expected.sum() * width), found / (max(found.sum(), 1) * width))


def _divergence(p: Floats, q: Floats) -> float:
    p, q = p + _FLOOR, q + _FLOOR
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())
