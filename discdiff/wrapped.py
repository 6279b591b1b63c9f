"""A domain around another one: the same strings and tokens, with something of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from discdiff.domain import Domain
from discdiff.errors import UnsupportedError
from discdiff.similarity import Likeness

if TYPE_CHECKING:
    from discdiff.denoiser import Denoiser
    from discdiff.gapped import Point, Templates


class Wrapped(Domain):
    """A domain that is `inner` in everything its subclass does not change.

    Args:
        inner: the domain inside.
        tokens: the alphabet; by default that of `inner`.

    Example:
        >>> from discdiff.domain import Letters
        >>> class Short(Wrapped):
        ...     def invalid_reason(self, string):
        ...         return "too long" if len(string) > 3 else super().invalid_reason(string)
        >>> dna = Short(Letters("ACGT"))
        >>> dna.invalid_reason("GATT"), dna.invalid_reason("GAX"), dna.invalid_reason("GAT")
        ('too long', "letter 'X' is not in the alphabet", None)
    """

    def __init__(self, inner: Domain, tokens: Sequence[str] | None = None) -> None:
        super().__init__(inner.alphabet.tokens if tokens is None else tokens)
        self.inner = inner
        self.name, self.column, self.examples = inner.name, inner.column, inner.examples
        self.kind = inner.kind
        self.keeps_scaffolds, self.template = inner.keeps_scaffolds, inner.template
        self.spelt, self.spells_templates = inner.spelt, inner.spells_templates
        self.notations, self.colours = inner.notations, inner.colours
        self.flanks, self.unobserved = inner.flanks, inner.unobserved

    def split(self, string: str) -> list[str]:
        return self.inner.split(string)

    def join(self, tokens: Sequence[str]) -> str:
        return self.inner.join(tokens)

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

    def written(self, string: str, notation: str) -> str | None:
        return self.inner.written(string, notation)

    def likeness(self, strings: Sequence[str]) -> Likeness:
        return self.inner.likeness(strings)

    def alerts(self, string: str) -> int | None:
        return self.inner.alerts(string)

    def scaffold(self, string: str) -> str | None:
        return self.inner.scaffold(string)

    def fingerprints(self, strings: Sequence[str]) -> NDArray[np.float64] | None:
        return self.inner.fingerprints(strings)

    def fragments(self, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
        return self.inner.fragments(tokens)

    def token_classes(self) -> dict[str, tuple[str, ...]]:
        return self.inner.token_classes()

    def with_template(self, template: str, points: Mapping[int, Point], longest: int) -> Domain:
        raise UnsupportedError(
            "template must be given to a model before anything else is asked of its designs"
        )

    def symmetrised(self, denoiser: Denoiser) -> Denoiser:
        return self.inner.symmetrised(denoiser)

    def read_template(self, text: str) -> Templates:
        return self.inner.read_template(text)

    def demands(self) -> dict[str, object]:
        return self.inner.demands()

    def settings(self) -> dict[str, object]:
        return self.inner.settings()

    @classmethod
    def fit(cls, strings: Iterable[str], **options: object) -> Self:
        """Refuse: a wrapper has no alphabet of its own to find.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(f"{cls.__name__} is made of a fitted one: {cls.__name__}(domain, …)")
