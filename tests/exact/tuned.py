"""A denoiser that can be trained on a space that can be enumerated, and all its masked paths."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import torch

from discdiff.denoiser import Denoiser
from discdiff.guidance.finetune.kl import row_kl
from discdiff.guidance.finetune.paths import Paths, laws, log_likelihood, summed
from discdiff.guidance.finetune.replay import Items
from tests.exact.laws import words


class Table(Denoiser):
    """One logit for each token, position and masked state."""

    def __init__(self, size, length):
        super().__init__(size, length)
        states = (size + 1) ** length
        self.logits = torch.nn.Parameter(torch.zeros(states, length, size, dtype=torch.float64))
        self.code = (size + 1) ** torch.arange(length)

    def forward(self, x_t, t, cond=None, at=None):
        log_p = self.logits[(x_t * self.code).sum(1)].log_softmax(-1)
        return log_p if at is None else log_p[at]

    def copy(self, network):
        """Take over the conditionals of another network."""
        states = self.states()
        with torch.no_grad():
            found = network(states, torch.ones(len(states), dtype=torch.float64))
            self.logits[(states * self.code).sum(1)] = found.clamp(min=-40.0)
        return self

    def states(self):
        return torch.tensor(list(product(range(self.vocab_size + 1), repeat=self.max_length)))


def all_paths(size, length):
    """Every word in every order, and the place of its word."""
    orders = list(permutations(range(length)))
    x = torch.from_numpy(words(size, length))
    place = torch.arange(len(x)).repeat_interleave(len(orders))
    when = torch.tensor(orders).repeat(len(x), 1)
    level = 1.0 - torch.arange(length + 1, dtype=torch.float64) / length
    clocks = torch.stack([level[:-1], level[1:]], 1).expand(len(place), -1, -1)
    count = torch.full((len(place),), length)
    active = torch.ones(len(place), length, dtype=torch.bool)
    zeros = torch.zeros(len(place), length, dtype=torch.float64)
    return Paths(x[place], active, when, clocks, count, zeros), place.numpy()


def items(model, reward, proposal=None):
    """All paths with their rewards, as if drawn evenly, or from a network."""
    paths, place = all_paths(model.vocab_size, model.max_length)
    with torch.no_grad():
        before = log_likelihood(model.denoiser, model.process, paths)
    return Items(paths, torch.from_numpy(reward)[place].double(), before)


def first_hitting_law(network, process):
    """The law of designs, by summation over all orders."""
    paths, place = all_paths(network.vocab_size, network.max_length)
    with torch.no_grad():
        found = log_likelihood(network, process, paths).exp().numpy()
    return np.bincount(place, found) / math.factorial(network.max_length)


def step_divergences(network, other, process, paths):
    """The divergence of the steps of paths, summed over each, `(B,)`."""
    rows, events = paths.pairs()
    moments = paths.before(rows, events, process.mask_id)
    found = row_kl(laws(network, process, moments), laws(other, process, moments))
    return summed(found, rows[moments.at[0]], len(paths))


def cross_entropy(network, weights):
    """The population loss of weighted denoising, over all words and all sets of masks."""
    size, length = network.vocab_size, network.max_length
    x = torch.from_numpy(words(size, length))
    total = torch.zeros((), dtype=torch.float64)
    for hidden in product((False, True), repeat=length):
        n = sum(hidden)
        if not n:
            continue
        # the mean over levels l of l^n (1 - l)^(L - n) / l
        chance = math.factorial(n - 1) * math.factorial(length - n) / math.factorial(length)
        masked = torch.tensor(hidden)
        x_t = torch.where(masked, size, x)
        log_p = network(x_t, torch.ones(len(x))).gather(-1, x[..., None])[..., 0]
        total = total - chance * (weights[:, None] * log_p)[:, masked].sum()
    return total
