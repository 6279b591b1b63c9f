"""Smoothed laws in numpy: posterior means, and the law of the jump by plain Monte Carlo."""

from __future__ import annotations

import numpy as np
import torch

from discdiff.domain import Letters
from discdiff.model import LengthLaw
from discdiff.smoothed.denoiser import TabularSmoothed
from discdiff.smoothed.model import SmoothedModel
from tests.exact.laws import LETTERS, Law

DRAWS = 200_000


def model_of(law, sigma, frozen_training=True):
    """The library's exact smoothed model of a law."""
    net = TabularSmoothed(
        torch.from_numpy(law.rows), torch.from_numpy(law.p), law.size, float(sigma)
    )
    lengths = np.bincount((law.rows < law.size).sum(1), weights=law.p, minlength=law.width + 1)
    domain = Letters(LETTERS[: law.size])
    return SmoothedModel(net, domain, LengthLaw(lengths.tolist()), None, frozen_training)


def hot(rows, size):
    return (rows[..., None] == np.arange(size)).astype(float)


def posterior(law, y, sigma):
    """The chance of each row of the table given noisy rows (B, L, V), from squared distances."""
    x = hot(law.rows, law.size)
    far = ((y[:, None] - x[None]) ** 2).sum((2, 3))
    chance = law.p * np.exp(-(far - far.min(1, keepdims=True)) / (2 * sigma**2))
    return chance / chance.sum(1, keepdims=True)


def mean_of(law, y, sigma):
    """The posterior mean (B, L, V)."""
    return np.einsum("bn,nlv->blv", posterior(law, y, sigma), hot(law.rows, law.size))


def smoothed(law, sigma, n=DRAWS, seed=11):
    """Noisy rows of the smoothed density."""
    generator = np.random.default_rng(seed)
    x = hot(law.rows[generator.choice(len(law.rows), n, p=law.p)], law.size)
    return x + sigma * generator.normal(size=x.shape)


def jump_law(law, sigma, values=None, scale=0.0):
    """The law of the jump from the smoothed density, tilted by a table of rewards of its mean."""
    parts = []
    for seed in range(4):
        x_hat = mean_of(law, smoothed(law, sigma, DRAWS // 4, seed + 11), sigma)
        weight = np.ones(len(x_hat))
        if values is not None:
            chance = np.stack(
                [np.prod([x_hat[:, i, v] for i, v in enumerate(row)], 0) for row in law.rows], 1
            )
            weight = np.exp(scale * (chance @ values))
        parts.append(np.bincount(law.places(x_hat.argmax(-1)), weight, len(law.rows)))
    total = np.sum(parts, axis=0)
    return Law(law.size, law.rows, total / total.sum())
