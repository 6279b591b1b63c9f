"""The oracle of a user whose strings say how it shall fail."""

import os
import signal
import subprocess
import time


def hang():
    child = subprocess.Popen(["sleep", "1000"])
    with open(os.environ["DISCDIFF_TEST_CHILD"], "a") as file:
        print(child.pid, file=file)
    child.wait()


def trickle():
    while True:
        time.sleep(0.01)


FAULTS = {
    "raise": lambda: 1 / 0,
    "hang": hang,
    "exit": lambda: os._exit(0),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "trickle": trickle,
}
REPLIES = {
    "garbage": object(),
    "short": [],
    "nan": [float("nan")],
    "wrong": ["high"],
}


def score(strings):
    with open(os.environ["DISCDIFF_TEST_CALLS"], "a") as file:
        print(*strings, file=file)
    for string in strings:
        FAULTS.get(string, lambda: None)()
    replies = [REPLIES[string] for string in strings if string in REPLIES]
    if replies and len(strings) == 1:
        return replies[0]
    if replies:
        raise ValueError("not this batch")
    return [float(len(s)) for s in strings] + [0.0] * ("long" in strings)
