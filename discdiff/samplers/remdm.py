"""Remasking samplers: visible tokens may be masked again and redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from discdiff import _check
from discdiff.constraint.constraint import Asked
from discdiff.errors import InputError
from discdiff.model import Model
from discdiff.process import MaskedProcess
from discdiff.samplers.ancestral import GRIDS, Grid, grid_times
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Bools, Event, Finished, Ints, Plan
from discdiff.samplers.state import PLAN, REMASK, State

Strategy = Literal["cap", "rescale", "max"]
STRATEGIES: tuple[Strategy, ...] = ("cap", "rescale", "max")
EtaMode = Literal["step", "rate"]


class ReMDM(Sampler):
    r"""Ancestral sampling that masks each visible token again with probability $\sigma$.

    A masked token is revealed with probability $(\alpha_s-(1-\sigma)\alpha_t)/(1-\alpha_t)$, which
    keeps the marginals for every $0\le\sigma\le\sigma_{\max}=\min(1,(1-\alpha_s)/\alpha_t)$:

    * `cap`: $\sigma=\min(\eta,\sigma_{\max})$;
    * `rescale`: $\sigma=\eta\,\sigma_{\max}$;
    * `max`: $\sigma=\sigma_{\max}$.

    With `confidence`, $\sigma$ is shared out over a row's visible tokens by the softmax of minus
    the probability that the model gave each when it was drawn, so about one token is remasked per
    $\sigma$ = 1.
    With `loop` = (on, off, alpha), the schedule is run down to noise level 1 - alpha at t = on,
    corrected there with $\sigma=\eta$ until t = off, and then run down to 0.

    Args:
        model: a masked model.
        steps: K, over all phases.
        strategy: `cap`, `rescale` or `max`.
        eta: remasking strength in [0, 1]; with `eta_mode="rate"` a rate per unit of time, ≥ 0.
        eta_mode: `step`: eta is a probability per step, as published; `rate`: it becomes
            $1-e^{-\eta\,\mathrm dt}$, so that the law has a limit as steps → ∞.
        confidence: share sigma out by confidence.
        loop: (t_on, t_off, alpha_on), or None.
        grid: `linear` or `cosine` in time; `loop` needs `linear`.
        temperature: as in `Sampler`.
        top_p: as in `Sampler`.
        constraint: as in `Sampler`.

    Raises:
        InputError: if a value is out of range, or a loop's eta exceeds (1 - alpha) / alpha.

    Law: exact as steps → ∞ with `eta_mode="rate"`; with `step` biased by O(eta), since each
    correction draws several tokens at once; exact at any number of steps for independent positions.
    With `confidence` biased even there, since what is masked depends on what was drawn. With the
    alphabets of a template the weighted law is that of the paths whose tokens were all allowed,
    those masked again included, which is not quite the law restricted; with a constraint likewise
    of the paths that could always meet it.

    Source: Remasking Discrete Diffusion Models with Inference-Time Scaling (Wang et al., 2025,
    arXiv:2503.00307).

    Example:
        >>> model = Model.tabular(["AC", "GT"])
        >>> len(ReMDM(model, steps=20, strategy="cap", eta=0.1).sample(3, key=1))
        3
    """

    processes: ClassVar[tuple[str, ...]] = ("masked",)
    remasks: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        steps: int = 128,
        strategy: Strategy = "rescale",
        eta: float = 0.05,
        eta_mode: EtaMode = "step",
        confidence: bool = False,
        loop: tuple[float, float, float] | None = None,
        grid: Grid = "linear",
        temperature: float = 1.0,
        top_p: float = 1.0,
        constraint: Asked = None,
    ) -> None:
        super().__init__(model, temperature, top_p, constraint)
        self.steps = _check.positive_int("steps", steps)
        _check.one_of("strategy", strategy, STRATEGIES)
        _check.one_of("eta_mode", eta_mode, ("step", "rate"))
        _check.one_of("grid", grid, GRIDS)
        if eta_mode == "step":
            _check.fraction("eta", eta)
        else:
            _check.non_negative("eta", eta)
        self.strategy, self.eta_mode, self.confidence = strategy, eta_mode, confidence
        self.eta = float(eta)
        self.times, self.looping = self._times(grid, loop)

    def _times(self, grid: Grid, loop: tuple[float, float, float] | None) -> tuple[Tensor, Tensor]:
        """Return the process times `(K + 1,)` and which steps are corrections `(K,)`."""
        if loop is None:
            return grid_times(self.steps, grid), torch.zeros(self.steps, dtype=torch.bool)
        if grid != "linear":
            raise InputError(f"grid must be linear with a loop, got {grid!r}")
        if not isinstance(loop, Sequence) or len(loop) != 3:
            raise InputError(f"loop must be (t_on, t_off, alpha_on), got {loop!r}")
        on, off, alpha = (_check.fraction("loop", v) for v in loop)
        if not (0.0 < off < on < 1.0 and 0.0 < alpha < 1.0):
            raise InputError(f"loop must be (t_on > t_off, alpha in (0, 1)), got {loop!r}")
        first, last = round(self.steps * (1.0 - on)), round(self.steps * off)
        middle = self.steps - first - last
        if min(first, middle, last) < 1:
            raise InputError(f"steps must give each phase of the loop one, got {self.steps}")
        bound = min(1.0, (1.0 - alpha) / alpha)
        if self._sigma_from_eta(1.0 / self.steps) > bound:
            raise InputError(f"eta must be at most (1 - alpha) / alpha = {bound:g}, got {self.eta}")
        level = 1.0 - alpha
        levels = torch.cat(
            [
                torch.linspace(1.0, level, first + 1, dtype=torch.float64),
                torch.full((middle,), level, dtype=torch.float64),
                torch.linspace(level, 0.0, last + 1, dtype=torch.float64)[1:],
            ]
        )
        looping = torch.zeros(self.steps, dtype=torch.bool)
        looping[first : first + middle] = True
        return self.process.schedule.time_at_noise(levels), looping

    def _sigma_from_eta(self, dt: float | Tensor) -> float | Tensor:
        if self.eta_mode == "step":
            return self.eta
        return -torch.expm1(torch.as_tensor(-self.eta * dt, dtype=torch.float64))

    def sigma(self, t: Tensor, s: Tensor, looping: bool = False) -> Tensor:
        r"""Return the remasking probability $\sigma$ of a step, before it is shared out.

        Args:
            t: clocks before the step, any shape.
            s: clocks after it.
            looping: whether the step is a correction at a constant level.
        """
        largest = self._masked_process().max_remask(t, s)
        if looping:
            eta = self._sigma_from_eta(1.0 / self.steps)
            return torch.minimum(torch.as_tensor(eta, dtype=torch.float64), largest)
        if self.strategy == "max":
            return largest
        eta = torch.as_tensor(self._sigma_from_eta(t - s), dtype=torch.float64)
        return torch.minimum(eta, largest) if self.strategy == "cap" else eta * largest

    def _masked_process(self) -> MaskedProcess:
        if not isinstance(self.process, MaskedProcess):
            raise InputError(f"ReMDM needs a MaskedProcess, got {self.process!r}")
        return self.process

    def plan(self, state: State) -> Plan:
        times = torch.minimum(self.times.to(state.t.device)[None, :], state.t[:, None])
        return _RemaskPlan(self, self._masked_process(), times, times.cpu().numpy())


@dataclass(frozen=True)
class _RemaskPlan(Plan):
    """Draws, at every grid step, which masks to reveal and which tokens to remask."""

    sampler: ReMDM
    process: MaskedProcess
    times: Tensor
    host: np.ndarray

    def done(self, state: State, stop: float) -> Bools:
        if state.event + 1 >= self.host.shape[1]:
            return np.ones(len(self.host), dtype=np.bool_)
        return np.asarray(self.host[:, state.event] <= stop, dtype=np.bool_)

    def event(self, state: State, stop: float) -> Event:
        k = state.event
        if k + 1 >= self.times.shape[1]:
            return Finished().event(state, stop)
        t = self.times[:, k]
        s = torch.minimum(self.times[:, k + 1].clamp(min=stop), t)
        looping = bool(self.sampler.looping[k])
        # a row that starts below this part of the grid idles until the grid reaches it
        moves = t == self.sampler.times[k] if looping else t > s
        sigma = torch.where(moves, self.sampler.sigma(t, s, looping), 0.0)
        masked = self.process.editable(state.tokens, state.active)
        visible = state.active & ~masked
        share = self._share(state, visible, sigma)
        cols = torch.arange(state.tokens.shape[1], device=t.device)
        rows = torch.arange(len(state), device=t.device)[:, None]
        remask = visible & (state.uniforms(REMASK, rows, cols) < share)
        reveal = self._reveal_probability(state, t, s, sigma, share, visible)
        reveal = torch.where(moves, reveal, 0.0)
        shown = masked & (state.uniforms(PLAN, rows, cols) < reveal[:, None])
        found = np.nonzero(shown.cpu().numpy())
        return Event(found[0], found[1], t, s, remask)

    def _share(self, state: State, visible: Tensor, sigma: Tensor) -> Tensor:
        if not self.sampler.confidence:
            return sigma[:, None].expand(visible.shape)
        score = torch.where(visible, -state.path.log_prob.exp(), -torch.inf)
        return sigma[:, None] * torch.softmax(score, dim=1).nan_to_num(0.0)

    def _reveal_probability(
        self, state: State, t: Tensor, s: Tensor, sigma: Tensor, share: Tensor, visible: Tensor
    ) -> Tensor:
        if self.sampler.confidence:
            # the mean over a row's visible tokens keeps the expected number of masks
            number = visible.sum(1).clamp(min=1)
            sigma = torch.where(visible, share, 0.0).sum(1) / number
        return self.process.reveal_probability(t, s, sigma)

    def take(self, index: Ints) -> _RemaskPlan:
        rows = torch.from_numpy(index).to(self.times.device)
        return replace(self, times=self.times[rows], host=self.host[index])

    def resume(self, state: State) -> _RemaskPlan:
        times = torch.minimum(self.times, state.t[:, None])
        return replace(self, times=times, host=times.cpu().numpy())
