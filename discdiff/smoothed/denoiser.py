r"""Denoisers of smoothed sequences: the mean of a clean one-hot row, given the row with noise.

With $x$ the one-hot rows of a sequence and $y=x+\sigma\varepsilon$, the smoothed density is
$p_\sigma(y)=\sum_xp(x)\,\mathcal N(y;x,\sigma^2)$, and all that a walk on it needs is $\hat
x(y)=\mathbb E[x\mid y]$, since $\nabla\log p_\sigma(y)=(\hat x(y)-y)/\sigma^2$.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from discdiff import _check
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError


class SmoothedDenoiser(nn.Module, ABC):
    r"""From noisy rows to the mean of the clean ones, at one level of noise.

    Args:
        vocab_size: V.
        max_length: longest sequence.
        sigma: σ, the standard deviation of the noise of each entry; clean one-hot rows of two
            tokens lie √2 apart.

    Raises:
        InputError: if an argument is out of range.
    """

    def __init__(self, vocab_size: int, max_length: int, sigma: float) -> None:
        super().__init__()
        self.vocab_size = _check.positive_int("vocab_size", vocab_size)
        self.max_length = _check.positive_int("max_length", max_length)
        self.sigma = _check.positive("sigma", sigma)

    @abstractmethod
    def forward(self, y: Tensor, allowed: Tensor) -> Tensor:
        r"""Return $\mathbb E[x\mid y]$ `(B, L, V)`, given that only allowed tokens stand.

        Args:
            y: noisy rows, float `(B, L, V)`.
            allowed: which tokens may stand, bool `(B, L, V)`: all of them at a free position, one
                at a fixed one, none at a pad, whose mean is zero.
        """

    def score(self, y: Tensor, x_hat: Tensor, allowed: Tensor) -> Tensor:
        r"""Return $\nabla_y\log p_\sigma(y)$ `(B, L, V)`; zero at pads.

        Args:
            y: noisy rows `(B, L, V)`.
            x_hat: what this denoiser says of them.
            allowed: as for `forward`.
        """
        return torch.where(filled(allowed)[..., None], (x_hat - y) / self.sigma**2, 0.0)

    def evidence(self, y: Tensor, allowed: Tensor) -> Tensor:
        r"""Return $\log\mathcal N(y_i;e_v,\sigma^2)$ up to a constant of each position.

        It is $y_{iv}/\sigma^2$, minus infinity where a token may not stand, and 0 at pads.
        """
        open_ = filled(allowed)[..., None]
        known = torch.where(open_, y / self.sigma**2, 0.0)
        return known.masked_fill(open_ & ~allowed, -torch.inf)


def filled(allowed: Tensor) -> Tensor:
    """Return which positions are no pads, bool `(B, L)`."""
    return allowed.any(-1)


class TabularSmoothed(SmoothedDenoiser):
    r"""The exact denoiser of a finite law: $\hat x(y)\propto\sum_xp(x)\,x\,e^{x\cdot y/\sigma^2}$.

    The length of a row is given: sequences of other lengths do not count.

    Args:
        sequences: int64 `(N, L)`, shorter ones padded on the right with V + 1.
        probabilities: `(N,)`, non-negative, normalised here.
        vocab_size: V.
        sigma: σ.

    Raises:
        InputError: if shapes disagree or the probabilities are not a law; in use, if no sequence
            of the table has the length and the allowed tokens of a row.

    Example:
        >>> net = TabularSmoothed(torch.tensor([[0, 0], [1, 1]]), torch.tensor([0.5, 0.5]), 2, 0.5)
        >>> y = torch.tensor([[[0.9, 0.0], [0.6, 0.5]]])
        >>> net(y, torch.ones(1, 2, 2, dtype=torch.bool))[0, :, 0]
        tensor([0.9820, 0.9820], dtype=torch.float64)
    """

    log_probabilities: Tensor
    rows: Tensor

    def __init__(
        self, sequences: Tensor, probabilities: Tensor, vocab_size: int, sigma: float
    ) -> None:
        if sequences.dim() != 2 or probabilities.shape != sequences.shape[:1]:
            raise InputError(
                "sequences must be (N, L) and probabilities (N,), got shapes "
                f"{tuple(sequences.shape)} and {tuple(probabilities.shape)}"
            )
        weights = probabilities.double()
        if not bool((weights >= 0).all()) or float(weights.sum()) <= 0:
            raise InputError("probabilities must be non-negative with a positive sum")
        super().__init__(vocab_size, sequences.shape[1], sigma)
        self.register_buffer("log_probabilities", (weights / weights.sum()).log())
        one_hot = sequences[..., None] == torch.arange(vocab_size)
        self.register_buffer("rows", one_hot.double())

    def forward(self, y: Tensor, allowed: Tensor) -> Tensor:
        width = y.shape[1]
        table = self.rows[:, :width]
        known = self.evidence(y.double(), allowed)
        # what is not allowed is counted apart: its evidence times a zero of the table is no number
        finite = torch.einsum("blv,nlv->bn", known.masked_fill(~allowed, 0.0), table)
        stray = torch.einsum("blv,nlv->bn", (~allowed).double(), table)
        other = self.rows.sum((1, 2)) != filled(allowed).sum(1, keepdim=True)
        log_weight = (self.log_probabilities + finite).masked_fill((stray > 0) | other, -torch.inf)
        if not bool((log_weight > -torch.inf).any(1).all()):
            raise InputError("allowed must leave every row a sequence of the table")
        return torch.einsum("bn,nlv->blv", log_weight.softmax(1), table)


class SmoothedNetwork(SmoothedDenoiser):
    r"""A trained denoiser: any network of tokens that reads relaxed rows, such as a transformer.

    All that $y_i$ says of $x_i$ is $\mathrm{softmax}(y_i/\sigma^2)$, which is what the network is
    shown, PAD as PAD. Its log-probabilities $c_i$ and the evidence of the position itself make the
    answer, $\hat x_i=\mathrm{softmax}(c_i+y_i/\sigma^2)$: by Bayes the exact form, with $c_i$ what
    the other positions say of $x_i$. So a fresh network is a good guess, and what may not stand has
    no chance.

    Args:
        network: relaxed rows to log-probabilities; it gets no time and no class.
        sigma: σ.

    Raises:
        InputError: if the network needs a time.

    Example:
        >>> from discdiff.nn.transformer import Transformer
        >>> inner = Transformer(4, max_length=8, width=16, depth=1, heads=2)
        >>> net = SmoothedNetwork(inner, sigma=0.5)
        >>> net(torch.zeros(1, 3, 4), torch.ones(1, 3, 4, dtype=torch.bool)).shape
        torch.Size([1, 3, 4])
    """

    def __init__(self, network: Denoiser, sigma: float) -> None:
        if network.needs_time:
            raise InputError("network must have needs_time=False: the level of noise is one")
        super().__init__(network.vocab_size, network.max_length, sigma)
        self.network = network

    def forward(self, y: Tensor, allowed: Tensor) -> Tensor:
        real = filled(allowed)[..., None]
        known = self.evidence(y.float(), allowed)
        pads = (~real).float()
        shown = torch.cat([known.softmax(-1) * real, torch.zeros_like(pads), pads], dim=-1)
        log_p = self.network(shown, shown.new_zeros(len(shown)))
        return torch.where(real, (log_p + known).softmax(-1), 0.0)
