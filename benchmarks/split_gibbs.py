"""The synthetic benchmark of split Gibbs sampling: how far its draws are from a known posterior.

D coordinates lie on a grid of 50 points of [-5, 5]; the prior is a normal law of deviation 2 on
that grid, and |index - 24.5| was seen of each coordinate, 8.5, with Gaussian noise, so that the
posterior has two modes a coordinate and 2^D in all. Positions are independent, so prior, posterior
and denoiser are known in closed form. Draws are compared on the first two coordinates, by Hellinger
distance and total variation, with what as many draws of the posterior itself would give (the
floor).

    python -m benchmarks.split_gibbs [--designs 10000 100000] [--dimensions 2 5 10] [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_letters

import numpy as np
import torch
from numpy.typing import NDArray

from discdiff.denoiser import FactorisedDenoiser
from discdiff.domain import Letters
from discdiff.guidance.split_gibbs import SplitGibbs
from discdiff.inverse import LikelihoodReward, SiteLikelihood
from discdiff.model import LengthLaw, Model
from discdiff.process import UniformProcess
from discdiff.samplers.ancestral import Ancestral

Table = NDArray[np.float64]
POINTS, CENTRE, SEEN, KEY = 50, 24.5, 8.5, 20250301
PUBLISHED = {(2, 10_000): (0.149, 0.125), (10, 10_000): (0.334, 0.365)}  # Hellinger, TV
METHODS = {
    "closed": SplitGibbs(50, step="closed", scale=1.0, last=0.01),
    "closed, linear levels": SplitGibbs(50, step="closed", scale=1.0, last=0.01, anneal="linear"),
    "metropolis": SplitGibbs(50, 10, "metropolis", 1.0, last=0.01),
}


@dataclass(frozen=True)
class Problem:
    """The inverse problem in D dimensions.

    Attributes:
        dimensions: D.
    """

    dimensions: int

    @property
    def prior(self) -> Table:
        """The law of one coordinate (50,)."""
        p = np.exp(-(np.linspace(-5.0, 5.0, POINTS) ** 2) / 8.0)
        return np.asarray(p / p.sum())

    @property
    def likelihood(self) -> SiteLikelihood:
        """The mean of (|i - c| - y)^2 over the coordinates, over 9, with a minus."""
        sigma = 3.0 * (self.dimensions / 2.0) ** 0.5
        return SiteLikelihood.distance(POINTS, CENTRE, [SEEN] * self.dimensions, sigma)

    @property
    def posterior(self) -> Table:
        """The law of two coordinates given what was seen (50, 50)."""
        far = np.abs(np.arange(POINTS) - CENTRE) - SEEN
        one = self.prior * np.exp(-(far**2) / (9.0 * self.dimensions))
        one /= one.sum()
        return np.outer(one, one)

    def model(self) -> Model:
        """The exact uniform model of the prior."""
        log_p = torch.from_numpy(self.prior).log().expand(self.dimensions, -1)
        domain, process = Letters(ascii_letters[:POINTS]), UniformProcess(POINTS)
        return Model(FactorisedDenoiser(log_p), process, domain, LengthLaw.fixed(self.dimensions))


def draws(problem: Problem, method: SplitGibbs, n: int, chunk: int = 5000) -> Iterator[Table]:
    """Yield the counts (50, 50) of the first two coordinates, `chunk` designs at a time."""
    model = problem.model()
    sampler = Ancestral(model, steps=1)  # exact, for positions are independent
    for first in range(0, n, chunk):
        size = min(chunk, n - first)
        reward = LikelihoodReward(model.domain, problem.likelihood)
        tokens = method.run(sampler, reward, size, key=KEY, first_design=first).tokens
        code = (tokens[:, 0] * POINTS + tokens[:, 1]).numpy()
        yield np.bincount(code, minlength=POINTS**2).reshape(POINTS, POINTS).astype(np.float64)


def distances(p: Table, counts: Table) -> tuple[float, float]:
    """Return Hellinger distance and total variation of p and a histogram."""
    q = counts / counts.sum()
    hellinger = np.sqrt(max(0.0, 1.0 - float(np.sqrt(p * q).sum())))
    return float(hellinger), 0.5 * float(np.abs(p - q).sum())


def floor(p: Table, n: int, repeats: int = 20) -> tuple[float, float]:
    """Return the mean distances of p and n draws of it."""
    rng = np.random.default_rng(0)
    found = [distances(p, rng.multinomial(n, p.ravel()).reshape(p.shape)) for _ in range(repeats)]
    hellinger, tv = np.mean(found, axis=0)
    return float(hellinger), float(tv)


@dataclass(frozen=True)
class Result:
    """One line of the table: distances are Hellinger and total variation."""

    method: str
    dimensions: int
    designs: int
    found: tuple[float, float]
    floor: tuple[float, float]
    seconds: float

    @property
    def published(self) -> tuple[float, float] | None:
        """The figures to compare with, where there are any."""
        return PUBLISHED.get((self.dimensions, self.designs))


def measure(name: str, dimensions: int, sizes: list[int]) -> Iterator[Result]:
    """Yield a result for each of `sizes`; a small one is the beginning of a large one."""
    problem, began = Problem(dimensions), time.monotonic()
    counts, sizes = np.zeros((POINTS, POINTS)), sorted(sizes)
    for part in draws(problem, METHODS[name], sizes[-1]):
        counts += part
        if sizes and counts.sum() >= sizes[0]:
            n, p = sizes.pop(0), problem.posterior
            spent = time.monotonic() - began
            yield Result(name, dimensions, n, distances(p, counts), floor(p, n), spent)


def line(result: Result) -> str:
    """Return a result as a row of a Markdown table."""
    pairs = [result.found, result.floor, result.published]
    cells = ["" if pair is None else f"{pair[0]:.3f} {pair[1]:.3f}" for pair in pairs]
    excess = result.found[0] - result.floor[0], result.found[1] - result.floor[1]
    cells.insert(2, f"{excess[0]:+.3f} {excess[1]:+.3f}")
    head = f"| {result.method} | {result.dimensions} | {result.designs:,} | "
    return head + " | ".join(cells) + f" | {result.seconds:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 5, 10])
    parser.add_argument("--methods", nargs="+", default=["closed"], choices=METHODS)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| step | D | n | found: Hellinger, TV | floor | excess | published | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name in given.methods:
        for dimensions in given.dimensions:
            for result in measure(name, dimensions, list(given.designs)):
                print(line(result), flush=True)


if __name__ == "__main__":
    main()
