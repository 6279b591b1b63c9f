r"""Resampling schemes: offspring counts with $\mathbb E[n_i]=Kw_i$, for many groups at once."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Scheme = Literal["ssp", "systematic", "multinomial"]
SCHEMES: tuple[Scheme, ...] = ("ssp", "systematic", "multinomial")


def offspring(weights: Tensor, u: Tensor, scheme: Scheme) -> Tensor:
    """Return offspring counts, int64 `(G, K)`, that sum to K in each group.

    Args:
        weights: normalised weights, float64 `(G, K)`.
        u: uniforms in (0, 1), float64 `(G, K)`.
        scheme: `ssp`, `systematic` or `multinomial`.

    Source: Negative association, ordering and convergence of resampling methods (Gerber, Chopin,
    Whiteley, 2019, arXiv:1707.01845).

    Example:
        >>> w = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
        >>> offspring(w, torch.full((1, 3), 0.5, dtype=torch.float64), "ssp").sum().item()
        3
    """
    if scheme == "ssp":
        return _ssp(weights, u)
    size = weights.shape[1]
    if scheme == "systematic":
        grid = torch.arange(size, dtype=torch.float64, device=u.device)
        points = (grid + u[:, :1]) / size
    else:
        points = u
    cdf = weights.cumsum(1)
    cdf = (cdf / cdf[:, -1:]).contiguous()
    index = torch.searchsorted(cdf, points.contiguous(), right=True).clamp(max=size - 1)
    return torch.zeros_like(weights, dtype=torch.int64).scatter_add(
        1, index, torch.ones_like(index)
    )


def one_of(log_weight: Tensor, u: Tensor) -> Tensor:
    """Return a column drawn by its weight for each row, 0 where none has any, int64 `(G,)`.

    Args:
        log_weight: float64 `(G, K)`.
        u: uniforms in (0, 1), float64 `(G, 1)`.

    Example:
        >>> log_weight = torch.tensor([[0.1, 0.9], [0.0, 0.0]], dtype=torch.float64).log()
        >>> one_of(log_weight, torch.full((2, 1), 0.5, dtype=torch.float64)).tolist()
        [1, 0]
    """
    empty = (log_weight == -torch.inf).all(1)
    chance = torch.softmax(torch.where(empty[:, None], 0.0, log_weight), dim=1)
    drawn = (chance.cumsum(1) < u).sum(1).clamp(max=log_weight.shape[1] - 1)
    return torch.where(empty, 0, drawn)


def _ssp(weights: Tensor, u: Tensor) -> Tensor:
    """Srinivasan sampling process: round K w by pairs, keeping every expectation."""
    size = weights.shape[1]
    scaled = weights * size
    counts = scaled.floor()
    part = scaled - counts
    held = torch.zeros(len(weights), 1, dtype=torch.int64, device=weights.device)
    xi = part[:, :1]  # fractional part of the held index
    for j in range(1, size):
        xj = part[:, j : j + 1]
        up = torch.minimum(1.0 - xi, xj)  # mass the held index can take
        down = torch.minimum(xi, 1.0 - xj)  # mass it can give
        moved = up + down
        take = u[:, j : j + 1] * moved < down
        xi_new = torch.where(take, xi + up, xi - down)
        xj_new = torch.where(take, xj - up, xj + down)
        idle = moved <= 0.0
        xi_new, xj_new = torch.where(idle, xi, xi_new), torch.where(idle, xj, xj_new)
        # one of the two is now settled at 0 or 1; the other one is held on
        settled_i = (xi_new <= 1e-12) | (xi_new >= 1.0 - 1e-12)
        number = torch.full_like(held, j)
        settled = torch.where(settled_i, held, number)
        counts.scatter_add_(1, settled, torch.where(settled_i, xi_new, xj_new).round())
        held = torch.where(settled_i, number, held)
        xi = torch.where(settled_i, xj_new, xi_new)
    missing = size - counts.sum(1, keepdim=True)  # the last one held is 0 or 1 but for rounding
    return counts.scatter_add(1, held, missing).long()


def ancestors(counts: Tensor) -> Tensor:
    """Return each slot's ancestor, int64 `(G, K)`; survivors stay in their own slots.

    Args:
        counts: offspring counts, int64 `(G, K)`.

    Example:
        >>> ancestors(torch.tensor([[0, 2, 1]])).tolist()
        [[1, 1, 2]]
    """
    size = counts.shape[1]
    slots = torch.arange(size, device=counts.device).expand(counts.shape)
    surplus = slots.reshape(-1).repeat_interleave((counts - 1).clamp(min=0).reshape(-1))
    found = slots.clone()
    found[counts == 0] = surplus
    return found


def effective_sample_size(log_weight: Tensor) -> Tensor:
    r"""Return $(\sum w)^2/\sum w^2$ of each group, float64 `(G,)`; 0 where all weights are 0.

    Example:
        >>> effective_sample_size(torch.zeros(1, 4, dtype=torch.float64)).item()
        4.0
    """
    first = torch.logsumexp(log_weight, dim=1)
    second = torch.logsumexp(2.0 * log_weight, dim=1)
    return (2.0 * first - second).exp().nan_to_num(0.0)
