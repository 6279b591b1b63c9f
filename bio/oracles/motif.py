"""How well a sequence holds a motif, with gradients."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff import _check
from discdiff.annotation import Annotation
from discdiff.bio.bases import DNA_BASES, read_bases
from discdiff.bio.domain import DNA, RNA
from discdiff.bio.motif_file import DATABASE, chosen, from_database, labels, read_motifs
from discdiff.bio.scanner import Scanner, one_hot
from discdiff.domain import Domain
from discdiff.errors import InputError, UnsupportedError

AGGREGATES = ("max", "sum", "logsumexp", "count")
_ROWS = 256  # sequences of one convolution
_SOFTNESS = 1.0  # bits over which a hit fades, where counting must have a slope


class MotifScore:
    r"""Score of a motif over all positions of both strands, in bits; more is more of the motif.

    With $s(i)$ the log-odds at a position and strand (see `Scanner`): ``max`` of them, ``sum``,
    ``logsumexp`` $\log_2\sum_i2^{s(i)}$, or ``count`` of those of at least a threshold. Of a
    sequence shorter than the motif, sum and count are 0 and the others NaN.

    It takes relaxed rows, for guidance by gradients. A hard count has no slope: there its value is
    the count, its gradient that of $\sum_i\sigma(s(i)-\theta)$.

    Args:
        path: a file of JASPAR, MEME (minimal) or TRANSFAC; or ``jaspar``, the database itself, by
            the package pyjaspar.
        motif: name or id of the motif; may be left out where the file holds one.
        format: of the file; by default what it looks like.
        release: of the database.
        aggregate: one of these four.
        threshold: θ of ``count``, in bits; by default that of `rate`.
        rate: chance of a word of the background to count, and to be marked in drawings where there
            is no threshold; see `Scanner.threshold`.
        pseudocount: added to every count.
        background: fraction of each base; equal by default.
        both_strands: whether the other strand is read too.
        domain: whose tokens relaxed rows are over; A, C, G, T by default.

    Raises:
        InputError: if an argument is wrong, or no motif has the name.
        DataError: with line and reason, if the file is not of its format.
        UnsupportedError: if the database is asked for without its package, or tokens are no bases.

    Source: DNA binding sites: representation and discovery (Stormo, 2000); JASPAR
    (Rauluseviciute et al., 2024).

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "m.jaspar"
        >>> _ = file.write_text(">M1 TATA\nA [0 9 0 9]\nC [0 0 0 0]\nG [0 0 0 0]\nT [9 0 9 0]\n")
        >>> MotifScore(str(file))(["GGTATAGG", "GGGGGGGG"]).round(2)
        array([ 7.15, -9.84])
    """

    name = "motif"
    direction = "max"
    outputs = ("motif",)
    reads = (DNA.kind, RNA.kind)
    licence = "Biopython License (Biopython); of the motif: that of its file, of JASPAR CC BY 4.0"

    def __init__(
        self,
        path: str,
        motif: str | None = None,
        format: str | None = None,
        release: str = "JASPAR2024",
        aggregate: str = "max",
        threshold: float | None = None,
        rate: float = 1e-4,
        pseudocount: float = 0.5,
        background: Mapping[str, float] | None = None,
        both_strands: bool = True,
        domain: Domain | None = None,
    ) -> None:
        self.aggregate = _check.one_of("aggregate", aggregate, AGGREGATES)
        if path == DATABASE and motif is None:
            raise InputError("motif must be given for path=jaspar, such as MA0139.1")
        if path == DATABASE:
            found = from_database(str(motif), release)
        else:
            found = chosen(read_motifs(path, format), motif, path)
        self.label = (labels(found) or ["motif"])[0]
        self.scanner = Scanner(found, pseudocount, background, both_strands)
        self.threshold = None if threshold is None else _check.finite("threshold", threshold)
        self.rate = rate
        if aggregate == "count" and threshold is None:
            self.threshold = self._marked_from
        self.units = "" if aggregate == "count" else "bits"
        self.signed = aggregate != "count"
        self.version = "1"
        self._order = _order(DNA_BASES if domain is None else "".join(domain.alphabet.tokens))
        weights = np.ascontiguousarray(self.scanner.weights.numpy())
        self.parameters: dict[str, object] = {
            "motif": self.label,
            "weights": hashlib.sha256(weights.tobytes()).hexdigest(),
            "aggregate": aggregate,
            "threshold": self.threshold,
        }

    def __call__(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return float64 `(N,)`, one score a sequence, NaN where it could not be scored."""
        values = np.full(len(sequences), np.nan)
        by_length: dict[int, list[int]] = {}
        bases = [read_bases(sequence) for sequence in sequences]
        for place, sequence in enumerate(bases):
            if sequence is not None:
                by_length.setdefault(len(sequence), []).append(place)
        for places in by_length.values():
            for start in range(0, len(places), _ROWS):
                chunk = places[start : start + _ROWS]
                rows = one_hot([str(bases[place]) for place in chunk])
                values[chunk] = self._aggregated(self.scanner(rows).flatten(1)).numpy()
        return values

    def relaxed(self, rows: Tensor) -> Tensor:
        """Return the values `(N,)` of relaxed rows `(N, L, 4)` over the tokens of the domain.

        Raises:
            UnsupportedError: if the rows are over other tokens.
        """
        if rows.shape[-1] != len(self._order):
            raise UnsupportedError(f"motif needs rows over four bases, got {rows.shape[-1]} tokens")
        return self._aggregated(self.scanner(rows[..., self._order]).flatten(1))

    def annotations(self, string: str) -> list[Annotation]:
        """Return where the motif scores at least the threshold, with strand and score in bits."""
        bases = read_bases(string)
        if bases is None:
            return []
        return [
            Annotation(hit.start, hit.end, self.label, hit.strand, hit.score)
            for hit in self.scanner.hits(str(bases), self._marked_from)
        ]

    @cached_property
    def _marked_from(self) -> float:
        return self.scanner.threshold(self.rate) if self.threshold is None else self.threshold

    def _aggregated(self, scores: Tensor) -> Tensor:
        if self.aggregate == "sum":
            return scores.sum(1)
        if self.threshold is not None and self.aggregate == "count":
            soft = torch.sigmoid((scores - self.threshold) / _SOFTNESS)
            hard = (scores >= self.threshold).to(scores)
            return (hard + soft - soft.detach()).sum(1)
        if not scores.shape[1]:
            return scores.sum(1) * torch.nan
        if self.aggregate == "max":
            return scores.amax(1)
        nats: Tensor = torch.logsumexp(scores * math.log(2.0), 1)
        return nats / math.log(2.0)


def _order(tokens: str) -> list[int]:
    """Return where A, C, G and T stand among `tokens`."""
    bases = tokens.replace("U", "T")
    if sorted(bases) != sorted(DNA_BASES):
        raise UnsupportedError(f"motif needs tokens that are four bases, got {tokens!r}")
    return [bases.index(base) for base in DNA_BASES]
