"""Reverse kernels of uniform diffusion at mixtures of tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from discdiff.process import UniformProcess


def averaged_kernel(
    process: UniformProcess, rows: Tensor, log_p_x0: Tensor, t: Tensor, s: Tensor
) -> Tensor:
    r"""Return the log-law `(B, L, V)` of the next token where a position is a mixture of tokens.

    It is $\sum_vx_t^v\,p(x_s\mid x_t=v)$. With $p$ the cavity law and $\rho=\alpha_t/\alpha_s$, a
    kernel is $p(x_s=j\mid x_t=v)=[(m_t-m_s)p_j+(1-\rho)m_s/V+\mathbb 1(j=v)c_v]/Z_v$ with
    $c_v=V\alpha_tp_v+\rho-\alpha_t$ and $Z_v$ its sum, so no table of kernels is needed. On one-hot
    rows it is the kernel of the token. PAD counts as nothing: such rows must not be drawn from.

    Args:
        process: the process.
        rows: float `(B, L, V + 2)`, weights of the ids.
        log_p_x0: log-probabilities `(B, L, V)`.
        t: float64 times `(B, L)`.
        s: earlier times `(B, L)`.

    Example:
        >>> rows = torch.tensor([[[0.5, 0.5, 0.0, 0.0]]])
        >>> t, s = torch.tensor([[0.5]]).double(), torch.tensor([[0.0]]).double()
        >>> averaged_kernel(UniformProcess(2), rows, torch.zeros(1, 1, 2) - 0.6931, t, s).exp()
        tensor([[[0.5000, 0.5000]]], dtype=torch.float64)
    """
    size, schedule = process.vocab_size, process.schedule
    x = rows[..., :size].double()
    p = log_p_x0.double().exp()
    alpha = schedule.alpha(t)[..., None]
    ratio = (alpha / schedule.alpha(s)[..., None]).nan_to_num(0.0)
    low = schedule.noise(s)[..., None]
    common = (schedule.noise(t)[..., None] - low) * p + (1.0 - ratio) * low / size
    kept = size * alpha * p + (ratio - alpha)
    share = x / (common.sum(-1, keepdim=True) + kept)
    mixed = common * share.sum(-1, keepdim=True) + kept * share
    mixed = mixed / mixed.sum(-1, keepdim=True).clamp(min=torch.finfo(mixed.dtype).tiny)
    return mixed.clamp(min=torch.finfo(mixed.dtype).tiny).log()
