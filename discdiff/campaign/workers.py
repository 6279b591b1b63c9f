"""Oracles in worker processes that can be killed: a hang or a crash costs one item, not the run."""

from __future__ import annotations

import pickle
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self

import numpy as np

from discdiff import _check
from discdiff.campaign.runlog import logger
from discdiff.campaign.worker import Ended, Refused, Worker
from discdiff.errors import InputError, OracleError
from discdiff.oracle import Part, Scores, Wrapper

START_LIMIT = 120.0  # seconds in which a worker must have imported and loaded the oracle
ATTEMPTS = 3  # workers in a row that may die or stand still before they are ready


class InWorkers(Wrapper):
    """An oracle whose sequences are scored in worker processes, one by one or a few at a time.

    A sequence whose evaluation raises, runs out of time, or takes its worker down (exit, signal,
    memory) is ``failed`` with the reason; the worker is replaced and the others go on. Where a
    batch fails, its halves are tried, until the culprits are alone. Workers are
    spawned, so the oracle must be importable: defined at the top level of a module, or of a script
    that begins its work under ``if __name__ == "__main__":``. Each worker has a pipe of its own:
    no lock is shared that a dying one could keep.

    Args:
        oracle: the oracle, or a function from strings to numbers.
        workers: number of processes.
        timeout: seconds a sequence may take, and a batch for each of its sequences; loading the
            oracle does not count.
        batch: sequences that a worker is given at once.
        memory: GiB of address space that a worker may have; None for any.

    Raises:
        InputError: if an argument is out of range or the oracle cannot be sent to a process.

    Example:
        >>> with InWorkers(len, workers=2) as oracle:
        ...     oracle.name, oracle.outputs
        ('len', ('len',))
    """

    def __init__(
        self,
        oracle: Any,
        workers: int,
        timeout: float = 300.0,
        batch: int = 1,
        memory: float | None = None,
    ) -> None:
        super().__init__(oracle)
        self.workers = _check.positive_int("workers", workers)
        self.timeout = _check.positive("timeout", timeout)
        self.batch = _check.positive_int("batch", batch)
        self.memory = None if memory is None else _check.positive("memory", memory)
        try:
            self._pickled = pickle.dumps(self.oracle)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"oracle {self.name!r} must be picklable to run in workers, got {error}; define it "
                "at the top level of a module"
            ) from error
        self._team: list[Worker] = []
        self._false_starts = 0
        weakref.finalize(self, _dismiss, self._team)  # also when the interpreter ends

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield the scores of sequences as they are done, in any order.

        Raises:
            OracleError: if no worker can load the oracle.
        """
        starts = range(0, len(sequences), self.batch)
        whole = range(len(sequences))
        queue = deque(tuple(whole[start : start + self.batch]) for start in starts)
        left = len(sequences)
        try:
            while left:
                self._hand_out(queue, sequences)
                settled = [end for end in self._collect() if not _divided(end, queue)]
                if settled:
                    rows, scores = self._part(settled, sequences)
                    left -= len(rows)
                    yield rows, scores
        finally:
            _dismiss(self._team, busy_only=True)  # nobody waits for what they do

    def close(self) -> None:
        """End the worker processes, whatever they are doing; the next request starts new ones."""
        _dismiss(self._team)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hand_out(self, queue: deque[tuple[int, ...]], sequences: Sequence[str]) -> None:
        """Give every idle worker something to do, and fill up the team."""
        for worker in list(self._team):
            if worker.idle and queue:
                rows = queue[0]
                if worker.give(rows, [sequences[i] for i in rows], self.timeout * len(rows)):
                    queue.popleft()
                else:
                    worker.kill()
                    self._team.remove(worker)
        busy = sum(worker.rows is not None for worker in self._team)
        while len(self._team) < min(self.workers, busy + len(queue)):
            self._team.append(Worker(self.name, self._pickled, START_LIMIT, self.memory))

    def _collect(self) -> list[Ended]:
        """Wait for news and return what ended."""
        waiting = [worker for worker in self._team if not worker.idle]
        patience = min(worker.deadline for worker in waiting) - time.monotonic()
        sources = [s for w in waiting for s in (w.connection, w.process.sentinel)]
        wait(sources, timeout=max(patience, 0.0))
        try:
            ended = [end for worker in waiting if (end := worker.look()) is not None]
        except Refused as error:
            self.close()
            raise OracleError(
                f"oracle {self.name!r} cannot be loaded in a worker: {error}"
            ) from error
        self._team[:] = [worker for worker in self._team if not worker.gone]
        self._count_false_starts(sum(end.rows is None for end in ended))
        return [end for end in ended if end.rows is not None]

    def _count_false_starts(self, more: int) -> None:
        self._false_starts = 0 if any(w.ready for w in self._team) else self._false_starts + more
        if self._false_starts >= ATTEMPTS:
            self._false_starts = 0
            raise OracleError(
                f"oracle {self.name!r}: no worker process could start; the oracle must be "
                "importable, and a script must begin its work under `if __name__ == '__main__':`"
            )

    def _part(self, ended: Sequence[Ended], sequences: Sequence[str]) -> Part:
        rows = [row for end in ended for row in end.rows or ()]
        parts, place = [], 0
        for end in ended:
            scores = self._scores(end)
            parts.append((np.arange(place, place + len(scores)), scores))
            place += len(scores)
        scores = Scores.join(parts, len(rows), len(self.outputs))
        for row, status, reason in zip(rows, scores.status, scores.reasons, strict=True):
            if status == "failed":
                logger.warning("%r: %s", sequences[row], reason)
        return np.array(rows, dtype=np.int64), scores

    def _scores(self, end: Ended) -> Scores:
        count = len(end.rows or ())
        if isinstance(end.found, Scores):
            scores = end.found
        else:
            scores = Scores.blank([end.found], len(self.outputs), status="failed", valid=True)
        seconds = np.full(count, end.seconds / count)
        return replace(scores, origin=("oracle",) * count, seconds=seconds)


def _divided(end: Ended, queue: deque[tuple[int, ...]]) -> bool:
    """Put the halves of a batch without scores back, since one of them is to blame."""
    rows = end.rows or ()
    if isinstance(end.found, Scores) or len(rows) == 1:
        return False
    half = len(rows) // 2
    queue.extendleft((rows[half:], rows[:half]))
    return True


def _dismiss(team: list[Worker], busy_only: bool = False) -> None:
    for worker in list(team):
        if worker.rows is not None or not busy_only:
            team.remove(worker)
            worker.kill()
