r"""The network contract, and the exact denoiser of a table of sequences.

A denoiser returns $\log p(x_0^i=v\mid x_t)$ for masked diffusion, with one schedule or one for each
class of tokens, and the cavity law $\log p(x_0^i=v\mid x_t^{-i})$ for uniform diffusion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from discdiff import _check
from discdiff.class_masked import ClassMaskedProcess
from discdiff.errors import InputError
from discdiff.process import Process

At = tuple[Tensor, Tensor]


class Denoiser(nn.Module, ABC):
    """A network from noisy tokens to log-probabilities of clean ones.

    Args:
        vocab_size: V, the size of the output alphabet.
        max_length: the longest sequence it accepts.
        needs_time: whether its output depends on `t`.

    Attributes:
        classes: number of classes of an optional condition; 0 where there is none.
    """

    classes: int = 0

    def __init__(self, vocab_size: int, max_length: int, needs_time: bool = False) -> None:
        super().__init__()
        self.vocab_size = _check.positive_int("vocab_size", vocab_size)
        self.max_length = _check.positive_int("max_length", max_length)
        self.needs_time = needs_time

    @abstractmethod
    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        """Return log-probabilities of the clean tokens.

        Args:
            x_t: int64 tokens `(B, L)` with ids 0..V+1, or relaxed rows, float `(B, L, V + 2)`.
            t: times `(B,)` or `(B, L)` in [0, 1].
            cond: int64 class `(B,)`, or None for none.
            at: `(rows (N,), columns (N,))` to answer there only.

        Returns:
            `(B, L, V)`, or `(N, V)` when `at` is given.
        """


class TabularDenoiser(Denoiser):
    r"""The exact denoiser of a finite law: $p(x_0^i=v\mid x_t)$ by summation over a table.

    Where no sequence of the table agrees with the visible tokens the answer is uniform. Of relaxed
    rows each position is soft evidence.

    Args:
        sequences: int64 `(N, L)`; shorter sequences are padded on the right with V + 1.
        probabilities: `(N,)`, non-negative, normalised here.
        process: the forward process whose posterior is wanted.

    Raises:
        InputError: if shapes disagree or the probabilities are not a law.

    Example:
        >>> from discdiff.process import MaskedProcess
        >>> table = torch.tensor([[0, 0], [1, 1]])
        >>> net = TabularDenoiser(table, torch.tensor([0.5, 0.5]), MaskedProcess(2))
        >>> net(torch.tensor([[2, 1]]), torch.tensor([1.0])).exp()[0, 0].tolist()
        [0.0, 1.0]
    """

    sequences: Tensor
    log_probabilities: Tensor
    _one_hot: Tensor

    def __init__(self, sequences: Tensor, probabilities: Tensor, process: Process) -> None:
        if sequences.dim() != 2 or probabilities.shape != sequences.shape[:1]:
            raise InputError(
                "sequences must be (N, L) and probabilities (N,), got shapes "
                f"{tuple(sequences.shape)} and {tuple(probabilities.shape)}"
            )
        probabilities = probabilities.double()
        if not bool((probabilities >= 0).all()) or float(probabilities.sum()) <= 0:
            raise InputError("probabilities must be non-negative with a positive sum")
        super().__init__(process.vocab_size, sequences.shape[1], process.needs_time)
        self.process = process
        ids = torch.arange(process.vocab_size)
        self.register_buffer("sequences", sequences)
        self.register_buffer("log_probabilities", (probabilities / probabilities.sum()).log())
        self.register_buffer("_one_hot", (sequences[..., None] == ids).double())

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        if x_t.is_floating_point():
            return self._relaxed(x_t.double(), t, at)
        if x_t.dim() != 2:
            raise InputError(f"x_t must be tokens (B, L), got shape {tuple(x_t.shape)}")
        width = x_t.shape[1]
        log_q = self._log_likelihood(x_t, t)  # (B, N, L)
        joint = self.log_probabilities[:, None] + log_q.sum(-1, keepdim=True)
        if self.process.kind == "uniform":
            # the cavity leaves the position's own token out
            joint = torch.where(log_q > -torch.inf, joint - log_q, -torch.inf)
        weight = (joint - joint.amax(1, keepdim=True).clamp(min=-1e300)).exp()
        mass = torch.einsum("bnl,nlv->blv", weight.expand(log_q.shape), self._one_hot[:, :width])
        total = mass.sum(-1, keepdim=True)
        p = torch.where(total > 0, mass / total, 1.0 / self.vocab_size)
        return p.log() if at is None else p[at].log()

    def _relaxed(self, x_t: Tensor, t: Tensor, at: At | None) -> Tensor:
        """Answer for rows of weights of ids: each is evidence of as much for every id."""
        size = self.vocab_size
        if x_t.dim() != 3 or x_t.shape[2] != size + 2:
            raise InputError(
                f"relaxed x_t must be (B, L, {size + 2}), one weight for each id, got shape "
                f"{tuple(x_t.shape)}"
            )
        width = x_t.shape[1]
        table = self.sequences[:, :width].T  # (L, N)
        q = x_t.gather(-1, table.expand(len(x_t), -1, -1))
        real = (table != self.process.pad_id).to(q.dtype)
        t = t.double().expand(x_t.shape[:2]) if t.dim() == 2 else t.double()[:, None]
        levels = None
        if isinstance(self.process, ClassMaskedProcess):
            levels = self.process.levels(t).expand(*x_t.shape[:2], size)
            seen = levels.gather(-1, table.clamp(max=size - 1).expand(len(x_t), -1, -1))
            q = q + real * seen * x_t[..., size : size + 1]
        elif self.process.kind == "masked":
            q = q + real * x_t[..., size : size + 1]
        else:
            alpha, noise = self.process.schedule.alpha(t), self.process.schedule.noise(t)
            tokens = x_t[..., :size].sum(-1, keepdim=True)
            kept = torch.where(real > 0, alpha[..., None] * q, q)
            q = kept + real * noise[..., None] / size * tokens
        longer = (self.sequences[:, width:] != self.process.pad_id).any(1)
        p = torch.where(longer, 0.0, self.log_probabilities.exp())
        own = torch.eye(width, dtype=torch.bool, device=q.device)[None, :, :, None]
        # the position's own evidence is left out: a masked one has none, of a cavity it is no part
        joint = p * torch.where(own, 1.0, q[:, None]).prod(2)  # (B, L, N)
        mass = torch.einsum("bln,nlv->blv", joint, self._one_hot[:, :width])
        if levels is not None:  # here what a mask says of its own token is part of the answer
            mass = mass * levels
        total = mass.sum(-1, keepdim=True)
        found = torch.where(total > 0, mass / total.clamp(min=1e-300), 1.0 / size).log()
        return found if at is None else found[at]

    def _log_likelihood(self, x_t: Tensor, t: Tensor) -> Tensor:
        width = x_t.shape[1]
        x = x_t[:, None, :].expand(-1, len(self.sequences), -1)
        table = self.sequences[None, :, :width].expand(x.shape)
        longer = (self.sequences[:, width:] != self.process.pad_id).any(1)
        t = t.to(torch.float64)
        t = t[:, None, None] if t.dim() == 1 else t[:, None, :]
        masked = (x == self.process.mask_id) & (table != self.process.pad_id)
        if isinstance(self.process, ClassMaskedProcess):
            # what is visible is the same for all that agree with it: only masks are evidence
            token = table.clamp(max=self.vocab_size - 1)[..., None]
            levels = self.process.levels(t[:, 0]).expand(len(x), width, -1)
            hidden = levels[:, None].expand(*x.shape, -1).gather(-1, token)[..., 0].log()
            log_q = torch.where(masked, hidden, torch.where(x == table, 0.0, -torch.inf))
        elif self.process.kind == "masked":
            # the posterior of a masked process does not depend on time
            log_q = torch.where(masked | (x == table), 0.0, -torch.inf).double()
        else:
            log_q = self.process.log_kernel(x, table, t.expand(x.shape))
            pad = (x == self.process.pad_id) | (table == self.process.pad_id)
            log_q = torch.where(pad, torch.where(x == table, 0.0, -torch.inf), log_q)
        return log_q.masked_fill(longer[None, :, None], -torch.inf)


class FactorisedDenoiser(Denoiser):
    r"""The exact denoiser of independent positions: $p_i(x_0^i)$, whatever stands elsewhere.

    Args:
        log_probabilities: of each token at each position, `(L, V)`, normalised here.

    Raises:
        InputError: if the table is no matrix, or a position has no token.

    Example:
        >>> net = FactorisedDenoiser(torch.tensor([[0.5, 0.5], [0.1, 0.9]]).log())
        >>> net(torch.tensor([[2, 0]]), torch.tensor([1.0])).exp()[0, 1]
        tensor([0.1000, 0.9000])
    """

    table: Tensor

    def __init__(self, log_probabilities: Tensor) -> None:
        if log_probabilities.dim() != 2:
            raise InputError(
                f"log_probabilities must be (L, V), got shape {tuple(log_probabilities.shape)}"
            )
        if not bool(torch.logsumexp(log_probabilities, 1).isfinite().all()):
            raise InputError("log_probabilities must leave every position a token")
        length, size = log_probabilities.shape
        super().__init__(size, length, needs_time=True)
        self.register_buffer("table", log_probabilities.log_softmax(-1))

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        if at is not None:
            return self.table[at[1]]
        return self.table[: x_t.shape[1]].expand(len(x_t), -1, -1)
