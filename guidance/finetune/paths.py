r"""Paths from noise to designs: what was drawn when, and how probable it is under a network.

The times of a masked path do not depend on tokens or weights, so the ratio of two models' path laws
is that of the tokens drawn: $\sum_e\log p(x_{s_e}\mid x_{t_e})$ over its events, one factor for
each position that an event draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from discdiff.denoiser import Denoiser
from discdiff.process import Process
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import State

_MAX_TOKENS = 32_768  # of a pass without gradients


class Moments(NamedTuple):
    """Rows of paths just before one of their events, and the positions that the event draws.

    Attributes:
        x_t: int64 tokens `(N, W)`.
        t: clocks before the event `(N,)`.
        s: clocks after it `(N,)`.
        active: positions that may change, bool `(N, W)`.
        cond: classes `(N,)`, or None.
        at: rows and columns `(M,)` that are drawn.
        drawn: the tokens drawn there `(M,)`.
    """

    x_t: Tensor
    t: Tensor
    s: Tensor
    active: Tensor
    cond: Tensor | None
    at: tuple[Tensor, Tensor]
    drawn: Tensor


@dataclass(frozen=True, eq=False)
class Paths:
    """B paths of E events at most.

    Attributes:
        tokens: the designs they end in, int64 `(B, W)`.
        active: positions that may change, bool `(B, W)`.
        when: of a masked path the event that drew each position, -1 for none, `(B, W)`.
        clocks: before and after each event, float64 `(B, E, 2)`.
        count: events of each path, int64 `(B,)`.
        log_probs: log-probability of each event under the network that drew it, `(B, E)`; 0 where
            there is none.
        trail: of a uniform path the tokens before each event and at the end `(B, E + 1, W)`; None
            where `when` says it.
        cond: classes `(B,)`, or None.
    """

    tokens: Tensor
    active: Tensor
    when: Tensor
    clocks: Tensor
    count: Tensor
    log_probs: Tensor
    trail: Tensor | None = None
    cond: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def log_prob(self) -> Tensor:
        """Log-probability under the network that drew it, float64 `(B,)`."""
        return self.log_probs.sum(1)

    def take(self, index: Tensor) -> Self:
        """Return the paths `index (N,)`."""
        held = ((one.name, getattr(self, one.name)) for one in fields(self))
        named: dict[str, Any] = {k: None if v is None else v[index] for k, v in held}
        return replace(self, **named)

    def to(self, device: torch.device) -> Self:
        """Return the paths on `device`."""
        held = ((one.name, getattr(self, one.name)) for one in fields(self))
        named: dict[str, Any] = {k: None if v is None else v.to(device) for k, v in held}
        return replace(self, **named)

    def beside(self, other: Self) -> Self:
        """Return these paths and then those of `other`."""
        events = max(self.clocks.shape[1], other.clocks.shape[1])
        parts = [_widened(self, events), _widened(other, events)]
        named: dict[str, Any] = {}
        for one in fields(self):
            above, below = (getattr(part, one.name) for part in parts)
            named[one.name] = None if above is None else torch.cat([above, below])
        return replace(self, **named)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Return the row and the number of every event of every path, `(N,)` each."""
        number = torch.arange(self.clocks.shape[1], device=self.count.device)
        rows, events = (number < self.count[:, None]).nonzero(as_tuple=True)
        return rows, events

    def before(self, rows: Tensor, events: Tensor, mask_id: int) -> Moments:
        """Return the rows `(N,)` just before their events `(N,)`."""
        active = self.active[rows]
        if self.trail is None:
            when = self.when[rows]
            hidden, drawn = when >= events[:, None], when == events[:, None]
            x_t, after = torch.where(hidden, mask_id, self.tokens[rows]), self.tokens[rows]
        else:
            x_t, after, drawn = self.trail[rows, events], self.trail[rows, events + 1], active
        t, s = self.clocks[rows, events].unbind(-1)
        cond = None if self.cond is None else self.cond[rows]
        at = drawn.nonzero(as_tuple=True)
        return Moments(x_t, t, s, active, cond, (at[0], at[1]), after[at])


def follow(sampler: Sampler, state: State) -> tuple[State, Paths]:
    """Run `state` to the end; return it and the paths that its rows took.

    Args:
        sampler: of a plan that draws positions whatever the tokens are, and masks none again.
        state: rows at t = 1.
    """
    absorbing = sampler.process.kind != "uniform"
    device, start = state.tokens.device, state
    when = torch.full_like(state.tokens, -1)
    count = torch.zeros(len(state), dtype=torch.int64, device=device)
    clocks: list[Tensor] = []
    log_probs: list[Tensor] = []
    trail = [state.tokens]
    while not sampler.done(state):
        busy = torch.from_numpy(~np.asarray(state.plan.done(state, 0.0))).to(device)
        event = state.plan.event(state, 0.0)
        rows, cols = torch.from_numpy(event.rows), torch.from_numpy(event.cols)
        when[rows.to(device), cols.to(device)] = len(clocks)
        count = torch.where(busy, len(clocks) + 1, count)
        clocks.append(torch.stack([event.t, event.s], dim=1))
        before, state = state, sampler.step(state)
        gained = (state.path.gained - before.path.gained).sum(1)
        if not absorbing:
            trail.append(state.tokens)
            rows, cols = rows.to(device), cols.to(device)
            x_t, x_s = before.tokens[rows, cols], state.tokens[rows, cols]
            back = sampler.process.log_noising(x_t, x_s, event.t[rows], event.s[rows])
            gained = gained + summed(back, rows, len(state))
        log_probs.append(gained)
    if not clocks:
        clocks, log_probs = [torch.zeros(len(state), 2)], [torch.zeros(len(state))]
    return state, Paths(
        tokens=state.tokens,
        active=start.active,
        when=when,
        clocks=torch.stack(clocks, 1).to(device, torch.float64),
        count=count,
        log_probs=torch.stack(log_probs, 1).to(device, torch.float64),
        trail=None if absorbing else torch.stack(trail, 1),
        cond=state.cond,
    )


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Let networks answer as they do when they sample, without dropout, and set them back after."""
    training = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, before in zip(networks, training, strict=True):
            network.train(before)


def laws(network: Denoiser, process: Process, moments: Moments) -> Tensor:
    """Return the log-law `(M, V)` of the new token at each position that is drawn.

    The network answers as it does when it samples, without dropout, so that the law is the one that
    designs are drawn from.
    """
    rows, cols = moments.at
    times = moments.t
    if network.needs_time:  # positions that cannot change are shown as clean
        times = torch.where(moments.active, times[:, None], 0.0)
    with evaluating(network):
        log_p = network(moments.x_t, times, moments.cond, moments.at)
    return process.event_log_probs(log_p, moments.x_t[rows, cols], moments.t[rows], moments.s[rows])


def summed(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Return the sums `(count,)` of `values (M,)` by row, in float64."""
    zeros = torch.zeros(count, dtype=torch.float64, device=values.device)
    return zeros.index_add(0, rows, values.double())


def log_likelihoods(network: Denoiser, process: Process, paths: Paths) -> Tensor:
    r"""Return $\log p(x_{s_e}\mid x_{t_e})$ of each event of each path, float64 `(B, E)`.

    A row of the network for each. What a path has in common under all networks is left out; of a
    uniform one, that is how probably noising takes each token back.
    """
    total = torch.zeros(paths.clocks.shape[:2], dtype=torch.float64, device=paths.tokens.device)
    for rows, events in chunks(paths):
        moments = paths.before(rows, events, process.mask_id)
        log_law = laws(network, process, moments)
        drawn = log_law.gather(-1, moments.drawn[:, None])[:, 0]
        owner = moments.at[0]
        total = total.index_put((rows[owner], events[owner]), drawn.double(), accumulate=True)
    return total


def log_likelihood(network: Denoiser, process: Process, paths: Paths) -> Tensor:
    r"""Return $\sum_e\log p(x_{s_e}\mid x_{t_e})$ of each path, float64 `(B,)`."""
    return log_likelihoods(network, process, paths).sum(1)


def chunks(paths: Paths) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows and events of all moments: a pass each, or all at once where gradients are on."""
    rows, events = paths.pairs()
    size = len(rows) if torch.is_grad_enabled() else _MAX_TOKENS // paths.tokens.shape[1]
    for start in range(0, len(rows), max(1, size)):
        yield rows[start : start + max(1, size)], events[start : start + max(1, size)]


def _widened(paths: Paths, events: int) -> Paths:
    missing = events - paths.clocks.shape[1]
    if not missing:
        return paths
    clocks = torch.nn.functional.pad(paths.clocks, (0, 0, 0, missing))
    log_probs = torch.nn.functional.pad(paths.log_probs, (0, missing))
    trail = paths.trail
    if trail is not None:
        trail = torch.cat([trail, trail[:, -1:].expand(-1, missing, -1)], dim=1)
    return replace(paths, clocks=clocks, log_probs=log_probs, trail=trail)
