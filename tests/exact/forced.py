"""Expectations of a particle's weight without Monte Carlo: every draw is made, by force.

One event of the loop runs on all pairs of a state and an outcome at once. What the library would
draw the outcome with, and what it makes of its weight, give E[weight; x] by dynamic programming.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch

from discdiff.guidance.ledger import Ledger
from discdiff.guidance.population import Particles
from discdiff.samplers import draw
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import words


@contextmanager
def forcing(tokens):
    """Make the engine draw `tokens (N,)`; gives the list of the log-laws it would have used."""
    seen = []

    def forced(log_probs, u):
        seen.append(log_probs.double())
        return torch.as_tensor(tokens)

    with mock.patch.object(draw, "inverse_cdf", forced):
        yield seen


class Ordered(FirstHitting):
    """Reveals a given position of each row first, the others after it."""

    def __init__(self, model, first):
        super().__init__(model)
        self.first = torch.as_tensor(first)

    def _reveal(self, editable, t, keys, total):
        steps, before, after, own = super()._reveal(editable, t, keys, total)
        here = torch.arange(editable.shape[1]) == self.first[:, None]
        return torch.where(here, 1, steps), before, after, own


def advance(sampler, loop, reward, tokens, t, outcome, stored, cond=None):
    """What one event does to the weight of each row, and the chance of its outcome, both as logs.

    Args:
        sampler: with a plan that draws the positions of `outcome`.
        loop: with one particle and one child.
        reward: tokens to reward.
        tokens: B states.
        t: their clock.
        outcome: tokens to draw, row by row, flat.
        stored: log-potential each row carries.
        cond: class of all rows.
    """
    x = torch.as_tensor(tokens)
    times = torch.full((len(x),), t, dtype=torch.float64)
    classes = None if cond is None else torch.full((len(x),), cond)
    state = sampler.start(x, times, x >= 0, keys=torch.arange(len(x)), cond=classes)
    particles = Particles.begin(state, loop.potential)
    particles = Particles(
        state, torch.as_tensor(stored), particles.memory, particles.entry, particles.spread
    )
    with forcing(outcome) as seen:
        after = loop._advance(sampler, Ledger(reward), particles)
    (law,) = seen
    chance = law.gather(1, torch.as_tensor(outcome)[:, None]).view(len(x), -1).sum(1)
    return after.state.log_weight.numpy(), chance.numpy()


def one_by_one(make, loop, reward, value, cond=None):
    """E[weight; x] when positions are revealed in random order, `(V^L,)` in the order of `words`.

    Args:
        make: from the first positions of the rows to a sampler of one position an event.
        loop: the particle loop.
        reward: tokens to reward.
        value: log-potential that a state carries, by its tokens; 0 for all masks.
        cond: class of all rows.
    """
    sampler = make(torch.zeros(1, dtype=torch.int64))
    size, length = sampler.model.vocab_size, sampler.model.max_length
    triples = [
        (z, i, v)
        for z in map(tuple, words(size + 1, length))
        for i in range(length)
        if z[i] == size
        for v in range(size)
    ]
    states, places, drawn = (np.array(part) for part in zip(*triples, strict=True))
    stored = np.array([value(z) for z, _, _ in triples])
    gain, chance = advance(make(places), loop, reward, states, 1.0, drawn, stored, cond)
    mass = {(size,) * length: 1.0}
    order = sorted(range(len(triples)), key=lambda k: -list(triples[k][0]).count(size))
    for k in order:
        z, i, v = triples[k]
        child = (*z[:i], v, *z[i + 1 :])
        share = mass.get(z, 0.0) / list(z).count(size) * np.exp(gain[k] + chance[k])
        mass[child] = mass.get(child, 0.0) + share
    return np.array([mass[tuple(x)] for x in words(size, length)])


def step_by_step(sampler, loop, reward, value):
    """The same for a sampler of a uniform process, all of whose positions are drawn at once.

    `value` is asked for a state and the number of steps that led to it.
    """
    size, length = sampler.model.vocab_size, sampler.model.max_length
    states = words(size, length)
    number = len(states)
    before, after = np.repeat(states, number, 0), np.tile(states, (number, 1))
    mass = np.full(number, 1.0 / number)
    times = sampler.times.tolist()
    for k, t in enumerate(times[:-1]):
        rest = copy.copy(sampler)
        rest.times = sampler.times[k:]
        stored = np.array([value(z, k) for z in before])
        gain, chance = advance(rest, loop, reward, before, t, after.flatten(), stored)
        mass = mass @ np.exp(gain + chance).reshape(number, number)
    return mass
