"""Nothing is evaluated twice: answers are kept under the oracle's identity and the sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from discdiff.oracle.check import identity
from discdiff.oracle.scores import Part, Scores
from discdiff.oracle.wrapper import Distinct, Wrapper


@dataclass(frozen=True)
class Entry:
    """What a cache keeps of one evaluated sequence.

    Args:
        values: the R values, NaN where an output is missing.
        status: ``ok``, ``failed``, or ``invalid`` (called so by the oracle itself).
        reason: why it is not ``ok``.
        seconds: wall time of its evaluation.
    """

    values: tuple[float, ...]
    status: str = "ok"
    reason: str = ""
    seconds: float = 0.0


class Cache(Protocol):
    """Where answers are kept; `oracle` is an oracle's identity, keys are canonical sequences."""

    def get(self, oracle: str, sequences: Sequence[str], /) -> Mapping[str, Entry]:
        """Return the entries that are known; an unknown sequence is left out."""

    def put(self, oracle: str, entries: Mapping[str, Entry], /) -> None:
        """Keep `entries`; when it returns they are safe, and only then do they count."""


class MemoryCache:
    """A cache that lives as long as the object.

    Example:
        >>> cache = MemoryCache()
        >>> cache.put("length@1", {"AC": Entry((2.0,))})
        >>> cache.get("length@1", ["AC", "ACG"])
        {'AC': Entry(values=(2.0,), status='ok', reason='', seconds=0.0)}
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}

    def get(self, oracle: str, sequences: Sequence[str], /) -> dict[str, Entry]:
        """Return the entries that are known."""
        keys = ((oracle, sequence) for sequence in sequences)
        return {key[1]: self._entries[key] for key in keys if key in self._entries}

    def put(self, oracle: str, entries: Mapping[str, Entry], /) -> None:
        """Keep `entries`."""
        self._entries.update({(oracle, sequence): e for sequence, e in entries.items()})


class Cached(Wrapper):
    """Ask the oracle only for what is not known; a repeat within a request is asked once.

    Each part is put into the cache as it arrives, so an error later in the request loses nothing.

    Args:
        oracle: the oracle inside.
        cache: where answers are kept; in memory by default.

    Example:
        >>> cached = Cached(lambda s: [len(x) for x in s])
        >>> cached(["AC", "ACG", "AC"]).origin, cached(["ACG"]).origin
        (('oracle', 'oracle', 'cache'), ('cache',))
    """

    def __init__(self, oracle: Any, cache: Cache | None = None) -> None:
        super().__init__(oracle)
        self.cache: Cache = MemoryCache() if cache is None else cache
        self.identity = identity(self.oracle)

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield what is known, then what the oracle inside says of the rest."""
        distinct = Distinct.of(sequences)
        known = self.cache.get(self.identity, distinct.sequences)
        hits = [i for i, s in enumerate(distinct.sequences) if s in known]
        if hits:
            yield distinct.expand(hits, _recall([known[distinct.sequences[i]] for i in hits]))
        missing = [i for i, s in enumerate(distinct.sequences) if s not in known]
        if not missing:
            return
        asked = [distinct.sequences[i] for i in missing]
        for rows, scores in self.oracle.stream(asked):
            answered = [j for j, origin in enumerate(scores.origin) if origin == "oracle"]
            if answered:
                evaluated = scores.take(answered)
                keys = [asked[rows[j]] for j in answered]
                self.cache.put(self.identity, dict(zip(keys, _entries(evaluated), strict=True)))
            yield distinct.expand([missing[row] for row in rows], scores)


def _entries(scores: Scores) -> list[Entry]:
    values, seconds = scores.values.tolist(), scores.seconds.tolist()
    fields = zip(values, scores.status, scores.reasons, seconds, strict=True)
    return [Entry(tuple(row), status, reason, time) for row, status, reason, time in fields]


def _recall(entries: Sequence[Entry]) -> Scores:
    return Scores(
        values=np.array([entry.values for entry in entries], dtype=np.float64),
        valid=np.array([entry.status != "invalid" for entry in entries]),
        status=tuple(entry.status for entry in entries),
        reasons=tuple(entry.reason for entry in entries),
        origin=("cache",) * len(entries),
    )
