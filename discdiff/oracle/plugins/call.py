"""One call of a command: text in, text out, under limits, with nothing left running."""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from discdiff.oracle.plugins import guard

_GIB = 1 << 30
_CHUNK = 1 << 16
_MOST_OUTPUT = 1 << 26  # bytes of answers; more is a command out of control
_MOST_ERRORS = 1 << 12  # bytes of its error output that are kept, the last ones
_PARTING = 5.0  # seconds in which what was killed must be gone


@dataclass(frozen=True)
class Limits:
    """What a call may take.

    Args:
        timeout: seconds without a new line of output, once there was one; before, a call may take
            so long for each string.
        startup: seconds on top, before the first line.
        batch_timeout: seconds of a whole call; None for no limit but the others.
        memory: GiB of address space that each process of the command may have; None for any.
    """

    timeout: float
    startup: float
    batch_timeout: float | None
    memory: float | None


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Args:
        output: what the command wrote to its standard output.
        fault: why the answers may not be complete; empty where it ended with exit code 0.
        code: its exit code; None where it was killed.
    """

    output: bytes
    fault: str = ""
    code: int | None = None


def call(command: Sequence[str], text: bytes, count: int, limits: Limits, folder: str) -> Ended:
    """Run `command` in `folder` on `text`, the lines of `count` strings, and wait for its end.

    Whatever ends the call, an exception or the death of this process too, nothing that the command
    started goes on running.
    """
    with _Running(command, limits, folder) as running:
        fault = running.converse(text, count)
        if fault:
            return Ended(bytes(running.output), fault)
        return running.ended()


class _Running:
    """A command under its guard, and what it has said so far."""

    def __init__(self, command: Sequence[str], limits: Limits, folder: str) -> None:
        self.limits = limits
        self.output, self.errors, self.status = bytearray(), bytearray(), b""
        self.control, theirs = socket.socketpair()
        memory = 0 if limits.memory is None else int(limits.memory * _GIB)
        program = [sys.executable, "-I", "-S", str(Path(guard.__file__)), str(theirs.fileno())]
        with theirs:
            self.process = subprocess.Popen(
                [*program, str(memory), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd=folder,
                # what a command in Python prints shall be heard then, not at its end
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        pipes = (self.process.stdin, self.process.stdout, self.process.stderr)
        self.stdin, self.stdout, self.stderr = (pipe.fileno() for pipe in pipes if pipe is not None)
        for descriptor in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        self.began = self.heard = time.monotonic()

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *reason: object) -> None:
        self.control.close()  # the guard ends what is left
        self.process.wait(_PARTING)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def converse(self, text: bytes, count: int) -> str:
        """Write and read until the command has ended; return why it must be ended, if so."""
        left = memoryview(text)
        with selectors.DefaultSelector() as ready:
            ready.register(self.stdin, selectors.EVENT_WRITE)
            for source in (self.stdout, self.stderr, self.control.fileno()):
                ready.register(source, selectors.EVENT_READ)
            while not self.status:
                remaining, words = self._remaining(count)
                if remaining <= 0:
                    return words
                found = {key.fd for key, _ in ready.select(remaining)}
                if self.stdin in found:
                    left = left[_write(self.stdin, left) :]
                    if not left:
                        ready.unregister(self.stdin)
                        self.process.stdin.close()  # type: ignore[union-attr]
                for source in found & {self.stdout, self.stderr}:
                    if not self._read(source):
                        ready.unregister(source)
                if self.control.fileno() in found:
                    self.status = self.control.recv(64) or b"gone"
                if len(self.output) > _MOST_OUTPUT:
                    return f"wrote more than {_MOST_OUTPUT >> 20} MiB"
        # nobody writes any more: the rest lies in the pipes
        while self._read(self.stdout) or self._read(self.stderr):
            pass
        return ""

    def ended(self) -> Ended:
        """Return the output, and in words what was wrong with how the command ended."""
        output = bytes(self.output)
        if not self.status.isdigit():
            return Ended(output, "was taken down from outside")
        code = os.waitstatus_to_exitcode(int(self.status))
        if code == 0:
            return Ended(output, "", 0)
        how = f"exit code {code}" if code > 0 else f"signal {_signal(-code)}"
        said = self.errors.decode(errors="replace").strip().splitlines()
        return Ended(output, f"ended with {how}" + (f": {said[-1][:200]}" if said else ""), code)

    def _remaining(self, count: int) -> tuple[float, str]:
        """Return the seconds until the call must be ended, and what is said then."""
        limits, now = self.limits, time.monotonic()
        if limits.batch_timeout is not None:
            whole = self.began + limits.batch_timeout - now
            words = f"took more than {limits.batch_timeout:g} s"
        else:
            whole, words = math.inf, ""
        if b"\n" in self.output:
            silent = self.heard + limits.timeout - now
            said = f"gave no answer for {limits.timeout:g} s"
        else:
            allowed = limits.startup + limits.timeout * count
            silent = self.began + allowed - now
            said = f"gave no answer within {allowed:g} s"
        return (whole, words) if whole < silent else (silent, said)

    def _read(self, source: int) -> bool:
        """Take in what there is; False where there is no more."""
        try:
            chunk = os.read(source, _CHUNK)
        except BlockingIOError:
            return False
        if source == self.stdout:
            self.output += chunk
            if b"\n" in chunk:
                self.heard = time.monotonic()
        else:
            self.errors = (self.errors + chunk)[-_MOST_ERRORS:]
        return bool(chunk)


def _write(stdin: int, text: memoryview) -> int:
    """Write what fits and return how much that was; all of it where nobody reads."""
    try:
        return os.write(stdin, text[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(text)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
