"""Scores of a motif at every position of both strands, as one differentiable convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from Bio.motifs import matrix
from numpy.typing import NDArray
from torch import Tensor

from discdiff import _check
from discdiff.bio.bases import DNA_BASES
from discdiff.errors import InputError

Floats = NDArray[np.float64]
PRECISION = 1000  # of the distribution of scores that thresholds come from
_Counts: Callable[..., Any] = matrix.FrequencyPositionMatrix  # Biopython leaves it without types


@dataclass(frozen=True)
class Hit:
    """A place where a motif scores: bases `start` to `end`, from 0, the end not included."""

    start: int
    end: int
    strand: str
    score: float


class Scanner:
    r"""Log-odds of a motif against a background, in bits, at every position.

    $s(i)=\sum_k\log_2\frac{p_k(x_{i+k})}{q(x_{i+k})}$ with $p_k$ the counts of position $k$, each
    with the pseudocount added, as fractions; on the other strand the same of the reverse
    complement. Of relaxed rows it is the mean over independent positions.

    Args:
        motif: a motif of Biopython, or counts by base, A, C, G and T.
        pseudocount: added to every count, above 0 where a count is 0.
        background: the fraction of each base; equal by default.
        both_strands: whether the other strand is read too.

    Raises:
        InputError: if a number is out of range, or a logarithm would be infinite.

    Source: DNA binding sites: representation and discovery (Stormo, 2000).

    Example:
        >>> scanner = Scanner({"A": [9, 0], "C": [0, 9], "G": [0, 0], "T": [0, 0]}, pseudocount=1)
        >>> [(h.start, h.strand, round(h.score, 2)) for h in scanner.hits("ACGT", 2.0)]
        [(0, '+', 3.24), (2, '-', 3.24)]
    """

    def __init__(
        self,
        motif: Any,
        pseudocount: float = 0.5,
        background: Mapping[str, float] | None = None,
        both_strands: bool = True,
    ) -> None:
        counts = getattr(motif, "counts", motif)
        rows = {base: counts["U" if base == "T" and "U" in counts else base] for base in DNA_BASES}
        if not isinstance(both_strands, bool):
            raise InputError(f"both_strands must be true or false, got {both_strands!r}")
        self.background = _fractions(background)
        added = _check.non_negative("pseudocount", pseudocount)
        if not added and not all(min(row) > 0 for row in rows.values()):
            raise InputError("pseudocount must be above 0 for a motif with a count of 0, got 0")
        weights = _Counts(DNA_BASES, rows).normalize(pseudocounts=added)
        self.pssm = weights.log_odds(self.background)
        forward = np.array([self.pssm[base] for base in DNA_BASES])
        strands = [forward, forward[::-1, ::-1]] if both_strands else [forward]
        self.weights = torch.from_numpy(np.stack(strands))  # (S, 4, K)

    @property
    def width(self) -> int:
        """Bases of the motif, K."""
        return int(self.weights.shape[2])

    def __call__(self, rows: Tensor) -> Tensor:
        """Return scores `(N, S, L - K + 1)` of rows `(N, L, 4)` over A, C, G and T, in bits.

        S is 2 with both strands, the given one first; a score belongs to the position that its
        word begins at on the given strand.
        """
        if rows.shape[1] < self.width:
            return rows.new_empty(len(rows), len(self.weights), 0)
        found: Tensor = torch.nn.functional.conv1d(rows.transpose(1, 2), self.weights.to(rows))
        return found

    def threshold(self, rate: float) -> float:
        """Return the score that words of the background reach with chance `rate`, or a little more.

        As Biopython has it: the highest on a grid of scores that is reached often enough. A short
        motif has few scores, so that the chance can be several times `rate`.

        Raises:
            InputError: if `rate` does not lie in (0, 1).
        """
        if not 0 < _check.finite("rate", rate) < 1:
            raise InputError(f"rate must lie in (0, 1), got {rate!r}")
        spread = self.pssm.distribution(background=self.background, precision=PRECISION)
        return float(spread.threshold_fpr(rate))

    def hits(self, bases: str, threshold: float) -> list[Hit]:
        """Return the places of DNA that score at least `threshold`, by start and strand."""
        scores = self(one_hot([bases]))[0]
        found = [
            Hit(start, start + self.width, "+-"[strand], float(scores[strand, start]))
            for strand, start in (scores >= threshold).nonzero().tolist()
        ]
        return sorted(found, key=lambda hit: (hit.start, hit.strand))


def one_hot(sequences: list[str], dtype: torch.dtype = torch.float64) -> Tensor:
    """Return rows `(N, L, 4)` of sequences of A, C, G and T of one length.

    Example:
        >>> one_hot(["GA"])[0].tolist()
        [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    """
    ids = torch.tensor([[DNA_BASES.index(base) for base in s] for s in sequences])
    return torch.nn.functional.one_hot(ids.long(), 4).to(dtype)


def _fractions(background: Mapping[str, float] | None) -> dict[str, float]:
    if background is None:
        return dict.fromkeys(DNA_BASES, 0.25)
    if not isinstance(background, Mapping) or {*background} not in ({*"ACGT"}, {*"ACGU"}):
        raise InputError(f"background must map A, C, G and T to fractions, got {background!r}")
    found = {base.replace("U", "T"): _check.positive(base, v) for base, v in background.items()}
    if abs(sum(found.values()) - 1) > 1e-6:
        raise InputError(f"background must sum to 1, got {sum(found.values()):g}")
    return found
