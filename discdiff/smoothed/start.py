"""Where walks begin: what may stand at each position, and the noisy rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from discdiff import random
from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Templates
from discdiff.samplers.start import seed_tokens
from discdiff.smoothed.loss import one_hot
from discdiff.smoothed.model import SmoothedModel

# purposes of the random numbers below one row key
CHOICE, PLACE, VELOCITY, STEP = range(4)


@dataclass(frozen=True)
class Walkers:
    """The state of a walk.

    Attributes:
        y: places, float64 `(B, W, V)`; W does not depend on the batch.
        v: velocities `(B, W, V)`.
        allowed: tokens that may stand, bool `(B, W, V)`; none at a pad.
        keys: int64 row keys `(B,)`.
    """

    y: Tensor
    v: Tensor
    allowed: Tensor
    keys: Tensor


def walkers(
    model: SmoothedModel,
    keys: Tensor,
    length: int | None,
    template: Templates | None,
    seeds: Sequence[str] | None,
) -> Walkers:
    """Return walks at their start: around seeds, or around tokens that are drawn uniformly.

    Args:
        model: the model.
        keys: int64 row keys `(B,)`.
        length: tokens per design; drawn from the length law when None.
        template: a `Template` of the first positions, or None.
        seeds: strings that walks start from, each drawn with equal chances, or None.

    Raises:
        InputError: if what is asked for does not go together.
        DataError: if the model cannot write a seed.
        UnsupportedError: if the template is none of one layout, or the network was not trained with
            tokens that are known.
    """
    u = random.uniform(random.fold(keys, CHOICE), 1)[:, 0]
    size, width = model.vocab_size, model.max_length
    if seeds is not None:
        if length is not None:
            raise InputError("length must be None where seeds are given: a design keeps its seed's")
        if isinstance(seeds, str) or not seeds:
            raise InputError(f"seeds must be a list of strings, got {seeds!r}")
        known = seed_tokens(seeds, model.domain, model.max_length).to(keys.device)
        x = known[(u * len(known)).long()]
        lengths = (x < size).sum(1)
    else:
        lengths = _lengths(model, u, length, template)
    filled = torch.arange(width, device=keys.device) < lengths[:, None]
    allowed = filled[..., None].expand(-1, -1, size)
    if template is not None:
        allowed = allowed & _restricted(model, template, lengths, keys.device)
    position = size * width
    gauss = random.normal(random.fold(keys, PLACE), position).view(-1, width, size)
    if seeds is None:
        coin = random.uniform(random.fold(keys, PLACE), position + width)[:, position:]
        x = _any_of(allowed, coin)
    y = one_hot(x, size).double() + model.sigma * gauss
    v = random.normal(random.fold(keys, VELOCITY), position).view(y.shape)
    return Walkers(y * filled[..., None], v * filled[..., None], allowed, keys)


def _any_of(allowed: Tensor, coin: Tensor) -> Tensor:
    """Return one of the allowed tokens `(B, W)`, all equally likely; V at pads."""
    count = allowed.sum(-1)
    place = (coin * count).long() + 1
    first = (allowed.long().cumsum(-1) >= place[..., None]).long().argmax(-1)
    return torch.where(count > 0, first, allowed.shape[-1])


def _lengths(
    model: SmoothedModel, u: Tensor, length: int | None, template: Templates | None
) -> Tensor:
    if length is None and isinstance(template, Template):
        length = len(template)
    if length is None:
        return model.lengths.at(u)
    if not 1 <= length <= model.max_length:
        raise InputError(f"length must lie in [1, {model.max_length}], got {length}")
    return torch.full(u.shape, length, device=u.device)


def _restricted(
    model: SmoothedModel, template: Templates, lengths: Tensor, device: torch.device
) -> Tensor:
    """Return what a template allows, bool `(W, V)`."""
    if not isinstance(template, Template):
        raise UnsupportedError(
            "template must be one Template, because a walk takes neither several nor one with "
            f"gaps, got {type(template).__name__}"
        )
    if len(template) > int(lengths.min()):
        raise InputError(
            f"template must have at most as many tokens as the design, {int(lengths.min())}, "
            f"got {len(template)}"
        )
    if not model.frozen_training:
        raise UnsupportedError(
            "template must be None for a network that was not trained with tokens that are known: "
            "train it with frozen_fraction > 0"
        )
    size = model.vocab_size
    allowed = torch.ones(model.max_length, size, dtype=torch.bool)
    allowed[: len(template)] = template.allowed
    fixed = template.tokens < size
    allowed[: len(template)][fixed] = one_hot(template.tokens[fixed], size).bool()
    return allowed.to(device)
