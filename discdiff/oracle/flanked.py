"""Oracles that are shown designs between the constant flanks of their domain."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from discdiff.oracle.check import Checked, Streaming, identity
from discdiff.oracle.combined import Combined
from discdiff.oracle.reads import refuse_strangers
from discdiff.oracle.scores import Part
from discdiff.oracle.wrapper import Wrapper

if TYPE_CHECKING:
    from discdiff.domain import Domain


class Flanked(Wrapper):
    """Show the oracle inside each design between two constant strings.

    Args:
        oracle: the oracle inside.
        domain: its `flanks` and how they become tokens.

    Example:
        >>> from discdiff.domain import Letters
        >>> dna = Letters("ACGT")
        >>> dna.flanks = ("GG", "T")
        >>> Flanked(lambda strings: [s.count("G") for s in strings], dna)(["GA"]).values.tolist()
        [[3.0]]
    """

    def __init__(self, oracle: Any, domain: Domain) -> None:
        super().__init__(oracle)
        self.flanks = domain.flanks
        self._ids = tuple(torch.tensor(domain.encode(flank)).long() for flank in domain.flanks)

    @property
    def parameters(self) -> Mapping[str, object]:
        return {**self.oracle.parameters, "flanks": list(self.flanks)}

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what the oracle inside says of the sequences with their flanks."""
        before, after = self.flanks
        yield from self.oracle.stream([f"{before}{string}{after}" for string in sequences])

    def rows(self, rows: Tensor) -> Tensor:
        """Return relaxed rows `(N, L, V)` with those of the flanks, `(N, L + F, V)`."""
        size = rows.shape[-1]
        before, after = (
            torch.nn.functional.one_hot(ids.to(rows.device), size)
            .to(rows)
            .expand(len(rows), -1, -1)
            for ids in self._ids
        )
        return torch.cat([before, rows, after], dim=1)


def flanked(oracle: Streaming, domain: Domain) -> Streaming:
    """Return `oracle` so that it sees the flanks of `domain`, which most have none of.

    It is refused if it reads other strings.

    Of several together each that has no `sees_flanks = False` does. A pool of workers is returned
    as it is: what it was made of must see them.

    Example:
        >>> from discdiff.domain import Letters
        >>> from discdiff.oracle import as_oracle
        >>> length = as_oracle(lambda strings: [len(s) for s in strings])
        >>> flanked(length, Letters("ACGT")) is length
        True
    """
    refuse_strangers(oracle, domain)
    if not any(domain.flanks):
        return oracle
    if isinstance(oracle, Combined):
        shown = copy.copy(oracle)
        shown.oracles = tuple(flanked(part, domain) for part in oracle.oracles)
        shown.parameters = {"oracles": [identity(part) for part in shown.oracles]}
        return shown
    if isinstance(oracle, Checked) and getattr(oracle.oracle, "sees_flanks", True):
        return Flanked(oracle, domain)
    return oracle
