"""The culprits of a failing batch are found by asking for parts of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discdiff.errors import OracleError
from discdiff.oracle.cached import Entry
from discdiff.oracle.scores import Scores


@dataclass(frozen=True)
class Attempt:
    """What came of asking for some sequences: answers that can be trusted, and what went wrong.

    Args:
        answers: by the place of the sequence; without a fault there is one for each.
        fault: why answers are missing, in words.
    """

    answers: Mapping[int, Entry]
    fault: str = ""


def isolate(sequences: Sequence[str], ask: Callable[[Sequence[str]], Attempt]) -> list[Entry]:
    """Return an entry for each sequence; one that fails alone is ``failed``.

    Those without an answer are asked for again: the first of them alone where others had answers,
    for that is where it stopped, else in halves. One culprit among n costs about 2 log2(n) calls.

    Args:
        sequences: what is asked for.
        ask: gives the answers for some of them together.

    Example:
        >>> def ask(some):
        ...     entries = {i: Entry((float(len(s)),)) for i, s in enumerate(some)}
        ...     return Attempt({}, "stumbled") if "bad" in some else Attempt(entries)
        >>> [(entry.values, entry.reason) for entry in isolate(["a", "bad", "cc"], ask)]
        [((1.0,), ''), ((), 'stumbled'), ((2.0,), '')]
    """
    found: dict[int, Entry] = {}
    queue = deque([list(range(len(sequences)))] if len(sequences) else [])
    while queue:
        rows = queue.popleft()
        attempt = ask([sequences[row] for row in rows])
        found |= {rows[place]: entry for place, entry in attempt.answers.items()}
        left = [row for row in rows if row not in found]
        if len(rows) == 1 and left:
            found[rows[0]] = Entry((), "failed", attempt.fault)
        elif left:
            cut = 1 if len(left) < len(rows) else len(left) // 2
            queue.extendleft(part for part in (left[cut:], left[:cut]) if part)
    return [found[row] for row in range(len(sequences))]


def once(sequences: Sequence[str], ask: Callable[[Sequence[str]], Attempt], width: int) -> Scores:
    """Return what is answered when all are asked for together; raises `OracleError` for a fault."""
    attempt = ask(sequences)
    if attempt.fault:
        raise OracleError(attempt.fault)
    return as_scores([attempt.answers[place] for place in range(len(sequences))], width)


def as_scores(entries: Sequence[Entry], width: int) -> Scores:
    """Return the scores of `entries`; one without values has NaN for each of `width` outputs."""
    values = [entry.values or (np.nan,) * width for entry in entries]
    return Scores(
        values=np.array(values, dtype=np.float64).reshape(len(entries), width),
        valid=np.array([entry.status != "invalid" for entry in entries], dtype=bool),
        status=tuple(entry.status for entry in entries),
        reasons=tuple(entry.reason for entry in entries),
        origin=("oracle",) * len(entries),
    )
