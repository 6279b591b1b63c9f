r"""Moves of a design z that keep $e^{\lambda r(z)}\prod_iK(z_i\mid x_i)$ for given x.

What split Gibbs sampling does between two draws of the model. K is the forward kernel of the
process, so nothing here knows its form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from discdiff import random
from discdiff.process import Process, inverse_cdf
from discdiff.samplers.state import State

# tokens (N, W) to entries int64 (N,) and rewards float64 (N,), NaN where there is none
Score = Callable[[Tensor], tuple[Tensor, Tensor]]
# purposes of the random numbers: of a sweep, and of one move of it
_ORDER, _MOVE = 0, 1
_TOKEN, _ACCEPT = 0, 1


@dataclass(frozen=True)
class Place:
    """Where B chains are and what is known of it.

    Attributes:
        tokens: z, int64 `(B, W)`.
        entry: the ledger's entry of each, int64 `(B,)`; -1 where it was not scored.
        reward: float64 `(B,)`, NaN where there is none.
    """

    tokens: Tensor
    entry: Tensor
    reward: Tensor

    def where(self, chosen: Tensor, other: Place) -> Place:
        """Return `other` in the rows `chosen (B,)`, this place elsewhere."""
        return Place(
            torch.where(chosen[:, None], other.tokens, self.tokens),
            torch.where(chosen, other.entry, self.entry),
            torch.where(chosen, other.reward, self.reward),
        )


@dataclass(frozen=True)
class SiteKernel:
    r"""$\log K(z_i=v\mid x_i)$ over the tokens that may stand at each position.

    Attributes:
        log_k: float64 `(B, W, V)`; $-\infty$ at tokens outside a position's alphabet.
        active: positions that are not fixed, bool `(B, W)`.
    """

    log_k: Tensor
    active: Tensor

    @classmethod
    def around(cls, process: Process, state: State, t: Tensor) -> SiteKernel:
        """Return the kernel from the finished designs of `state` to the times `t (B,)`."""
        x = state.tokens.clamp(max=process.vocab_size - 1)[..., None]
        shape = (*state.tokens.shape, process.vocab_size)
        ids = torch.arange(process.vocab_size, device=x.device).expand(shape)
        log_k = process.log_kernel(ids, x.expand(shape), t[:, None, None].expand(shape))
        if state.allowed is not None and state.layout is not None:
            log_k = log_k.masked_fill(~state.allowed[state.layout], -torch.inf)
        return cls(log_k, state.active)

    @cached_property
    def free(self) -> Tensor:
        """Positions with a choice, bool `(B, W)`."""
        return self.active & ((self.log_k > -torch.inf).sum(-1) > 1)

    def draw(self, tokens: Tensor, keys: Tensor, where: Tensor) -> Tensor:
        """Return `tokens (B, W)`, drawn from the kernel at the positions `where (B, W)`."""
        u = random.uniform(random.fold(keys, _TOKEN), tokens.shape[1])
        return torch.where(where, inverse_cdf(self.log_k, u), tokens)

    def within(self, tokens: Tensor, keys: Tensor) -> Tensor:
        """Return `tokens (B, W)` with those outside their alphabets drawn from the kernel."""
        known = tokens.clamp(max=self.log_k.shape[-1] - 1)[..., None]
        outside = self.log_k.gather(-1, known)[..., 0] == -torch.inf
        return self.draw(tokens, keys, outside & self.active)

    def site(self, keys: Tensor, move: int) -> Tensor:
        """Return the position of a move `(B,)`: all free ones in a random order, then again."""
        free = self.free
        count = free.sum(1).clamp(min=1)
        laps = random.fold(random.fold(keys, _ORDER), move // count)
        u = random.uniform(laps, free.shape[1]).masked_fill(~free, 2.0)
        return u.argsort(1).gather(1, (move % count)[:, None])[:, 0]


def proposal_law(log_k: Tensor, now: Tensor) -> Tensor:
    """Return the log-law `(B, V)` of a site's new token: uniform, and never the present one.

    Args:
        log_k: the kernel at the site, `(B, V)`.
        now: the token there, `(B,)`.
    """
    other = torch.arange(log_k.shape[-1], device=now.device) != now[:, None]
    chance = ((log_k > -torch.inf) & other).double()
    return (chance / chance.sum(-1, keepdim=True)).log()


def log_acceptance(log_f: Tensor, new_f: Tensor, log_k: Tensor, new_k: Tensor) -> Tensor:
    """Return the log-chance `(B,)`, at most 0, that a proposal is taken; none without a reward.

    Args:
        log_f: scaled reward of the present design, −∞ without one, `(B,)`.
        new_f: that of the proposal.
        log_k: the kernel at the present token, `(B,)`.
        new_k: the kernel at the proposed one.
    """
    gain = new_f - log_f + new_k - log_k
    return gain.nan_to_num(nan=-torch.inf).clamp(max=0.0)


def site_law(log_f: Tensor, log_k: Tensor) -> Tensor:
    r"""Return the log-law `(B, V)` of a site given all others, $\propto e^{f}K$.

    Args:
        log_f: scaled reward with each token at the site, −∞ without one, `(B, V)`.
        log_k: the kernel at the site, `(B, V)`.
    """
    return torch.log_softmax(log_f + log_k, dim=-1)


def scaled(reward: Tensor, scale: float) -> Tensor:
    """Return λ r, −∞ where there is no reward."""
    return (scale * reward).nan_to_num(nan=-torch.inf)


def metropolis(
    place: Place, kernel: SiteKernel, scale: float, score: Score, keys: Tensor, move: int
) -> Place:
    """Return the place after one proposal at one site of every row; one evaluation a row."""
    rows = kernel.free.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return place
    site = kernel.site(keys, move)[rows]
    now = place.tokens[rows, site]
    log_k = kernel.log_k[rows, site]
    own = _move_keys(keys, move)[rows]
    token = inverse_cdf(proposal_law(log_k, now), random.uniform(random.fold(own, _TOKEN), 1)[:, 0])
    tokens = place.tokens[rows].clone()
    tokens[torch.arange(len(rows), device=rows.device), site] = token
    around = _before_and_after(log_k, now, token)
    return _decide(place, rows, tokens, around, scale, score, own)


def block(
    place: Place, kernel: SiteKernel, scale: float, score: Score, keys: Tensor, move: int
) -> Place:
    """Return the place after one draw of all sites from the kernel, taken or left by reward alone.

    At most one evaluation a row: a draw that changes nothing needs none.
    """
    own = _move_keys(keys, move)
    drawn = kernel.draw(place.tokens, own, kernel.free)
    rows = (drawn != place.tokens).any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return place
    same = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    return _decide(place, rows, drawn[rows], (same, same), scale, score, own[rows])


def gibbs(
    place: Place, kernel: SiteKernel, scale: float, score: Score, keys: Tensor, move: int
) -> Place:
    """Return the place after one site of every row was drawn given all others.

    Every other token of the site's alphabet is evaluated, in one batch for all rows.
    """
    rows = kernel.free.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return place
    site = kernel.site(keys, move)[rows]
    now, log_k = place.tokens[rows, site][:, None], kernel.log_k[rows, site]
    row, token = (proposal_law(log_k, now[:, 0]) > -torch.inf).nonzero(as_tuple=True)
    tokens = place.tokens[rows[row]]
    tokens[torch.arange(len(row), device=row.device), site[row]] = token
    found = score(tokens)
    entry = torch.full(log_k.shape, -1, device=row.device)
    reward = torch.full_like(log_k, torch.nan)
    entry[row, token], reward[row, token] = found
    entry.scatter_(1, now, place.entry[rows][:, None])
    reward.scatter_(1, now, place.reward[rows][:, None])
    log_f = scaled(reward, scale)
    nothing = (log_f == -torch.inf).all(1)
    law = site_law(log_f.masked_fill(nothing[:, None], 0.0), log_k)
    u = random.uniform(random.fold(_move_keys(keys, move), _TOKEN)[rows], 1)[:, 0]
    chosen = torch.where(nothing, now[:, 0], inverse_cdf(law, u))
    full = [part.clone() for part in (place.tokens, place.entry, place.reward)]
    full[0][rows, site] = chosen
    full[1][rows] = entry.gather(1, chosen[:, None])[:, 0]
    full[2][rows] = reward.gather(1, chosen[:, None])[:, 0]
    return Place(*full)


def closed_form(tokens: Tensor, kernel: SiteKernel, terms: Tensor, keys: Tensor) -> Tensor:
    r"""Return z drawn from the law itself where $\lambda r$ is a sum over positions.

    Args:
        tokens: any z, int64 `(B, W)`: fixed positions keep their tokens.
        kernel: K around x.
        terms: scaled reward of each token at each position, float64 `(W, V)`, −∞ where impossible.
        keys: int64 row keys `(B,)`.
    """
    return SiteKernel(kernel.log_k + terms, kernel.active).draw(tokens, keys, kernel.active)


def _move_keys(keys: Tensor, move: int) -> Tensor:
    return random.fold(random.fold(keys, _MOVE), move)


def _before_and_after(log_k: Tensor, now: Tensor, token: Tensor) -> tuple[Tensor, Tensor]:
    return log_k.gather(1, now[:, None])[:, 0], log_k.gather(1, token[:, None])[:, 0]


def _decide(
    place: Place,
    rows: Tensor,
    tokens: Tensor,
    log_k: tuple[Tensor, Tensor],
    scale: float,
    score: Score,
    own: Tensor,
) -> Place:
    """Take or leave the proposals `tokens` of some rows; `log_k` is the kernel now and then."""
    entry, reward = score(tokens)
    before = scaled(place.reward[rows], scale)
    chance = log_acceptance(before, scaled(reward, scale), *log_k)
    u = random.uniform(random.fold(own, _ACCEPT), 1)[:, 0]
    taken = u.log() < chance
    index = rows[taken]
    full = [part.clone() for part in (place.tokens, place.entry, place.reward)]
    for part, new in zip(full, (tokens, entry, reward), strict=True):
        part[index] = new[taken]
    return Place(*full)
