"""Split Gibbs sampling: the model draws x near z, the reward draws z near x, ever nearer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.belief import Belief
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance import site_moves
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.site_moves import Place, Score, SiteKernel
from discdiff.process import Process
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import CHILD, SELECT, SWEEP, State

MOVES = {
    "metropolis": site_moves.metropolis,
    "gibbs": site_moves.gibbs,
    "block": site_moves.block,
}


class SplitGibbs(Guidance):
    r"""Alternates between the model and the reward, coupled by the forward noise.

    With a level t, the law of a pair is
    $$\pi_t(x,z)\propto p(x)\,K_t(z\mid x)\,e^{\lambda r(z)},$$
    where $K_t$ is the forward kernel of the process, on uniform noise
    $K_t(z\mid x)\propto\Bigl(\frac{1-\alpha_t}{1+(V-1)\alpha_t}\Bigr)^{d(x,z)}$ with d the number
    of positions that differ. So x given z is what the sampler makes of z as noise of time t, and z
    given x is drawn by moves that need no network. The n designs are independent chains, whose
    level falls from sweep to sweep.

    The moves of z are `metropolis`, one evaluation for one new token at one position; `gibbs`, a
    position given the others, by evaluating every other token there; `block`, all positions from
    $K_t$ at once, taken or left by reward: for low levels; or `closed`, z itself, without any
    evaluation, where the reward is a sum over positions (`Reward.terms`). For each design they ask
    for 1 + S·moves evaluations, S(moves + 1) without `exact`; with `gibbs` for V - 1 times the
    moves, with `block` for fewer; with `closed` for 1.

    Args:
        sweeps: S, draws of the model.
        moves: of z in a sweep; `closed` needs none.
        step: `metropolis`, `gibbs`, `block` or `closed`.
        scale: inverse temperature λ.
        first: the time t in (0, 1] of the first sweep.
        last: that of the last; equal to `first` for a fixed level. Designs that begin at seeds are
            never noised further than those were.
        anneal: the times in between, `geometric` or `linear`.
        exact: begin the moves of a sweep at the z before, which keeps the law; else at the x just
            drawn, as published, which takes some ten times as many moves to come as near.
        keep: return `z`, which fits the reward and any alphabets, or `x`, the model's last draw,
            where it is valid and keeps to the alphabets.

    Raises:
        InputError: if an argument is out of range, or `last` is above `first`.
        UnsupportedError: on a masked process, whose kernel lets z differ from x nowhere.

    Law: with `exact` or `closed`, that of $\pi_t$ as sweeps → ∞ at a fixed level, and exact as the
    level → 0, for the designs of each length and template, where the sampler is exact. Without,
    biased while moves are few. An invalid design has no place among the z of moves; `closed` does
    not know of validity.

    Source: Split Gibbs Discrete Diffusion Posterior Sampling (Chu et al., 2025, arXiv:2503.01161),
    with the kernel normalised over the V - 1 other tokens.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.ancestral import Ancestral
        >>> sampler = Ancestral(Model.tabular(["AC", "GT"], kind="uniform"))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s[0] == "G" for s in strings])
        >>> SplitGibbs(sweeps=20, moves=4, scale=20.0).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    redraws = True

    def __init__(
        self,
        sweeps: int = 32,
        moves: int = 16,
        step: Literal["metropolis", "gibbs", "block", "closed"] = "metropolis",
        scale: float = 10.0,
        first: float = 1.0,
        last: float = 0.01,
        anneal: Literal["geometric", "linear"] = "geometric",
        exact: bool = True,
        keep: Literal["z", "x"] = "z",
    ) -> None:
        self.sweeps = _check.positive_int("sweeps", sweeps)
        self.moves = _check.positive_int("moves", moves)
        self.step = _check.one_of("step", step, (*MOVES, "closed"))
        self.scale = _check.finite("scale", scale)
        self.first = _check.in_range("first", first, 0.0, 1.0)
        self.last = _check.in_range("last", last, 0.0, self.first)
        if self.last == 0.0:
            raise InputError(f"last must be greater than 0, got {last}")
        self.anneal = _check.one_of("anneal", anneal, ("geometric", "linear"))
        self.exact = bool(exact)
        self.keep = _check.one_of("keep", keep, ("z", "x"))

    def level(self, number: int) -> float:
        """Return the time of sweep `number`, counted from 0."""
        part = number / max(self.sweeps - 1, 1)
        if self.anneal == "linear":
            return self.first + (self.last - self.first) * part
        return float(self.first * (self.last / self.first) ** part)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        if not _couples(sampler.process):
            raise UnsupportedError(
                f"split_gibbs on a {sampler.process.kind} process is not supported, for its noise "
                "makes no token of another; use isir, which has the same target"
            )
        constrained = sampler.constraint is not None
        terms = self._terms(reward, sampler.model.max_length, state.keys.device, constrained)
        ledger, highest = Ledger(reward), state.t
        chains = Chains.begin(sampler.run(state, progress=progress))
        for number in range(self.sweeps):
            if number and reward.exhausted:
                break
            t = highest.clamp(max=self.level(number))
            if number:
                chains = self.redraw(sampler, chains, t, number, progress)
            chains = self.sweep(sampler, ledger, chains, t, number, terms)
        return self._returned(sampler, ledger, chains)

    def redraw(
        self,
        sampler: Sampler,
        chains: Chains,
        t: Tensor,
        number: int,
        progress: Progress | None = None,
    ) -> Chains:
        """Return the chains with x drawn given z, which is noise of the times `t (B,)`."""
        old, z = chains.x, chains.place.tokens
        keys = random.fold(_sweep_keys(old, number), CHILD)
        # alphabets and a constraint bind z alone: a law restricted on the way is not that of p
        begun = sampler.start(z, t, old.active, keys=keys, cond=old.cond, held=False)
        done = sampler.run(replace(begun, counts=old.counts), progress=progress)
        x = replace(old, tokens=done.tokens, path=done.path.unknown_in(old.active.any(1)))
        return replace(chains, x=x)

    def sweep(
        self,
        sampler: Sampler,
        ledger: Ledger,
        chains: Chains,
        t: Tensor,
        number: int,
        terms: Tensor | None = None,
    ) -> Chains:
        """Return the chains with z drawn given x.

        Args:
            sampler: whose process gives the kernel.
            ledger: scores designs.
            chains: B pairs of x and z.
            t: levels, float64 `(B,)`.
            number: of the sweep; each has random numbers of its own.
            terms: scaled reward of each token at each position, `(W, V)`, for `closed`.
        """
        keys = random.fold(_sweep_keys(chains.x, number), SELECT)
        kernel = SiteKernel.around(sampler.process, chains.x, t)
        score = _scorer(ledger)
        if terms is not None:
            z = site_moves.closed_form(chains.x.tokens, kernel, terms, keys)
            return replace(chains, place=_unscored(z))
        old = chains.place
        if self.exact and number:
            place = old
        else:
            start = kernel.within(chains.x.tokens, keys)
            place = Place(start, *score(start))
        for move in range(self.moves):
            if ledger.reward.exhausted:
                break
            place = MOVES[self.step](place, kernel, self.scale, score, keys, move)
        # one that is invalid or was not evaluated does not replace one that is valid
        place = place.where(place.reward.isnan() & ~old.reward.isnan(), old)
        return replace(chains, place=place)

    def _terms(
        self, reward: Reward, width: int, device: torch.device, constrained: bool
    ) -> Tensor | None:
        if self.step != "closed":
            return None
        if constrained:
            raise UnsupportedError(
                "split_gibbs with step='closed' under a constraint is not supported, for it draws "
                "each position by itself; use metropolis, gibbs or block"
            )
        terms = reward.terms(width)
        if terms is None:
            raise InputError(
                "step must be one of metropolis, gibbs, block for a reward that is no sum over "
                "positions, got 'closed'"
            )
        terms = terms.to(device)
        return torch.where(terms == -torch.inf, terms, self.scale * terms)

    def _returned(self, sampler: Sampler, ledger: Ledger, chains: Chains) -> Samples:
        place = chains.place
        if self.keep == "x":  # where it keeps to the alphabets and is valid
            drawn = _unscored(chains.x.tokens)
            found = _scored(ledger, drawn, ~_outside(chains.x))
            lacking = found.reward.isnan()
            place = found.where(lacking, _scored(ledger, place, lacking))
        else:
            place = _scored(ledger, place, torch.ones_like(place.entry, dtype=torch.bool))
        weight = torch.zeros_like(place.reward).masked_fill(place.reward.isnan(), -torch.inf)
        path = chains.x.path.unknown_in(chains.x.active.any(1))
        state = replace(chains.x, tokens=place.tokens, path=path, log_weight=weight)
        samples = conclude(sampler, state, place.entry, ledger, 1, "softmax")
        return replace(samples, log_normaliser=None)


@dataclass(frozen=True)
class Chains:
    """Pairs of designs.

    Attributes:
        x: B finished rows, drawn by the model; their keys stay those of the chains.
        place: z, drawn by the reward; at first x itself, of which nothing is known.
    """

    x: State
    place: Place

    @classmethod
    def begin(cls, x: State) -> Chains:
        """Return the chains that have made no sweep."""
        return cls(x, _unscored(x.tokens))


def _couples(process: Process) -> bool:
    """Return whether a clean z other than x can be noise of x."""
    x, half = torch.zeros(1, 1, dtype=torch.int64), torch.full((1,), 0.5, dtype=torch.float64)
    return bool(process.log_kernel(torch.ones_like(x), x, half).isfinite())


def _sweep_keys(state: State, number: int) -> Tensor:
    return random.fold(random.fold(state.keys, SWEEP), number)


def _unscored(tokens: Tensor) -> Place:
    entry = torch.full((len(tokens),), -1, device=tokens.device)
    nothing = torch.full((len(tokens),), torch.nan, dtype=torch.float64, device=tokens.device)
    return Place(tokens, entry, nothing)


def _scorer(ledger: Ledger) -> Score:
    def score(tokens: Tensor) -> tuple[Tensor, Tensor]:
        return ledger.score(tokens, Belief.unknown(len(tokens)))

    return score


def _scored(ledger: Ledger, place: Place, where: Tensor) -> Place:
    """Return the place with those of the rows `where (B,)` scored that were not."""
    rows = (where & (place.entry < 0)).nonzero()[:, 0]
    if len(rows) == 0:
        return place
    entry, reward = place.entry.clone(), place.reward.clone()
    entry[rows], reward[rows] = _scorer(ledger)(place.tokens[rows])
    return Place(place.tokens, entry, reward)


def _outside(state: State) -> Tensor:
    """Return which rows hold a token outside its alphabet, bool `(B,)`."""
    rows, cols = state.active.nonzero(as_tuple=True)
    alphabet = state.alphabet(rows, cols)
    found = torch.zeros(len(state), dtype=torch.bool, device=state.tokens.device)
    if alphabet is not None:
        found[rows[~alphabet.gather(1, state.tokens[rows, cols][:, None])[:, 0]]] = True
    return found
