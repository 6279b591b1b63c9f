"""Parallel decoding: blocks of a fixed number of positions in random order."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from discdiff import _check
from discdiff.constraint.constraint import Asked
from discdiff.model import Model
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Plan, StaticPlan, descending_rank, hitting_levels
from discdiff.samplers.state import State

Counts = Literal["uniform", "cosine"]


def block_of(rank: Tensor, total: Tensor, steps: int, counts: Counts) -> Tensor:
    r"""Return the block, 0..steps-1, in which the position of a given rank is revealed.

    After block $k$ of $K$, $\mathrm{round}(n f(k/K))$ of $n$ positions are visible, with $f(u)=u$
    (uniform) or $f(u)=1-\cos(\pi u/2)$ (cosine: few at first, when little is known).

    Args:
        rank: 0-based rank in the order of reveals, int64, any shape.
        total: n, broadcastable to `rank`.
        steps: K.
        counts: the shape of f.

    Example:
        >>> block_of(torch.arange(4), torch.tensor(4), 2, "uniform").tolist()
        [0, 0, 1, 1]
    """
    # the inverse of round(n f): the first block whose rounded count exceeds the rank
    share = ((rank.double() + 0.5) / total.double()).clamp(max=1.0)
    progress = share if counts == "uniform" else torch.acos(1.0 - share) * (2.0 / math.pi)
    return (torch.ceil(progress * steps - 1e-9) - 1).long().clamp(0, steps - 1)


class Parallel(Sampler):
    r"""Reveals fixed numbers of positions in at most `steps` events, in random order.

    Args:
        model: a masked model.
        steps: number of blocks; as many uniform ones as the length are first-hitting sampling.
        counts: `uniform` or `cosine` block sizes.
        temperature: as in `Sampler`.
        top_p: as in `Sampler`.
        constraint: as in `Sampler`.

    Raises:
        InputError: if `steps` is not a positive integer or `counts` is unknown.

    Law: exact as steps → ∞, uniform blocks from steps = length on; the error is the dependence
        between tokens of one block.

    Source: MaskGIT: Masked Generative Image Transformer (Chang et al., 2022, arXiv:2202.04200).

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> Parallel(model, steps=2).sample(3, key=1).counts["nfe"]
        6
    """

    processes: ClassVar[tuple[str, ...]] = ("masked",)

    def __init__(
        self,
        model: Model,
        steps: int = 16,
        counts: Counts = "uniform",
        temperature: float = 1.0,
        top_p: float = 1.0,
        constraint: Asked = None,
    ) -> None:
        super().__init__(model, temperature, top_p, constraint)
        self.steps = _check.positive_int("steps", steps)
        _check.one_of("counts", counts, ("uniform", "cosine"))
        self.counts: Counts = counts

    def plan(self, state: State) -> Plan:
        return StaticPlan.draw(self._reveal, self.process, state)

    def _reveal(
        self, editable: Tensor, t: Tensor, keys: Tensor, total: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        levels = hitting_levels(editable, t, keys, self.process)
        time = self.process.schedule.time_at_noise(levels)
        shown = (total - editable.sum(1))[:, None]
        rank = shown + descending_rank(levels, editable)
        return (
            -block_of(rank, total.clamp(min=1)[:, None], self.steps, self.counts),
            time,
            time,
            time,
        )
