"""The letters of peptides: what each stands for, and what other signs mean in a sequence."""

from __future__ import annotations

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
MEANING = {
    **{letter: letter for letter in AMINO_ACIDS},
    "B": "DN",
    "Z": "EQ",
    "J": "IL",
    "X": AMINO_ACIDS,
}
"""The amino acids that each letter of IUPAC stands for."""
OTHER = {
    "*": "a stop",
    "-": "a gap",
    ".": "a gap",
    "U": "selenocysteine",
    "O": "pyrrolysine",
}
"""What other signs of sequence files mean."""


def read_residues(sequence: str) -> str | None:
    """Return `sequence` in upper case if it is a peptide of the 20 amino acids, else None.

    Example:
        >>> read_residues("gigk"), read_residues("GIXK"), read_residues("")
        ('GIGK', None, None)
    """
    upper = sequence.upper()
    return upper if upper and sequence.isascii() and set(upper) <= set(AMINO_ACIDS) else None
