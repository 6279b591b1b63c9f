r"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from discdiff import _check


class EMA(nn.Module):
    r"""A second copy of a network with $\bar\theta\leftarrow d_n\bar\theta+(1-d_n)\theta$.

    The decay warms up, $d_n=\min(d,\frac{1+n}{10+n})$ after $n$ updates, so that the start is
    forgotten. The copy is a module of its own, so its weights are part of the checkpoint and
    nothing is swapped.

    Args:
        network: what to average; copied at once.
        decay: $d$ in [0, 1].

    Raises:
        InputError: if `decay` is outside [0, 1].

    Example:
        >>> net = nn.Linear(1, 1, bias=False)
        >>> ema = EMA(net, decay=0.9999)
        >>> ema.update(net)
        >>> round(ema.decay_at(0), 3), torch.equal(ema.network.weight, net.weight)
        (0.1, True)
    """

    updates: torch.Tensor

    def __init__(self, network: nn.Module, decay: float = 0.9999) -> None:
        super().__init__()
        self.decay = _check.fraction("decay", decay)
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def decay_at(self, n: int) -> float:
        """Return the decay of the update that follows `n` updates."""
        return min(self.decay, (1 + n) / (10 + n))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards `network`; buffers are copied."""
        rate = 1.0 - self.decay_at(int(self.updates))
        self.updates += 1
        averages: list[torch.Tensor] = list(self.network.parameters())
        targets: list[torch.Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, targets, rate)
        for average, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)

    def train(self, mode: bool = True) -> EMA:
        """Keep the average in evaluation mode, whatever its owner is told."""
        super().train(mode)
        self.network.eval()
        return self
