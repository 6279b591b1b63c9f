"""Crossover: designs made of two parents of one length, which mutation then makes plausible."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import random
from discdiff.samplers.state import State

Crossover = Literal["uniform", "one_point"]
CROSSOVERS: tuple[Crossover, ...] = ("uniform", "one_point")
_CROSS = -5  # a purpose beside those of a state


def cross(
    begun: State, members: State, parents: Tensor, own: Tensor, share: float, how: Crossover
) -> State:
    """Return rows of which some take a part of their tokens from another member of their length.

    Args:
        begun: C rows, the parents themselves.
        members: P rows that a second parent is one of, each alike: it has the same free positions
            and the same template.
        parents: the member that each row is, `(C,)`.
        own: int64 keys `(C,)`.
        share: of the rows that have a second parent, where there is one.
        how: `uniform`, each position from either parent, or `one_point`, all free ones after a
            random place from the second.
    """
    alike = (begun.active[:, None] == members.active[None]).all(2)
    if begun.layout is not None and members.layout is not None:
        alike &= begun.layout[:, None] == members.layout[None]
    number = torch.arange(len(members), device=own.device)
    alike &= number != parents[:, None]
    keys = random.fold(own, _CROSS)
    u = random.uniform(keys, 3)
    rank = (u[:, 0] * alike.sum(1)).long()
    mate = (alike & (alike.cumsum(1) == rank[:, None] + 1)).int().argmax(1)
    width = begun.tokens.shape[1]
    if how == "one_point":
        count = begun.active.sum(1)
        first = 1 + (u[:, 1] * (count - 1).clamp(min=1)).long()
        second = begun.active.long().cumsum(1) > first[:, None]
    else:
        second = random.uniform(random.fold(keys, 1), width) < 0.5
    second &= begun.active & (alike.any(1) & (u[:, 2] < share))[:, None]
    tokens = torch.where(second, members.tokens[mate], begun.tokens)
    changed = (tokens != begun.tokens).any(1)
    return replace(begun, tokens=tokens, path=begun.path.unknown_in(changed))
