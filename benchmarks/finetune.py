"""What gradients through more steps of sampling cost, with and without activation checkpoints.

An optimiser step of DRAKES on a random transformer is timed for each length of the window, each in
a process of its own, so that memory is that of the arm. Times are those of one thread on the
processor, which a busy machine changes little; arms take turns, and medians are reported.

    python benchmarks/finetune.py [--windows 2 8 32] [--steps 32] [--repeats 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor

from discdiff.domain import Letters
from discdiff.guidance.finetune.drakes import DRAKES
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess
from discdiff.samplers.ancestral import Ancestral

KEY = 20261122
KIBI, MEBI = 2**10, 2**20


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often."""

    windows: tuple[int, ...]
    steps: int
    batch: int
    length: int
    width: int
    depth: int
    repeats: int


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        window: steps that gradients pass through.
        checkpoint: whether activations are computed again.
        steps_per_second: optimiser steps per second of the processor, the median over turns.
        time: of a step, as a multiple of the first arm's, the median over turns.
        memory: peak above that of the process before, in MiB, the median over turns.
    """

    window: int
    checkpoint: bool
    steps_per_second: float
    time: float
    memory: float


def reward(rows: Tensor) -> Tensor:
    """A reward with gradients that costs next to nothing: how many letters are as the next."""
    return (rows[:, 1:] * rows[:, :-1]).sum((1, 2))


def network(settings: Settings) -> Model:
    """Return a random model; the same one each time."""
    torch.manual_seed(0)
    net = Transformer(4, settings.length, settings.width, settings.depth, heads=4)
    return Model(net, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(settings.length))


def measure(settings: Settings, window: int, checkpoint: bool, answer: Connection) -> None:
    """Send the processor seconds of an optimiser step, and the MiB that it takes at its peak."""
    torch.set_num_threads(1)
    ours, reference = network(settings), network(settings)
    optimiser = torch.optim.Adam(ours.denoiser.parameters(), lr=1e-4)
    method = DRAKES(window=window, checkpoint=checkpoint, terms=2)
    sampler = Ancestral(ours, settings.steps)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def step(key: int) -> None:
        optimiser.zero_grad()
        state = sampler.init(settings.batch, key=key)
        method.objective(sampler, reference, reward, state).loss.backward()
        optimiser.step()

    step(KEY)
    began = time.process_time()
    step(KEY + 1)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBI
    answer.send((seconds, (peak - before) / MEBI))


def apart(settings: Settings, window: int, checkpoint: bool) -> tuple[float, float]:
    """Return what `measure` says in a process of its own."""
    context = multiprocessing.get_context("spawn")  # a forked one would have its parent's peak
    here, there = context.Pipe()
    process = context.Process(target=measure, args=(settings, window, checkpoint, there))
    process.start()
    there.close()
    found: tuple[float, float] = here.recv()
    process.join()
    return found


def arms(settings: Settings) -> list[Arm]:
    """Return the rows of the table."""
    kinds = [(window, kept) for window in settings.windows for kept in (False, True)]
    turns = [[apart(settings, *kind) for kind in kinds] for _ in range(settings.repeats)]
    found = []
    for place, (window, checkpoint) in enumerate(kinds):
        seconds = [turn[place][0] for turn in turns]
        ratios = [turn[place][0] / turn[0][0] for turn in turns]
        memory = statistics.median(turn[place][1] for turn in turns)
        rate = 1.0 / statistics.median(seconds)
        found.append(Arm(window, checkpoint, rate, statistics.median(ratios), memory))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, nargs="+", default=[2, 8, 32])
    for name, default in (("steps", 32), ("batch", 16), ("length", 80), ("width", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = vars(parser.parse_args())
    as_json = asked.pop("json")
    settings = Settings(**{**asked, "windows": tuple(asked["windows"])})
    rows = arms(settings)
    if as_json:
        print(json.dumps({"settings": asdict(settings), "arms": [asdict(row) for row in rows]}))
        return
    print("| window | checkpoints | steps/s | time | peak memory |\n|---|---|---|---|---|")
    for row in rows:
        kept = "yes" if row.checkpoint else "no"
        figures = f"{row.steps_per_second:.2g} | {row.time:.2f} | {row.memory:.0f} MiB"
        print(f"| {row.window} | {kept} | {figures} |")


if __name__ == "__main__":
    main()
