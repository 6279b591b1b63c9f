"""The exact twist: what each token that an event can draw would be worth."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from discdiff import _check
from discdiff.guidance.value import SampledValue, Value, live_rows
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import State


class NeighbourTwist:
    r"""Adds to the log-law of the next draw the value that each token would have.

    For every position that the next event draws and every token $v$ there, the row with that token
    in place is valued; no gradient is needed. A finished row is worth its own reward. Costs V
    network rows and evaluations for each position that an event draws.

    Args:
        value: values unfinished rows; one sampled posterior design by default.
        clip: a token is held to be at most so much worse than the best, in log-values; one without
            a valid design is as bad as that.

    Raises:
        InputError: if `clip` is not greater than 0.

    Law: exact in every weighted method; with one position an event and the exact value, at one
    particle.

    Source: Unlocking Guidance for Discrete State-Space Diffusion and Flow Models (Nisonoff et al.,
    2024, arXiv:2406.01572).

    Example:
        >>> NeighbourTwist()
        NeighbourTwist(value=SampledValue(draws=1, floor=None), clip=10.0)
    """

    def __init__(self, value: Value | None = None, clip: float = 10.0) -> None:
        self.value = SampledValue() if value is None else value
        self.clip = _check.positive("clip", clip)

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor, Tensor]:
        state, own = self.value(sampler, state, reward, scale)
        log_p = sampler.log_p(state) if state.log_p is None else state.log_p
        state = replace(state, log_p=log_p)
        near = self._neighbours(sampler, state, log_p)
        _, value = self.value(sampler, near, reward, scale)
        done = torch.ones(len(near), dtype=torch.bool, device=value.device)
        done[live_rows(sampler, near)] = False
        if bool(done.any()):
            belief = near.belief(sampler.process).take(done)
            found = reward(near.tokens[done], belief).reward.to(value.device)
            value[done] = torch.where(found.isnan(), -torch.inf, scale * found)
        event = state.plan.event(state, 0.0)
        slope = value.new_zeros(*state.tokens.shape, sampler.model.vocab_size)
        rows, cols = torch.from_numpy(event.rows), torch.from_numpy(event.cols)
        worth = value.view(len(rows), sampler.model.vocab_size)
        slope[rows.to(value.device), cols.to(value.device)] = self._clipped(worth)
        return state, own, slope

    def _neighbours(self, sampler: Sampler, state: State, log_p: Tensor) -> State:
        """Return the rows after the next event, one for each of its positions and tokens."""
        event, size = state.plan.event(state, 0.0), sampler.model.vocab_size
        device = state.tokens.device
        rows = torch.from_numpy(event.rows).to(device)
        cols = torch.from_numpy(event.cols).to(device)
        x_t, t, s = state.tokens[rows, cols], event.t[rows], event.s[rows]
        law = sampler.process.event_log_probs(log_p[rows, cols], x_t, t, s)
        near = state.gather(rows.repeat_interleave(size))
        place = torch.arange(len(near), device=device)
        token = torch.arange(size, device=device).repeat(len(rows))
        cols, x_t, t, s = (part.repeat_interleave(size) for part in (cols, x_t, t, s))
        tokens = near.tokens.clone()
        tokens[place, cols] = token
        back = sampler.process.log_noising(x_t, token, t, s)
        path = near.path.drawn(place, cols, law.flatten(), back)
        return replace(near, tokens=tokens, t=s, path=path, event=state.event + 1, log_p=None)

    def _clipped(self, worth: Tensor) -> Tensor:
        """Return values `(N, V)` less the best of each row; where nothing is known, the mean."""
        known = ~worth.isnan()
        finite = known & worth.isfinite()
        mean = torch.where(finite, worth, 0.0).sum(1) / finite.sum(1).clamp(min=1)
        filled = torch.where(known, worth, mean[:, None])
        best = torch.where(finite, worth, -torch.inf).amax(1, keepdim=True)
        best = torch.where(best.isfinite(), best, 0.0)
        return (filled - best).clamp(-self.clip, self.clip)

    def __repr__(self) -> str:
        return f"NeighbourTwist(value={self.value!r}, clip={self.clip})"
