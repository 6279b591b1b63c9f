"""A short name for the weights of a network, to tell one from another."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def fingerprint(network: nn.Module) -> str:
    """Return a short hash of a network's parameters and buffers.

    Example:
        >>> fingerprint(nn.Linear(2, 1)) != fingerprint(nn.Linear(2, 1))
        True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        digest.update(
            tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()[:16]
