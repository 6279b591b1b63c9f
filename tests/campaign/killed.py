"""Run as a program: one campaign untouched, and one killed with SIGKILL at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from discdiff.campaign import Campaign, runner
from discdiff.objective import Objective, Term
from tests.campaign.doubles import Climb, CountG, NoTT, Plain, fake_sampler


def campaign(folder: Path) -> Campaign:
    oracle = CountG(folder.with_suffix(".calls"), folder / "campaign.sqlite", pause=0.003)
    rules = {"budget": 150, "round_size": 6, "batch_size": 5, "seed": 3}
    terms = [Term("g"), Term("edges", weight=0.1)]
    objective = Objective(terms, "weighted_sum", [NoTT()], rejected=0)
    return Campaign(folder, fake_sampler(6), Climb(), oracle, objective, baseline=Plain(), **rules)


def begin_or_resume(folder: Path) -> None:
    known = (folder / "campaign.sqlite").exists()
    (campaign(folder).resume if known else campaign(folder).run)()


def killed_after(folder: Path, seconds: float) -> bool:
    """Work on the campaign in another process for so long; whether the kill found it at work."""
    child = os.fork()
    if child == 0:
        try:
            begin_or_resume(folder)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("a resumed campaign failed")
    return os.WIFSIGNALED(status)


def main(folder: Path, kills: int) -> None:
    runner.write_report = lambda store, draw: None  # its figures take longer than all the rest
    rng = random.Random(0)
    moments: list[float] = []
    began = time.monotonic()
    campaign(folder / "whole").run(lambda progress: moments.append(time.monotonic() - began))
    landed = [
        killed_after(folder / "killed", rng.uniform(0, moments[-1] / 10)) for _ in range(kills)
    ]
    begin_or_resume(folder / "killed")
    print(json.dumps({"landed": sum(landed)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
