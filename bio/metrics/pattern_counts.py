"""How often patterns in the letters of IUPAC occur in a set of sequences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff.bio.bases import MEANING, read_bases, reverse_complement
from discdiff.errors import DataError, InputError

YEAST_ELEMENTS: Mapping[str, str] = {
    "TATA box": "TATAWAWR",
    "poly(dA:dT)": "AAAAAAA",
    "Reb1": "TTACCCG",
    "Rap1": "ACCCRYACA",
    "Abf1": "TCRYNNNNNACG",
    "Gcn4": "TGASTCA",
    "Cbf1": "CACGTG",
    "Mbp1": "ACGCGT",
    "Rsc3": "CGCGC",
    "Msn2": "AGGGG",
    "Gcr1": "CTTCC",
    "Hsf1": "TTCNNGAA",
    "Ste12": "TGAAACA",
    "Gal4": "CGGNNNNNNNNNNNCCG",
    "Rpn4": "GGTGGCAAA",
    "Ume6": "GCCGCC",
}
"""Elements of yeast promoters, as consensus words.

Source: the TATA box, Identification and distinct regulation of yeast TATA box-containing genes
(Basehoar et al., 2004); the tract of A, Poly(dA:dT), a ubiquitous promoter element that stimulates
transcription via its intrinsic DNA structure (Iyer and Struhl, 1995); sites of factors, the cores
of those of Transcriptional regulatory code of a eukaryotic genome (Harbison et al., 2004) and An
improved map of conserved regulatory sites for Saccharomyces cerevisiae (MacIsaac et al., 2006).
"""


def pattern_counts(
    sequences: Sequence[str], patterns: Sequence[str], both_strands: bool = True
) -> NDArray[np.int64]:
    """Return at how many places of all `sequences` together each pattern begins, `(M,)`.

    Overlapping places count; a place where both strands fit, as in a palindrome, counts once.

    Args:
        sequences: DNA or RNA.
        patterns: M patterns in the letters of IUPAC.
        both_strands: whether the reverse complement of a pattern is looked for too.

    Raises:
        InputError: if a pattern is empty or has another letter.
        DataError: with the number of the row if a sequence is no DNA or RNA.

    Example:
        >>> pattern_counts(["TATAAAAG", "ACGTCACGTG"], ["TATAWAWR", "ACG", "CACGTG"]).tolist()
        [1, 4, 1]
    """
    regexes = [_regex(pattern, both_strands) for pattern in patterns]
    found = np.zeros(len(patterns), dtype=np.int64)
    for number, sequence in enumerate(sequences, start=1):
        bases = read_bases(sequence)
        if bases is None:
            raise DataError(f"sequence {number}: {sequence!r} is no DNA or RNA")
        found += [sum(1 for _ in regex.finditer(bases)) for regex in regexes]
    return found


def _regex(pattern: str, both_strands: bool) -> re.Pattern[str]:
    upper = pattern.upper()
    stray = next((letter for letter in upper if letter not in MEANING), None)
    if not upper or stray is not None:
        raise InputError(f"pattern must be letters of IUPAC, got {pattern!r}")
    strands = [upper, reverse_complement(upper)] if both_strands else [upper]
    words = ("".join(f"[{MEANING[letter]}]" for letter in strand) for strand in strands)
    return re.compile(f"(?={'|'.join(words)})")  # looks ahead, so that places may overlap
