"""Reverse processes of small laws and the laws of whole sampling runs, from the definitions."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

import numpy as np
import torch

from discdiff.schedule import CosineMD4, LogLinear
from tests.exact.laws import Law, outer, words


def given(law, z):
    """p(x_i = v | visible tokens of z), (L, V); uniform where nothing agrees."""
    z = np.asarray(z)
    agrees = ((law.rows == z) | (z == law.size)).all(1)
    return _marginals(law, np.repeat((law.p * agrees)[:, None], law.width, 1))


def posterior(law, z, alpha):
    """p(x_i = v | z) under uniform noise, (L, V)."""
    q = noise_kernel(law.size, alpha)[law.rows, z]
    return _marginals(law, np.repeat((law.p * q.prod(1))[:, None], law.width, 1))


def cavity(law, z, alpha):
    """p(x_i = v | z without its position i) under uniform noise, (L, V)."""
    q = noise_kernel(law.size, alpha)[law.rows, z]
    others = np.stack([np.delete(q, i, 1).prod(1) for i in range(law.width)], 1)
    return _marginals(law, law.p[:, None] * others)


def _marginals(law, weight):
    mass = np.stack([(weight * (law.rows == v)).sum(0) for v in range(law.size)], 1)
    total = mass.sum(1, keepdims=True)
    return np.where(total > 0, mass / np.where(total > 0, total, 1), 1 / law.size)


def noise_kernel(size, alpha):
    """q(z | x) of uniform noise, (V, V), rows x."""
    return alpha * np.eye(size) + (1 - alpha) / size


def masked_step(law, alpha_t, alpha_s, sigma=0.0, allowed=1.0):
    """One reverse step between all (V + 1)^L states of the masked process, as a matrix.

    Reveals of tokens that are not `allowed` (L, V) are left out, and their mass with them.
    """
    mask = law.size
    reveal = (alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t)
    matrix = []
    for z in words(mask + 1, law.width):
        sides = np.zeros((law.width, mask + 1))
        for i, row in enumerate(given(law, z) * allowed):
            if z[i] == mask:
                sides[i] = [*(reveal * row), 1 - reveal]
            else:
                sides[i, z[i]], sides[i, mask] = 1 - sigma, sigma
        matrix.append(outer(sides))
    return np.array(matrix)


def given_by_class(law, z, level):
    """p(x_i = v | z), (L, V), where a mask stands for token v with chance `level` (V,)."""
    z = np.asarray(z)
    agrees = ((law.rows == z) | (z == law.size)).all(1)
    evidence = np.where(z == law.size, np.asarray(level)[law.rows], 1.0).prod(1)
    return _marginals(law, np.repeat((law.p * agrees * evidence)[:, None], law.width, 1))


def class_step(law, level_t, level_s, allowed=1.0, seen=None):
    """One reverse step of masks by class between all (V + 1)^L states, as a matrix.

    Args:
        law: over clean rows.
        level_t: noise levels of the tokens before the step (V,).
        level_s: after it.
        allowed: tokens whose reveals count (L, V).
        seen: the levels that the denoiser is told, those of the process by default.
    """
    mask, told = law.size, level_t if seen is None else seen
    kept = np.asarray(level_s) / level_t
    matrix = []
    for z in words(mask + 1, law.width):
        sides = np.zeros((law.width, mask + 1))
        for i, row in enumerate(given_by_class(law, z, told)):
            if z[i] == mask:
                alphabet = np.broadcast_to(allowed, (law.width, mask))[i]
                sides[i] = [*(row * (1 - kept) * alphabet), row @ kept]
            else:
                sides[i, z[i]] = 1.0
        matrix.append(outer(sides))
    return np.array(matrix)


def class_law(law, times, levels, **options):
    """From all masks, the law after the steps between `times`; `levels(V, t)` are the schedules."""
    flat = np.zeros((law.size + 1) ** law.width)
    flat[-1] = 1.0
    for t, s in pairwise(times):
        flat = flat @ class_step(law, levels(law.size, t), levels(law.size, s), **options)
    return clean(law, flat)


def uniform_step(law, alpha_t, alpha_s, denoise=cavity):
    """One plug-in reverse step between all V^L states of the uniform process, as a matrix."""
    size = law.size
    ratio = alpha_t / alpha_s
    forth = ratio * np.eye(size) + (1 - ratio) / size
    matrix = []
    for z in words(size, law.width):
        p = denoise(law, z, alpha_t)
        clean = alpha_s * p + (1 - alpha_s) / size
        sides = forth[:, z].T * clean
        noisy = alpha_t * p[np.arange(law.width), z] + (1 - alpha_t) / size
        matrix.append(outer(sides / noisy[:, None]))
    return np.array(matrix)


def marginal(law, alpha, kind="masked"):
    """q(z_t), flat, over the states of a process at keep probability alpha."""
    size = law.size
    if kind == "uniform":
        kernel = noise_kernel(size, alpha)
    elif kind == "class_masked":  # alpha holds a number for each token
        kernel = np.column_stack([np.diag(alpha), 1 - np.asarray(alpha)])
    else:
        kernel = np.column_stack([alpha * np.eye(size), np.full(size, 1 - alpha)])
    return sum(p * outer(kernel[row]) for p, row in zip(law.p, law.rows, strict=True))


def clean(law, flat):
    """The part of a flat law over (V + 1)^L states that holds no mask, as a `Law`."""
    keep = (words(law.size + 1, law.width) < law.size).all(1)
    return Law(law.size, words(law.size, law.width), flat[keep])


ALPHA = {LogLinear: lambda t: 1 - t, CosineMD4: lambda t: 1 - np.cos(np.pi / 2 * (1 - t))}
GRID = {"linear": lambda u: 1 - u, "cosine": lambda u: np.cos(np.pi / 2 * u)}


def keeps(steps, grid="linear", schedule=LogLinear):
    """The keep probabilities along a grid, from 0 to 1."""
    times = GRID[grid](np.arange(steps + 1) / steps)
    return [*ALPHA[schedule](times[:-1]), 1.0]


def sides(law):
    return Law(law.size, words(law.size, law.width), outer(given(law, [law.size] * law.width)))


def masked_law(law, alphas, sigmas, **options):
    """From all masks, the law after the steps between `alphas` with remasking `sigmas`."""
    flat = np.zeros((law.size + 1) ** law.width)
    flat[-1] = 1.0
    for t, s, sigma in zip(alphas[:-1], alphas[1:], sigmas, strict=True):
        flat = flat @ masked_step(law, t, s, sigma, **options)
    return clean(law, flat)


def uniform_law(law, alphas, **options):
    flat = np.full(law.size**law.width, law.size**-law.width)
    for t, s in pairwise(alphas):
        flat = flat @ uniform_step(law, t, s, **options)
    return Law(law.size, law.rows, flat)


def published_sigma(strategy, eta, alphas):
    """The remasking probabilities of a run, by hand."""
    found = []
    for t, s in pairwise(alphas):
        top = min(1.0, (1 - s) / t) if t > 0 else 1.0
        found.append({"cap": min(eta, top), "rescale": eta * top, "max": top}[strategy])
    return found


def block_law(denoise, blocks, choose, size=2):
    """The law of revealing `blocks` positions at a time; `choose` weighs the sets of positions."""
    length = sum(blocks)
    state = {(size,) * length: 1.0}
    for block in blocks:
        after = defaultdict(float)
        for z, chance in state.items():
            p = denoise(np.array(z))
            hidden = [i for i in range(length) if z[i] == size]
            for positions, weight in choose(p, hidden, block):
                for values in words(size, block):
                    new = np.array(z)
                    new[list(positions)] = values
                    after[tuple(new)] += chance * weight * p[list(positions), values].prod()
        state = after
    rows = words(size, length)
    return Law(size, rows, np.array([state[tuple(x)] for x in rows]))


def at_random(p, hidden, size):
    sets = list(combinations(hidden, size))
    return [(chosen, 1 / len(sets)) for chosen in sets]


def by(score):
    def most_certain(p, hidden, size):
        return [(sorted(hidden, key=lambda i: -score(p[i]))[:size], 1.0)]

    return most_certain


# The library's own kernels.


def kernel_matrix(model, t, s, **options):
    """The library's own reverse kernel between all states, as a matrix."""
    process, length = model.process, model.max_length
    size = process.vocab_size + (process.kind != "uniform")
    states = torch.from_numpy(words(size, length))
    times = torch.full((2, len(states)), t, dtype=torch.float64)
    times[1] = s
    log_p = model.denoiser(states, times[0])
    kernel = process.transition(states, log_p, times[0], times[1], **options)
    return np.stack([outer(sides) for sides in kernel.log_probs.exp().numpy()])
