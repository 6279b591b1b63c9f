"""Importance tilt: at every event the law of the next tokens is that of good clean designs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from discdiff import _check
from discdiff.belief import Belief
from discdiff.errors import UnsupportedError
from discdiff.guidance.ledger import Ledger
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.value import live_rows
from discdiff.reward import Reward
from discdiff.samplers.adjust import adjust
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Event
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class ImportanceTilt(Guidance):
    r"""Draws tokens from the marginals of clean designs that are weighted by their reward.

    Before an event K clean designs $x_0^k$ are drawn from the factorised posterior
    $p(x_0\mid x_t)$ and weighted, $w_k\propto e^{\lambda r(x_0^k)}$; the event then takes
    $\sum_kw_k\mathbb 1(x_0^{k,i}=v)$ for the posterior of position i. What one position has to do
    with another enters through the weights. A draw without a reward has the weight 0; where all
    have, the law stays as it is.

    Args:
        draws: K, evaluated before every event.
        scale: inverse temperature λ.

    Raises:
        InputError: if an argument is out of range.
        UnsupportedError: if tokens are masked by class.

    Law: exact as draws → ∞ for independent positions, with one position an event or as steps → ∞;
    else biased, by the factorisation of the posterior and O(1/K) an event.

    Source: TFG-Flow: Training-free Guidance in Multimodal Generative Flow (Lin et al., 2025,
    arXiv:2501.14216), the part for discrete variables.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AA", "AG", "GA", "GG"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> ImportanceTilt(draws=16, scale=50.0).run(sampler, reward, 2, key=1).strings
        ['GG', 'GG']
    """

    def __init__(self, draws: int = 16, scale: float = 10.0) -> None:
        self.draws = _check.positive_int("draws", draws)
        self.scale = _check.finite("scale", scale)

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        if sampler.process.kind == "class_masked":
            raise UnsupportedError(
                f"importance_tilt on a {sampler.process.kind} process is not supported: the tilt "
                "would have to decide when a token is revealed; use fk, svdd or isir"
            )
        while not sampler.done(state) and not reward.exhausted:
            log_p = sampler.log_p(state)
            state = replace(state, log_p=log_p)
            state = sampler.step(state, tilt=self._tilt(sampler, reward, state, log_p))
            if progress is not None:
                progress(state)
        state = sampler.run(state, progress=progress)
        ledger = Ledger(reward)
        entry, found = ledger.score(state.tokens, state.belief(sampler.process))
        weight = torch.zeros_like(found).masked_fill(found.isnan(), -torch.inf)
        samples = conclude(sampler, replace(state, log_weight=weight), entry, ledger, 1, "softmax")
        return replace(samples, log_normaliser=None)

    def _tilt(
        self, sampler: Sampler, reward: Reward, state: State, known: Tensor
    ) -> Callable[[State, Event, Tensor], Tensor]:
        live = live_rows(sampler, state)
        clean = [sampler.preview(state, draw).gather(live) for draw in range(self.draws)]
        belief = Belief.concatenate([one.belief(sampler.process) for one in clean])
        tokens = torch.stack([one.tokens for one in clean], dim=1)
        found = reward(tokens.transpose(0, 1).flatten(0, 1), belief).reward
        log_weight = self.scale * found.to(tokens.device).view(self.draws, -1).T
        size = sampler.model.vocab_size
        full = torch.zeros(*state.tokens.shape, size, dtype=torch.float64, device=tokens.device)
        full[live] = marginals(tokens, log_weight.nan_to_num(nan=-torch.inf), size)

        def tilt(_: State, event: Event, law: Tensor) -> Tensor:
            rows = torch.from_numpy(event.rows).to(tokens.device)
            cols = torch.from_numpy(event.cols).to(tokens.device)
            x_t, t, s = state.tokens[rows, cols], event.t[rows], event.s[rows]
            log_p = adjust(known[rows, cols], sampler.temperature, sampler.top_p)
            kernel = sampler.process.event_log_probs
            wanted = full[rows, cols]
            gain = wanted.log() - kernel(log_p, x_t, t, torch.zeros_like(t))
            tilted = torch.where(wanted > 0, log_p + gain, -torch.inf)
            tilted = torch.where((wanted == 0).all(-1, keepdim=True), log_p, tilted)
            before = kernel(log_p, x_t, t, s)
            after = kernel(torch.log_softmax(tilted, dim=-1), x_t, t, s)
            return torch.where(after > -torch.inf, after - before, -torch.inf)

        return tilt


def marginals(tokens: Tensor, log_weight: Tensor, size: int) -> Tensor:
    """Return the weighted share of each token, float64 `(B, L, size)`; 0 without any weight.

    Args:
        tokens: draws, int64 `(B, K, L)`; ids from `size` on are not counted.
        log_weight: of each draw, float64 `(B, K)`.
        size: V.

    Example:
        >>> marginals(torch.tensor([[[0], [1]]]), torch.zeros(1, 2), 2).tolist()
        [[[0.5, 0.5]]]
    """
    weight = torch.softmax(log_weight.double(), dim=1).nan_to_num(nan=0.0)
    ids = torch.arange(size, device=tokens.device)
    return torch.stack(
        [torch.einsum("bk,bkl->bl", weight, (tokens == v).double()) for v in ids], dim=-1
    )
