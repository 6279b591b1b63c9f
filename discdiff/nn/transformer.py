r"""A bidirectional transformer denoiser with rotary positions.

It reads noisy tokens, PAD being invisible, and returns log-probabilities of the clean tokens. Time
and class enter through one shared adaptive layer norm (adaLN), and only where they are asked for.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from discdiff import _check
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError

_PARTS = 6  # shift, scale and gate, for the attention and for the feed-forward half of a block
_LARGEST_LOGIT = 10.0


class Transformer(Denoiser):
    r"""Pre-norm transformer with rotary positions and SwiGLU, for rows of any length.

    Besides its token and its rotary position, every position knows how far it is from the end of
    its row, because the length is given. PAD (id V + 1) is not attended to, so a row gives the same
    result at any padded width.

    Args:
        vocab_size: V, the number of sampleable tokens.
        max_length: longest row the model accepts.
        width: size of the residual stream, a multiple of `heads` with an even quotient.
        depth: number of blocks.
        heads: attention heads.
        needs_time: whether the output depends on `t`, as a uniform process requires. Time may be
            given per row `(B,)` or per position `(B, L)`.
        classes: number of classes of an optional condition; 0 means no condition.
        class_dropout: probability that a class is replaced by the null class in training.
        dropout: dropout probability of the residual branches.

    Raises:
        InputError: if a size is not positive or `width` does not divide into even heads.

    Source: RoFormer (Su et al., 2021, arXiv:2104.09864); GLU Variants Improve Transformer (Shazeer,
    2020, arXiv:2002.05202); Scalable Diffusion Models with Transformers (Peebles and Xie, 2022,
    arXiv:2212.09748).

    Example:
        >>> net = Transformer(vocab_size=4, max_length=8, width=16, depth=1, heads=2)
        >>> x_t = torch.tensor([[0, 4, 2, 5]])  # 4 is the mask, 5 is PAD
        >>> net(x_t, torch.ones(1)).shape
        torch.Size([1, 4, 4])
    """

    _angles: Tensor

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        width: int = 256,
        depth: int = 6,
        heads: int = 8,
        *,
        needs_time: bool = False,
        classes: int = 0,
        class_dropout: float = 0.1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(vocab_size, max_length)
        self.width = _check.positive_int("width", width)
        self.depth = _check.positive_int("depth", depth)
        self.heads = _check.positive_int("heads", heads)
        self.needs_time = bool(needs_time)
        self.classes = _check.non_negative_int("classes", classes)
        self.class_dropout = _check.fraction("class_dropout", class_dropout)
        self.dropout = _check.fraction("dropout", dropout)
        if width % (2 * heads):
            raise InputError(f"width must be a multiple of 2 x heads = {2 * heads}, got {width}")
        conditioned = self.needs_time or self.classes > 0
        self.embedding = nn.Embedding(vocab_size + 2, width)
        self.to_end = nn.Embedding(max_length, width)
        self.time = _Time(width) if self.needs_time else None
        self.label = nn.Embedding(classes + 1, width) if classes else None
        self.modulate = nn.Linear(width, _PARTS * width) if conditioned else None
        self.blocks = nn.ModuleList(
            _Block(width, heads, depth, dropout, conditioned) for _ in range(depth)
        )
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, vocab_size)
        self.register_buffer("_angles", _angles(max_length, width // heads), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        for table in (self.embedding, self.to_end, self.label):
            if table is not None:
                nn.init.normal_(table.weight, std=0.5)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        if self.modulate is not None:
            nn.init.normal_(self.modulate.weight, std=0.02)
            nn.init.zeros_(self.modulate.bias)

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments, as JSON values."""
        names = ("vocab_size", "max_length", "width", "depth", "heads", "needs_time", "classes")
        return {name: getattr(self, name) for name in (*names, "class_dropout", "dropout")}

    def forward(
        self,
        x_t: Tensor,
        t: Tensor,
        cond: Tensor | None = None,
        at: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Return float32 log-probabilities of the clean tokens.

        Args:
            x_t: int64 ids in [0, V + 2) `(B, L)`, or relaxed rows, float `(B, L, V + 2)`.
            t: time `(B,)` or `(B, L)`, ignored unless `needs_time`.
            cond: int64 class ids `(B,)`; None or `classes` is the null class.
            at: rows `(N,)` and columns `(N,)` where the output is wanted; None means everywhere.

        Returns:
            `(B, L, V)`, or `(N, V)` where `at` is given.

        Raises:
            InputError: if a row is longer than `max_length`, or `cond` is given to a model without
                classes.
        """
        hidden = self.features(x_t, t, cond)
        if at is not None:
            hidden = hidden[at]
        with torch.autocast(hidden.device.type, enabled=False):
            return F.log_softmax(self.head(hidden.float()), dim=-1)

    def features(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Return what the head reads, `(B, L, width)`; arguments as for `forward`.

        Raises:
            InputError: as for `forward`.
        """
        length = x_t.shape[1]
        if length > self.max_length:
            raise InputError(f"rows must have at most {self.max_length} tokens, got {length}")
        if x_t.is_floating_point():
            with torch.autocast(x_t.device.type, enabled=False):  # as exact as a look-up
                hidden = x_t @ self.embedding.weight.to(x_t.dtype)
            real = x_t[..., self.vocab_size + 1] < 0.5
        else:
            hidden = self.embedding(x_t)
            real = x_t != self.vocab_size + 1
        to_end = real.flip(1).cumsum(1).flip(1) - 1
        hidden = hidden + self.to_end(to_end.clamp_min(0))
        parts = self._modulation(t, cond, x_t.shape[0])
        # the check costs a synchronisation on an accelerator, a mask costs time on a CPU
        padded = x_t.device.type != "cpu" or not bool(real.all())
        mask = real[:, None, None, :] if padded else None
        angles = self._angles[:, :length]
        for block in self.blocks:
            hidden = block(hidden, angles, mask, parts)
        normed: Tensor = self.norm(hidden)
        return normed

    def _modulation(self, t: Tensor, cond: Tensor | None, rows: int) -> Tensor | None:
        if cond is not None and self.label is None:
            raise InputError("cond must be None for a model without classes")
        if self.modulate is None:
            return None
        condition = torch.zeros(1, 1, self.width, device=t.device)
        if self.time is not None:
            condition = self.time(t if t.ndim == 2 else t[:, None])
        if self.label is not None:
            condition = condition + self.label(self._classes(cond, rows, t.device))[:, None]
        modulation: Tensor = self.modulate(F.silu(condition))
        return modulation

    def _classes(self, cond: Tensor | None, rows: int, device: torch.device) -> Tensor:
        null = torch.full((rows,), self.classes, dtype=torch.int64, device=device)
        if cond is None:
            return null
        if not self.training:
            return cond
        dropped = torch.rand(rows, device=device) < self.class_dropout
        return torch.where(dropped, null, cond)


class _Time(nn.Module):
    """Features of the noise level: sines and cosines of logit(t), then one hidden layer."""

    _waves: Tensor

    def __init__(self, width: int, frequencies: int = 16) -> None:
        super().__init__()
        waves = torch.pi / _LARGEST_LOGIT * torch.arange(1, frequencies + 1) / 2
        self.register_buffer("_waves", waves, persistent=False)
        self.inner = nn.Linear(2 * frequencies + 1, width)
        self.outer = nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        level = torch.logit(t.double(), 1e-9).clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT).float()
        phase = level[..., None] * self._waves
        features = torch.cat([phase.sin(), phase.cos(), level[..., None] / _LARGEST_LOGIT], -1)
        out: Tensor = self.outer(F.silu(self.inner(features)))
        return out


class _Block(nn.Module):
    """Attention and SwiGLU, each behind a norm and, where conditioned, a shift, scale and gate."""

    def __init__(
        self, width: int, heads: int, depth: int, dropout: float, conditioned: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        hidden = 32 * math.ceil(8 * width / (3 * 32))
        self.attention_norm = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.RMSNorm(width)
        self.expand = nn.Linear(width, 2 * hidden, bias=False)
        self.contract = nn.Linear(hidden, width, bias=False)
        self.drop = nn.Dropout(dropout)
        self.offset = nn.Parameter(torch.zeros(_PARTS * width)) if conditioned else None
        for layer, size in (
            (self.qkv, width),
            (self.mix, width * 2 * depth),
            (self.expand, width),
            (self.contract, hidden * 2 * depth),
        ):
            nn.init.normal_(layer.weight, std=size**-0.5)

    def forward(
        self, hidden: Tensor, angles: Tensor, mask: Tensor | None, parts: Tensor | None
    ) -> Tensor:
        if parts is None or self.offset is None:
            hidden = hidden + self.drop(self._attend(self.attention_norm(hidden), angles, mask))
            out: Tensor = hidden + self.drop(self._feed(self.feed_norm(hidden)))
            return out
        shift, scale, gate, shift_2, scale_2, gate_2 = (parts + self.offset).chunk(_PARTS, -1)
        inner = self.attention_norm(hidden) * (1 + scale) + shift
        hidden = hidden + (1 + gate) * self.drop(self._attend(inner, angles, mask))
        inner = self.feed_norm(hidden) * (1 + scale_2) + shift_2
        out = hidden + (1 + gate_2) * self.drop(self._feed(inner))
        return out

    def _attend(self, inner: Tensor, angles: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, width = inner.shape
        qkv = self.qkv(inner).view(rows, length, 3, self.heads, width // self.heads)
        query, key = _rotate(qkv[:, :, :2], angles).transpose(1, 3).unbind(2)
        value = qkv[:, :, 2].transpose(1, 2)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.mix(mixed.transpose(1, 2).reshape(rows, length, width))
        return out

    def _feed(self, inner: Tensor) -> Tensor:
        gate, value = self.expand(inner).chunk(2, -1)
        out: Tensor = self.contract(F.silu(gate) * value)
        return out


def _angles(length: int, size: int) -> Tensor:
    """Return the cosine and sine of the rotary angles, `(2, length, size / 2)`."""
    rates = 1000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.cos(), angles.sin()]).float()


def _rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate the two halves of the last dimension of `x` `(B, L, 2, heads, size)`."""
    cos, sin = angles[:, None, :, None, None, :].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
