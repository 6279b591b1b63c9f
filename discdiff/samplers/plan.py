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
Clocks = NDArray[np.float64]


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

    `adaptive` plans propose positions in `event` and `choose` among them by their
    log-probabilities. The events of plans that have `jumps` begin at times other than the clock of
    the state, so that a network that reads the clock must be asked anew.
    """

    adaptive: ClassVar[bool] = False
    jumps: ClassVar[bool] = False

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


# (editable (B, W), clocks (B,), keys (B,), total (B,)) -> of each position its step, the clocks
# before and after that step, and the clock of its own reveal
Reveal = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]


class StaticPlan(Plan):
    """A plan of reveals, drawn in one go.

    Args:
        reveal: draws, for every editable position, an integer step (reveals with equal steps happen
            in one event, in descending order of steps), the clocks before and after it, and the
            clock of the position's own reveal: a run that stops inside a step reveals up to there.
        process: the masked process.
        event_of: event of each position, -1 for none, `(B, W)`.
        own: clock of each position's own reveal, `(B, W)`.
        clocks: before each event, after it, and of its first reveal, `(3, B, E)`.
        total: positions the row had to reveal when it started, `(B,)`.
    """

    jumps = True

    def __init__(
        self,
        reveal: Reveal,
        process: Process,
        event_of: Ints,
        own: Clocks,
        clocks: Clocks,
        total: Tensor,
    ) -> None:
        self.reveal, self.process, self.total = reveal, process, total
        self.event_of, self.own, self.clocks = event_of, own, clocks
        self.count = event_of.max(axis=1, initial=-1) + 1
        rows, cols = np.nonzero(event_of >= 0)
        events = event_of[rows, cols]
        order = np.argsort(events, kind="stable")
        self._rows, self._cols = rows[order], cols[order]
        self._bounds = np.searchsorted(events[order], np.arange(clocks.shape[2] + 1))

    @classmethod
    def draw(cls, reveal: Reveal, process: Process, state: State) -> StaticPlan:
        """Draw the whole plan of a state that starts now."""
        editable = process.editable(state.tokens, state.active)
        total = editable.sum(1)
        drawn = _draw(reveal, editable, state, total)
        return cls(reveal, process, *drawn, total)

    def done(self, state: State, stop: float) -> Bools:
        finished = self.count <= state.event
        if stop > 0.0 and state.event < self.clocks.shape[2]:
            finished = finished | (self.clocks[2, :, state.event] < stop)
        return np.asarray(finished, dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        e = state.event
        if e >= self.clocks.shape[2]:
            return Finished().event(state, stop)
        low, high = self._bounds[e], self._bounds[e + 1]
        rows, cols = self._rows[low:high], self._cols[low:high]
        before, after, first = self.clocks[:, :, e]
        idle = self.count <= e
        if stop > 0.0:
            idle = idle | (first < stop)
            kept = ~idle[rows] & (self.own[rows, cols] >= stop)
            rows, cols, after = rows[kept], cols[kept], np.maximum(after, stop)
        clock = state.t.device
        busy = torch.from_numpy(~idle).to(clock, non_blocking=True)
        before = torch.from_numpy(before).to(clock, non_blocking=True)
        after = torch.from_numpy(after).to(clock, non_blocking=True)
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
            self.own[index],
            self.clocks[:, index],
            self.total[torch.from_numpy(index).to(self.total.device)],
        )

    def renew(self, state: State, where: Bools) -> StaticPlan:
        if not where.any():
            return self
        editable = self.process.editable(state.tokens, state.active)
        event_of, own, clocks = _draw(self.reveal, editable, state, self.total)
        past = state.event
        event_of = np.where(event_of >= 0, event_of + past, -1)
        clocks = np.pad(clocks, ((0, 0), (0, 0), (past, 0)))
        width = max(clocks.shape[2], self.clocks.shape[2])
        chosen = where[:, None]
        return StaticPlan(
            self.reveal,
            self.process,
            np.where(chosen, event_of, np.where(self.event_of >= past, self.event_of, -1)),
            np.where(chosen, own, self.own),
            np.where(chosen, _widen(clocks, width), _widen(self.clocks, width)),
            self.total,
        )

    def resume(self, state: State) -> StaticPlan:
        editable = self.process.editable(state.tokens, state.active)
        drawn = _draw(self.reveal, editable, state, self.total)
        return StaticPlan(self.reveal, self.process, *drawn, self.total)


def _widen(clocks: Clocks, width: int) -> Clocks:
    return np.pad(clocks, ((0, 0), (0, 0), (0, width - clocks.shape[2])))


def _draw(
    reveal: Reveal, editable: Tensor, state: State, total: Tensor
) -> tuple[Ints, Clocks, Clocks]:
    """Draw steps and number the occupied ones of each row 0, 1, ... in descending order."""
    keys = state.purpose_keys(PLAN)
    drawn = reveal(editable, state.t, keys, total)
    host = torch.stack([part.double() for part in drawn]).cpu().numpy()
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
    place = (rows, event_of[rows, cols])
    clocks = np.zeros((3, len(steps), events))
    clocks[1] = 1.0
    np.maximum.at(clocks[0], place, host[1][rows, cols])
    np.minimum.at(clocks[1], place, host[2][rows, cols])
    np.maximum.at(clocks[2], place, host[3][rows, cols])
    return event_of, host[3], clocks


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
