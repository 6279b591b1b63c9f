"""Templates with gaps: fixed tokens, and between them runs of free tokens of variable length."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff import _check
from discdiff.domain import Alphabet, Template
from discdiff.errors import InputError

if TYPE_CHECKING:
    from discdiff.model import LengthLaw

Choice = str | Collection[str] | None
"""What may stand at a position: one token, any of several, or anything."""


@dataclass(frozen=True)
class Point:
    """What may grow at an attachment point of a scaffold.

    Args:
        length: fewest and most tokens of the run; None for one up to as many as there is room for.
        tokens: those that may stand in the run; None for any.
        positions: for the first positions of the run a token, several or None, as in `Template`.

    Raises:
        InputError: if a length is not a range of positive integers, or nothing is allowed.

    Example:
        >>> Point.of({"length": [2, 6], "tokens": ["C", "N"]})
        Point(length=(2, 6), tokens=('C', 'N'), positions=())
        >>> Point.of([2, 6]) == Point(length=(2, 6)), Point.of(4).length
        (True, (4, 4))
    """

    length: tuple[int, int] | None = None
    tokens: tuple[str, ...] | None = None
    positions: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        if self.length is not None:
            low, high = self.length
            _check.positive_int("length", low)
            _check.positive_int("length", high)
            if low > high:
                raise InputError(f"length must be [fewest, most], got [{low}, {high}]")
        for name, listed in (("tokens", self.tokens), *(("positions", p) for p in self.positions)):
            if listed is not None and (not listed or not _is_tokens(listed)):
                raise InputError(f"{name} must list tokens, got {listed!r}")

    @classmethod
    def of(cls, value: object) -> Self:
        """Return the point that `value` describes.

        Args:
            value: a `Point`, a length, a range of lengths, or a mapping of this class's arguments.

        Raises:
            InputError: if it is none of these.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            for key in value:
                _check.one_of("key", key, [field.name for field in fields(cls)])
            tokens = value.get("tokens")
            if isinstance(tokens, str) or not isinstance(tokens, Collection | None):
                raise InputError(f"tokens must be a list of tokens, got {tokens!r}")
            positions = value.get("positions", ())
            if isinstance(positions, str) or not isinstance(positions, Sequence):
                raise InputError(f"positions must be a list, got {positions!r}")
            plain = (tuple(p) if isinstance(p, list) else p for p in positions)
            return cls(
                _lengths(value.get("length")),
                None if tokens is None else tuple(tokens),
                tuple(plain),
            )
        return cls(_lengths(value))


class Gap:
    """A run of free tokens: how many, and which.

    Args:
        alphabet: the domain's.
        low: fewest tokens, at least 1.
        high: most tokens.
        tokens: those that may stand in it; any of the alphabet by default.

    Raises:
        InputError: if the range is empty, or no token may stand somewhere.
        DataError: if a token is not in the alphabet.

    Example:
        >>> Gap(Alphabet("ACGT"), 2, 5, "AC").template(2).allowed.sum(1).tolist()
        [2, 2]
    """

    def __init__(
        self, alphabet: Alphabet, low: int, high: int, tokens: Collection[str] | None = None
    ) -> None:
        self.alphabet = alphabet
        self.low, self.high = _check.positive_int("low", low), _check.positive_int("high", high)
        if low > high:
            raise InputError(f"high must be at least {low}, got {high}")
        for token in tokens or ():
            alphabet.index(token)
        self.tokens = None if tokens is None else tuple(tokens)
        self._templates: dict[int, Template] = {}

    def choices(self, length: int) -> Sequence[Choice]:
        """Return what may stand at each position of a run of `length` tokens."""
        return [self.tokens] * length

    def template(self, length: int) -> Template:
        """Return the template of a run of `length` tokens."""
        if length not in self._templates:
            self._templates[length] = Template(self.alphabet, self.choices(length))
        return self._templates[length]

    def __repr__(self) -> str:
        listed = "" if self.tokens is None else f": {' '.join(self.tokens)}"
        return f"{{{self.low} to {self.high}{listed}}}"


class Gapped:
    r"""Fixed tokens and gaps, in order: a template whose length is drawn anew for every design.

    With $p(L)$ the model's length law and $n(L)$ the number of ways in which the gaps can share
    out the free tokens of a design of $L$ tokens, a design gets the gap lengths $\ell$ with
    probability $p(L)/n(L)$, normalised over the lengths that the ranges allow. So its length
    follows the model's law, restricted, and every way to share a length out is equally likely.

    Args:
        parts: templates and gaps, at least one gap.

    Raises:
        InputError: if there is no gap.

    Law: exact: the model's, given the fixed tokens, within each choice of gap lengths; with
    allow-lists, by the weights.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> model = Model.tabular(["AGC", "ATTC", "CCC"])
        >>> a, c = (Template(model.domain.alphabet, letter) for letter in "AC")
        >>> template = Gapped([a, Gap(model.domain.alphabet, 1, 2), c])
        >>> sorted(set(FirstHitting(model).sample(20, key=1, template=template).strings))
        ['AGC', 'ATTC']
    """

    def __init__(self, parts: Sequence[Template | Gap]) -> None:
        self._parts = tuple(parts)
        self._gaps = [part for part in self._parts if isinstance(part, Gap)]
        if not self._gaps:
            raise InputError("parts must hold a gap, got none")
        self.gaps = len(self._gaps)
        self.fixed = sum(len(part) for part in self._parts if isinstance(part, Template))
        self.low = self.fixed + sum(gap.low for gap in self._gaps)
        self.high = self.fixed + sum(gap.high for gap in self._gaps)
        self.parts = " ".join(map(_spelt, self._parts))  # tells one from another on resume
        self._ways = self._count_ways()

    def lengths(self, law: LengthLaw, length: int | None = None) -> LengthLaw:
        """Return the law of the number of tokens of a design.

        Args:
            law: the model's.
            length: the only number, when given.

        Raises:
            InputError: if none that the ranges allow is one that the model writes.
        """
        if length is not None:
            if not self.low <= length <= self.high:
                raise InputError(
                    f"length must lie in [{self.low}, {self.high}], the template's, got {length}"
                )
            return law.fixed(length)
        between = law.between(self.low, self.high)
        if between is None:
            written = law.probabilities.nonzero().flatten().tolist()
            raise InputError(
                f"template must leave room for a design of {written[0]} to {written[-1]} tokens, "
                f"which is what the model writes; with these ranges it has {self.low} to "
                f"{self.high}"
            )
        return between

    def draw(
        self, law: LengthLaw, u: Tensor, length: int | None = None
    ) -> tuple[list[Template], Tensor]:
        """Return the templates that came up, and which of them each design has.

        Args:
            law: the model's length law.
            u: uniforms in (0, 1), float64 `(B, 1 + gaps)`.
            length: tokens of every design, when given.
        """
        total = self.lengths(law, length).at(u[:, 0].contiguous()).cpu().numpy()
        free, chance = total - self.fixed, u[:, 1:].cpu().numpy()
        drawn = np.empty((len(free), self.gaps), dtype=np.int64)
        for place, gap in enumerate(self._gaps):
            run = np.arange(gap.low, gap.high + 1)
            left = free[:, None] - run
            after = self._ways[place + 1]
            ways = np.where(left >= 0, after[left.clip(min=0)], 0.0).cumsum(1)
            below = (ways <= chance[:, place, None] * ways[:, -1:]).sum(1)
            drawn[:, place] = run[below]
            free = free - drawn[:, place]
        found, layout = np.unique(drawn, axis=0, return_inverse=True)
        templates = [self._template(row) for row in found.tolist()]
        return templates, torch.from_numpy(layout.reshape(-1)).to(u.device)

    def __repr__(self) -> str:
        return f"Gapped({self.parts})"

    def _template(self, lengths: Sequence[int]) -> Template:
        given = iter(lengths)
        return Template.joined(
            [p if isinstance(p, Template) else p.template(next(given)) for p in self._parts]
        )

    def _count_ways(self) -> list[NDArray[np.float64]]:
        """Return for each gap in how many ways it and those after it share out 0, 1, … tokens."""
        most = self.high - self.fixed
        ways = [np.eye(1, most + 1)[0]]
        for gap in reversed(self._gaps):
            after = np.zeros(most + 1)
            for run in range(gap.low, gap.high + 1):
                after[run:] += ways[0][: most + 1 - run]
            ways.insert(0, after)
        return ways


Templates = Template | Sequence[Template] | Gapped
"""What `Sampler.init` takes: one template, several, or one with gaps."""


def _is_tokens(listed: object) -> bool:
    return isinstance(listed, Collection) and all(isinstance(token, str) for token in listed)


def _lengths(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    pair = [value, value] if isinstance(value, int) else value
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise InputError(f"length must be a number of tokens or [fewest, most], got {value!r}")
    return pair[0], pair[1]


def _spelt(part: Template | Gap) -> str:
    if isinstance(part, Gap):
        return repr(part)
    tokens = part.alphabet.tokens
    return " ".join(
        tokens[i]
        if i < len(tokens)
        else f"<{' '.join(tokens[v] for v in row.nonzero().flatten().tolist())}>"
        for i, row in zip(part.tokens.tolist(), part.allowed, strict=True)
    )
