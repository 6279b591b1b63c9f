"""Noise and redraw: Gibbs sampling of a design and its noisy version, by importance resampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.belief import Belief
from discdiff.errors import InputError
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.redraw import Levels, Region, redraw
from discdiff.guidance.resample import one_of
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import CHILD, SELECT, SWEEP, State


class ISIRGibbs(Guidance):
    r"""Sweeps: noise each design to a level, redraw it M times, keep the old or a new one.

    A sweep draws $x_t\sim q(\cdot\mid x_0)$, candidates $x_0^1,\dots,x_0^M\sim p(\cdot\mid x_t)$
    and the next design among $x_0^0=x_0$ and them, by `softmax` with chance
    $\propto e^{\lambda r(x_0^j)}$, or for M = 1 by `metropolis`: the new one with chance
    $\min(1,e^{\lambda(r(x_0^1)-r(x_0))})$, which is noise-denoise Metropolis. Either leaves
    $p(x)e^{\lambda r(x)}$ unchanged at any level, so levels may vary. The n designs are independent
    chains that begin with draws of the sampler. Every candidate that is evaluated is a whole
    design, and has the length of its chain and, where there are several templates or ways to share
    out the gaps of one, its template.

    Args:
        sweeps: S.
        candidates: M.
        level: the time t in (0, 1] that designs are noised to, or its range: then each chain draws
            its own, uniformly, for every sweep.
        scale: inverse temperature λ.
        select: `softmax` or `metropolis`.
        region: what is noised: `sites`, each by itself, or a `span`, one run of positions, as long
            as the level's share of them, which is drawn given the rest.

    Raises:
        InputError: if an argument is out of range, or M is not 1 with `metropolis`.

    Law: exact as sweeps → ∞ for the designs of each length and template, at any level and M, where
    the sampler is exact.

    Source: Particle Markov chain Monte Carlo methods (Andrieu, Doucet and Holenstein, 2010) for
    iterated sampling importance resampling; that noising and exact redrawing are reversible with
    respect to p is the definition of the reverse process.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> ISIRGibbs(sweeps=20, level=0.9, scale=50.0).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    redraws = True

    def __init__(
        self,
        sweeps: int = 32,
        candidates: int = 1,
        level: float | Sequence[float] = (0.1, 0.5),
        scale: float = 10.0,
        select: Literal["softmax", "metropolis"] = "metropolis",
        region: Region = "sites",
    ) -> None:
        self.sweeps = _check.positive_int("sweeps", sweeps)
        self.candidates = _check.positive_int("candidates", candidates)
        self.levels = Levels(level)
        self.scale = _check.finite("scale", scale)
        self.select = _check.one_of("select", select, ("softmax", "metropolis"))
        # fragments depend on what the rest is, so a redrawn one has another chance to be chosen
        _check.one_of("region", region, ("sites", "span"))
        self.region: Region = region
        if select == "metropolis" and candidates != 1:
            raise InputError(f"candidates must be 1 with select='metropolis', got {candidates}")

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        ledger = Ledger(reward)
        state = sampler.run(state, progress=progress)
        chains = Chains(state, *ledger.score(state.tokens, state.belief(sampler.process)))
        for number in range(self.sweeps):
            if reward.exhausted:
                break
            chains = self.sweep(sampler, ledger, chains, number, progress)
        dead = chains.reward.isnan()
        weight = torch.zeros_like(chains.reward).masked_fill(dead, -torch.inf)
        state = replace(chains.state, log_weight=weight)
        samples = conclude(sampler, state, chains.entry, ledger, 1, "softmax")
        return replace(samples, log_normaliser=None)

    def sweep(
        self,
        sampler: Sampler,
        ledger: Ledger,
        chains: Chains,
        number: int,
        progress: Progress | None = None,
    ) -> Chains:
        """Return the chains after one sweep.

        Args:
            sampler: the base sampler.
            ledger: scores the candidates.
            chains: B finished designs.
            number: of the sweep; each has random numbers of its own.
            progress: called with the candidates' state after every event.
        """
        old = chains.state
        keys = random.fold(random.fold(old.keys, SWEEP), number)
        rows = torch.arange(len(old), device=keys.device).repeat_interleave(self.candidates)
        places = torch.arange(self.candidates, device=keys.device).repeat(len(old))
        own = random.fold(random.fold(keys, CHILD)[rows], places)
        # alphabets judge the outcome: a law that is restricted on the way is not reversible
        new = redraw(
            *(sampler, old.gather(rows), self.levels, keys[rows], own),
            restricted=False,
            region=self.region,
            progress=progress,
        )
        entry, reward = _score(sampler, ledger, new, new.belief(sampler.process))
        shape = (len(old), self.candidates)
        rewards = torch.cat([chains.reward[:, None], reward.view(shape)], dim=1)
        weight = (self.scale * rewards).nan_to_num(nan=-torch.inf)
        u = random.uniform(random.fold(keys, SELECT), 1)
        chosen = metropolis(weight, u) if self.select == "metropolis" else one_of(weight, u)
        moved = chosen > 0
        place = torch.arange(len(old), device=keys.device) * self.candidates + chosen - 1
        place = place.clamp(min=0)

        def take(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(moved.view(-1, *[1] * (old.ndim - 1)), new[place], old)

        path = old.path.where(moved, new.path.gather(place))
        state = replace(old, tokens=take(new.tokens, old.tokens), path=path)
        return Chains(state, take(entry, chains.entry), take(reward, chains.reward))


@dataclass(frozen=True)
class Chains:
    """Finished designs and what is known of them.

    Attributes:
        state: B rows; their keys stay those of the chains.
        entry: the ledger's entry of each, int64 `(B,)`; -1 where it was not scored.
        reward: float64 `(B,)`, NaN where there is none.
    """

    state: State
    entry: Tensor
    reward: Tensor


def _score(sampler: Sampler, ledger: Ledger, state: State, belief: Belief) -> tuple[Tensor, Tensor]:
    """Return entries and rewards; rows outside alphabets or constraint are not asked for."""
    rows, cols = state.active.nonzero(as_tuple=True)
    alphabet = state.alphabet(rows, cols)
    inside = torch.ones(len(state), dtype=torch.bool, device=state.tokens.device)
    if alphabet is not None:
        inside[rows[~alphabet.gather(1, state.tokens[rows, cols][:, None])[:, 0]]] = False
    if sampler.constraint is not None:
        inside &= sampler.constraint.met(state.tokens, state.tokens != sampler.process.pad_id)
    entry = torch.full_like(state.keys, -1)
    reward = torch.full_like(state.log_weight, torch.nan)
    if bool(inside.any()):
        found = ledger.score(state.tokens[inside], belief.take(inside))
        entry[inside], reward[inside] = found
    return entry, reward


def metropolis(weight: Tensor, u: Tensor) -> Tensor:
    """Return 1 where the second column is accepted against the first, int64 `(B,)`."""
    gain = (weight[:, 1] - weight[:, 0]).nan_to_num(nan=-torch.inf)
    return (u[:, 0].log() < gain).long()
