"""The length mode `pad_as_token`: rows of one width, whose end is a token that the model writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError, UnsupportedError
from discdiff.similarity import Likeness

END = "<end>"
LENGTH_MODES = ("given_length", "pad_as_token")


class Padded(Domain):
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
        super().__init__([*inner.alphabet.tokens, END])
        self.inner, self.width = inner, _check.positive_int("width", width)
        self.name, self.column, self.examples = inner.name, inner.column, inner.examples

    def split(self, string: str) -> list[str]:
        tokens = self.inner.split(string)
        if len(tokens) > self.width:
            raise DataError(f"strings must have at most {self.width} tokens, got {len(tokens)}")
        return tokens + [END] * (self.width - len(tokens))

    def join(self, tokens: Sequence[str]) -> str:
        kept = list(tokens)
        return self.inner.join(kept[: kept.index(END)] if END in kept else kept)

    def invalid_reason(self, string: str) -> str | None:
        return self.inner.invalid_reason(string)

    def canonical(self, string: str) -> str:
        return self.inner.canonical(string)

    def prepare(self, string: str) -> str:
        return self.inner.prepare(string)

    def augment(self, string: str, generator: np.random.Generator) -> str:
        return self.inner.augment(string, generator)

    def draw(self, string: str) -> str | None:
        return self.inner.draw(string)

    def likeness(self, strings: Sequence[str]) -> Likeness:
        return self.inner.likeness(strings)

    def alerts(self, string: str) -> int | None:
        return self.inner.alerts(string)

    def scaffold(self, string: str) -> str | None:
        return self.inner.scaffold(string)

    def settings(self) -> dict[str, object]:
        return self.inner.settings()

    @classmethod
    def fit(cls, strings: Iterable[str], **options: object) -> Self:
        raise UnsupportedError("a padded domain is made of a fitted one: Padded(domain, width)")
