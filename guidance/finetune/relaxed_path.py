r"""Paths from noise to designs whose last steps can be differentiated by the network's weights.

When a mask is lifted does not depend on a network, so it is drawn as in sampling and only *what* is
shown is relaxed: rows are masked or not, and what is visible is carried on as it is. A uniform step
is relaxed as a whole, from the kernel averaged over the row it starts from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from discdiff import _check, random
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.kl import step_kl
from discdiff.guidance.finetune.paths import evaluating
from discdiff.guidance.finetune.soft_kernel import averaged_kernel
from discdiff.model import Model
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.forward import check_relaxes
from discdiff.samplers.state import State
from discdiff.training.module import fast_attention

Relax = Literal["straight_through", "soft"]
Answer = TypeVar("Answer")
RELAXES: tuple[Relax, ...] = ("straight_through", "soft")
_MULTIPLE = 8  # of the width of tensors
# purposes of the random numbers below a state's keys
_WHEN, _WHAT, _TERMS = 201, 202, 203


@dataclass(frozen=True, eq=False)
class Walk:
    """Finished paths of B designs.

    Attributes:
        state: the designs as the sampler left them before the last steps.
        tokens: the finished tokens `(B, L)`.
        rows: the same as one-hot ids, float `(B, L, V + 2)`, with gradients.
        kl: divergence of the model from the reference along each path, float64 `(B,)`, in nats.
    """

    state: State
    tokens: Tensor
    rows: Tensor
    kl: Tensor


class RelaxedPath:
    r"""Walks from noise to designs: hard steps without gradients, then relaxed ones with them.

    A relaxed draw is $y=\mathrm{softmax}((\log p+G)/\tau)$, G of Gumbel's law. `straight_through`
    shows the network and the reward the token that is drawn, $\arg\max y$, with the gradient of y:
    designs and divergences have the law of the sampler. `soft` shows the network y itself, and the
    straight-through token only to the reward.

    Args:
        window: steps at the end that are relaxed; gradients do not pass beyond.
        relax: `straight_through` or `soft`.
        checkpoint: compute the activations of a step again when its gradient is needed, in place of
            keeping them: the same gradients, in up to twice the time.
        terms: hard steps whose divergence is taken, evenly spread from a random start and weighted
            for all; None for every one. It is 2 network passes for each.

    Raises:
        InputError: if an argument is out of range.

    Source: Fine-Tuning Discrete Diffusion Models via Reward Optimization with Applications to DNA
    and Protein Design (Wang et al., 2024, arXiv:2410.13643), with another divergence and with
    reveals that are not relaxed.

    Example:
        >>> RelaxedPath(window=8)
        RelaxedPath(window=8, relax='straight_through', checkpoint=True, terms=8)
    """

    def __init__(
        self,
        window: int = 16,
        relax: Relax = "straight_through",
        checkpoint: bool = True,
        terms: int | None = 8,
    ) -> None:
        self.window = _check.positive_int("window", window)
        self.relax = _check.one_of("relax", relax, RELAXES)
        self.checkpoint = bool(checkpoint)
        self.terms = None if terms is None else _check.positive_int("terms", terms)

    def __call__(
        self, sampler: Ancestral, reference: Model, state: State, temperature: float
    ) -> Walk:
        """Return finished designs; gradients must be enabled.

        Args:
            sampler: of the model that is trained, with its grid of steps.
            reference: the model from which divergence is measured; its weights have no gradient.
            state: as `sampler.init` returns it.
            temperature: τ.

        Raises:
            InputError: if the sampler has fewer steps than the window.
            UnsupportedError: if tokens are masked by class, the network does not take relaxed rows,
                or the state has fixed alphabets.
        """
        _check.positive("temperature", temperature)
        steps = _Steps(sampler, reference, state, temperature, self.relax == "soft")
        if self.window > sampler.steps:
            raise InputError(
                f"window must be at most the sampler's {sampler.steps} steps, got {self.window}"
            )
        with evaluating(sampler.model.denoiser):
            return self._walk(sampler, state, steps)

    def _walk(self, sampler: Ancestral, state: State, steps: _Steps) -> Walk:
        cut = sampler.steps - self.window
        spent = torch.zeros(len(state), dtype=torch.float64, device=state.tokens.device)
        # one number for all rows: the same steps, so that rows share passes
        u = float(random.uniform(random.fold(state.keys[:1], _TERMS), 1))
        chosen, share = spread(cut, self.terms, u)
        for k in chosen:
            state = sampler.run(state, stop=float(sampler.times[k])) if k else state
            spent = spent + share * self._kept(partial(steps.divergence, k), steps.cropped(state))
        if cut:
            state = sampler.run(state, stop=float(sampler.times[cut]))
        rows = steps.one_hot(steps.cropped(state))
        for k in range(cut, sampler.steps):
            rows, kl = self._kept(partial(steps.relaxed, k, state.keys), rows)
            spent = spent + kl
        hard = rows.argmax(-1)
        if self.relax == "soft":
            rows = rows + (steps.one_hot(hard) - rows).detach()
        return Walk(state, hard, rows, spent)

    def _kept(self, step: Callable[[Tensor], Answer], x: Tensor) -> Answer:
        if not self.checkpoint:
            return step(x)
        found: Answer = checkpoint(step, x, use_reentrant=False)
        return found

    def __repr__(self) -> str:
        return (
            f"RelaxedPath(window={self.window}, relax={self.relax!r}, "
            f"checkpoint={self.checkpoint}, terms={self.terms})"
        )


def spread(steps: int, terms: int | None, u: float) -> tuple[list[int], float]:
    """Return which of the first `steps` steps are taken, and how many each stands for.

    Each is taken with the same chance, `u` being uniform.

    Example:
        >>> spread(6, 3, 0.5), spread(2, None, 0.5)
        (([1, 3, 5], 2.0), ([0, 1], 1.0))
    """
    if terms is None or terms >= steps:
        return list(range(steps)), 1.0
    share = steps / terms
    return [min(steps - 1, int((j + u) * share)) for j in range(terms)], share


class _Steps:
    """The steps of one walk."""

    def __init__(
        self,
        sampler: Ancestral,
        reference: Model,
        state: State,
        temperature: float,
        soft: bool,
    ) -> None:
        process = sampler.process
        if not isinstance(process, (MaskedProcess, UniformProcess)):
            raise UnsupportedError(
                f"relaxed paths need a masked or uniform process, got {process.kind}"
            )
        if state.allowed is not None:
            raise UnsupportedError("relaxed paths take no template, got one with alphabets")
        check_relaxes(sampler.model.denoiser)
        check_relaxes(reference.denoiser)
        self.model, self.reference, self.process = sampler.model, reference, process
        self.times, self.temperature, self.soft = sampler.times, temperature, soft
        weights = reference.denoiser.named_parameters()
        self.fixed = {name: weight.detach() for name, weight in weights}
        longest = -(-int(state.lengths.max()) // _MULTIPLE) * _MULTIPLE
        self.width = min(longest, state.tokens.shape[1])
        self.active, self.cond = state.active[:, : self.width], state.cond
        first = next(self.model.denoiser.parameters(), None)
        self.kind = torch.float64 if first is None else first.dtype

    def cropped(self, state: State) -> Tensor:
        """Return the tokens `(B, L)`, L being enough for the longest row."""
        return state.tokens[:, : self.width]

    def one_hot(self, tokens: Tensor) -> Tensor:
        ids = torch.nn.functional.one_hot(tokens, self.process.input_size)
        return ids.to(self.kind)

    def divergence(self, k: int, x: Tensor) -> Tensor:
        """Return the divergence `(B,)` of step k from hard or relaxed `x`."""
        return self._both(k, x)[1]

    def relaxed(self, k: int, keys: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows after step k and its divergence `(B,)`."""
        log_p, kl = self._both(k, rows)
        keys, size = random.fold(keys, k), self.process.vocab_size
        t, s = self._times(k)
        if isinstance(self.process, UniformProcess):
            law, drawn = averaged_kernel(self.process, rows, log_p, t, s), self.active
        else:
            u = random.uniform(random.fold(keys, _WHEN), self.width)
            law = log_p
            drawn = self.active & (u < self.process.reveal_probability(t, s))
        y = self._gumbel_softmax(law, random.fold(keys, _WHAT)).to(rows.dtype)
        hidden = rows[..., size : size + 1]
        if isinstance(self.process, MaskedProcess):
            y = rows[..., :size] + hidden * y
        after = torch.cat([y, torch.zeros_like(hidden), rows[..., size + 1 :]], -1)
        return torch.where(drawn[..., None], after, rows), kl

    def _both(self, k: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the model's log-probabilities `(B, L, V)` and the divergence `(B,)` of step k."""
        t, s = self._times(k)
        told = self.times[k].to(x.device).expand(len(x))
        if self.model.denoiser.needs_time:  # positions that cannot change are shown as clean
            told = torch.where(self.active, told[:, None], 0.0)
        ours, theirs = self.model.denoiser, self.reference.denoiser
        # in here, since this may run again in the backward pass
        with evaluating(ours, theirs), fast_attention(x.device):
            log_p = ours(x, told, self.cond)
            log_q = functional_call(theirs, self.fixed, (x, told, self.cond))
        kl = step_kl(self.process, x, log_p, log_q, t, s)
        return log_p, torch.where(self.active, kl, 0.0).sum(1)

    def _times(self, k: int) -> tuple[Tensor, Tensor]:
        place = self.times[k : k + 2].to(self.active.device)
        return place[0].expand(self.active.shape), place[1].expand(self.active.shape)

    def _gumbel_softmax(self, log_law: Tensor, keys: Tensor) -> Tensor:
        shape = log_law.shape
        u = random.uniform(keys, shape[1] * shape[2]).view(shape)
        noisy = log_law.double() - (-u.log()).log()
        soft = torch.softmax(noisy / self.temperature, dim=-1)
        if self.soft:
            return soft
        hard = torch.nn.functional.one_hot(noisy.argmax(-1), shape[2]).to(soft.dtype)
        return hard + soft - soft.detach()
