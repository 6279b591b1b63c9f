"""An oracle whose sequences say how it shall fail; worker processes import it from here."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


class LocalError(Exception):
    """An error that cannot be unpickled: its constructor wants more than its message."""

    def __init__(self, one, two):
        super().__init__(one)


def hang_in_c():
    ctypes.CDLL(None).sleep(1000)


def start_a_child_and_hang():
    child = subprocess.Popen(["sleep", "1000"])
    Path(os.environ["DISCDIFF_TEST_CHILD"]).write_text(str(child.pid))
    child.wait()


def raise_strange():
    raise LocalError(1, 2)


FAULTS = {
    "hang": lambda: time.sleep(1000),
    "hang_c": hang_in_c,
    "child": start_a_child_and_hang,
    "raise": lambda: 1 / 0,
    "strange": raise_strange,
    "exit": lambda: sys.exit(0),
    "die": lambda: os._exit(1),
    "die_0": lambda: os._exit(0),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "recursion": lambda: FAULTS["recursion"](),
    "memory": lambda: bytearray(1 << 60),
}
REPLIES = {
    "short": [],
    "long": [[1.0, 2.0]] * 2,
    "text": [["a", "b"]],
    "nan": [[np.nan, 1.0]],
    "inf": [[np.inf, 1.0]],
    "lambda": lambda: 0,
}


class Faulty:
    """Scores length and number of letters e, unless a sequence names a fault."""

    name = "faulty"
    version = "1"
    outputs = ("length", "es")

    def __call__(self, sequences):
        (sequence,) = sequences
        FAULTS.get(sequence, lambda: None)()
        if sequence in REPLIES:
            return REPLIES[sequence]
        return [[len(sequence), sequence.count("e")]]


class Unloadable:
    """Can be pickled, cannot be unpickled."""

    name = "unloadable"
    version = "1"
    outputs = ("a", "b", "c")

    def __reduce__(self):
        return refuse, ()

    def __call__(self, sequences):
        return [[0, 0, 0]] * len(sequences)


def refuse():
    raise ImportError("no licence file")


class Stuck(Unloadable):
    """Never comes out of its import."""

    name = "stuck"

    def __reduce__(self):
        return time.sleep, (1000,)


class Dying(Unloadable):
    """Takes the process down while it is loaded."""

    name = "dying"

    def __reduce__(self):
        return os._exit, (1,)


def wait_or_make(sequences):
    """Scores length; "wait PATH" waits for a file, "make PATH" makes it."""
    for sequence in sequences:
        word, _, path = sequence.partition(" ")
        while word == "wait" and not Path(path).exists():
            time.sleep(0.01)
        if word == "make":
            Path(path).touch()
    return [len(s) for s in sequences]


def count_es(sequences):
    """Scores the letters e of a whole batch, unless a sequence names a fault."""
    for sequence in sequences:
        FAULTS.get(sequence, lambda: None)()
    if "short" in sequences:
        return [1.0] * (len(sequences) - 1)
    return [float("nan") if s == "nan" else s.count("e") for s in sequences]


def nap(sequences):
    """Sleeps as long as each sequence says."""
    time.sleep(sum(map(float, sequences)))
    return [1.0] * len(sequences)


def take_memory(sequences):
    """Asks for as many bytes as each sequence says."""
    return [len(bytearray(int(s))) for s in sequences]
