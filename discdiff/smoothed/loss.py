"""The loss of a smoothed denoiser: least squares."""

from __future__ import annotations

import torch
from torch import Tensor

from discdiff import random
from discdiff.smoothed.denoiser import SmoothedDenoiser, filled


def one_hot(x_0: Tensor, vocab_size: int) -> Tensor:
    """Return float rows `(B, L, V)` of int64 tokens `(B, L)`; those of pads are zero.

    Example:
        >>> one_hot(torch.tensor([[1, 3]]), 2).tolist()
        [[[0.0, 1.0], [0.0, 0.0]]]
    """
    return (x_0[..., None] == torch.arange(vocab_size, device=x_0.device)).float()


def squared_error(denoiser: SmoothedDenoiser, x_0: Tensor, frozen: Tensor, keys: Tensor) -> Tensor:
    r"""Return $\lVert\hat x(x_0+\sigma\varepsilon)-x_0\rVert^2$ of each row, `(B,)`.

    Its minimiser is the mean of $x_0$ given the noisy rows and the frozen tokens.

    Args:
        denoiser: what is measured.
        x_0: int64 tokens `(B, L)`, padded with V + 1.
        frozen: positions that are shown as they are and add nothing, bool `(B, L)`.
        keys: of the noise `(B,)`.

    Source: Protein Discovery with Discrete Walk-Jump Sampling (Frey et al., 2023,
    arXiv:2306.12360).

    Example:
        >>> from discdiff.smoothed.denoiser import TabularSmoothed
        >>> table = torch.tensor([[0, 0], [1, 1]])
        >>> net = TabularSmoothed(table, torch.ones(2), 2, sigma=0.1)
        >>> bool((squared_error(net, table, table < 0, torch.arange(2)) < 1e-6).all())
        True
    """
    clean = one_hot(x_0, denoiser.vocab_size)
    noise = random.normal(keys, clean[0].numel()).view(clean.shape).to(clean.dtype)
    allowed = filled(clean > 0)[..., None] & (~frozen[..., None] | (clean > 0))
    x_hat = denoiser(clean + denoiser.sigma * noise, allowed)
    errors: Tensor = ((x_hat - clean) ** 2).sum((1, 2))
    return errors
