"""Oracles in worker processes that can be killed: a hang or a crash costs one item, not the run."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, TimeoutError, wait
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np
from pebble import ProcessExpired, ProcessPool

from discdiff import _check
from discdiff.campaign.runlog import logger
from discdiff.errors import InputError, OracleError
from discdiff.oracle import Part, Scores, Streaming, Wrapper

_START_LIMIT = 120.0  # seconds in which a worker must have imported and loaded the oracle
_Promise = Future[tuple[Scores | str, float]]
_ATTEMPTS = 2  # pools in a row that may break before a single item is answered


class InWorkers(Wrapper):
    """An oracle whose sequences are scored one by one in worker processes.

    A sequence whose evaluation raises, runs out of time, or takes its worker down (exit, signal,
    memory) is ``failed`` with the reason; the worker is replaced and the others go on. Workers are
    spawned, so the oracle must be importable: defined at the top level of a module, or of a script
    that begins its work under ``if __name__ == "__main__":``. Close it after use, or use it in a
    `with` statement.

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
        self._pool: ProcessPool | None = None

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield the scores of sequences as they are done, in any order.

        Raises:
            OracleError: if no worker can load the oracle.
        """
        left = list(range(len(sequences)))
        attempts = 0
        while left:
            futures = {self._schedule(sequences[i]): i for i in left}
            answered = 0
            for rows, scores in self._answers(futures, sequences):
                answered += len(rows)
                left = sorted(set(left) - set(rows.tolist()))
                yield rows, scores
            attempts = 0 if answered else attempts + 1
            if left:
                self.close()
            if attempts == _ATTEMPTS:
                raise OracleError(
                    f"oracle {self.name!r}: no worker process could start; the oracle must be "
                    "importable, and a script must begin its work under "
                    "`if __name__ == '__main__':`"
                )

    def close(self) -> None:
        """End the worker processes, whatever they are doing; the next request starts new ones."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _schedule(self, sequence: str) -> _Promise:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.workers,
                initializer=_load,
                initargs=(self._pickled,),
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool.schedule(_score, args=(sequence,), timeout=self.timeout)

    def _answers(self, futures: dict[_Promise, int], sequences: Sequence[str]) -> Iterator[Part]:
        """Yield what is answered until all is, or the pool breaks or stands still."""
        waiting = set(futures)
        while waiting:
            limit = self.timeout + _START_LIMIT
            done, waiting = wait(waiting, timeout=limit, return_when=FIRST_COMPLETED)
            answers = [(futures[f], s) for f in done if (s := self._answer(f)) is not None]
            if not answers:
                return
            rows = [row for row, _ in answers]
            for row, scores in answers:
                if scores.status[0] == "failed":
                    logger.warning("%r: %s", sequences[row], scores.reasons[0])
            pieces = [(np.array([i]), scores) for i, (_, scores) in enumerate(answers)]
            yield np.array(rows), Scores.join(pieces, len(rows), len(self.outputs))

    def _answer(self, future: _Promise) -> Scores | None:
        """Return what became of one sequence, None if the pool broke before it was its turn."""
        seconds = 0.0
        try:
            found, seconds = future.result()
        except TimeoutError:
            found, seconds = f"{self.name} took more than {self.timeout:g} s", self.timeout
        except ProcessExpired as error:
            found = f"{self.name} took its process down: {_death(error.exitcode)}"
        except BrokenExecutor:
            return None
        if isinstance(found, str):
            found = Scores.blank([found], len(self.outputs), status="failed", valid=True)
        return replace(found, origin=("oracle",), seconds=np.array([seconds]))


_loaded: Streaming | None = None
_refusal = ""


def _load(pickled: bytes) -> None:
    """Make the oracle in a new worker; if that fails every sequence says why."""
    global _loaded, _refusal
    if hasattr(os, "setpgid"):  # what the oracle starts shall die with its worker
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, lambda number, frame: os.killpg(0, signal.SIGKILL))
    try:
        _loaded = pickle.loads(pickled)
    except Exception as error:  # the code of a plug-in: any failure is its own
        _refusal = f"cannot be loaded in a worker: {type(error).__name__}: {error}"


def _score(sequence: str) -> tuple[Scores | str, float]:
    """Score one sequence in a worker: scores, or why there are none, and the seconds it took."""
    if _loaded is None:
        return _refusal, 0.0
    began = time.perf_counter()
    found: Scores | str
    try:
        found = _loaded([sequence])
    except OracleError as error:
        found = str(error)
    except (SystemExit, KeyboardInterrupt) as error:
        found = f"{_loaded.name} raised {type(error).__name__}"
    return found, time.perf_counter() - began


def _death(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
