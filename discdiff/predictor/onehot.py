"""One-hot tokens, read by a convolutional network with residual blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.predictor.representation import Representation, Unread

_SPAN = 64.0  # tokens in which the coordinates of a position change by 1
_DILATIONS = (1, 2, 4)  # of the blocks, in turn


class OneHot(Representation):
    """Tokens of the domain's alphabet for a convolutional network; differentiable.

    Args:
        domain: of the strings.
        width: channels of the network.
        depth: its residual blocks.
        kernel: positions a convolution sees, an odd number.
        dropout: chance that a channel of a block is dropped in training.

    Raises:
        InputError: if an argument is outside its range.

    Example:
        >>> from discdiff.domain import Letters
        >>> onehot = OneHot(Letters("ACGT"), width=8, depth=1)
        >>> onehot.collate(onehot.items(["GATT", "AC"])).tolist()
        [[2, 0, 3, 3], [0, 1, 5, 5]]
        >>> onehot.items(["GAX"])[0].reason
        "token 'X' at position 2 of 'GAX' is not in the alphabet."
    """

    differentiable: ClassVar[bool] = True

    def __init__(
        self,
        domain: Domain,
        width: int = 64,
        depth: int = 3,
        kernel: int = 7,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.domain = domain
        self.width = _check.positive_int("width", width)
        self.depth = _check.positive_int("depth", depth)
        self.kernel = _check.positive_int("kernel", kernel)
        if kernel % 2 == 0:
            raise InputError(f"kernel must be odd, got {kernel}")
        self.dropout = _check.in_range("dropout", dropout, 0.0, 0.95)

    def items(self, strings: Sequence[str]) -> list[Any]:
        return [self._item(string) for string in strings]

    def _item(self, string: str) -> Any:
        try:
            ids = self.domain.encode(string)
        except DataError as error:
            return Unread(str(error))
        return np.array(ids, np.int64) if ids else Unread("no tokens")

    def size(self, item: Any) -> int:
        return len(item)

    def collate(self, items: Sequence[Any]) -> Tensor:
        pad = self.domain.alphabet.pad_id
        tokens = np.full((len(items), max(map(len, items))), pad, np.int64)
        for row, ids in zip(tokens, items, strict=True):
            row[: len(ids)] = ids
        return torch.from_numpy(tokens)

    def member(self, outputs: int) -> nn.Module:
        size = len(self.domain.alphabet)
        return ConvNet(size, outputs, self.width, self.depth, self.kernel, self.dropout)

    def relaxed(self, rows: Tensor) -> Tensor:
        return rows

    def settings(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("width", "depth", "kernel", "dropout")}


class ConvNet(nn.Module):
    """Residual blocks of convolutions over tokens, then the mean and the maximum over positions.

    Each position also knows how far it is from both ends. PAD is invisible, so a row gives the same
    at any padded width.

    Args:
        vocab_size: V.
        outputs: R.
        width: channels.
        depth: blocks.
        kernel: positions a convolution sees, odd.
        dropout: of channels.

    Example:
        >>> net = ConvNet(4, 2, width=8, depth=1, kernel=3, dropout=0.0).eval()
        >>> net(torch.tensor([[0, 1, 2, 5]])).shape  # 5 is PAD
        torch.Size([1, 2])
    """

    def __init__(
        self, vocab_size: int, outputs: int, width: int, depth: int, kernel: int, dropout: float
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.stem = nn.Conv1d(vocab_size + 2, width, kernel, padding="same")
        self.blocks = nn.ModuleList(
            _Block(width, kernel, _DILATIONS[i % len(_DILATIONS)], dropout) for i in range(depth)
        )
        self.norm = nn.RMSNorm(width)
        self.hidden = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)
        nn.init.zeros_(self.head.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Return numbers `(B, R)`.

        Args:
            rows: int64 tokens `(B, L)` with PAD (V + 1), or probabilities `(B, L, V)`, all real.
        """
        if rows.is_floating_point():
            letters, real = rows, torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
        else:
            real = rows != self.vocab_size + 1
            letters = F.one_hot(rows.clamp(max=self.vocab_size), self.vocab_size + 1)[..., :-1]
        mask = real[..., None].to(self.head.weight.dtype)
        before = real.cumsum(1) - 1
        after = real.sum(1, keepdim=True) - 1 - before
        places = torch.stack([before, after], -1) / _SPAN
        inputs = torch.cat([letters.to(mask.dtype), places.to(mask.dtype)], -1) * mask
        # the sum of the blocks is kept in full precision, whatever they compute in
        hidden = self.stem(inputs.transpose(1, 2)).transpose(1, 2).to(mask.dtype)
        for block in self.blocks:
            hidden = block(hidden, mask)
        hidden = self.norm(hidden)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        most = hidden.masked_fill(~real[..., None], -torch.inf).amax(1)
        pooled = F.gelu(self.hidden(torch.cat([mean, most], -1)))
        out: Tensor = self.head(self.drop(pooled))
        return out


class _Block(nn.Module):
    """Norm, wide convolution, GELU and a map of channels, added to what came in."""

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.wide = nn.Conv1d(width, width, kernel, padding="same", dilation=dilation)
        self.mix = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        inner = (self.norm(hidden) * mask).transpose(1, 2)  # what is beyond the end is 0
        inner = F.gelu(self.wide(inner).transpose(1, 2))
        out: Tensor = hidden + self.drop(self.mix(inner))
        return out
