r"""Estimates of the soft value $\log\mathbb E[e^{\lambda r(x_0)}\mid x_t]$ of unfinished designs.

An estimate may be random or wrong: it is stored with the design and its effect telescopes away, so
the law of a weighted method does not depend on it, only the variance does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.belief import Belief
from discdiff.errors import InputError
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import ROLLOUT, State


class Value(Protocol):
    """Estimates log-values of unfinished rows."""

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        """Return the state (with its network pass, if one was made) and log-values `(B,)`.

        NaN marks rows of which no estimate could be made. Finished rows are ignored.

        Args:
            sampler: the base sampler.
            state: B rows.
            reward: tokens to reward.
            scale: the inverse temperature λ.
        """


class ZeroValue:
    """Knows nothing: 0 everywhere, at no cost.

    Law: exact in every weighted method; all selection happens at the end.

    Example:
        >>> ZeroValue()
        ZeroValue()
    """

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        return state, torch.zeros_like(state.log_weight)

    def __repr__(self) -> str:
        return "ZeroValue()"


class DrawnValue(ABC):
    r"""Reward of clean designs drawn from each row: $\log\frac1n\sum_je^{\lambda r(x_0^j)}$.

    Args:
        draws: clean designs drawn for each row.
        floor: reward that an invalid draw counts as; when None such draws are left out.
        most: draws of a row whose draws disagree; it is given `draws` more at a time, until they
            agree or are so many. None for `draws` always.
        agree: standard error over mean of the weights $e^{\lambda r}$ of a row that agrees.

    Raises:
        InputError: if an argument is out of range, or `most` is given and `draws` below 2, for one
            draw agrees with itself.
    """

    def __init__(
        self,
        draws: int = 1,
        floor: float | None = None,
        most: int | None = None,
        agree: float = 0.3,
    ) -> None:
        self.draws = _check.positive_int("draws", draws)
        self.floor = None if floor is None else _check.finite("floor", floor)
        self.most = draws if most is None else _check.positive_int("most", most)
        self.agree = _check.in_range("agree", agree, 0.0, math.inf)
        if most is not None and not 2 <= draws <= most:
            raise InputError(f"draws must lie in [2, most], got {draws} of {most}")

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        live = live_rows(sampler, state)
        state = self.prepare(sampler, state)
        begun = state.gather(live)
        found = state.log_weight.new_full((len(live), self.most), torch.nan)
        asked = torch.arange(len(live), device=live.device)
        for first in range(0, self.most, self.draws):
            if first:
                asked = (_disagreement(found[:, :first]) > self.agree).nonzero()[:, 0]
            if not len(asked) or (first and reward.exhausted):
                break
            count = min(self.draws, self.most - first)
            drawn = self.rewards(sampler, begun.gather(asked), reward, first, count)
            drawn = drawn.to(found.device)
            drawn = drawn if self.floor is None else drawn.nan_to_num(nan=self.floor)
            found[asked, first : first + count] = scale * drawn
        full = torch.zeros_like(state.log_weight)
        full[live] = log_mean(found)
        return state, full

    def prepare(self, sampler: Sampler, state: State) -> State:
        """Return the state with what the draws of all rows have in common."""
        return state

    @abstractmethod
    def rewards(
        self, sampler: Sampler, state: State, reward: Reward, first: int, count: int
    ) -> Tensor:
        """Return the rewards of draws `first`, `first` + 1, … of every row, `(B, count)`."""

    def __repr__(self) -> str:
        more = "" if self.most == self.draws else f", most={self.most}, agree={self.agree}"
        return f"{type(self).__name__}(draws={self.draws}, floor={self.floor}{more})"


class SampledValue(DrawnValue):
    r"""Reward of clean designs drawn from the factorised posterior $p(x_0\mid x_t)$.

    $\log\frac1\varphi\sum_j e^{\lambda r(\hat x_0^j)}$ over the valid draws. Its network pass is
    the next step's pass.

    Args:
        draws: φ, clean designs drawn for each row.
        floor: reward that an invalid draw counts as; when None such draws are left out.
        most: φ of a row whose draws disagree, as in `DrawnValue`.
        agree: when they agree.

    Raises:
        InputError: if an argument is out of range.

    Law: exact in every weighted method; biased in SVDD without carried weights, by the
    factorisation of the posterior.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252), with a draw in place of the argmax.

    Example:
        >>> SampledValue(draws=2)
        SampledValue(draws=2, floor=None)
    """

    def prepare(self, sampler: Sampler, state: State) -> State:
        return state if state.log_p is not None else replace(state, log_p=sampler.log_p(state))

    def rewards(
        self, sampler: Sampler, state: State, reward: Reward, first: int, count: int
    ) -> Tensor:
        clean = [sampler.preview(state, draw) for draw in range(first, first + count)]
        # the draws of a row stand side by side
        order = torch.arange(count * len(state), device=state.tokens.device)
        order = order.view(count, len(state)).T.flatten()
        belief = Belief.concatenate([one.belief(sampler.process) for one in clean]).take(order)
        found = reward(torch.cat([one.tokens for one in clean])[order], belief).reward
        return found.view(-1, count)


class RolloutValue(DrawnValue):
    r"""Reward of designs run to the end by the base sampler.

    Costs a whole sampling run per row and draw, and has no error but that of Monte Carlo.

    Args:
        draws: rollouts of each row.
        floor: reward that an invalid rollout counts as; when None such rollouts are left out.
        most: rollouts of a row whose rollouts disagree, as in `DrawnValue`.
        agree: when they agree.

    Raises:
        InputError: if an argument is out of range.

    Law: exact in every weighted method; in SVDD exact as candidates and draws → ∞.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252).

    Example:
        >>> RolloutValue()
        RolloutValue(draws=1, floor=None)
    """

    def rewards(
        self, sampler: Sampler, state: State, reward: Reward, first: int, count: int
    ) -> Tensor:
        found = []
        for draw in range(first, first + count):
            keys = random.fold(random.fold(state.keys, ROLLOUT), draw)
            run = replace(state, keys=random.fold(keys, state.event))
            run = replace(run, plan=run.plan.renew(run, ~run.plan.done(run, 0.0)))
            end = sampler.run(run)
            found.append(reward(end.tokens, end.belief(sampler.process)).reward)
        return torch.stack(found, dim=1)


def live_rows(sampler: Sampler, state: State) -> Tensor:
    """Return the indices of the rows that are not finished, int64 `(R,)`."""
    busy = torch.from_numpy(~state.plan.done(state, 0.0)).to(state.tokens.device)
    return busy.nonzero()[:, 0]


def log_mean(log_values: Tensor) -> Tensor:
    r"""Return $\log\frac1n\sum e^{v}$ over the known of the n columns, NaN where none is.

    Args:
        log_values: `(N, n)`, NaN where not known.

    Example:
        >>> log_mean(torch.tensor([[0.0, torch.nan], [torch.nan, torch.nan]])).tolist()
        [0.0, nan]
    """
    known = ~log_values.isnan()
    filled = torch.where(known, log_values, -torch.inf)
    some = known.any(1)
    safe = torch.where(some[:, None], filled, 0.0)
    mean = torch.logsumexp(safe, dim=1) - known.sum(1).clamp(min=1).to(safe.dtype).log()
    return torch.where(some, mean, torch.nan)


def _disagreement(log_values: Tensor) -> Tensor:
    """Return the standard error over mean of the exponentials of each row; infinite below two."""
    known = ~log_values.isnan()
    count = known.sum(1)
    top = torch.where(known, log_values, -torch.inf).amax(1, keepdim=True)
    weight = torch.where(known, (log_values - top).exp(), 0.0)
    mean = weight.sum(1) / count
    square = torch.where(known, (weight - mean[:, None]) ** 2, 0.0).sum(1)
    error = (square / (count - 1) / count).sqrt() / mean
    return torch.where(count > 1, error, torch.inf)
