"""The shape of every oracle of peptides: the 20 amino acids in, one number a sequence out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from discdiff.bio.oracles.sequence import PerSequence
from discdiff.bio.peptide import Peptide
from discdiff.bio.residues import AMINO_ACIDS, read_residues
from discdiff.domain import Domain
from discdiff.errors import InputError, UnsupportedError

BIOPYTHON = "Biopython License (Biopython)"


class PerPeptide(PerSequence):
    """An oracle that scores one peptide at a time, through `value(residues)`.

    Peptides are read in any case; a string with another letter than the 20 amino acids gets NaN.

    Args:
        parameters: the constructor's arguments, as JSON values.
    """

    examples = Peptide.examples
    reads = (Peptide.kind,)

    def read(self, sequence: str) -> str | None:
        return read_residues(sequence)


class Averaged(PerPeptide):
    """The mean over residues of a number that each amino acid has; with gradients.

    Args:
        table: that number of each amino acid.
        domain: whose tokens relaxed rows are over; those of `Peptide` by default.
        parameters: as of `PerPeptide`.
    """

    def __init__(
        self, table: Mapping[str, float], domain: Domain | None = None, **parameters: object
    ) -> None:
        super().__init__(**parameters)
        self.table = {residue: float(table[residue]) for residue in AMINO_ACIDS}
        self.domain = domain
        self._keywords = {**parameters, "domain": domain}

    def value(self, residues: str, /) -> float:
        return sum(self.table[residue] for residue in residues) / len(residues)

    def relaxed(self, rows: Tensor) -> Tensor:
        """Return the values `(N,)` of relaxed rows `(N, L, V)` over the tokens of the domain.

        Raises:
            UnsupportedError: if the rows are over other tokens.
        """
        return (rows @ column(self, self.table, rows, self.domain)).mean(1)


def column(
    oracle: PerPeptide, table: Mapping[str, float], rows: Tensor, domain: Domain | None
) -> Tensor:
    """Return the numbers `(V,)` of the tokens that `rows` are over.

    Args:
        oracle: who asks, for messages.
        table: the number of each amino acid.
        rows: `(N, L, V)`.
        domain: whose tokens they are; those of `Peptide` by default.

    Raises:
        UnsupportedError: if a token is no amino acid, or there are not V.
    """
    tokens = AMINO_ACIDS if domain is None else domain.alphabet.tokens
    if not set(tokens) <= set(AMINO_ACIDS) or rows.shape[-1] != len(tokens):
        raise UnsupportedError(
            f"{oracle.name} needs rows over amino acids, got {rows.shape[-1]} tokens"
        )
    return torch.tensor([table[token] for token in tokens]).to(rows)


def flag(name: str, value: object) -> bool:
    """Return `value` if it is true or false.

    Raises:
        InputError: naming the argument, if it is neither.

    Example:
        >>> flag("amide", True)
        True
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be true or false, got {value!r}")
    return value
