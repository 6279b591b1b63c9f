"""How alike two sets of sequences are in the motifs that they hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff.bio.bases import read_bases
from discdiff.bio.scanner import Scanner, one_hot
from discdiff.errors import DataError, InputError

_ROWS = 256  # sequences of one convolution


def motif_counts(
    sequences: Sequence[str], scanners: Sequence[Scanner], rate: float = 1e-4
) -> NDArray[np.int64]:
    """Return how many hits each motif has in all `sequences` together, `(M,)`.

    Args:
        sequences: DNA or RNA.
        scanners: the M motifs.
        rate: chance of a word of the background to be a hit; see `Scanner.threshold`.

    Raises:
        DataError: if a sequence is no DNA or RNA.

    Example:
        >>> scanner = Scanner({"A": [9, 9], "C": [0, 0], "G": [0, 0], "T": [0, 0]})
        >>> motif_counts(["GAAAC", "TTC"], [scanner], rate=0.01).tolist()
        [3]
    """
    limits = [scanner.threshold(rate) for scanner in scanners]
    by_length: dict[int, list[str]] = {}
    for number, sequence in enumerate(sequences, start=1):
        bases = read_bases(sequence)
        if bases is None:
            raise DataError(f"sequence {number}: {sequence!r} is no DNA or RNA")
        by_length.setdefault(len(bases), []).append(bases)
    found = np.zeros(len(scanners), dtype=np.int64)
    for group in by_length.values():
        for start in range(0, len(group), _ROWS):
            rows = one_hot(group[start : start + _ROWS])
            for place, (scanner, limit) in enumerate(zip(scanners, limits, strict=True)):
                found[place] += int((scanner(rows) >= limit).sum())
    return found


def motif_correlation(
    generated: Sequence[str],
    reference: Sequence[str],
    scanners: Sequence[Scanner],
    rate: float = 1e-4,
) -> float:
    """Return Spearman's rank correlation of the hits of M motifs in two sets of sequences.

    NaN where all motifs have as many hits in a set.

    Args:
        generated: DNA or RNA.
        reference: DNA or RNA.
        scanners: the motifs, at least 2.
        rate: chance of a word of the background to be a hit; see `Scanner.threshold`.

    Raises:
        InputError: if there are fewer motifs.
        DataError: if a sequence is no DNA or RNA.

    Source: Fine-Tuning Discrete Diffusion Models via Reward Optimization with Applications to DNA
    and Protein Design (Wang et al., 2024, arXiv:2410.13643).

    Example:
        >>> one = Scanner({"A": [9, 9], "C": [0, 0], "G": [0, 0], "T": [0, 0]})
        >>> two = Scanner({"A": [0, 0], "C": [9, 9], "G": [0, 0], "T": [0, 0]})
        >>> motif_correlation(["AAAA", "CC"], ["AAA"], [one, two], rate=0.01) > 0.99
        True
    """
    from scipy.stats import spearmanr

    if len(scanners) < 2:
        raise InputError(f"scanners must be at least 2, got {len(scanners)}")
    counts = [motif_counts(sequences, scanners, rate) for sequences in (generated, reference)]
    if any(np.ptp(found) == 0 for found in counts):
        return float("nan")
    return float(spearmanr(*counts).statistic)
