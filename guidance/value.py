r"""Estimates of the soft value $\log\mathbb E[e^{\lambda r(x_0)}\mid x_t]$ of unfinished designs.

An estimate may be random or wrong: it is stored with the design and its effect telescopes away, so
the law of a weighted method does not depend on it, only the variance does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.belief import Belief
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


class SampledValue:
    r"""Reward of clean designs drawn from the factorised posterior $p(x_0\mid x_t)$.

    $\log\frac1\varphi\sum_j e^{\lambda r(\hat x_0^j)}$ over the valid draws. Its network pass is
    the next step's pass.

    Args:
        draws: φ, clean designs drawn for each row.
        floor: reward that an invalid draw counts as; when None such draws are left out.

    Raises:
        InputError: if `draws` is not a positive integer or `floor` not finite.

    Law: exact in every weighted method; biased in SVDD without carried weights, by the
    factorisation of the posterior.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252), with a draw in place of the argmax.

    Example:
        >>> SampledValue(draws=2)
        SampledValue(draws=2, floor=None)
    """

    def __init__(self, draws: int = 1, floor: float | None = None) -> None:
        self.draws = _check.positive_int("draws", draws)
        self.floor = None if floor is None else _check.finite("floor", floor)

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        live = live_rows(sampler, state)
        if state.log_p is None:
            state = replace(state, log_p=sampler.log_p(state))
        clean = [sampler.preview(state, draw).gather(live) for draw in range(self.draws)]
        # the draws of a row stand side by side
        order = torch.arange(self.draws * len(live), device=live.device)
        order = order.view(self.draws, len(live)).T.flatten()
        belief = Belief.concatenate([one.belief(sampler.process) for one in clean]).take(order)
        found = reward(torch.cat([one.tokens for one in clean])[order], belief).reward
        found = found.to(state.log_weight.device)
        return state, _scatter(state, live, found.view(-1, self.draws), scale, self.floor)

    def __repr__(self) -> str:
        return f"SampledValue(draws={self.draws}, floor={self.floor})"


class RolloutValue:
    r"""Reward of designs run to the end by the base sampler.

    Costs a whole sampling run per row and draw, and has no error but that of Monte Carlo.

    Args:
        draws: rollouts of each row.
        floor: reward that an invalid rollout counts as; when None such rollouts are left out.

    Raises:
        InputError: if `draws` is not a positive integer or `floor` not finite.

    Law: exact in every weighted method; in SVDD exact as candidates and draws → ∞.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252).

    Example:
        >>> RolloutValue()
        RolloutValue(draws=1, floor=None)
    """

    def __init__(self, draws: int = 1, floor: float | None = None) -> None:
        self.draws = _check.positive_int("draws", draws)
        self.floor = None if floor is None else _check.finite("floor", floor)

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        live = live_rows(sampler, state)
        start = state.gather(live)
        found = []
        for draw in range(self.draws):
            keys = random.fold(random.fold(start.keys, ROLLOUT), draw)
            run = replace(start, keys=random.fold(keys, state.event))
            run = replace(run, plan=run.plan.renew(run, ~run.plan.done(run, 0.0)))
            end = sampler.run(run)
            found.append(reward(end.tokens, end.belief(sampler.process)).reward)
        rewards = torch.stack(found, dim=1).to(state.log_weight.device)
        return state, _scatter(state, live, rewards, scale, self.floor)

    def __repr__(self) -> str:
        return f"RolloutValue(draws={self.draws}, floor={self.floor})"


def live_rows(sampler: Sampler, state: State) -> Tensor:
    """Return the indices of the rows that are not finished, int64 `(R,)`."""
    busy = torch.from_numpy(~state.plan.done(state, 0.0)).to(state.tokens.device)
    return busy.nonzero()[:, 0]


def _scatter(
    state: State, live: Tensor, rewards: Tensor, scale: float, floor: float | None
) -> Tensor:
    if floor is not None:
        rewards = rewards.nan_to_num(nan=floor)
    known = ~rewards.isnan()
    log_value = torch.where(known, scale * rewards.nan_to_num(nan=0.0), -torch.inf)
    mean = torch.logsumexp(log_value, dim=1) - known.sum(1).double().log()
    full = torch.zeros_like(state.log_weight)
    full[live] = torch.where(known.any(1), mean, torch.nan)
    return full
