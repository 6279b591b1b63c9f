"""Small laws that can be enumerated, their reverse processes in numpy, and tests of fit.

Nothing here calls the code under test except what hands it a table: models and rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy import stats

from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import Denoiser, TabularDenoiser
from discdiff.domain import Letters
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.reward import Evaluation, Reward
from discdiff.schedule import Polynomial

LETTERS = "ABCDEFGH"
ACCEPT = 1e-6  # 1e-4 for each test, shared out over a suite of a hundred
REFUSE = 1e-12


@dataclass(frozen=True, eq=False)
class Law:
    """A law over rows of tokens: `rows` (N, W), padded with V + 1, and `p` (N,)."""

    size: int
    rows: np.ndarray
    p: np.ndarray

    @property
    def width(self):
        return self.rows.shape[1]

    def places(self, tokens):
        """The number of each row in the table; a row outside it is an error."""
        code = (self.size + 2) ** np.arange(self.width)
        known = self.rows @ code
        order = np.argsort(known)
        found = np.asarray(tokens).reshape(-1, self.width) @ code
        place = order[np.searchsorted(known, found, sorter=order).clip(max=len(known) - 1)]
        assert (known[place] == found).all(), "a row outside the table was drawn"
        return place

    def counts(self, tokens):
        return np.bincount(self.places(tokens), minlength=len(self.rows))

    def tilted(self, log_weight):
        weight = self.p * np.exp(log_weight)
        return Law(self.size, self.rows, weight / weight.sum())


def words(size, length):
    """All rows of `length` ids below `size`, the last position running fastest."""
    return np.array(list(product(range(size), repeat=length)))


def outer(sides):
    """The product law, flat, of per-position laws (L, K), in the order of `words`."""
    flat = np.ones(1)
    for side in sides:
        flat = np.outer(flat, side).ravel()
    return flat


def dirichlet(size, length, seed=0, concentration=0.5):
    """A random joint law, near-zeros included."""
    rows = words(size, length)
    p = np.random.default_rng(seed).dirichlet(np.full(len(rows), concentration))
    return Law(size, rows, p)


def independent(size, length, seed=0):
    """A random law under which positions are independent."""
    sides = np.random.default_rng(seed).dirichlet(np.ones(size), length)
    return Law(size, words(size, length), outer(sides))


def two_lengths(seed=0):
    """A random law over all words of two letters, with lengths 2 (chance .4) and 3 (chance .6)."""
    short = np.column_stack([words(2, 2), np.full(4, 3)])
    draw = np.random.default_rng(seed).dirichlet
    p = np.concatenate([0.4 * draw(np.full(4, 3.0)), 0.6 * draw(np.full(8, 3.0))])
    return Law(2, np.vstack([short, words(2, 3)]), p)


def by_class(size, schedule=None):
    """The process in which token 1 is masked late and all others at uniform times."""
    return ClassMaskedProcess(size, schedule, {"late": [1]}, {"late": Polynomial(3.0)})


def levels(size, t):
    """The noise levels of the tokens of that process, (V,)."""
    return np.where(np.arange(size) == 1, t**3.0, t)


def model_of(law, kind="masked", schedule=None):
    """The library's exact model of a law."""
    kinds = {"masked": MaskedProcess, "class_masked": by_class, "uniform": UniformProcess}
    process = kinds[kind](law.size, schedule)
    denoiser = TabularDenoiser(torch.from_numpy(law.rows), torch.from_numpy(law.p), process)
    lengths = np.bincount((law.rows < law.size).sum(1), weights=law.p, minlength=law.width + 1)
    domain = Letters(LETTERS[: law.size])
    return Model(denoiser, process, domain, LengthLaw(lengths.tolist()), frozen_training=True)


class Crooked(Denoiser):
    """A network whose conditionals belong to no joint law: a random table over all states."""

    def __init__(self, size, length, seed=0, needs_time=False):
        super().__init__(size, length, needs_time)
        shape = ((size + 1) ** length, length, size)
        table = np.random.default_rng(seed).dirichlet(np.ones(size), shape[:2])
        self.register_buffer("table", torch.from_numpy(table))

    def forward(self, x_t, t, cond=None, at=None):
        code = (self.vocab_size + 1) ** torch.arange(x_t.shape[1] - 1, -1, -1)
        p = self.table[(x_t * code).sum(1)]
        return p.log() if at is None else p[at].log()

    def at(self, z):
        """The table's row for one state, (L, V), in numpy."""
        code = (self.vocab_size + 1) ** np.arange(len(z) - 1, -1, -1)
        return self.table[int(np.asarray(z) @ code)].numpy()


def crooked_model(size, length, seed=0):
    """A masked model with a crooked network."""
    net, domain = Crooked(size, length, seed), Letters(LETTERS[:size])
    return Model(net, MaskedProcess(size), domain, LengthLaw.fixed(length))


def rewards(law, seed=1):
    """A Gaussian reward of every row of a law."""
    return np.random.default_rng(seed).normal(size=len(law.rows))


def counted_reward(law, values):
    """The library's own reward of a table of values."""
    spell = ["".join(LETTERS[i] for i in row if i < law.size) for row in law.rows]
    table = dict(zip(spell, values.tolist(), strict=True))

    class Table(Letters):
        def invalid_reason(self, string):
            return "unwanted" if np.isnan(table[string]) else None

    class Values:
        def __call__(self, strings):
            return [table[s] for s in strings]

        def relaxed(self, rows):
            return multilinear(law, values, rows)

    return Reward(Table(LETTERS[: law.size]), Values())


def multilinear(law, values, rows):
    """The mean of a table of values under independent positions (N, L, V); NaN counts as 0."""
    length = rows.shape[1]
    mine = (law.rows < law.size).sum(1) == length
    table = torch.from_numpy(law.rows[mine][:, :length]).T
    chance = rows.gather(-1, table.expand(len(rows), -1, -1)).prod(1)
    return chance @ torch.from_numpy(np.nan_to_num(values[mine])).to(rows)


class LookedUp:
    """The answers of a counted reward, asked for once and looked up by row: much faster."""

    exhausted = False

    def __init__(self, law, values):
        self.law, self.values = law, values
        self.known = counted_reward(law, values)(torch.from_numpy(law.rows))

    def relaxed(self, rows):
        return multilinear(self.law, self.values, rows)

    def __call__(self, tokens, belief=None):
        place = self.law.places(tokens)
        return Evaluation(
            reward=self.known.reward[place],
            valid=self.known.valid[place],
            strings=[self.known.strings[i] for i in place],
            scores=self.known.scores.take(place),
        )


def reward_of(law, values):
    """A reward that gives `values` to the rows of `law`; NaN is invalid."""
    return LookedUp(law, values)


# Fit.


def tv(p, q):
    return 0.5 * float(np.abs(np.asarray(p) - np.asarray(q)).sum())


def floor(p, n):
    """The expected total variation between p and n draws of it."""
    return float(np.sqrt(p * (1 - p) / (2 * np.pi * n)).sum())


def p_value(counts, p):
    """The p-value of a chi-squared test; the rarest cells are pooled to five expected draws."""
    counts, p = np.asarray(counts, float), np.asarray(p, float)
    if counts[p <= 0].any():
        return 0.0
    order = np.argsort(p)
    counts, means = counts[order], counts.sum() * p[order] / p.sum()
    rare = int(np.searchsorted(means.cumsum(), 5.0)) + 1
    cells = np.append(counts[rare:], counts[:rare].sum())
    means = np.append(means[rare:], means[:rare].sum())
    statistic = ((cells - means) ** 2 / means).sum()
    return float(stats.chi2.sf(statistic, len(cells) - 1)) if len(cells) > 1 else 1.0


def fits(law, tokens):
    return p_value(law.counts(tokens), law.p) > ACCEPT


def differs(law, tokens):
    return p_value(law.counts(tokens), law.p) < REFUSE


def z_scores(measure, law, samples):
    """How many standard errors the mean of weight times indicator lies from `measure`.

    The weight of a returned design is its estimate of the normaliser times its own weight; its
    mean over runs is the unnormalised target in every cell, for any number of particles.
    """
    place = law.places(samples.tokens)
    weight = samples.log_weight.exp().numpy()
    if samples.log_normaliser is not None:
        weight = weight * samples.log_normaliser.exp().numpy()
    hits = weight[:, None] * np.append(np.eye(len(law.rows)), np.ones((len(law.rows), 1)), 1)[place]
    target = np.append(measure, measure.sum())
    error = np.maximum(hits.std(0) / np.sqrt(len(hits)), 1e-12)  # some are without error
    return (hits.mean(0) - target) / error


def unbiased(measure, law, samples):
    return np.abs(z_scores(measure, law, samples)).max() < 4.5


# What the code under test makes of a toy.


def drawn(sampler, n=20_000, key=0, **options):
    """Finished tokens of n designs."""
    return sampler.run(sampler.init(n, key=key, **options)).tokens
