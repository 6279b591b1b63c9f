"""The culprits of a failing batch are found by asking for parts of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from discdiff.oracle.cached import Entry
from discdiff.oracle.scores import Scores


@dataclass(frozen=True)
class Attempt:
    """What came of asking for some rows: the answers that can be trusted, and what went wrong.

    Args:
        answers: by row; without a fault, every row that was asked for.
        fault: why answers are missing, in words.
    """

    answers: Mapping[int, Entry]
    fault: str = ""


def isolate(count: int, ask: Callable[[Sequence[int]], Attempt]) -> list[Entry]:
    """Return an entry for each of `count` rows; a row that fails alone is ``failed``.

    Rows without an answer are asked for again: the first of them alone where others had answers,
    for that is where it stopped, else in halves. So one culprit among n costs about 2 log2(n) calls.

    Args:
        count: number of rows.
        ask: answers for some rows together.

    Example:
        >>> def ask(rows):
        ...     return Attempt({}, "stumbled") if 2 in rows else Attempt({i: Entry((1.0,)) for i in rows})
        >>> [entry.reason for entry in isolate(4, ask)]
        ['', '', 'stumbled', '']
    """
    found: dict[int, Entry] = {}
    queue = deque([list(range(count))] if count else [])
    while queue:
        rows = queue.popleft()
        attempt = ask(rows)
        found |= attempt.answers
        left = [row for row in rows if row not in found]
        if len(rows) == 1 and left:
            found[rows[0]] = Entry((), "failed", attempt.fault)
        elif left:
            cut = 1 if len(left) < len(rows) else len(left) // 2
            queue.extendleft(part for part in (left[cut:], left[:cut]) if part)
    return [found[row] for row in range(count)]


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
