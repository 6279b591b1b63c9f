r"""Keyed random numbers: a counter-based hash in place of a generator that moves.

A number depends only on (key, design, slot, event, purpose, position), so a design is the same in
any batch, shard or worker count. The hash is the finaliser of splitmix64
("Fast splittable pseudorandom number generators", Steele, Lea, Flood, 2014), applied once for
each part that is folded in.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


def _shift_right(x: Tensor, bits: int) -> Tensor:
    # torch shifts int64 arithmetically; the mask makes the shift logical
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def fold(keys: Tensor, data: Tensor | int) -> Tensor:
    """Return new int64 keys that depend on `keys` and on the integer `data`, broadcast together.

    Example:
        >>> keys = torch.tensor([1, 2])
        >>> bool((fold(keys, 0) != fold(keys, 1)).all())
        True
    """
    return _mix(keys + _GOLDEN * (_as_int64(data, keys) + 1))


def _as_int64(data: Tensor | int, like: Tensor) -> Tensor:
    if isinstance(data, Tensor):
        return _mix(data.to(torch.int64))
    return _mix(torch.tensor(data, dtype=torch.int64, device=like.device))


def uniform_at(keys: Tensor, position: Tensor) -> Tensor:
    """Return float64 uniforms in (0, 1), one for each pair (key, position), broadcast together.

    Example:
        >>> u = uniform_at(torch.arange(4), torch.zeros(4, dtype=torch.int64))
        >>> u.shape, u.dtype
        (torch.Size([4]), torch.float64)
    """
    bits = _shift_right(fold(keys, position), 12)  # with 53 bits the last sum rounds up to 1
    return (bits.to(torch.float64) + 0.5) * 2.0**-52


def uniform(keys: Tensor, width: int) -> Tensor:
    """Return float64 uniforms `(B, width)` for keys `(B,)`: position is the column index.

    Example:
        >>> keys = row_keys(7, torch.arange(2), torch.zeros(2, dtype=torch.int64))
        >>> bool((uniform(keys, 3) == uniform(keys, 5)[:, :3]).all())
        True
    """
    return uniform_at(keys[..., None], torch.arange(width, device=keys.device))


def normal(keys: Tensor, width: int) -> Tensor:
    """Return float64 standard normals `(B, width)` for keys `(B,)`, by the inverse of the CDF.

    Example:
        >>> keys = row_keys(7, torch.arange(2), torch.zeros(2, dtype=torch.int64))
        >>> bool((normal(keys, 3) == normal(keys, 5)[:, :3]).all())
        True
    """
    normals: Tensor = torch.special.ndtri(uniform(keys, width))
    return normals


def new_key(generator: torch.Generator | None = None) -> int:
    """Draw one 64-bit key from `generator` (torch's global generator when None)."""
    device = "cpu" if generator is None else generator.device
    draw = torch.randint(
        -(2**63), 2**63 - 1, (1,), dtype=torch.int64, generator=generator, device=device
    )
    return int(draw.item())


def row_keys(key: int, design: Tensor, slot: Tensor) -> Tensor:
    """Return the int64 key `(B,)` of every row from the run's key, its design and its slot."""
    root = torch.tensor(key, dtype=torch.int64, device=design.device)
    return fold(fold(root, design), slot)
