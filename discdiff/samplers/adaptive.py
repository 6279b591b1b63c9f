"""Orders chosen from the network's own certainty: choose the positions first, then draw."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from discdiff import _check
from discdiff.constraint.constraint import Asked
from discdiff.model import Model
from discdiff.process import Process
from discdiff.samplers.engine import Sampler
from discdiff.samplers.parallel import block_of
from discdiff.samplers.plan import Bools, Event, Ints, Plan
from discdiff.samplers.state import State


class _CertaintyOrder(Sampler):
    processes: ClassVar[tuple[str, ...]] = ("masked",)

    def __init__(
        self,
        model: Model,
        steps: int | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        constraint: Asked = None,
    ) -> None:
        super().__init__(model, temperature, top_p, constraint)
        self.steps = None if steps is None else _check.positive_int("steps", steps)

    @abstractmethod
    def certainty(self, log_p: Tensor) -> Tensor:
        """Return how certain the network is, `(N,)`, from log-probabilities `(N, V)`."""

    def plan(self, state: State) -> Plan:
        editable = self.process.editable(state.tokens, state.active)
        return _OrderPlan(self, self.process, editable.sum(1).cpu().numpy())


class EntropyOrder(_CertaintyOrder):
    r"""Reveals first the positions whose law has the least entropy.

    The token is drawn after its position is chosen, so choosing adds no bias.

    Args:
        model: a masked model.
        steps: events per design; one position an event when None.
        temperature: as in `Sampler`.
        top_p: as in `Sampler`.
        constraint: as in `Sampler`.

    Raises:
        InputError: if `steps` is not a positive integer.

    Law: exact with one position an event and an exact denoiser; else biased by the dependence
    within a block and by a network whose conditionals depend on the order.

    Source: Large Language Diffusion Models (Nie et al., 2025, arXiv:2502.09992).

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> set(EntropyOrder(model).sample(20, key=1).strings) == {"AC", "GT"}
        True
    """

    def certainty(self, log_p: Tensor) -> Tensor:
        return torch.where(log_p > -torch.inf, log_p.exp() * log_p, 0.0).sum(-1)


class ConfidenceOrder(_CertaintyOrder):
    r"""Reveals first the positions whose most likely token has the largest probability.

    The token is drawn after its position is chosen, so choosing adds no bias.

    Args:
        model: a masked model.
        steps: events per design; one position an event when None.
        temperature: as in `Sampler`.
        top_p: as in `Sampler`.
        constraint: as in `Sampler`.

    Raises:
        InputError: if `steps` is not a positive integer.

    Law: exact with one position an event and an exact denoiser; else biased by the dependence
    within a block and by a network whose conditionals depend on the order.

    Source: MaskGIT: Masked Generative Image Transformer (Chang et al., 2022, arXiv:2202.04200),
    with the draw after the choice.

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> set(ConfidenceOrder(model, steps=2).sample(20, key=1).strings) == {"AC", "GT"}
        True
    """

    def certainty(self, log_p: Tensor) -> Tensor:
        return log_p.amax(-1)


@dataclass(frozen=True)
class _OrderPlan(Plan):
    """Proposes every masked position and keeps the most certain ones of each row."""

    order: _CertaintyOrder
    process: Process
    total: Ints
    adaptive: ClassVar[bool] = True

    def done(self, state: State, stop: float) -> Bools:
        left = self.process.editable(state.tokens, state.active).sum(1).cpu().numpy()
        finished = left == 0
        if stop > 0.0:
            finished = finished | (self._time(self._after(left)) < stop)
        return np.asarray(finished, dtype=np.bool_)

    def _after(self, left: Ints) -> Ints:
        """Return how many positions are left after the next event."""
        after = np.maximum(left - self._block_size(self.total - left, left), 0)
        return np.asarray(after, dtype=np.int64)

    def _time(self, left: Ints) -> np.ndarray:
        level = torch.from_numpy(left / np.maximum(self.total, 1))
        return self.process.schedule.time_at_noise(level.double()).numpy()

    def event(self, state: State, stop: float) -> Event:
        busy = ~self.done(state, stop)
        editable = self.process.editable(state.tokens, state.active).cpu().numpy()
        editable &= busy[:, None]
        rows, cols = np.nonzero(editable)
        s = torch.from_numpy(self._time(self._after(editable.sum(1)))).to(state.t.device)
        moves = torch.from_numpy(busy).to(state.t.device)
        return Event(rows, cols, state.t, torch.where(moves, torch.minimum(s, state.t), state.t))

    def _block_size(self, shown: Ints, left: Ints) -> Ints:
        steps = self.order.steps
        if steps is None:
            return np.ones_like(left)
        rank = torch.from_numpy(shown)[:, None] + torch.arange(int(left.max(initial=1)))
        total = torch.from_numpy(np.maximum(self.total, 1))[:, None]
        block = block_of(rank, total, steps, "uniform")
        inside = torch.arange(rank.shape[1]) < torch.from_numpy(left)[:, None]
        size: Ints = ((block == block[:, :1]) & inside).sum(1).numpy()
        return size

    def choose(self, state: State, event: Event, log_p: Tensor) -> Tensor:
        if len(event.rows) == 0:
            return torch.zeros(0, dtype=torch.bool, device=log_p.device)
        device = log_p.device
        rows = torch.from_numpy(event.rows).to(device)
        cols = torch.from_numpy(event.cols).to(device)
        score = torch.full(state.tokens.shape, -torch.inf, dtype=log_p.dtype, device=device)
        score[rows, cols] = self.order.certainty(log_p)
        rank = score.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        left = np.bincount(event.rows, minlength=len(state))
        size = torch.from_numpy(self._block_size(self.total - left, left)).to(device)
        return rank[rows, cols] < size[rows]

    def take(self, index: Ints) -> _OrderPlan:
        return replace(self, total=self.total[index])
