"""Run as a program: one fine-tuning untouched, and one killed with SIGKILL at several places."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytorch_lightning as pl

from discdiff.campaign import runner
from tests.finetuning.doubles import Gradient, by_gradient, tune


class KillAt(pl.Callback):
    """Ends the process after a step, as a power cut would."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class KillingOracle(Gradient):
    """Ends the process in the middle of a round."""

    def __init__(self, path, calls):
        super().__init__(path)
        self.calls = calls

    def __call__(self, strings):
        self.calls -= 1
        if self.calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(strings)


def attempt(folder, step, calls, given):
    """Work on the run in another process; return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            oracle = KillingOracle(folder.with_suffix(".calls"), calls)
            callbacks = [KillAt(step)]
            job = tune(
                folder, oracle, batch_size=5, snapshot_steps=5, callbacks=callbacks, **given()
            )
            (job.resume if (folder / "campaign.sqlite").exists() else job.run)()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("a resumed fine-tuning failed")
    return os.WIFSIGNALED(status)


def main(folder: Path, method: str) -> None:
    given = {"wdce": dict, "drakes": by_gradient}[method]
    runner.write_report = lambda store, draw: None  # its figures take longer than all the rest
    tune(folder / "whole", Gradient(folder / "whole.calls"), batch_size=5, **given()).run()
    # in a draw before any checkpoint, before and after one, after the last step, in the last draw
    for step, calls in ((99, 2), (3, 99), (7, 99), (12, 99), (99, 2)):
        if not attempt(folder / "killed", step, calls, given):
            sys.exit(f"the kill at step {step}, call {calls} did not land")
    attempt(folder / "killed", 99, 99, given)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
