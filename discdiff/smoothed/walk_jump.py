"""Walk-jump sampling: a walk among noisy rows, and one jump to the sequence behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError, OracleError
from discdiff.gapped import Templates
from discdiff.relaxed import Relaxed, needed
from discdiff.reward import Reward
from discdiff.samplers.samples import Samples
from discdiff.smoothed.denoiser import filled
from discdiff.smoothed.langevin import sachs_step
from discdiff.smoothed.model import SmoothedModel
from discdiff.smoothed.start import STEP, Walkers, walkers

_FAR = 1e8  # no walk that is of use has entries as large


class WalkJump:
    r"""Walks by Langevin dynamics on the smoothed density, then jumps to the likeliest tokens.

    The walk is underdamped, of score
    $(\hat x(y)-y)/\sigma^2+\lambda\nabla_yr(\hat x(y))$, the second part where there is a reward;
    the jump is $\arg\max_v\hat x_{iv}(y)$ at each position. Walks
    start stationary in velocity, and in place around seeds ($e_{\text{seed}}+\sigma\varepsilon$) or
    around uniformly drawn tokens. A template restricts the prior, to sequences with its tokens.

    Args:
        model: denoiser at one level of noise, domain and lengths.
        steps: K, network passes of the walk.
        delta: δ, a step of time, in units of σ.
        friction: γ, in units of 1/σ. At the default a step of δ = 0.5 forgets a fraction 1 - 1/e
            of its velocity, as in the published settings.
        scale: inverse temperature λ of the reward.

    Raises:
        InputError: if an argument is out of range.

    Law: as δ → 0 and K → ∞ the walk draws $y$ from $p_\sigma(y)e^{\lambda r(\hat x(y))}$, and
    designs follow the law of the jump from there. That is not $p(x)e^{\lambda r(x)}$: each position
    of a jump takes its own likeliest token. Unguided, it tends to p as σ → 0, where all walks that
    start from noise stay in one mode, though; started from seeds drawn from p, unguided walks have
    their law for any K as δ → 0.

    Source: Protein Discovery with Discrete Walk-Jump Sampling (Frey et al., 2023,
    arXiv:2306.12360).

    Example:
        >>> model = SmoothedModel.tabular(["ACCA", "GTTG"], sigma=0.5)
        >>> sorted(set(WalkJump(model, steps=50).sample(20, key=1).strings))
        ['ACCA', 'GTTG']
    """

    def __init__(
        self,
        model: SmoothedModel,
        steps: int = 100,
        delta: float = 0.5,
        friction: float = 2.0,
        scale: float = 10.0,
    ) -> None:
        self.model = model
        self.steps = _check.positive_int("steps", steps)
        self.delta = _check.positive("delta", delta)
        if delta >= 2.0:
            raise InputError(f"delta must be below 2, where walks diverge, got {delta}")
        self.friction = _check.positive("friction", friction)
        self.scale = _check.finite("scale", scale)

    def sample(
        self,
        n: int,
        *,
        reward: Reward | None = None,
        key: int | None = None,
        generator: torch.Generator | None = None,
        first_design: int = 0,
        length: int | None = None,
        template: Templates | None = None,
        seeds: Sequence[str] | None = None,
        batch_size: int = 256,
        progress: Callable[[int], None] | None = None,
    ) -> Samples:
        r"""Return n designs, all of weight 1.

        Their confidence is the geometric mean of $\hat x$ at the tokens that the jump took, the
        free ones; of their likelihood the model says nothing. `counts` has steps + 1 of `nfe` a
        design and, guided, `steps` of `nfe_grad` and `relaxed`.

        Args:
            n: designs.
            reward: tokens to reward; its gradient guides the walk, and designs are scored by it.
            key: the run's key; drawn from `generator` when None.
            generator: source of the key.
            first_design: index of the first design.
            length: tokens per design; drawn from the length law when None.
            template: fixed tokens and per-position alphabets of the first positions; its length is
                that of the design where no other is given.
            seeds: strings that walks start from, each with equal chances; their lengths are kept.
                Tokens that a template fixes are its own.
            batch_size: designs in flight; it does not change any design.
            progress: called with the number of finished designs.

        Raises:
            InputError: if arguments do not go together.
            UnsupportedError: if the reward has no gradient, or a template cannot be kept.
        """
        n = _check.positive_int("n", n)
        relaxed = None if reward is None else needed(reward.relaxed, "a guided walk")
        key = random.new_key(generator) if key is None else key
        parts = []
        for first in range(0, n, _check.positive_int("batch_size", batch_size)):
            keys = self._keys(key, first_design + first, min(batch_size, n - first))
            begin = walkers(self.model, keys, length, template, seeds)
            counts: Counter[str] = Counter(nfe=0, nfe_grad=0, relaxed=0)
            parts.append(self._jump(self._walk(begin, relaxed, counts), counts))
            if progress is not None:
                progress(first + len(keys))
        samples = Samples.concatenate(parts)
        return samples if reward is None else self._scored(samples, reward)

    def _keys(self, key: int, first: int, count: int) -> Tensor:
        weights = [*self.model.denoiser.parameters(), *self.model.denoiser.buffers()]
        design = torch.arange(first, first + count, device=weights[0].device)
        return random.row_keys(key, design, torch.zeros_like(design))

    def _walk(self, begin: Walkers, relaxed: Relaxed | None, counts: Counter[str]) -> Walkers:
        y, v, allowed = begin.y, begin.v, begin.allowed
        sigma, real = self.model.sigma, filled(allowed)[..., None]

        def score(place: Tensor) -> Tensor:
            counts["nfe"] += len(place)
            return self._score(place, allowed, relaxed, counts)

        for step in range(self.steps):
            keys = random.fold(random.fold(begin.keys, STEP), step)
            noise = random.normal(keys, y[0].numel()).view(y.shape) * real
            y, v = sachs_step(y, v, score, noise, sigma * self.delta, self.friction / sigma)
        return replace(begin, y=y, v=v)

    def _score(
        self, y: Tensor, allowed: Tensor, relaxed: Relaxed | None, counts: Counter[str]
    ) -> Tensor:
        denoiser = self.model.denoiser
        if relaxed is None:
            with torch.no_grad():
                return denoiser.score(y, denoiser(y, allowed).double(), allowed)
        if not bool((y.abs() < _FAR).all()):
            raise InputError(
                "delta and scale must be small enough for walks to stay near one-hot rows, got "
                f"{self.delta} and {self.scale}"
            )
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            x_hat = denoiser(y, allowed)
            rewards = _by_length(relaxed, x_hat, filled(allowed).sum(1))
            (slope,) = torch.autograd.grad(rewards.sum(), y)
        counts["nfe_grad"] += len(y)
        counts["relaxed"] += len(y)
        if not bool(slope.isfinite().all()):
            raise OracleError("relaxed rewards must have finite gradients, got nan or inf")
        return denoiser.score(y, x_hat, allowed).detach() + self.scale * slope

    def _jump(self, end: Walkers, counts: Counter[str]) -> Samples:
        model = self.model
        with torch.no_grad():
            x_hat = model.denoiser(end.y, end.allowed).double()
        counts["nfe"] += len(x_hat)
        real = filled(end.allowed)
        chance, token = x_hat.max(-1)
        tokens = torch.where(real, token, model.domain.alphabet.pad_id)
        strings = model.domain.decode_batch(tokens)
        free = end.allowed.sum(-1) > 1
        log_chance = torch.where(free, chance.log(), 0.0).sum(1) / free.sum(1).clamp(min=1)
        return Samples(
            tokens=tokens,
            strings=strings,
            valid=np.array([model.domain.invalid_reason(s) is None for s in strings], np.bool_),
            log_weight=torch.zeros_like(log_chance),
            log_likelihood=torch.full_like(log_chance, torch.nan),
            confidence=log_chance.exp(),
            counts=dict(counts),
        )

    @staticmethod
    def _scored(samples: Samples, reward: Reward) -> Samples:
        found = reward(samples.tokens, samples.belief)
        return replace(
            samples, reward=found.reward, scores=found.scores, valid=found.valid.cpu().numpy()
        )

    def __repr__(self) -> str:
        return (
            f"WalkJump(steps={self.steps}, delta={self.delta}, friction={self.friction}, "
            f"scale={self.scale})"
        )


def _by_length(relaxed: Relaxed, x_hat: Tensor, lengths: Tensor) -> Tensor:
    """Return rewards `(B,)` of relaxed rows; all those of a call have one length."""
    rewards = []
    for length in sorted(set(lengths.tolist())):
        rewards.append(relaxed(x_hat[lengths == length, :length]))
    return torch.cat(rewards)
