"""What all wrappers share: they pass on name, version and outputs, and answer in parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from discdiff.oracle.check import as_oracle
from discdiff.oracle.scores import Part, Rows, Scores


class Wrapper(ABC):
    """An oracle around another; the outer ones see every request, the inner ones what is left.

    Args:
        oracle: the oracle inside; anything that `as_oracle` takes.
    """

    def __init__(self, oracle: Any) -> None:
        self.oracle = as_oracle(oracle)

    @property
    def name(self) -> str:
        """Name of the oracle inside."""
        return self.oracle.name

    @property
    def version(self) -> str:
        """Version of the oracle inside."""
        return self.oracle.version

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, one a column of the values."""
        return self.oracle.outputs

    @property
    def parameters(self) -> Mapping[str, object]:
        """Parameters of the oracle inside, part of the cache key."""
        return self.oracle.parameters

    @property
    def directions(self) -> tuple[str, ...]:
        """``max`` or ``min`` an output, as declared by the oracle inside."""
        return self.oracle.directions

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each output, as declared by the oracle inside."""
        return self.oracle.units

    @property
    def licences(self) -> Mapping[str, str]:
        """Licences by name, as declared by the oracle inside."""
        return self.oracle.licences

    @abstractmethod
    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield `(rows, scores)` as they become known, each row once."""

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`, in their order."""
        return Scores.join(self.stream(sequences), len(sequences), len(self.outputs))


@dataclass(frozen=True)
class Distinct:
    """The distinct members of a request, in order of first occurrence, and where each stands."""

    sequences: list[str]
    places: list[list[int]]

    @classmethod
    def of(cls, sequences: Sequence[str]) -> Self:
        """Return the distinct members of `sequences`."""
        places: dict[str, list[int]] = {}
        for place, sequence in enumerate(sequences):
            places.setdefault(sequence, []).append(place)
        return cls(list(places), list(places.values()))

    def expand(self, members: Sequence[int] | Rows, scores: Scores) -> Part:
        """Return `scores` of the distinct `members` at every place they stand in the request.

        The first place keeps its origin; a repeat of an evaluated one is a ``cache`` answer.
        """
        places = [self.places[int(member)] for member in members]
        source = np.repeat(np.arange(len(places)), [len(p) for p in places])
        first = np.concatenate([np.arange(len(p)) == 0 for p in places] or [np.zeros(0, bool)])
        spread = scores.take(source)
        origin = tuple(
            o if f or o != "oracle" else "cache"
            for o, f in zip(spread.origin, first.tolist(), strict=True)
        )
        rows = np.array([place for p in places for place in p], dtype=np.int64)
        return rows, replace(spread, origin=origin, seconds=np.where(first, spread.seconds, 0.0))
