"""Plans of class-masked processes, whose reveal times depend on the tokens: first where, then what.

Where is decided by the model's own law of the tokens, as adjusted by temperature and nucleus, and
never by what a template, a proposal or a constraint makes of it: those change only what is drawn
there, which the weights undo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from discdiff import random
from discdiff.class_masked import ClassMaskedProcess
from discdiff.samplers.grid import GridPlan
from discdiff.samplers.plan import Bools, Event, Ints, Plan
from discdiff.samplers.state import PLAN, State

_SHOWN, _TRIED = 1, 2  # of the keys of a plan: whether a proposed position is revealed, and when


@dataclass(frozen=True)
class StepPlan(Plan):
    r"""Steps along a grid: a mask becomes visible with chance $1-\sum_vp(v)m_s^v/m_t^v$."""

    process: ClassMaskedProcess
    grid: GridPlan
    adaptive: ClassVar[bool] = True

    def done(self, state: State, stop: float) -> Bools:
        hidden = self._hidden(state).any(axis=1)
        return np.asarray(self.grid.done(state, stop) | ~hidden, dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        busy = ~self.done(state, stop)
        event = self.grid.event(state, stop)
        kept = (self._hidden(state) & busy[:, None])[event.rows, event.cols]
        moves = torch.from_numpy(busy).to(state.t.device)
        s = torch.where(moves, event.s, state.t)
        return Event(event.rows[kept], event.cols[kept], state.t, s)

    def choose(self, state: State, event: Event, log_p: Tensor) -> Tensor:
        rows, cols = _on(state, event)
        stays = self.process.stay_probability(log_p, event.t[rows], event.s[rows])
        return random.uniform_at(_shown(state)[rows], cols) >= stays

    def _hidden(self, state: State) -> Bools:
        hidden: Bools = self.process.editable(state.tokens, state.active).cpu().numpy()
        return hidden

    def take(self, index: Ints) -> StepPlan:
        return replace(self, grid=self.grid.take(index))

    def resume(self, state: State) -> StepPlan:
        return replace(self, grid=self.grid.resume(state))


@dataclass(frozen=True)
class HazardPlan(Plan):
    r"""One proposed reveal an event, at the rate $\max_vr_t^v$ for every mask; then thinned.

    A proposal at a random position and time $\tau$ is kept with chance
    $\sum_vr_\tau^vp(v)/\max_vr_\tau^v$, with the network's law at $\tau$: reveals of $v$ happen at
    the rate $r_t^vp(v)$, whatever the network makes of the time in between.
    """

    process: ClassMaskedProcess
    adaptive: ClassVar[bool] = True
    jumps: ClassVar[bool] = True

    def done(self, state: State, stop: float) -> Bools:
        hidden = self.process.editable(state.tokens, state.active)
        finished = ~hidden.any(1)
        if stop > 0.0:
            finished = finished | (self._next(state, hidden)[0] < stop)
        done: Bools = finished.cpu().numpy()
        return done

    def event(self, state: State, stop: float) -> Event:
        hidden = self.process.editable(state.tokens, state.active)
        clock, column = self._next(state, hidden)
        left = hidden.any(1)
        rows = (left & (clock >= stop)).nonzero()[:, 0]
        # a row whose next proposal is past `stop` has come to it: it does not try its luck again
        clock = torch.where(left, clock.clamp(min=stop), state.t)
        clock = torch.minimum(clock, state.t)
        return Event(rows.cpu().numpy(), column[rows].cpu().numpy(), clock, clock)

    def _next(self, state: State, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clock `(B,)` of the next proposal of each row and its column `(B,)`."""
        keys, count, every = state.purpose_keys(PLAN), hidden.sum(1), self.process.distinct
        clock, waiting = state.t, count > 0
        u = random.uniform(keys, 1)[:, 0]
        score = torch.where(hidden, hidden.cumsum(1) - 1, -1)
        column = (score == (u * count).long()[:, None]).long().argmax(1)
        attempt = 0
        while bool(waiting.any()):
            # every mask has a proposal of each class; of these times the latest comes first
            attempt += 1
            draws = random.uniform(random.fold(random.fold(keys, _TRIED), attempt), len(every) + 1)
            share = draws.T[:-1] ** (1.0 / count.clamp(min=1))
            proposed = torch.stack(
                [
                    one.time_at_noise(one.noise(clock) * x)
                    for one, x in zip(every, share, strict=True)
                ]
            )
            clock = torch.where(waiting, torch.minimum(proposed.amax(0), clock), clock)
            # the sum of the rates of all classes is thinned to the largest of them
            rates = torch.stack([-one.alpha_prime(clock) / one.noise(clock) for one in every])
            waiting = waiting & (draws[:, -1] * rates.sum(0) > rates.amax(0))
        return clock, column

    def choose(self, state: State, event: Event, log_p: Tensor) -> Tensor:
        rows, cols = _on(state, event)
        rates = self.process.rates(event.t[rows])
        kept = (log_p.double().exp() * rates).sum(-1) / rates.amax(-1)
        return random.uniform_at(_shown(state)[rows], cols) < kept

    def take(self, index: Ints) -> HazardPlan:
        return self


def _on(state: State, event: Event) -> tuple[Tensor, Tensor]:
    device = state.tokens.device
    return torch.from_numpy(event.rows).to(device), torch.from_numpy(event.cols).to(device)


def _shown(state: State) -> Tensor:
    return random.fold(state.purpose_keys(PLAN), _SHOWN)
