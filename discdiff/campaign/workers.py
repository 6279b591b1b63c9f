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
    """An oracle whose sequences are scored one by one in worker processes.

    A sequence whose evaluation raises, runs out of time, or takes its worker down (exit, signal,
    memory) is ``failed`` with the reason; the worker is replaced and the others go on. Workers are
    spawned, so the oracle must be importable: defined at the top level of a module, or of a script
    that begins its work under ``if __name__ == "__main__":``. Each worker has a pipe of its own:
    no lock is shared that a dying one could keep.

    Args:
        oracle: the oracle, or a function from strings to numbers.
        workers: number of processes.
        timeout: seconds a sequence may take; loading the oracle does not count.

    Raises:
        InputError: if an argument is out of range or the oracle cannot be sent to a process.

    Example:
        >>> with InWorkers(len, workers=2) as oracle:
        ...     oracle.name, oracle.outputs
        ('len', ('len',))
    """

    def __init__(self, oracle: Any, workers: int, timeout: float = 300.0) -> None:
        super().__init__(oracle)
        self.workers = _check.positive_int("workers", workers)
        self.timeout = _check.positive("timeout", timeout)
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
        queue = deque(range(len(sequences)))
        left = len(sequences)
        try:
            while left:
                self._hand_out(queue, sequences)
                ended = self._collect()
                left -= len(ended)
                if ended:
                    yield self._part(ended, sequences)
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

    def _hand_out(self, queue: deque[int], sequences: Sequence[str]) -> None:
        """Give every idle worker something to do, and fill up the team."""
        for worker in list(self._team):
            if worker.idle and queue:
                if worker.give(queue[0], sequences[queue[0]], self.timeout):
                    queue.popleft()
                else:
                    worker.kill()
                    self._team.remove(worker)
        busy = sum(worker.item is not None for worker in self._team)
        while len(self._team) < min(self.workers, busy + len(queue)):
            self._team.append(Worker(self.name, self._pickled, START_LIMIT))

    def _collect(self) -> list[Ended]:
        """Wait for news and return the items that ended."""
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
        self._count_false_starts(sum(end.item is None for end in ended))
        return [end for end in ended if end.item is not None]

    def _count_false_starts(self, more: int) -> None:
        self._false_starts = 0 if any(w.ready for w in self._team) else self._false_starts + more
        if self._false_starts >= ATTEMPTS:
            self._false_starts = 0
            raise OracleError(
                f"oracle {self.name!r}: no worker process could start; the oracle must be "
                "importable, and a script must begin its work under `if __name__ == '__main__':`"
            )

    def _part(self, ended: Sequence[Ended], sequences: Sequence[str]) -> Part:
        rows = np.array([end.item for end in ended], dtype=np.int64)
        found = [self._scores(end) for end in ended]
        for row, scores in zip(rows, found, strict=True):
            if scores.status[0] == "failed":
                logger.warning("%r: %s", sequences[row], scores.reasons[0])
        pieces = [(np.array([i]), scores) for i, scores in enumerate(found)]
        return rows, Scores.join(pieces, len(rows), len(self.outputs))

    def _scores(self, end: Ended) -> Scores:
        if isinstance(end.found, Scores):
            scores = end.found
        else:
            scores = Scores.blank([end.found], len(self.outputs), status="failed", valid=True)
        return replace(scores, origin=("oracle",), seconds=np.array([end.seconds]))


def _dismiss(team: list[Worker], busy_only: bool = False) -> None:
    for worker in list(team):
        if worker.item is not None or not busy_only:
            team.remove(worker)
            worker.kill()
