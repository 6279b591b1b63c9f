r"""Forward noising processes and their factorised reverse kernels.

Both processes keep a token with probability $\alpha_t$. The masked process replaces it by the mask
otherwise, the uniform process by a uniform token; they differ only here and in the plan of a
sampler. Per position, with $s<t$:

* masked: $q(x_s\mid x_t=m,x_0)$ reveals $x_0$ with probability
  $(\alpha_s-\alpha_t)/(1-\alpha_t)$ and stays masked otherwise;
* uniform: $q(x_s\mid x_t,x_0)\propto
  [\alpha_{t|s}\mathbb 1(x_s=x_t)+(1-\alpha_{t|s})/V]\,[\alpha_s x_0+(1-\alpha_s)/V]$.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import InputError
from discdiff.schedule import LogLinear, Schedule

_WHERE, _WHAT = 0, 1  # purposes of the random numbers that corrupt


class Transition:
    r"""One factorised reverse kernel $\prod_i p(x_s^i\mid x_t)$.

    Args:
        log_probs: float log-probabilities `(B, L, K)`, normalised over the last axis.

    Raises:
        InputError: if `log_probs` does not have three axes.

    Example:
        >>> kernel = Transition(torch.tensor([[[0.5, 0.5]]]).log())
        >>> kernel.log_prob(torch.tensor([[1]])).exp()
        tensor([0.5000])
    """

    def __init__(self, log_probs: Tensor) -> None:
        if log_probs.dim() != 3:
            raise InputError(f"log_probs must be (B, L, K), got shape {tuple(log_probs.shape)}")
        self.log_probs = log_probs

    def sample(self, keys: Tensor) -> Tensor:
        """Return int64 tokens `(B, L)` drawn with the row keys `(B,)`."""
        u = random.uniform(keys, self.log_probs.shape[1])
        return inverse_cdf(self.log_probs, u)

    def log_prob(self, x_s: Tensor) -> Tensor:
        """Return the log-probability `(B,)` of the tokens `x_s (B, L)`."""
        return self.log_probs.gather(-1, x_s[..., None]).squeeze(-1).sum(-1)

    def tilt(self, log_ratio: Tensor) -> Transition:
        """Return the kernel multiplied by `exp(log_ratio)` `(B, L, K)` and normalised."""
        return Transition(torch.log_softmax(self.log_probs + log_ratio, dim=-1))

    def kl(self, other: Transition) -> Tensor:
        """Return the Kullback-Leibler divergence `(B,)` from `other` to this kernel, in nats."""
        p = self.log_probs.exp()
        terms = torch.where(p > 0, p * (self.log_probs - other.log_probs), 0.0)
        return terms.sum((-1, -2))


def inverse_cdf(log_probs: Tensor, u: Tensor) -> Tensor:
    """Return one category for each row of `log_probs (..., K)` from uniforms `u (...)`.

    The sum runs in float64, so a category of probability 1e-7 is drawn as often as it should be.

    Example:
        >>> inverse_cdf(torch.tensor([0.25, 0.75]).log(), torch.tensor(0.3)).item()
        1
    """
    cdf = log_probs.double().exp().cumsum(-1)
    drawn = torch.searchsorted(cdf, (u * cdf[..., -1])[..., None], right=True).squeeze(-1)
    return drawn.clamp(max=log_probs.shape[-1] - 1)


class Process(ABC):
    """A forward noising process over V sampleable tokens.

    Args:
        vocab_size: V.
        schedule: the keep probability as a function of time; log-linear by default.
    """

    kind: ClassVar[str]
    needs_time: ClassVar[bool]

    def __init__(self, vocab_size: int, schedule: Schedule | None = None) -> None:
        self.vocab_size = _check.positive_int("vocab_size", vocab_size)
        self.schedule = LogLinear() if schedule is None else schedule

    @property
    def mask_id(self) -> int:
        """Id of the mask: V."""
        return self.vocab_size

    @property
    def pad_id(self) -> int:
        """Id of PAD: V + 1."""
        return self.vocab_size + 1

    @property
    def input_size(self) -> int:
        """Number of ids a network can be shown: V + 2."""
        return self.vocab_size + 2

    @abstractmethod
    def prior(self, x: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        """Return `x (B, L)` with every `active` position replaced by noise at t = 1."""

    @abstractmethod
    def corrupt(self, x_0: Tensor, t: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        r"""Draw $x_t\sim q(\cdot\mid x_0)$ at the active positions.

        Args:
            x_0: int64 tokens `(B, L)`.
            t: times `(B,)` or `(B, L)` in [0, 1].
            active: positions that may change, bool `(B, L)`.
            keys: int64 row keys `(B,)`.
        """

    @abstractmethod
    def log_kernel(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        r"""Return $\log q(x_t^i\mid x_0^i)$ per position, float64 `(B, L)`."""

    @abstractmethod
    def transition(self, x_t: Tensor, log_p_x0: Tensor, t: Tensor, s: Tensor) -> Transition:
        """Return the reverse kernel from `t` to `s` at every position.

        Args:
            x_t: int64 tokens `(B, L)`.
            log_p_x0: the network's log-probabilities `(B, L, V)`.
            t: times `(B,)` or `(B, L)`.
            s: earlier times, of the same shape.
        """

    @abstractmethod
    def event_log_probs(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Return the log-law `(N, V)` of the new token at N positions chosen by a plan's event.

        Args:
            log_p_x0: log-probabilities `(N, V)`.
            x_t: the tokens there now `(N,)`.
            t: time before the event `(N,)`.
            s: time after it `(N,)`.
        """

    @abstractmethod
    def log_noising(self, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor) -> Tensor:
        r"""Return $\log q(x_t^i\mid x_s^i)$ of an event from `x_t` to `x_s`, float64 `(...)`.

        Without what the model's path has in common with it: *when* a masked process masks.

        Args:
            x_t: the tokens before the event `(...)`.
            x_s: the tokens after it `(...)`.
            t: time before the event `(...)`.
            s: time after it `(...)`.
        """

    @abstractmethod
    def x0_posterior(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        r"""Return $\log p(x_0^i\mid x_t)$, shape `(..., V)`, from the network's output.

        Args:
            log_p_x0: log-probabilities `(..., V)`.
            x_t: tokens `(...)`, or relaxed rows, float `(..., V + 2)`; no PAD.
            t: times, broadcastable to `(...)`.
        """

    def clean_at_event(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        r"""Return $\log p(x_0^i\mid x_t)$ of positions that a plan's event draws, `(N, V)`.

        By default that of any position: to be drawn says nothing of a token. Arguments as in
        `event_log_probs`.
        """
        return self.x0_posterior(log_p_x0, x_t, t)

    @abstractmethod
    def log_bridge(self, x_s: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        r"""Return $\log q(x_s^i\mid x_t^i,x_0^i=v)$ for every v up to a constant, `(..., V)`.

        Args:
            x_s: the tokens that an event drew `(...)`.
            x_t: the tokens before it `(...)`.
            t: time before the event `(...)`.
            s: time after it `(...)`.
        """

    @abstractmethod
    def editable(self, x_t: Tensor, active: Tensor) -> Tensor:
        """Return the positions, bool `(B, L)`, that a reverse event may still draw."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.vocab_size}, {self.schedule!r})"


def per_position(t: Tensor, like: Tensor) -> Tensor:
    """Return float64 times of the shape of `like (B, L)` from times `(B,)` or `(B, L)`."""
    t = t.to(torch.float64)
    return t[:, None].expand(like.shape) if t.dim() < like.dim() else t


class Absorbing(Process):
    """What processes that mask tokens have in common, whatever the schedules."""

    @abstractmethod
    def noise_of(self, x_0: Tensor, t: Tensor) -> Tensor:
        """Return the chance of `x_0 (B, L)` to be masked at `t`, float64 `(B, L)`."""

    def corrupt(self, x_0: Tensor, t: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        u = random.uniform(random.fold(keys, _WHERE), x_0.shape[1])
        return torch.where((u < self.noise_of(x_0, t)) & active, self.mask_id, x_0)

    def log_kernel(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        noise = self.noise_of(x_0, t)
        kept = torch.where(x_t == x_0, (1.0 - noise).log(), -torch.inf)
        return torch.where(x_t == self.mask_id, noise.log(), kept)

    def prior(self, x: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        return torch.where(active, self.mask_id, x)

    def log_noising(self, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor) -> Tensor:
        return torch.zeros(x_t.shape, dtype=torch.float64, device=x_t.device)

    def x0_posterior(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        if x_t.is_floating_point():
            visible, hidden = x_t[..., : self.vocab_size], x_t[..., self.vocab_size, None]
            mixed = visible + hidden * log_p_x0.exp()
            return mixed.clamp(min=torch.finfo(mixed.dtype).tiny).log()
        ids = torch.arange(self.vocab_size, device=x_t.device)
        carried = torch.where(ids == x_t[..., None], 0.0, -torch.inf).to(log_p_x0.dtype)
        return torch.where((x_t == self.mask_id)[..., None], log_p_x0, carried)

    def editable(self, x_t: Tensor, active: Tensor) -> Tensor:
        return active & (x_t == self.mask_id)


class MaskedProcess(Absorbing):
    r"""Absorbing diffusion: $q(x_t\mid x_0)=\alpha_t\delta_{x_0}+(1-\alpha_t)\delta_m$.

    Args:
        vocab_size: V, the number of sampleable tokens; the mask is V.
        schedule: the keep probability as a function of time; log-linear by default.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> process = MaskedProcess(4)
        >>> x_0, active = torch.tensor([[0, 3]]), torch.tensor([[True, False]])
        >>> process.corrupt(x_0, torch.tensor([1.0]), active, torch.tensor([5])).tolist()
        [[4, 3]]
    """

    kind = "masked"
    needs_time = False

    def noise_of(self, x_0: Tensor, t: Tensor) -> Tensor:
        return self.schedule.noise(per_position(t, x_0))

    def transition(
        self,
        x_t: Tensor,
        log_p_x0: Tensor,
        t: Tensor,
        s: Tensor,
        remask: Tensor | float = 0.0,
    ) -> Transition:
        r"""Return the reverse kernel over V + 1 ids (the mask is last), with optional remasking.

        A visible token is masked with probability $\sigma$; a masked one is revealed with
        probability $(\alpha_s-(1-\sigma)\alpha_t)/(1-\alpha_t)$.

        Args:
            x_t: int64 tokens `(B, L)`.
            log_p_x0: log-probabilities `(B, L, V)`.
            t: times `(B,)` or `(B, L)`.
            s: earlier times, of the same shape.
            remask: $\sigma$, broadcastable to `(B, L)`, at most `max_remask(t, s)`.

        Source: Remasking Discrete Diffusion Models with Inference-Time Scaling (Wang et al., 2025,
        arXiv:2503.00307).
        """
        t, s = per_position(t, x_t), per_position(s, x_t)
        sigma = torch.as_tensor(remask, dtype=torch.float64, device=x_t.device).expand(x_t.shape)
        reveal = self.reveal_probability(t, s, sigma)
        masked = torch.cat(
            [reveal.log()[..., None] + log_p_x0, torch.log1p(-reveal)[..., None]], dim=-1
        )
        stays = torch.nn.functional.one_hot(x_t.clamp(max=self.mask_id), self.mask_id + 1)
        visible = torch.where(stays.bool(), torch.log1p(-sigma)[..., None], -torch.inf)
        visible[..., -1] = sigma.log()
        return Transition(torch.where((x_t == self.mask_id)[..., None], masked, visible))

    def reveal_probability(self, t: Tensor, s: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        r"""Return $(\alpha_s-(1-\sigma)\alpha_t)/(1-\alpha_t)$ for times of any shape."""
        level_t, level_s = self.schedule.noise(t), self.schedule.noise(s)
        gained = level_t - level_s + sigma * self.schedule.alpha(t)
        return (gained / level_t).clamp(0.0, 1.0)

    def max_remask(self, t: Tensor, s: Tensor) -> Tensor:
        r"""Return $\sigma_{\max}=\min(1,(1-\alpha_s)/\alpha_t)$ for times of any shape."""
        return (self.schedule.noise(s) / self.schedule.alpha(t)).nan_to_num(1.0).clamp(max=1.0)

    def event_log_probs(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        return log_p_x0

    def log_bridge(self, x_s: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        ids = torch.arange(self.vocab_size, device=x_s.device)
        shown = torch.where(ids == x_s[..., None], 0.0, -torch.inf).double()
        return torch.where((x_s == self.mask_id)[..., None], 0.0, shown)


class UniformProcess(Process):
    r"""Uniform diffusion: $q(x_t\mid x_0)=\alpha_t\delta_{x_0}+(1-\alpha_t)/V$.

    The network's output is the *cavity* law $p(x_0^i\mid x_t^{-i})$, which the NELBO trains;
    `x0_posterior` turns it into $p(x_0^i\mid x_t)$ for previews and rewards.

    Args:
        vocab_size: V, the number of sampleable tokens.
        schedule: the keep probability as a function of time; log-linear by default.

    Source: Simple Guidance Mechanisms for Discrete Diffusion Models (Schiff et al., 2024,
    arXiv:2412.10193).

    Example:
        >>> process = UniformProcess(4)
        >>> x_0, active = torch.tensor([[0, 3]]), torch.tensor([[True, True]])
        >>> process.corrupt(x_0, torch.tensor([0.0]), active, torch.tensor([5])).tolist()
        [[0, 3]]
    """

    kind = "uniform"
    needs_time = True

    def prior(self, x: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        u = random.uniform(random.fold(keys, _WHAT), x.shape[1])
        return torch.where(active, (u * self.vocab_size).long(), x)

    def corrupt(self, x_0: Tensor, t: Tensor, active: Tensor, keys: Tensor) -> Tensor:
        u = random.uniform(random.fold(keys, _WHERE), x_0.shape[1])
        hit = (u < self.schedule.noise(per_position(t, x_0))) & active
        return self.prior(x_0, hit, keys)

    def log_kernel(self, x_t: Tensor, x_0: Tensor, t: Tensor) -> Tensor:
        t = per_position(t, x_0)
        spread = self.schedule.noise(t) / self.vocab_size
        return torch.where(x_t == x_0, self.schedule.alpha(t) + spread, spread).log()

    def transition(self, x_t: Tensor, log_p_x0: Tensor, t: Tensor, s: Tensor) -> Transition:
        t, s = per_position(t, x_t), per_position(s, x_t)
        return Transition(self.event_log_probs(log_p_x0, x_t, t, s))

    def event_log_probs(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        size = self.vocab_size
        alpha_t, alpha_s = self.schedule.alpha(t), self.schedule.alpha(s)
        level_t, level_s = self.schedule.noise(t), self.schedule.noise(s)
        ratio = (alpha_t / alpha_s).nan_to_num(0.0)
        x = x_t.clamp(max=size - 1)[..., None]
        p = log_p_x0.double().exp()
        stay = size * alpha_t[..., None] * p.gather(-1, x) + (ratio - alpha_t)[..., None]
        spread = (1.0 - ratio) * level_s / size
        weight = (level_t - level_s)[..., None] * p + spread[..., None]
        weight = weight.scatter_add(-1, x, stay)
        return (weight / weight.sum(-1, keepdim=True)).log()

    def log_noising(self, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor) -> Tensor:
        ratio = (self.schedule.alpha(t) / self.schedule.alpha(s)).nan_to_num(0.0)
        spread = (1.0 - ratio) / self.vocab_size
        return torch.where(x_t == x_s, ratio + spread, spread).log()

    def x0_posterior(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=torch.float64).expand(log_p_x0.shape[:-1])
        posterior = log_p_x0.double() + self._likelihood(x_t, t).log()
        return torch.log_softmax(posterior, dim=-1).to(log_p_x0.dtype)

    def log_bridge(self, x_s: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        return self._likelihood(x_s, s).log() - self._likelihood(x_t, t).log()

    def _likelihood(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the chance that each clean token becomes `x`, or a relaxed row, `(..., V)`."""
        spread = self.schedule.noise(t) / self.vocab_size
        ids = torch.arange(self.vocab_size, device=x.device)
        row = x[..., : self.vocab_size] if x.is_floating_point() else (ids == x[..., None])
        same = self.schedule.alpha(t)[..., None] * row
        return same + spread[..., None]

    def editable(self, x_t: Tensor, active: Tensor) -> Tensor:
        return active
