"""Twisted sequential Monte Carlo: proposals tilted towards what would raise the reward."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.method import Progress
from discdiff.guidance.neighbours import NeighbourTwist
from discdiff.guidance.resample import Scheme
from discdiff.guidance.support import methods
from discdiff.guidance.value import SampledValue, Value, live_rows, log_mean
from discdiff.relaxed import Relaxed, needed
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.forward import RelaxedPass, relaxed_passes
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import PREVIEW, State


class TaylorTwist:
    r"""First-order twist: the gradient of the previewed reward by the tokens of the unfinished row.

    With $X$ the one-hot rows of $x_t$ and $\rho(X)=\log\frac1\varphi\sum_je^{\lambda r(\hat
    x_0^j(X))}$, the next draw at position $i$ is tilted by
    $\nabla_{i,v}\rho-\nabla_{i,x_t^i}\rho$, clipped. Gradients belong to their own row, whatever
    batch it is in.

    Args:
        relax: what the reward is shown: `mean`, the posterior's own probabilities; or `gumbel`, a
            clean design drawn from it, through which gradients pass straight, for rewards that
            make nothing of mixtures.
        draws: φ, for `gumbel`.
        smoothing: temperature of the softmax whose gradient a drawn token has.
        clip: largest size of what is added to a log-probability.

    Raises:
        InputError: if an argument is out of range.

    Law: exact in every weighted method.

    Example:
        >>> TaylorTwist()
        TaylorTwist(relax='mean', draws=1, smoothing=1.0, clip=10.0)
    """

    def __init__(
        self,
        relax: Literal["mean", "gumbel"] = "mean",
        draws: int = 1,
        smoothing: float = 1.0,
        clip: float = 10.0,
    ) -> None:
        self.relax = _check.one_of("relax", relax, ("mean", "gumbel"))
        self.draws = _check.positive_int("draws", draws)
        self.smoothing = _check.positive("smoothing", smoothing)
        self.clip = _check.positive("clip", clip)

    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor, Tensor]:
        size = sampler.model.vocab_size
        live = live_rows(sampler, state).cpu().numpy()
        value = torch.full_like(state.log_weight, torch.nan)
        slope = value.new_zeros(*state.tokens.shape, size)
        log_p = value.new_zeros(slope.shape, dtype=torch.float32)
        relaxed = gradients(reward, sampler)
        with torch.enable_grad():
            for seen in relaxed_passes(sampler.model, state, live):
                found = self._log_value(sampler, state, seen, relaxed, scale)
                (slopes,) = torch.autograd.grad(found.sum(), seen.x)
                length = seen.x.shape[1]
                here = state.tokens[seen.rows, :length, None].clamp(max=size)
                change = (slopes[..., :size] - slopes.gather(-1, here)).double()
                change = change.nan_to_num(nan=0.0).clamp(-self.clip, self.clip)
                slope[seen.rows, :length] = change
                value[seen.rows] = found.detach().double()
                log_p = log_p.to(seen.log_p.dtype)
                log_p[seen.rows, :length] = seen.log_p.detach()
        return replace(state, log_p=log_p), value, slope

    def _log_value(
        self, sampler: Sampler, state: State, seen: RelaxedPass, relaxed: Relaxed, scale: float
    ) -> Tensor:
        p = sampler.process.x0_posterior(seen.log_p, seen.x, seen.times).exp()
        if self.relax == "mean":
            state.counts["relaxed"] += len(p)
            return scale * relaxed(p)
        keys = state.purpose_keys(PREVIEW)[seen.rows]
        drawn = [self._straight_through(p, random.fold(keys, j)) for j in range(self.draws)]
        state.counts["relaxed"] += len(p) * self.draws
        rewards = relaxed(torch.stack(drawn, dim=1).flatten(0, 1)).view(len(p), self.draws)
        return log_mean(scale * rewards)

    def _straight_through(self, p: Tensor, keys: Tensor) -> Tensor:
        """Return one-hot draws of `p (N, L, V)` whose gradient is that of a softmax."""
        length, size = p.shape[1:]
        u = random.uniform(keys, length * size).view(p.shape)
        gumbel = -(-u.log()).log().to(p.dtype)
        # clamped, because the logarithm of 0 has no slope
        noisy = p.clamp(min=torch.finfo(p.dtype).tiny).log() + gumbel
        soft = torch.softmax(noisy / self.smoothing, dim=-1)
        hard = torch.nn.functional.one_hot(noisy.argmax(-1), size).to(p.dtype)
        return hard + soft - soft.detach()

    def __repr__(self) -> str:
        return (
            f"TaylorTwist(relax={self.relax!r}, draws={self.draws}, "
            f"smoothing={self.smoothing}, clip={self.clip})"
        )


def gradients(reward: Reward, sampler: Sampler) -> Relaxed:
    """Return the relaxed form of `reward`, or refuse it naming the methods that need none."""
    able = [name for name in methods(sampler.process.kind) if name not in ("none", "tds")]
    instead = f"; or use twist='neighbours'. Methods that need none: {', '.join(able)}"
    return needed(reward.relaxed, "tds", instead)


class TDS(FKSteering):
    r"""Steers K particles like `FKSteering`, and tilts what they draw towards the reward.

    A step draws from $\tau\propto p(x_s\mid x_t)\,e^{\Delta}$, normalised at every position, with
    $\Delta$ of a twist, and multiplies the weight by $p\,e^{v_s-v_t}/\tau$. With the gradient of
    the reward (`TaylorTwist`) one network pass forward and backward gives the tilt, the value and
    the law of the next step; `NeighbourTwist` values every token that may be drawn.

    Args:
        particles: K.
        scale: inverse temperature λ.
        twist: `taylor`, by gradients, or `neighbours`, which needs none.
        relax: `mean` or `gumbel`, as in `TaylorTwist`.
        draws: clean designs drawn for each row, but with `mean`.
        clip: largest size of what is added to a log-probability.
        value: estimates values; by default the twist's own, at no further cost.
        threshold: resample when the effective sample size falls below this fraction of K.
        scheme: `ssp`, `systematic` or `multinomial`.
        interval: events between two evaluations of values; tilts come at every event.
        ramp: events over which the λ of values and tilts rises to `scale`; 0 for at once.
        keep: `one` design per population, drawn by its weight, or `all` K with their weights.

    Raises:
        InputError: if an argument is out of range.
        UnsupportedError: if `taylor` meets a reward without a gradient, or a network that takes no
            relaxed rows.

    Law: exact as particles → ∞, whatever the twist; the normaliser is unbiased.

    Source: Practical and Asymptotically Exact Conditional Sampling in Diffusion Models (Wu et al.,
    2023, arXiv:2306.17775); Unlocking Guidance for Discrete State-Space Diffusion and Flow Models
    (Nisonoff et al., 2024, arXiv:2406.01572) for first-order tilts of discrete steps.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> class Gs:
        ...     def __call__(self, strings): return [s.count("G") for s in strings]
        ...     def relaxed(self, rows): return rows[:, :, 2].sum(1)  # of the letters A, C, G, T
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, Gs())
        >>> TDS(particles=4, scale=20.0).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(
        self,
        particles: int = 16,
        scale: float = 10.0,
        twist: Literal["taylor", "neighbours"] = "taylor",
        relax: Literal["mean", "gumbel"] = "mean",
        draws: int = 1,
        clip: float = 10.0,
        value: Value | None = None,
        threshold: float = 0.5,
        scheme: Scheme = "ssp",
        interval: int = 1,
        ramp: int = 0,
        keep: Literal["one", "all"] = "one",
    ) -> None:
        super().__init__(
            particles,
            scale,
            threshold=threshold,
            scheme=scheme,
            interval=interval,
            ramp=ramp,
            keep=keep,
        )
        _check.one_of("twist", twist, ("taylor", "neighbours"))
        taylor = TaylorTwist(relax, draws, clip=clip)
        found = taylor if twist == "taylor" else NeighbourTwist(SampledValue(draws), clip)
        self.needs_gradients = twist == "taylor"
        self.loop = replace(self.loop, value=value, twist=found)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        if self.needs_gradients:
            gradients(reward, sampler)
        return super().guide(sampler, reward, state, progress)
