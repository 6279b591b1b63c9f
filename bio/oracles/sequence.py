"""The shape of every closed-form oracle here: a sequence in, one number out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bio.bases import read_bases
from discdiff.bio.domain import DNA, RNA
from discdiff.errors import InputError


def extent(name: str, value: object, fewest: int = 0) -> tuple[int, int]:
    """Return ``[fewest, most]``, two whole numbers, as a tuple.

    Args:
        name: of the argument.
        value: what was given.
        fewest: the least that both may be.

    Raises:
        InputError: naming the argument, if it is no such pair.

    Example:
        >>> extent("loop", [3, 20])
        (3, 20)
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"{name} must be [fewest, most], got {value!r}")
    low, high = (_check.non_negative_int(name, one) for one in value)
    _check.in_range(name, low, fewest, high)
    return low, high


class PerSequence(ABC):
    """An oracle that scores one sequence at a time, through `value(bases)`.

    DNA and RNA are read alike, in any case, unless a subclass has its own `read`, which may say
    what it `reads`; another string gets NaN. Equal name, version and parameters mean equal
    values. `direction` is ``min`` only where a smaller value is always better.

    Args:
        parameters: the constructor's arguments, as JSON values.
    """

    name: str
    direction: str = "max"
    units: str = ""
    signed: bool = False
    licence: str = "Apache-2.0 (discdiff)"
    reads: ClassVar[tuple[str, ...]] = (DNA.kind, RNA.kind)
    examples: ClassVar[tuple[str, ...]] = DNA.examples

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "read" in vars(cls) and "reads" not in vars(cls):
            cls.reads = ()  # what it reads it alone knows

    def __init__(self, **parameters: object) -> None:
        self.outputs: tuple[str, ...] = (self.name,)
        self.parameters = parameters
        self._keywords = parameters
        self.version = "1"

    @abstractmethod
    def value(self, bases: str, /) -> float:
        """Return the score of a sequence that `read` returned; NaN if it has none."""

    def read(self, sequence: str) -> str | None:
        """Return `sequence` as `value` takes it, not empty; None where it is no such sequence."""
        return read_bases(sequence)

    def __call__(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return float64 `(N,)`, one score a sequence, NaN where it could not be scored."""
        return np.array([self._score(sequence) for sequence in sequences], dtype=np.float64)

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), **self._keywords), ()

    def _score(self, sequence: str) -> float:
        read = self.read(sequence)
        return math.nan if read is None else self.value(read)
