"""The move of methods that walk among finished designs: noise one to a level, draw it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.method import Progress
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import CHOICE, PRIOR, State


class Levels:
    """Times that designs are noised to: uniform in [low, high].

    Args:
        level: the time t in (0, 1], or two of them.

    Raises:
        InputError: if it is anything else.

    Example:
        >>> import torch
        >>> Levels((0.1, 0.5)).draw(torch.tensor([7, 8])).round(decimals=3).tolist()
        [0.389, 0.207]
    """

    def __init__(self, level: float | Sequence[float]) -> None:
        ends = [level] * 2 if isinstance(level, (int, float)) else list(level)
        ends = [_check.finite("level", end) for end in ends]
        if len(ends) != 2 or not 0 < ends[0] <= ends[1] <= 1:
            raise InputError(
                f"level must be a time in (0, 1] or two of them, low first, got {level!r}"
            )
        self.low, self.high = ends

    def draw(self, keys: Tensor) -> Tensor:
        """Return float64 times `(B,)` for int64 row keys `(B,)`."""
        u = random.uniform(random.fold(keys, CHOICE), 1)[:, 0]
        return self.low + (self.high - self.low) * u


Region = Literal["sites", "span"]
_SPAN = -4  # a purpose beside those of a state
REGIONS: tuple[Region, ...] = ("sites", "span")


def redraw(
    sampler: Sampler,
    old: State,
    levels: Levels,
    keys: Tensor,
    own: Tensor,
    *,
    restricted: bool,
    region: Region = "sites",
    progress: Progress | None = None,
) -> State:
    r"""Return rows noised and drawn again: $x_t\sim q(\cdot\mid x_0)$, $x_0'\sim p(\cdot\mid x_t)$.

    With `span` one run of positions, as long as the level's share of those that may change, becomes
    noise and is drawn given the rest. Rows with equal `keys` and tokens get equal levels and noise.
    What the model says of a row of which anything may have been drawn again is not known: the rest
    was drawn for other neighbours.

    Args:
        sampler: draws the new rows.
        old: B finished rows.
        levels: the times they are noised to.
        keys: of level and noise, int64 `(B,)`.
        own: of all that follows, int64 `(B,)`.
        restricted: whether alphabets and the sampler's constraint are kept to; else only the
            outcome may be judged by them.
        region: `sites`, noised each by itself, or `span`.
        progress: called with the state after every event.

    Raises:
        UnsupportedError: if the model was not trained to draw a span given the rest.
    """
    t, active = levels.draw(keys), old.active
    if region == "span":
        if not sampler.model.handles_frozen:
            raise UnsupportedError(
                "region must be sites for this model: a span is drawn given fixed neighbours, "
                "which on a uniform process needs frozen_fraction > 0 in training, got 'span'"
            )
        active = spans(active, t, random.fold(keys, _SPAN))
        noisy = sampler.process.prior(old.tokens, active, random.fold(keys, PRIOR))
        t = torch.ones_like(t)
    else:
        noisy = sampler.process.corrupt(old.tokens, t, active, random.fold(keys, PRIOR))
    begun = sampler.start(
        noisy,
        t,
        active,
        keys=own,
        allowed=old.allowed if restricted else None,
        layout=old.layout if restricted else None,
        cond=old.cond,
        held=restricted,
    )
    redrawn = sampler.process.editable(noisy, active)
    done = sampler.run(replace(begun, counts=old.counts), progress=progress)
    moved = redrawn.any(1)
    path = old.path.where(moved, done.path).unknown_in(moved)
    return replace(
        done, path=path, active=old.active, allowed=old.allowed, layout=old.layout, held=old.held
    )


def spans(active: Tensor, share: Tensor, keys: Tensor) -> Tensor:
    """Return a run of active positions of each row, at a random place, bool `(B, W)`.

    Args:
        active: positions that may change, bool `(B, W)`; those between them are stepped over.
        share: of them, in (0, 1], `(B,)`; at least one is taken where there is one.
        keys: int64 row keys `(B,)`.

    Example:
        >>> active = torch.tensor([[True, True, False, True, True]])
        >>> spans(active, torch.tensor([0.5]), torch.tensor([3])).tolist()
        [[True, True, False, False, False]]
    """
    count = active.sum(1)
    length = (share * count).round().long().clamp(min=1)
    length = torch.minimum(length, count)
    first = (random.uniform(keys, 1)[:, 0] * (count - length + 1)).long()
    rank = active.long().cumsum(1) - 1
    return active & (rank >= first[:, None]) & (rank < (first + length)[:, None])
