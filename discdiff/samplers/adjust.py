"""Changes of a categorical law that samplers apply before drawing."""

from __future__ import annotations

import torch
from torch import Tensor


def adjust(log_p: Tensor, temperature: float, top_p: float) -> Tensor:
    """Return log-probabilities at a temperature, then in a nucleus.

    They are themselves where both are 1: then nothing is computed.

    Args:
        log_p: log-probabilities `(..., V)`.
        temperature: divides them, greater than 0.
        top_p: as for `nucleus`.

    Example:
        >>> adjust(torch.tensor([0.2, 0.8]).log(), temperature=0.5, top_p=1.0).exp()
        tensor([0.0588, 0.9412])
    """
    if temperature != 1.0:
        log_p = torch.log_softmax(log_p / temperature, dim=-1)
    return nucleus(log_p, top_p) if top_p < 1.0 else log_p


def nucleus(log_p: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of tokens whose mass reaches `top_p`, renormalised.

    The token that crosses `top_p` is kept.

    Args:
        log_p: log-probabilities `(..., V)`.
        top_p: mass in (0, 1].

    Source: The Curious Case of Neural Text Degeneration (Holtzman et al., 2019,
    arXiv:1904.09751).

    Example:
        >>> nucleus(torch.tensor([0.5, 0.3, 0.2]).log(), 0.6).exp()
        tensor([0.6250, 0.3750, 0.0000])
    """
    ranked, order = log_p.sort(dim=-1, descending=True)
    p = ranked.exp()
    outside = p.cumsum(-1) - p >= top_p
    cut = ranked.masked_fill(outside, -torch.inf)
    kept = torch.full_like(log_p, -torch.inf).scatter(-1, order, cut)
    return torch.log_softmax(kept, dim=-1)


def restrict(log_p: Tensor, allowed: Tensor) -> Tensor:
    """Keep the allowed tokens, renormalised; where they have no mass, uniform over them.

    Args:
        log_p: log-probabilities `(N, V)`.
        allowed: bool `(N, V)`, at least one True in each row.

    Example:
        >>> restrict(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[True, False]])).exp()
        tensor([[1., 0.]])
    """
    inside = log_p.masked_fill(~allowed, -torch.inf)
    empty = (inside == -torch.inf).all(-1, keepdim=True)
    flat = torch.zeros_like(log_p).masked_fill(~allowed, -torch.inf)
    return torch.log_softmax(torch.where(empty, flat, inside), dim=-1)


def normalised(log_mass: Tensor, fallback: Tensor) -> Tensor:
    """Return the log-laws of unnormalised `log_mass (N, V)`; `fallback (N, V)` where it has none.

    Example:
        >>> one = torch.tensor([[1.0, 3.0], [0.0, 0.0]]).log()
        >>> normalised(one, torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()).exp()
        tensor([[0.2500, 0.7500],
                [0.9000, 0.1000]])
    """
    empty = (log_mass == -torch.inf).all(-1, keepdim=True)
    return torch.log_softmax(torch.where(empty, fallback, log_mass), dim=-1)
