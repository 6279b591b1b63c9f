"""How many draws from the law that its method states a design of a round stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from discdiff.campaign.rows import Draw
from discdiff.samplers.samples import Samples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draws_from_law(log_weight: Floats, group: int, u: Floats) -> Ints:
    r"""Return how often a systematic draw of `group` from every group of weights takes a design.

    Weighted designs follow their law by their weights only. Design $i$ is taken
    $K w_i/\sum_j w_j$ times on average; equal weights take each once, a group without weight
    gives none.

    Args:
        log_weight: of the designs, groups side by side, `(n,)`.
        group: K, designs whose weights are relative to each other.
        u: one number in [0, 1) a group, `(n / K,)`.

    Example:
        >>> draws_from_law(np.log([0.5, 0.25, 0.25, 1e-300]), 2, np.array([0.5, 0.5])).tolist()
        [1, 1, 2, 0]
    """
    grouped = log_weight.reshape(-1, group)
    top = grouped.max(axis=1, keepdims=True)
    weight = np.exp(np.where(np.isneginf(top), -np.inf, grouped - np.maximum(top, -1e300)))
    total = weight.sum(axis=1, keepdims=True)
    reached = np.cumsum(weight, axis=1) / np.where(total > 0, total, 1.0) * group
    # offspring: how many of the points u, u + 1, ... fall into a design's stretch
    passed = np.floor(reached - u[:, None] + 1 + 1e-9)
    offspring = np.diff(passed, axis=1, prepend=0.0)
    return np.where(total > 0, offspring, 0).astype(np.int64).reshape(-1)


def draws_of(
    samples: Samples, canonical: Callable[[str], str], lawful: bool, taken: Ints
) -> Iterator[Draw]:
    """Yield the designs of a round as the store holds them.

    Args:
        samples: what the method returned.
        canonical: canonical form of a valid string.
        lawful: whether the round was carried through as its law says.
        taken: draws from the law that each design stands for, `(n,)`.
    """
    columns = [samples.reward, samples.log_weight, samples.log_likelihood, samples.confidence]
    empty = [float("nan")] * len(samples)
    numbers = [empty if c is None else c.tolist() for c in columns]
    fallback = [False] * len(samples) if samples.fallback is None else samples.fallback.tolist()
    final = [int(t) * (lawful and not f) for t, f in zip(taken, fallback, strict=True)]
    valid = samples.valid.tolist()
    rows = zip(samples.strings, valid, final, zip(*numbers, strict=True), strict=True)
    for string, is_valid, times, values in rows:
        yield Draw(string, canonical(string) if is_valid else None, times, *values)
