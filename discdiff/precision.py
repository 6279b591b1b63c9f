"""A network in bfloat16: several times faster on hardware that has it, and no longer exact."""

from __future__ import annotations

import torch
from torch import Tensor

from discdiff.denoiser import At, Denoiser

PRECISIONS = ("float32", "bfloat16")


class Bfloat16(Denoiser):
    """Runs a network under bfloat16 autocast; its log-probabilities come back in float32.

    Weights stay as they are. Rounding differs with the shape of a batch, so in bfloat16 a design
    need not be the same in another batch, shard or machine.

    Args:
        inner: the network.

    Example:
        >>> from discdiff.nn.transformer import Transformer
        >>> net = Bfloat16(Transformer(4, max_length=8, width=16, depth=1, heads=2))
        >>> net(torch.zeros(1, 8, dtype=torch.int64), torch.zeros(1)).dtype
        torch.float32
    """

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.vocab_size, inner.max_length, inner.needs_time)
        self.inner, self.classes = inner, inner.classes

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        with torch.autocast(x_t.device.type, dtype=torch.bfloat16):
            log_p: Tensor = self.inner(x_t, t, cond, at)
        return log_p.float()
