"""Plans that visit every time of a grid, as uniform diffusion does."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from discdiff.samplers.plan import Bools, Event, Finished, Ints, Plan
from discdiff.samplers.state import State


class GridPlan(Plan):
    """Every step draws all active positions of the rows whose clock it moves.

    Args:
        times: clocks of each row at each grid point, float64 `(B, K + 1)`; a row that starts below
            the first point idles until the grid reaches it.
        active: bool `(B, W)` on the host.
    """

    def __init__(self, times: Tensor, active: Bools) -> None:
        self.times, self.active = times, active
        self._host = times.cpu().numpy()

    @classmethod
    def draw(cls, grid: Tensor, state: State) -> GridPlan:
        """Return the plan of a state that starts now on the descending times `grid (K + 1,)`."""
        times = torch.minimum(grid.to(state.t.device)[None, :], state.t[:, None])
        return cls(times, state.active.cpu().numpy())

    def done(self, state: State, stop: float) -> Bools:
        if state.event + 1 >= self._host.shape[1]:
            return np.ones(len(self._host), dtype=np.bool_)
        finished = (self._host[:, state.event] <= stop) | ~self.active.any(axis=1)
        return np.asarray(finished, dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        if state.event + 1 >= self.times.shape[1]:
            return Finished().event(state, stop)
        t = self.times[:, state.event]
        s = self.times[:, state.event + 1].clamp(min=stop)
        moves = self._host[:, state.event] > np.maximum(self._host[:, state.event + 1], stop)
        rows, cols = np.nonzero(self.active & moves[:, None])
        return Event(rows, cols, t, torch.minimum(s, t))

    def take(self, index: Ints) -> GridPlan:
        return GridPlan(
            self.times[torch.from_numpy(index).to(self.times.device)], self.active[index]
        )

    def resume(self, state: State) -> GridPlan:
        times = torch.minimum(self.times, state.t[:, None])
        # what is past is left out: the next event of every row is a real one
        past = (times[:, 1:] >= state.t[:, None]).sum(1, keepdim=True)
        last = times.shape[1] - 1
        place = (torch.arange(last + 1, device=times.device) + past).clamp(max=last)
        return GridPlan(times.gather(1, place), self.active)
