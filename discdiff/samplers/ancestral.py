"""Ancestral sampling on a grid of times, for both processes."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from discdiff import _check
from discdiff.class_masked import ClassMaskedProcess
from discdiff.constraint.constraint import Asked
from discdiff.model import Model
from discdiff.samplers.by_class import StepPlan
from discdiff.samplers.engine import Sampler
from discdiff.samplers.grid import GridPlan
from discdiff.samplers.plan import Plan, StaticPlan, hitting_levels
from discdiff.samplers.state import State

Grid = Literal["linear", "cosine"]
GRIDS: tuple[Grid, ...] = ("linear", "cosine")


def grid_times(steps: int, grid: Grid) -> Tensor:
    r"""Return the times $1=t_0>\dots>t_K=0$, float64 `(steps + 1,)`.

    `linear`: $t_k=1-k/K$; `cosine`: $t_k=\cos(\pi k/2K)$, few reveals first.

    Example:
        >>> grid_times(2, "linear").tolist()
        [1.0, 0.5, 0.0]
    """
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    times = 1.0 - u if grid == "linear" else torch.cos(math.pi / 2.0 * u)
    times[-1] = 0.0
    return times


class Ancestral(Sampler):
    r"""Draws $x_s\sim p(x_s\mid x_t)$ along a grid that ends exactly at 0.

    On a masked process the reveal times are drawn up front: steps that reveal nothing in a row cost
    no pass, so a row uses at most min(steps, length) passes. On a uniform process every step draws
    every active position, and of tokens that are masked by class every masked position is asked
    for at every step, for a mask says something as long as it lasts.

    Args:
        model: a masked, class-masked or uniform model.
        steps: K.
        grid: `linear` or `cosine` in time.
        temperature: as in `Sampler`; a heuristic on uniform processes.
        top_p: as in `Sampler`; a heuristic on uniform processes.
        constraint: as in `Sampler`.

    Raises:
        InputError: if `steps` is not a positive integer or `grid` is unknown.

    Law: exact as steps → ∞; at any number of steps for one position or independent positions.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> len(Ancestral(model, steps=50).sample(3, key=1))
        3
    """

    processes: ClassVar[tuple[str, ...]] = ("masked", "class_masked", "uniform")

    def __init__(
        self,
        model: Model,
        steps: int = 64,
        grid: Grid = "linear",
        temperature: float = 1.0,
        top_p: float = 1.0,
        constraint: Asked = None,
    ) -> None:
        super().__init__(model, temperature, top_p, constraint)
        self.steps = _check.positive_int("steps", steps)
        _check.one_of("grid", grid, GRIDS)
        self.grid: Grid = grid
        self.times = grid_times(steps, grid)

    def plan(self, state: State) -> Plan:
        process = self.process
        if process.kind == "masked":
            return StaticPlan.draw(self._reveal, process, state)
        grid = GridPlan.draw(self.times, state)
        return StepPlan(process, grid) if isinstance(process, ClassMaskedProcess) else grid

    def _reveal(
        self, editable: Tensor, t: Tensor, keys: Tensor, total: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        levels = hitting_levels(editable, t, keys, self.process)
        rising = self.times.flip(0).to(t.device)
        ends = self.process.schedule.noise(rising).contiguous()
        # revealed in the step whose interval of levels (low, high] holds the drawn level
        upper = torch.searchsorted(ends, levels.contiguous()).clamp(1, self.steps)
        before = torch.minimum(rising[upper], t[:, None])
        return upper, before, rising[upper - 1], self.process.schedule.time_at_noise(levels)
