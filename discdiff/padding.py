"""The length mode `pad_as_token`: rows of one width, whose end is a token that the model writes."""

from __future__ import annotations

from collections.abc import Sequence

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError
from discdiff.wrapped import Wrapped

END = "<end>"
LENGTH_MODES = ("given_length", "pad_as_token")


class Padded(Wrapped):
    r"""A domain whose rows all have one width: its alphabet gains an end token, which fills them.

    The model learns where a sequence ends, so length is part of the law it samples. What stands
    after the first end is not read, $p(\text{string}) = \sum_{\text{tails}} p(\text{row})$.

    Args:
        inner: the domain of the strings.
        width: tokens in every row.

    Raises:
        InputError: if `width` is not positive, or the alphabet has the token `<end>` already.

    Example:
        >>> from discdiff.domain import Letters
        >>> dna = Padded(Letters("ACGT"), width=6)
        >>> dna.encode("GATT"), dna.decode([2, 0, 4, 3, 4, 4])
        ([2, 0, 3, 3, 4, 4], 'GA')
    """

    def __init__(self, inner: Domain, width: int) -> None:
        super().__init__(inner, [*inner.alphabet.tokens, END])
        self.width = _check.positive_int("width", width)

    def split(self, string: str) -> list[str]:
        tokens = self.inner.split(string)
        if len(tokens) > self.width:
            raise DataError(f"strings must have at most {self.width} tokens, got {len(tokens)}")
        return tokens + [END] * (self.width - len(tokens))

    def join(self, tokens: Sequence[str]) -> str:
        kept = list(tokens)
        return self.inner.join(kept[: kept.index(END)] if END in kept else kept)
