"""Plans: which positions are drawn, remasked or left at each event of a row.

A *static* plan is drawn before the first network call, because reveal times of masked diffusion do
not depend on token values. It is kept on the host, so a step needs no device synchronisation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff import random
from discdiff.process import Process
from discdiff.samplers.state import PLAN, State

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Event:
    """What happens to the batch next.

    Attributes:
        rows: row of each position to draw, ascending, `(N,)` on the host.
        cols: its column, `(N,)` on the host.
        t: clocks before the event, float64 `(B,)`.
        s: clocks after it, float64 `(B,)`; equal to `t` in rows that idle.
        remask: positions to mask, bool `(B, W)`, or None.
    """

    rows: Ints
    cols: Ints
    t: Tensor
    s: Tensor
    remask: Tensor | None = None


class Plan(ABC):
    """The remaining events of every row.

    `adaptive` plans propose all positions in `event` and `choose` among them by their
    log-probabilities.
    """

    adaptive: ClassVar[bool] = False

    @abstractmethod
    def done(self, state: State, stop: float) -> Bools:
        """Return the rows `(B,)` that have no event ending at `stop` or later."""

    @abstractmethod
    def event(self, state: State, stop: float) -> Event:
        """Return the next event, in which rows that are done idle."""

    def choose(self, state: State, event: Event, log_p: Tensor) -> Tensor:
        """Return which of the event's N positions are drawn, bool `(N,)`; by default all."""
        return torch.ones(len(log_p), dtype=torch.bool, device=log_p.device)

    @abstractmethod
    def take(self, index: Ints) -> Plan:
        """Return the plans of the rows `index`."""

    def renew(self, state: State, where: Bools) -> Plan:
        """Return the plan with the remaining events of the rows `where` drawn afresh.

        By default itself: nothing of it is random before its event comes.
        """
        return self

    def resume(self, state: State) -> Plan:
        """Return the plan that goes on from the clocks of `state`, its next event being 0.

        By default itself: its events follow from the tokens.
        """
        return self


class Finished(Plan):
    """No events: what is left of every plan, and the plan of a state that waits for one."""

    def done(self, state: State, stop: float) -> Bools:
        return np.ones(len(state), dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        none = np.zeros(0, dtype=np.int64)
        return Event(none, none, state.t, state.t)

    def take(self, index: Ints) -> Finished:
        return self


# (editable (B, W), clocks (B,), keys (B,), total (B,)) -> step of each position and its times
Reveal = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


class StaticPlan(Plan):
    """A plan of reveals, drawn in one go.

    Args:
        reveal: draws, for every editable position, an integer step (reveals with equal steps happen
            in one event, in descending order of steps) and the clock before and after it.
        process: the masked process.
        event_of: event of each position, -1 for none, `(B, W)`.
        before: clock before each event, `(B, E)`.
        after: clock after it, `(B, E)`.
        total: positions the row had to reveal when it started, `(B,)`.
    """

    def __init__(
        self,
        reveal: Reveal,
        process: Process,
        event_of: Ints,
        before: NDArray[np.float64],
        after: NDArray[np.float64],
        total: Tensor,
    ) -> None:
        self.reveal, self.process, self.total = reveal, process, total
        self.event_of, self.before, self.after = event_of, before, after
        self.count = event_of.max(axis=1, initial=-1) + 1
        rows, cols = np.nonzero(event_of >= 0)
        events = event_of[rows, cols]
        order = np.argsort(events, kind="stable")
        self._rows, self._cols = rows[order], cols[order]
        self._bounds = np.searchsorted(events[order], np.arange(before.shape[1] + 1))

    @classmethod
    def draw(cls, reveal: Reveal, process: Process, state: State) -> StaticPlan:
        """Draw the whole plan of a state that starts now."""
        editable = process.editable(state.tokens, state.active)
        total = editable.sum(1)
        drawn = _draw(reveal, editable, state, total)
        return cls(reveal, process, *drawn, total)

    def done(self, state: State, stop: float) -> Bools:
        finished = self.count <= state.event
        if stop > 0.0 and state.event < self.after.shape[1]:
            finished = finished | (self.after[:, state.event] < stop)
        return np.asarray(finished, dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        e = state.event
        if e >= self.before.shape[1]:
            return Finished().event(state, stop)
        low, high = self._bounds[e], self._bounds[e + 1]
        rows, cols = self._rows[low:high], self._cols[low:high]
        clock = state.t.device
        idle = self.count <= e
        if stop > 0.0:
            idle = idle | (self.after[:, e] < stop)
            kept = ~idle[rows]
            rows, cols = rows[kept], cols[kept]
        busy = torch.from_numpy(~idle).to(clock, non_blocking=True)
        before = torch.from_numpy(self.before[:, e]).to(clock, non_blocking=True)
        after = torch.from_numpy(self.after[:, e]).to(clock, non_blocking=True)
        return Event(
            rows,
            cols,
            torch.where(busy, before, state.t),
            torch.where(busy, after, state.t),
        )

    def take(self, index: Ints) -> StaticPlan:
        return StaticPlan(
            self.reveal,
            self.process,
            self.event_of[index],
            self.before[index],
            self.after[index],
            self.total[torch.from_numpy(index).to(self.total.device)],
        )

    def renew(self, state: State, where: Bools) -> StaticPlan:
        if not where.any():
            return self
        editable = self.process.editable(state.tokens, state.active)
        event_of, before, after = _draw(self.reveal, editable, state, self.total)
        past = state.event
        event_of = np.where(event_of >= 0, event_of + past, -1)
        empty = np.zeros((len(state), past))
        before, after = np.hstack([empty, before]), np.hstack([empty, after])
        width = max(before.shape[1], self.before.shape[1])
        chosen = where[:, None]
        return StaticPlan(
            self.reveal,
            self.process,
            np.where(chosen, event_of, np.where(self.event_of >= past, self.event_of, -1)),
            np.where(chosen, _widen(before, width), _widen(self.before, width)),
            np.where(chosen, _widen(after, width), _widen(self.after, width)),
            self.total,
        )

    def resume(self, state: State) -> StaticPlan:
        editable = self.process.editable(state.tokens, state.active)
        drawn = _draw(self.reveal, editable, state, self.total)
        return StaticPlan(self.reveal, self.process, *drawn, self.total)


def _widen(times: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.pad(times, ((0, 0), (0, width - times.shape[1])))


def _draw(
    reveal: Reveal, editable: Tensor, state: State, total: Tensor
) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """Draw steps and number the occupied ones of each row 0, 1, ... in descending order."""
    keys = state.purpose_keys(PLAN)
    step, before, after = reveal(editable, state.t, keys, total)
    host = torch.stack([step.double(), before, after]).cpu().numpy()
    wanted = editable.cpu().numpy()
    steps = np.where(wanted, host[0], -np.inf)
    order = np.argsort(-steps, axis=1, kind="stable")
    ranked = np.take_along_axis(steps, order, axis=1)
    real = np.isfinite(ranked)
    new = np.ones_like(real)
    new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    number = np.cumsum(new & real, axis=1) - 1
    event_of = np.full(steps.shape, -1, dtype=np.int64)
    np.put_along_axis(event_of, order, np.where(real, number, -1), axis=1)
    events = int(event_of.max(initial=-1)) + 1
    rows, cols = np.nonzero(event_of >= 0)
    times = np.zeros((2, len(steps), events))
    # a block's clocks: before its first reveal, after its last
    np.maximum.at(times[0], (rows, event_of[rows, cols]), host[1][rows, cols])
    times[1] = 1.0
    np.minimum.at(times[1], (rows, event_of[rows, cols]), host[2][rows, cols])
    return event_of, times[0], times[1]


def hitting_levels(editable: Tensor, t: Tensor, keys: Tensor, process: Process) -> Tensor:
    """Return the noise level `(B, W)` at which each editable position of a row is revealed.

    Given the clock, the levels are independent and uniform below the present level.
    """
    now = process.schedule.noise(t)
    levels = random.uniform(keys, editable.shape[1]) * now[:, None]
    return torch.where(editable, levels, 0.0)


def descending_rank(levels: Tensor, editable: Tensor) -> Tensor:
    """Return the rank `(B, W)` of each editable level in its row, the largest first."""
    score = torch.where(editable, levels, -1.0)
    return score.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
