"""One worker process: started, given a few sequences at a time, and killed when it must be."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from discdiff.errors import OracleError
from discdiff.oracle.check import Streaming
from discdiff.oracle.scores import Scores

_CONTEXT = multiprocessing.get_context("spawn")  # nothing of this process is copied into it
_READY, _REFUSED, _ANSWER = "ready", "refused", "answer"
_GIB = 1 << 30
_PARTING = 5.0  # seconds a process that has hung up may take to end by itself


@dataclass(frozen=True)
class Ended:
    """What became of the rows a worker was given, or of its start where `rows` is None.

    `found` are their scores, or in words why there are none.
    """

    rows: tuple[int, ...] | None
    found: Scores | str
    seconds: float = 0.0


class Refused(Exception):
    """The oracle cannot be loaded; the message says why."""


class Worker:
    """A process that scores sequences, seen from the process that asks it.

    It leads a process group of its own where the system has such, so that what the oracle starts
    is killed with it.

    Args:
        name: the oracle's name, for messages.
        pickled: the oracle.
        start_limit: seconds it may take until it says that it is ready.
        memory: GiB of address space it may have; None for any.
    """

    def __init__(
        self, name: str, pickled: bytes, start_limit: float, memory: float | None = None
    ) -> None:
        self.name = name
        self.connection, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=serve, args=(pickled, theirs, memory))
        self.process.start()
        theirs.close()  # the worker's is the only one left: reading tells when it is gone
        self.ready = False
        self.rows: tuple[int, ...] | None = None
        self._limit = start_limit
        self.deadline = time.monotonic() + start_limit

    @property
    def idle(self) -> bool:
        """Whether it waits for sequences."""
        return self.ready and self.rows is None

    def give(self, rows: tuple[int, ...], sequences: Sequence[str], timeout: float) -> bool:
        """Send it sequences, these `rows` of a request; False if it is no longer there."""
        try:
            self.connection.send(list(sequences))
        except OSError:
            return False
        self.rows, self._limit = rows, timeout
        self.deadline = time.monotonic() + timeout
        return True

    def look(self) -> Ended | None:
        """Return what has ended, None if nothing has; a worker past its deadline is killed.

        Raises:
            Refused: if the oracle cannot be loaded.
        """
        if self.connection.poll():
            return self._receive()
        if not self.process.is_alive():
            return Ended(self.rows, f"{self.name} took its process down: {self.kill()}")
        if time.monotonic() >= self.deadline:
            self.kill()
            return Ended(self.rows, f"{self.name} took more than {self._limit:g} s", self._limit)
        return None

    @property
    def gone(self) -> bool:
        """Whether it was found dead, or killed."""
        return self.connection.closed

    def kill(self) -> str:
        """End it and all it started, and return how it died."""
        code = self.process.exitcode
        if hasattr(os, "killpg") and self.process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):  # no group yet, or nobody in it
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.connection.close()
        return _words(self.process.exitcode if code is None else code)

    def _receive(self) -> Ended | None:
        try:
            kind, found, seconds = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(_PARTING)  # for its own exit code
            return Ended(self.rows, f"{self.name} took its process down: {self.kill()}")
        if kind == _REFUSED:
            raise Refused(found)
        if kind == _READY:
            self.ready = True
            return None
        rows, self.rows = self.rows, None
        return Ended(rows, found, seconds)


def serve(pickled: bytes, connection: Connection[Any, Any], memory: float | None = None) -> None:
    """Load the oracle and answer sequences, as long as anybody asks; runs in the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is for the one who asks
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    if memory is not None:
        limit = int(memory * _GIB)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        oracle: Streaming = pickle.loads(pickled)
    except Exception as error:  # the code of a plug-in: any failure is its own
        connection.send((_REFUSED, f"{type(error).__name__}: {error}", 0.0))
        return
    try:
        connection.send((_READY, "", 0.0))
        while True:
            sequences: list[str] = connection.recv()
            began = time.perf_counter()
            found = _score(oracle, sequences)
            connection.send((_ANSWER, found, time.perf_counter() - began))
    except (EOFError, OSError):
        return  # nobody asks any more


def _score(oracle: Streaming, sequences: list[str]) -> Scores | str:
    try:
        return oracle(sequences)
    except OracleError as error:
        return str(error)
    except (SystemExit, KeyboardInterrupt) as error:
        return f"{oracle.name} raised {type(error).__name__}"


def _words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
