"""Crossover: designs made of two parents of one length, which mutation then makes plausible."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import random
from discdiff.samplers.state import State

Crossover = Literal["uniform", "one_point", "moved"]
CROSSOVERS: tuple[Crossover, ...] = ("uniform", "one_point", "moved")
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
        how: `uniform`, each position from either parent; `one_point`, all free ones after a random
            place from the second; or `moved`, a run of at most half of the free ones, its length
            log-uniform, from any place of the second, as far as the alphabets there allow.
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
    taken = members.tokens[mate]
    if how == "one_point":
        count = begun.active.sum(1)
        first = 1 + (u[:, 1] * (count - 1).clamp(min=1)).long()
        second = begun.active.long().cumsum(1) > first[:, None]
    elif how == "moved":
        second, source = _moved(begun.active, random.fold(keys, 2))
        taken = taken.gather(1, source)
    else:
        second = random.uniform(random.fold(keys, 1), width) < 0.5
    second &= begun.active & (alike.any(1) & (u[:, 2] < share))[:, None]
    second = _allowed(begun, taken, second)
    tokens = torch.where(second, taken, begun.tokens)
    changed = (tokens != begun.tokens).any(1)
    return replace(begun, tokens=tokens, path=begun.path.unknown_in(changed))


def _moved(active: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return where a run of free positions goes, bool `(B, W)`, and whence each token comes."""
    count, u = active.sum(1), random.uniform(keys, 3)
    longest = (count // 2).clamp(min=1).double()
    length = (longest + 1).pow(u[:, 0]).long()  # all scales alike: most places keep their tokens
    room = (count - length + 1).clamp(min=1)
    start, goal = (u[:, 1] * room).long(), (u[:, 2] * room).long()
    rank = active.long().cumsum(1) - 1
    run = active & (rank >= goal[:, None]) & (rank < (goal + length)[:, None])
    place = (~active).int().argsort(dim=1, stable=True)  # of the free position with each rank
    source = (rank + (start - goal)[:, None]).clamp(0, active.shape[1] - 1)
    return run, place.gather(1, source)


def _allowed(rows: State, tokens: Tensor, chosen: Tensor) -> Tensor:
    """Return those of the chosen positions `(B, W)` at which the row's template has the token."""
    where = chosen.nonzero(as_tuple=True)
    alphabet = rows.alphabet(*where)
    if alphabet is None:
        return chosen
    kept = torch.zeros_like(chosen)
    kept[where] = alphabet.gather(1, tokens[where][:, None])[:, 0]
    return kept
