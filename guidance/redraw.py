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
        given = list(level) if isinstance(level, Sequence) else [level, level]
        ends = [_check.finite("level", end) for end in given]
        if len(ends) != 2 or not 0 < ends[0] <= ends[1] <= 1:
            raise InputError(
                f"level must be a time in (0, 1] or two of them, low first, got {level!r}"
            )
        self.low, self.high = ends

    def draw(self, keys: Tensor) -> Tensor:
        """Return float64 times `(B,)` for int64 row keys `(B,)`."""
        u = random.uniform(random.fold(keys, CHOICE), 1)[:, 0]
        return self.low + (self.high - self.low) * u


Region = Literal["sites", "span", "fragment"]
_SPAN, _RESIZE = -4, -6  # purposes beside those of a state
REGIONS: tuple[Region, ...] = ("sites", "span", "fragment")


def redraw(
    sampler: Sampler,
    old: State,
    levels: Levels,
    keys: Tensor,
    own: Tensor,
    *,
    restricted: bool,
    region: Region = "sites",
    resize: int = 0,
    progress: Progress | None = None,
) -> State:
    r"""Return rows noised and drawn again: $x_t\sim q(\cdot\mid x_0)$, $x_0'\sim p(\cdot\mid x_t)$.

    With `span` one run of positions, as long as the level's share of those that may change, becomes
    noise and is drawn given the rest; with `fragment` one of the domain's fragments of at most that
    share. Rows with equal `keys` and tokens get equal levels and noise. What the model says of a
    row of which anything may have been drawn again is not known: the rest was drawn for other
    neighbours.

    Args:
        sampler: draws the new rows.
        old: B finished rows.
        levels: the times they are noised to.
        keys: of level and noise, int64 `(B,)`.
        own: of all that follows, int64 `(B,)`.
        restricted: whether alphabets and the sampler's constraint are kept to; else only the
            outcome may be judged by them.
        region: `sites`, noised each by itself, `span` or `fragment`.
        resize: the most positions that a run gains or loses, each number as likely.
        progress: called with the state after every event.

    Raises:
        UnsupportedError: if the model was not trained to draw a run given the rest, the domain
            has no fragments, or lengths or positions are fixed where runs are to be resized.
    """
    t, active, tokens = levels.draw(keys), old.active, old.tokens
    if region == "sites":
        noisy = sampler.process.corrupt(tokens, t, active, random.fold(keys, PRIOR))
    else:
        _check_runs(sampler, region)
        chance = random.fold(keys, _SPAN)
        run = spans(active, t, chance) if region == "span" else fragments(sampler, old, t, chance)
        if resize:
            _check_free(sampler, old)
            u = random.uniform(random.fold(keys, _RESIZE), 1)[:, 0]
            change = (u * (2 * resize + 1)).long() - resize
            tokens, run = resized(tokens, run, change, sampler.process.pad_id)
            old = replace(old, active=tokens != sampler.process.pad_id)
        active = run
        noisy = sampler.process.prior(tokens, active, random.fold(keys, PRIOR))
        t = torch.ones_like(t)
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


def fragments(sampler: Sampler, rows: State, share: Tensor, keys: Tensor) -> Tensor:
    """Return one of the domain's fragments of each row, bool `(B, W)`.

    All are equally likely that are within the active positions and no longer than the share of
    them; where none is, a run of that length is taken, as by `spans`.

    Args:
        sampler: whose domain says what the fragments are.
        rows: B finished rows.
        share: of the active positions, in (0, 1], `(B,)`.
        keys: int64 row keys `(B,)`.
    """
    alphabet, domain = sampler.model.domain.alphabet.tokens, sampler.model.domain
    run = spans(rows.active, share, keys)
    most = run.sum(1).tolist()
    u = random.uniform(random.fold(keys, 1), 1)[:, 0].tolist()
    free = rows.active.tolist()
    for number, row in enumerate(rows.tokens.tolist()):
        found = domain.fragments([alphabet[i] for i in row if i < len(alphabet)])
        fit = [(a, b) for a, b in found or () if b - a <= most[number] and all(free[number][a:b])]
        if fit:
            first, after = fit[int(u[number] * len(fit))]
            run[number] = False
            run[number, first:after] = True
    return run


def resized(tokens: Tensor, run: Tensor, change: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """Return rows whose runs are longer or shorter, what follows moved, and where the runs are.

    What a run holds afterwards, the first token, has no meaning: it is to become noise. It keeps
    one position at least, and grows as far as there is room.

    Args:
        tokens: int64 `(B, W)`.
        run: one run of positions of each row, bool `(B, W)`.
        change: positions that it gains or loses, int64 `(B,)`.
        pad: id of PAD.

    Example:
        >>> tokens = torch.tensor([[0, 1, 2, 3, 9]])
        >>> run = torch.tensor([[False, True, False, False, False]])
        >>> tokens, run = resized(tokens, run, torch.tensor([1]), pad=9)
        >>> tokens[~run].tolist(), run.tolist()
        ([0, 2, 3], [[False, True, True, False, False]])
    """
    width = tokens.shape[1]
    count, length = run.sum(1), (tokens != pad).sum(1)
    change = torch.minimum(torch.maximum(change, 1 - count), width - length)[:, None]
    place = torch.arange(width, device=tokens.device)
    first = run.long().argmax(1)[:, None]
    after = first + count[:, None] + change
    source = torch.where(place < after, place, place - change).clamp(0, width - 1)
    moved = tokens.gather(1, source).masked_fill(place >= length[:, None] + change, pad)
    run = (place >= first) & (place < after)
    return moved.masked_fill(run, 0), run


def _check_free(sampler: Sampler, rows: State) -> None:
    fixed = (rows.active != (rows.tokens != sampler.process.pad_id)).any()
    if sampler.model.length_mode == "pad_as_token" or rows.layout is not None or bool(fixed):
        raise UnsupportedError(
            "resize must be 0 where a template holds positions or the model writes where a design "
            "ends"
        )


def _check_runs(sampler: Sampler, region: Region) -> None:
    if not sampler.model.handles_frozen:
        raise UnsupportedError(
            f"region must be sites for this model: a {region} is drawn given fixed neighbours, "
            f"which on a {sampler.process.kind} process needs frozen_fraction > 0 in training, "
            f"got {region!r}"
        )
    if region == "fragment" and sampler.model.domain.fragments(()) is None:
        raise UnsupportedError(
            f"region must be sites or span for {sampler.model.domain.name} strings, which have no "
            "fragments, got 'fragment'"
        )
