"""Several networks of one kind, from a batch to the values of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from discdiff import _check
from discdiff.predictor.representation import Representation


class Ensemble(nn.Module):
    """K members that read one representation, and the units of their answers.

    Args:
        representation: what they read.
        outputs: R.
        members: K.
        binary: whether an answer is a probability, of which the members give the log-odds.

    Raises:
        InputError: if a number is not positive.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self, representation: Representation, outputs: int, members: int, binary: bool
    ) -> None:
        super().__init__()
        self.representation = representation
        self.binary = binary
        _check.positive_int("outputs", outputs)
        count = _check.positive_int("members", members)
        self.members = nn.ModuleList(representation.member(outputs) for _ in range(count))
        self.register_buffer("centre", torch.zeros(outputs))
        self.register_buffer("scale", torch.ones(outputs))

    def forward(self, batch: Any) -> Tensor:
        """Return what the members say of a batch, `(K, N, R)`: standardised, or log-odds."""
        return torch.stack([member(batch) for member in self.members])

    def values(self, batch: Any) -> Tensor:
        """Return the values `(K, N, R)` in the units of the data, or probabilities."""
        raw = self(batch).float()
        values: Tensor = raw.sigmoid() if self.binary else raw * self.scale + self.centre
        return values


def spread(values: Tensor) -> Tensor:
    """Return the standard deviation over the first dimension, with K - 1; 0 for one member.

    Example:
        >>> spread(torch.tensor([[1.0], [3.0]])).tolist(), spread(torch.ones(1, 2)).tolist()
        ([1.4142135381698608], [0.0, 0.0])
    """
    if len(values) == 1:
        return torch.zeros_like(values[0])
    centred = values - values.mean(0)
    # the root of 0 has no slope
    return (centred.square().sum(0) / (len(values) - 1)).clamp_min(1e-20).sqrt()
