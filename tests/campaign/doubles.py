"""Stand-ins: a domain, a sampler and a guidance method that need no network, and oracles."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from discdiff.domain import Letters
from discdiff.samplers.samples import Samples


class Folded(Letters):
    """Letters in either case, canonical in upper case; a string with "aa" is invalid."""

    name = "folded"

    def __init__(self, letters: str = "ACGTacgt"):
        super().__init__(letters)

    def canonical(self, string):
        return string.upper()

    def invalid_reason(self, string):
        return "holds aa" if "aa" in string else super().invalid_reason(string)


def fake_sampler(length: int = 4, seed: int = 0):
    """What guidance and campaign read of a sampler."""
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.fill_(float(seed))
        network.bias.fill_(0.0)
    model = SimpleNamespace(domain=Folded(), denoiser=network, lengths=[length], card={})
    return SimpleNamespace(model=model, length=length)


class Climb:
    """Mutates each design and keeps the best: depends on key, design number and rewards alone."""

    def __init__(self, steps: int = 3, candidates: int = 3):
        self.steps = steps
        self.candidates = candidates

    def run(self, sampler, reward, n, *, key, first_design=0):
        domain = sampler.model.domain
        rngs = [random.Random(f"{key} {first_design + i}") for i in range(n)]
        designs = ["".join(rng.choices(domain.alphabet.tokens, k=sampler.length)) for rng in rngs]
        for _ in range(self.steps):
            if reward.exhausted:
                break
            children = [
                [_mutate(design, rng, domain.alphabet.tokens) for _ in range(self.candidates)]
                for design, rng in zip(designs, rngs, strict=True)
            ]
            flat = [child for family in children for child in family]
            values = reward(domain.encode_batch(flat)).reward.nan_to_num(-1e9)
            best = values.view(n, self.candidates).argmax(1).tolist()
            designs = [family[i] for family, i in zip(children, best, strict=True)]
        tokens = domain.encode_batch(designs)
        found = reward(tokens)
        return Samples(
            tokens=tokens,
            strings=designs,
            valid=found.valid.numpy(),
            log_weight=torch.zeros(n, dtype=torch.float64),
            log_likelihood=-torch.arange(n, dtype=torch.float64),
            confidence=torch.full((n,), 0.5, dtype=torch.float64),
            counts={"nfe": n * (self.steps + 1)},
            reward=found.reward,
            scores=found.scores,
        )


def _mutate(string, rng, letters):
    place = rng.randrange(len(string))
    return string[:place] + rng.choice(letters) + string[place + 1 :]


class Plain(Climb):
    """Draws without looking at rewards: the baseline."""

    def __init__(self):
        super().__init__(steps=0)


class NoTT:
    """A filter of strings: it needs no score."""

    name = "tt"
    outputs = ()

    def __call__(self, values, strings):
        return np.array(["TT" not in s for s in strings], dtype=bool)


class CountG:
    """Scores the share of G, and the number of letters that differ from their neighbour.

    Every sequence it is asked about becomes a line of `calls`; with `database`, a line that the
    store already holds is marked as a repeat.
    """

    name = "count_g"
    version = "1"
    outputs = ("g", "edges")

    def __init__(self, calls: Path, database: Path | None = None, pause: float = 0.0):
        self._calls, self._database, self._pause = calls, database, pause

    def __call__(self, sequences):
        time.sleep(self._pause)
        with self._calls.open("a") as file:
            file.writelines(f"{s}{' repeat' * self._is_recorded(s)}\n" for s in sequences)
        return np.array([[s.count("G") / len(s), _edges(s)] for s in sequences])

    def _is_recorded(self, sequence):
        if self._database is None:
            return False
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        query = "SELECT COUNT(*) FROM evaluation WHERE sequence = ?"
        found = connection.execute(query, (sequence,)).fetchone()[0]
        connection.close()
        return bool(found)


def _edges(string):
    return float(sum(a != b for a, b in itertools.pairwise(string)))


def first_plus(scores, outputs, strings):
    """An objective: the first output plus a tenth of the second."""
    return scores.values[:, 0] + 0.1 * scores.values[:, 1]


def without_times(store):
    """Everything a store holds, except wall times: what must not depend on interruptions."""
    arms = store.settings["methods"]
    # NaN differs from itself, and its text does not
    rows = [
        {name: repr(value) for name, value in (vars(row) | {"seconds": None}).items()}
        for row in [*store.rows(), *store.rejections()]
    ]
    rounds = [
        (r.arm, r.number, r.finished, {k: v for k, v in r.counts.items() if k != "seconds"})
        for arm in arms
        for r in store.rounds(arm)
    ]
    connection = sqlite3.connect(store.path)
    draws = connection.execute("SELECT * FROM draw ORDER BY arm, round, place").fetchall()
    connection.close()
    return rows, rounds, draws
