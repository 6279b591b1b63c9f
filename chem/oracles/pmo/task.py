r"""What a task is made of: parts in [0, 1], each a property under a shape, and their mean.

Shapes of a property x: `clip(u) = min(max(x / u, 0), 1)`, `gaussian(m, s) = exp(-(x - m)^2 /
2 s^2)`, `at_most(m, s)` is 1 below m and the same Gaussian above, `at_least(m, s)` the reverse.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rdkit.Chem import Mol

from discdiff.chem.oracles.molecular import Descriptor
from discdiff.chem.oracles.similarity import Similarity

Part: TypeAlias = Callable[[Mol], float]
Shape: TypeAlias = Callable[[float], float]


def clip(upper: float) -> Shape:
    """Return the ramp from 0 at 0 to 1 at `upper`."""
    return lambda x: min(max(x / upper, 0.0), 1.0)


def gaussian(mean: float, width: float) -> Shape:
    """Return the bell of height 1 at `mean`."""
    return lambda x: math.exp(-(((x - mean) / width) ** 2) / 2)


def at_most(mean: float, width: float) -> Shape:
    """Return the shape that is 1 below `mean` and falls above it."""
    bell = gaussian(mean, width)
    return lambda x: bell(max(x, mean))


def at_least(mean: float, width: float) -> Shape:
    """Return the shape that is 1 above `mean` and falls below it."""
    bell = gaussian(mean, width)
    return lambda x: bell(min(x, mean))


def shaped(part: Part, shape: Shape) -> Part:
    """Return `part` seen through `shape`."""
    return lambda mol: shape(part(mol))


def similar(reference: str, fingerprint: str) -> Part:
    """Return the Tanimoto similarity to `reference`."""
    return Similarity(reference, fingerprint).value


def arithmetic(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return sum(values) / len(values)


def geometric(values: Sequence[float]) -> float:
    """Return the geometric mean; 0 if a value is 0."""
    return 0.0 if min(values) <= 0 else math.exp(sum(map(math.log, values)) / len(values))


class Task(Descriptor):
    """A task: the mean of its parts, geometric unless it says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._parts = self.parts()

    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """Return the parts; called once, so that references are fingerprinted once."""

    def mean(self, values: Sequence[float]) -> float:
        """Return the mean of the parts' values."""
        return geometric(values)

    def value(self, mol: Mol) -> float:
        return self.mean([part(mol) for part in self._parts])
