r"""Underdamped Langevin dynamics.

$dy=v\,dt$ and $dv=\nabla\log p(y)\,dt-\gamma v\,dt+\sqrt{2\gamma}\,dW$: places are drawn from p.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def sachs_step(
    y: Tensor,
    v: Tensor,
    score: Callable[[Tensor], Tensor],
    noise: Tensor,
    delta: float,
    friction: float,
) -> tuple[Tensor, Tensor]:
    r"""Return places and velocities after a time δ, by a symmetric splitting.

    Half a drift, half a kick, the exact friction and noise of a time δ
    ($v\leftarrow e^{-\gamma\delta}v+\sqrt{1-e^{-2\gamma\delta}}\,\xi$), half a kick by the same
    score, half a drift. One score a step; moments are right to $O(\delta^2)$. Nothing is changed in
    place.

    Args:
        y: places, of any shape.
        v: velocities, of the same; stationary ones are standard normal.
        score: of the density of places.
        noise: standard normal, of the same shape.
        delta: time step δ; the dynamics of a normal density of variance s² are stable for δ < 2 s.
        friction: γ.

    Source: Langevin dynamics with variable coefficients and nonconservative forces: from stationary
    states to numerical methods (Sachs, Leimkuhler and Danos, 2017, arXiv:1709.01163), at unit mass:
    another mass $1/u$ is the same chain with $\delta\sqrt u$ and $\gamma/\sqrt u$.

    Example:
        >>> import torch
        >>> y, v = torch.ones(1), torch.zeros(1)
        >>> sachs_step(y, v, lambda y: -y, torch.zeros(1), 0.1, 0.0)  # no friction: a pendulum
        (tensor([0.9950]), tensor([-0.1000]))
    """
    y = y + 0.5 * delta * v
    kick = 0.5 * delta * score(y)
    kept = math.exp(-friction * delta)
    v = kept * (v + kick) + math.sqrt(-math.expm1(-2.0 * friction * delta)) * noise + kick
    return y + 0.5 * delta * v, v
