"""The law of a sampler over all rows of a small space, without drawing any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff.bench.states import places, words
from discdiff.process import Process

Floats = NDArray[np.float64]
_ROWS = 4096  # whose kernels are held at once


def first_hitting_law(answers: Tensor) -> Floats:
    r"""Return the law of first-hitting sampling, `(V**L,)` in the order of `words`.

    A state with n masks is followed by each state with one of them revealed, with the chance
    $p(x_0^i=v\mid x_t)/n$. So the law is the mean over all orders of reveal of the product of
    conditionals, whether they agree or not; chances flow once through all $(V+1)^L$ states.

    Args:
        answers: the network's log-probabilities at all of them `(S, L, V)`, in the order of
            `words(V + 1, L)`.

    Example:
        >>> answers = torch.tensor([0.25, 0.75]).log().expand(3, 1, 2)
        >>> first_hitting_law(answers).round(2).tolist()
        [0.25, 0.75]
    """
    _, length, size = answers.shape
    states = words(size + 1, length).numpy()
    step = places(size + 1, length).numpy()
    masked = states == size
    left = masked.sum(1)
    chance = np.zeros(len(states))
    chance[-1] = 1.0  # all masked
    for count in range(length, 0, -1):
        for place in range(length):
            rows = np.flatnonzero((left == count) & masked[:, place])
            p = answers[torch.from_numpy(rows), place].double().softmax(-1).numpy()
            after = rows[:, None] + (np.arange(size) - size) * step[place]
            chance[after] += chance[rows, None] * p / count  # no two rows have one in common
    return np.asarray(chance[left == 0])


def ancestral_law(
    process: Process, answers: Callable[[float], Tensor], length: int, times: Sequence[float]
) -> Floats:
    r"""Return the law of ancestral sampling on a uniform process, `(V**L,)`.

    $p_s(y)=\sum_zp_t(z)\prod_iT_i(y_i\mid z)$ from one time of the grid to the next, beginning with
    uniform noise.

    Args:
        process: gives the kernels.
        answers: of a time, the network's log-probabilities at all rows `(S, L, V)`.
        length: L.
        times: the descending grid, from 1 to 0.
    """
    size = process.vocab_size
    rows = words(size, length)
    p = torch.full((len(rows),), 1.0 / len(rows), dtype=torch.float64)
    for t, s in pairwise(times):
        after = torch.zeros(size ** (length // 2), size ** (length - length // 2)).double()
        for first in range(0, len(rows), _ROWS):
            part = slice(first, first + _ROWS)
            x = rows[part]
            kernel = process.event_log_probs(
                answers(t)[part].double(),
                x,
                torch.full(x.shape, t, dtype=torch.float64),
                torch.full(x.shape, s, dtype=torch.float64),
            ).exp()
            front, back = _joint(kernel[:, : length // 2]), _joint(kernel[:, length // 2 :])
            after += (front * p[part, None]).T @ back
        p = after.flatten()
    return np.asarray(p.numpy())


def _joint(sides: Tensor) -> Tensor:
    """Return the product law `(N, V**L)` of positions `(N, L, V)`."""
    found = sides.new_ones(len(sides), 1)
    for place in range(sides.shape[1]):
        found = (found[:, :, None] * sides[:, place, None, :]).flatten(1)
    return found


def smoothed(law: Floats, size: int, length: int, flip: float) -> Floats:
    """Return the law of a row of `law` of which each token is any token with the chance `flip`.

    Args:
        law: `(V**L,)`.
        size: V.
        length: L.
        flip: of a token.

    Example:
        >>> smoothed(np.array([1.0, 0.0]), 2, 1, 0.5).tolist()
        [0.75, 0.25]
    """
    found = law.reshape([size] * length)
    for axis in range(length):
        found = (1.0 - flip) * found + flip * found.mean(axis, keepdims=True)
    return np.asarray(found.ravel())
