"""Run as a program beside a command: starts it, and ends it and all it started.

It stands between the process that asks and the command, in a session of its own. Where the asking
process says so, or is gone for whatever reason, SIGKILL among them, the command's whole tree is
killed; also what the command left behind when it ended by itself. It imports next to nothing, since
it starts with every call.

Arguments: the file descriptor of a socket, bytes of memory a process may have (0: any), and the
command. Once nothing of it is left, its wait status is written to the socket.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36  # of Linux: orphans below this process become its children
_CANNOT_RUN = 127


def main(control: int, memory: int, command: list[str]) -> None:
    """Run `command` and report how it ended on the socket `control`."""
    _adopt_orphans()
    wake, wakened = os.pipe()
    os.set_blocking(wakened, False)
    signal.set_wakeup_fd(wakened)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    pid = os.fork()
    if pid == 0:
        _become(command, memory)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the command's alone, so that their end is its end
        os.dup2(nothing, stream)
    status = None
    while status is None:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            os.read(wake, 1024)
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended or control in ready:  # nothing is ever sent to it: its socket has been shut
            status = code if ended else _kill(pid)
    _end_the_rest(pid)
    with suppress(OSError):  # nobody waits for it any more
        os.write(control, str(status).encode())


def _become(command: list[str], memory: int) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):  # as Python found them
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_CANNOT_RUN)


def _kill(pid: int) -> int:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _end_the_rest(pid: int) -> None:
    """Kill what the command left: its group, and what it moved out of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while True:
        for child in _children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return  # nothing is left


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> list[int]:
    """Return the processes whose parent is this one, where the system lists them."""
    found = []
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            with suppress(OSError):
                if name.isdigit():
                    with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                        state = file.read().rpartition(")")[2].split()
                    if int(state[1]) == os.getpid():
                        found.append(int(name))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
