"""The move of methods that walk among finished designs: noise one to a level, draw it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError
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


def redraw(
    sampler: Sampler,
    old: State,
    levels: Levels,
    keys: Tensor,
    own: Tensor,
    *,
    restricted: bool,
    progress: Progress | None = None,
) -> State:
    r"""Return rows noised and drawn again: $x_t\sim q(\cdot\mid x_0)$, $x_0'\sim p(\cdot\mid x_t)$.

    Rows with equal `keys` and tokens get equal levels and noise. What the model says of a row of
    which anything may have been drawn again is not known: the rest was drawn for other neighbours.

    Args:
        sampler: draws the new rows.
        old: B finished rows.
        levels: the times they are noised to.
        keys: of level and noise, int64 `(B,)`.
        own: of all that follows, int64 `(B,)`.
        restricted: whether positions with an alphabet draw from it; else from all tokens.
        progress: called with the state after every event.
    """
    t = levels.draw(keys)
    noisy = sampler.process.corrupt(old.tokens, t, old.active, random.fold(keys, PRIOR))
    begun = sampler.start(
        noisy,
        t,
        old.active,
        keys=own,
        allowed=old.allowed if restricted else None,
        layout=old.layout if restricted else None,
        cond=old.cond,
    )
    redrawn = sampler.process.editable(noisy, old.active)
    done = sampler.run(replace(begun, counts=old.counts), progress=progress)
    moved = redrawn.any(1)
    path = old.path.where(moved, done.path).unknown_in(moved)
    return replace(done, path=path, allowed=old.allowed, layout=old.layout)
