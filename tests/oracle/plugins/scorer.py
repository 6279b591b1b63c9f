"""Run as a program: scores each line by its length, unless the line names a fault.

The first argument says how it answers: `lines`, `index` (lines with their place), `reinvent`.
"""

import json
import os
import signal
import subprocess
import sys
import time


def start_a_child_and_hang():
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)  # leaves the group too
    with open(os.environ["DISCDIFF_TEST_CHILD"], "a") as file:
        print(child.pid, file=file)
    time.sleep(1000)


def trickle():
    while True:
        sys.stdout.write(" ")
        sys.stdout.flush()
        time.sleep(0.05)


FAULTS = {
    "raise": lambda: 1 / 0,
    "hang": lambda: time.sleep(1000),
    "child": start_a_child_and_hang,
    "exit": lambda: os._exit(0),
    "die": lambda: os._exit(3),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": lambda: bytearray(1 << 60),
    "trickle": trickle,
    "noise": lambda: sys.stderr.write("x" * 10_000_000),
}
ANSWERS = {
    "garbage": ["<html>502 Bad Gateway</html>"],
    "short": [],
    "long": [{"score": 1.0}, {"score": 2.0}],
    "nan": [{"score": float("nan")}],
    "inf": [{"score": float("inf")}],
    "wrong": [{"score": "high"}],
    "error": [{"error": "no pose"}],
    "invalid": [{"invalid": "not a molecule"}],
    "other": [{"affinity": 1.0}],
}


def main():
    form = sys.argv[1]
    scores = []
    for place, line in enumerate(sys.stdin):
        text = line.rstrip("\n")
        FAULTS.get(text, lambda: None)()
        for answer in ANSWERS.get(text, [{"score": len(text), "log": "left alone"}]):
            if form == "reinvent":
                scores.append(answer.get("score"))
            elif isinstance(answer, str):
                print(answer, flush=True)
            else:
                print(
                    json.dumps(answer | ({"index": place} if form == "index" else {})), flush=True
                )
    if form == "reinvent":
        print(json.dumps({"version": 1, "payload": {"predictions": scores}}, indent=1))


if __name__ == "__main__":
    main()
