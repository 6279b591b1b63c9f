"""The shape of every built-in chemistry oracle: SMILES in, one number per molecule out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import rdkit
from numpy.typing import NDArray
from rdkit.Chem import Mol

from discdiff.chem.molecule import parse
from discdiff.errors import InputError


class PerMolecule(ABC):
    """An oracle that scores one molecule at a time, through `value(mol)`.

    A string that does not parse gets NaN. Molecules are shared between oracles, so `value` must not
    change them. Equal name, version (of the definition and of RDKit) and parameters mean equal
    values. `direction` is ``min`` only where a smaller value is always better; `signed` says that
    values can be below 0.

    Args:
        parameters: the constructor's arguments, as JSON values.
    """

    name: str
    direction: str = "max"
    signed: bool = False
    licence: str = "BSD-3-Clause (RDKit)"
    reads: ClassVar[tuple[str, ...]] = ("SMILES",)
    definition: ClassVar[int] = 1

    def __init__(self, **parameters: object) -> None:
        self.outputs: tuple[str, ...] = (self.name,)
        self.parameters = parameters
        self.version = f"{self.definition}+rdkit-{rdkit.__version__}"

    @abstractmethod
    def value(self, mol: Mol) -> float:
        """Return the score of `mol`; NaN if it has none."""

    def __call__(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return float64 `(N,)`, one score for each SMILES, NaN where it could not be scored."""
        return np.array([self._score(smiles) for smiles in sequences], dtype=np.float64)

    def __reduce__(self) -> tuple[object, ...]:
        # RDKit's generators and catalogs cannot be pickled: another process builds its own.
        return partial(type(self), **self.parameters), ()

    def _score(self, smiles: str) -> float:
        mol = parse(smiles)
        return math.nan if mol is None else self.value(mol)


class Descriptor(PerMolecule):
    """A `PerMolecule` oracle without parameters."""

    def __init__(self) -> None:
        super().__init__()


def flag(argument: str, value: object) -> bool:
    """Return `value` if it is true or false.

    Raises:
        InputError: if it is anything else, such as the text "false".
    """
    if not isinstance(value, bool):
        raise InputError(f"{argument} must be true or false, got {value!r}")
    return value


def reference_molecule(argument: str, smiles: object) -> Mol:
    """Return the molecule of a SMILES that the user gave as `argument`.

    Raises:
        InputError: if it is not a SMILES.
    """
    mol = parse(smiles) if isinstance(smiles, str) else None
    if mol is None:
        raise InputError(f"{argument} must be a SMILES that RDKit can parse, got {smiles!r}")
    return mol
