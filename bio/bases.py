"""The letters of nucleic acids: what each stands for, and which bases pair."""

from __future__ import annotations

from collections.abc import Callable

from Bio import Seq

MEANING = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "U": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
"""The bases, T standing for U too, that each letter stands for."""
DNA_BASES, RNA_BASES = "ACGT", "ACGU"
# Biopython leaves these two without types
_DNA: Callable[[str], str] = Seq.reverse_complement
_RNA: Callable[[str], str] = Seq.reverse_complement_rna


def reverse_complement(sequence: str, bases: str = DNA_BASES) -> str:
    """Return what the other strand reads from 5' to 3'; letters of IUPAC and their case are kept.

    Args:
        sequence: of bases or letters of IUPAC.
        bases: `DNA_BASES`, or `RNA_BASES` to answer in U.

    Example:
        >>> reverse_complement("AACGN"), reverse_complement("AACGN", RNA_BASES)
        ('NCGTT', 'NCGUU')
    """
    return _RNA(sequence) if "U" in bases else _DNA(sequence)


def read_bases(sequence: str) -> str | None:
    """Return `sequence` in the four letters of DNA, of a DNA or an RNA; None if it is neither.

    Example:
        >>> read_bases("acGU"), read_bases("ACGN"), read_bases("")
        ('ACGT', None, None)
    """
    upper = sequence.upper()
    if not upper or not sequence.isascii() or not set(upper) <= set("ACGTU"):
        return None
    return None if {"T", "U"} <= set(upper) else upper.replace("U", "T")
