"""How alike two sets of sequences are in their short words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError

Floats = NDArray[np.float64]


def kmer_counts(sequences: Iterable[str], k: int) -> Counter[str]:
    """Return how often each word of k letters occurs, overlaps included.

    Example:
        >>> sorted(kmer_counts(["AAAC", "AC"], 2).items())
        [('AA', 2), ('AC', 2)]
    """
    _check.positive_int("k", k)
    return Counter(s[i : i + k] for s in sequences for i in range(len(s) - k + 1))


def kmer_correlation(generated: Sequence[str], reference: Sequence[str], k: int = 3) -> float:
    r"""Return Pearson's r of the counts of words of k letters, over those in either set.

    It does not depend on how many sequences there are. NaN where the counts of a set are all equal.

    Args:
        generated: sequences.
        reference: sequences.
        k: letters of a word; with 3 there are 64 of DNA, and most models reach a high value.

    Raises:
        InputError: if a set has no word.

    Source: Fine-Tuning Discrete Diffusion Models via Reward Optimization with Applications to DNA
    and Protein Design (Wang et al., 2024, arXiv:2410.13643).

    Example:
        >>> kmer_correlation(["AAAC"], ["AAAC", "AAAC"], k=2)
        1.0
    """
    p, q = _frequencies(generated, reference, k)
    if np.ptp(p) == 0 or np.ptp(q) == 0:
        return float("nan")
    return float(np.clip(np.corrcoef(p, q)[0, 1], -1.0, 1.0))


def kmer_divergence(generated: Sequence[str], reference: Sequence[str], k: int = 6) -> float:
    r"""Return the Jensen-Shannon divergence of the frequencies of words, in bits, in [0, 1].

    $H(\frac{p+q}2)-\frac{H(p)+H(q)}2$ with base-2 logarithms: the divergence, not its square root,
    which some call by the same name.

    Args:
        generated: sequences.
        reference: sequences.
        k: letters of a word.

    Raises:
        InputError: if a set has no word.

    Source: Divergence measures based on the Shannon entropy (Lin, 1991).

    Example:
        >>> kmer_divergence(["AAAA"], ["CCCC"], k=2), kmer_divergence(["ACGT"], ["ACGT"], k=2)
        (1.0, 0.0)
    """
    p, q = _frequencies(generated, reference, k)
    found = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return float(np.clip(found, 0.0, 1.0))


def _frequencies(
    generated: Sequence[str], reference: Sequence[str], k: int
) -> tuple[Floats, Floats]:
    counts = kmer_counts(generated, k), kmer_counts(reference, k)
    for name, found in zip(("generated", "reference"), counts, strict=True):
        if not found:
            raise InputError(f"{name} must hold a sequence of at least {k} letters, got none")
    words = sorted(set(counts[0]) | set(counts[1]))
    p, q = (np.array([c[w] for w in words]) / c.total() for c in counts)
    return p, q


def _entropy(p: Floats) -> float:
    some = p[p > 0]
    return float(-(some * np.log2(some)).sum())
