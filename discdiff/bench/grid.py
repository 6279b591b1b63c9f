"""A track with a posterior in closed form: how far the draws of each method are from it.

D coordinates lie on a grid of 50 points of [-5, 5]; the prior is a normal law of deviation 2 on
that grid, and |index - 24.5| was seen of each coordinate, 8.5, with Gaussian noise, so that the
posterior has two modes a coordinate and 2^D in all. Positions are independent, so prior, posterior
and the uniform model are known in closed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from discdiff import _check, registry
from discdiff.bench.cell import Cell, Outcome, Seen, keep, kept
from discdiff.bench.given import check_listed, check_named, check_shared
from discdiff.denoiser import FactorisedDenoiser
from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.inverse import LikelihoodReward, SiteLikelihood
from discdiff.model import LengthLaw, Model
from discdiff.process import UniformProcess
from discdiff.samplers.ancestral import Ancestral

Table = NDArray[np.float64]
POINTS, CENTRE, SEEN = 50, 24.5, 8.5
MEASURES = ("tv", "hellinger", "excess_tv", "excess_hellinger")
_CHUNK = 5000  # designs in flight; it does not change them


@dataclass(frozen=True)
class Problem:
    """What was seen of D coordinates.

    Args:
        dimensions: D.

    Example:
        >>> one = Problem(2).posterior.sum(0)  # of the first coordinate
        >>> sorted(one.argsort()[-2:].tolist())
        [17, 32]
    """

    dimensions: int

    @property
    def prior(self) -> Table:
        """The law of one coordinate `(50,)`."""
        p = np.exp(-(np.linspace(-5.0, 5.0, POINTS) ** 2) / 8.0)
        return np.asarray(p / p.sum())

    @property
    def likelihood(self) -> SiteLikelihood:
        r"""Of a design: minus the mean of $(|i-c|-y)^2$ over the coordinates, over 9."""
        sigma = 3.0 * (self.dimensions / 2.0) ** 0.5
        return SiteLikelihood.distance(POINTS, CENTRE, [SEEN] * self.dimensions, sigma)

    @property
    def posterior(self) -> Table:
        """The law of two coordinates given what was seen `(50, 50)`."""
        far = np.abs(np.arange(POINTS) - CENTRE) - SEEN
        one = self.prior * np.exp(-(far**2) / (9.0 * self.dimensions))
        one /= one.sum()
        return np.outer(one, one)

    def model(self) -> Model:
        """Return the exact uniform model of the prior."""
        log_p = torch.from_numpy(self.prior).log().expand(self.dimensions, -1)
        domain, process = Letters(ascii_letters[:POINTS]), UniformProcess(POINTS)
        return Model(FactorisedDenoiser(log_p), process, domain, LengthLaw.fixed(self.dimensions))


def distances(p: Table, counts: Table) -> tuple[float, float]:
    """Return total variation and Hellinger distance of p and a histogram.

    Example:
        >>> distances(np.array([0.5, 0.5]), np.array([3.0, 1.0]))[0]
        0.25
    """
    q = counts / counts.sum()
    hellinger = float(np.sqrt(max(0.0, 1.0 - float(np.sqrt(p * q).sum()))))
    return 0.5 * float(np.abs(p - q).sum()), hellinger


def floor(p: Table, n: int, repeats: int = 20) -> tuple[float, float]:
    """Return the mean distances of p and n draws of it."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(n, p.ravel(), repeats).reshape(repeats, *p.shape).astype(np.float64)
    found = [distances(p, counts) for counts in drawn]
    tv, hellinger = np.mean(found, axis=0)
    return float(tv), float(hellinger)


@dataclass(frozen=True)
class GridPosterior:
    """Draws of each method against the posterior, on the first two coordinates.

    Total variation and Hellinger distance, what as many draws of the posterior itself have of them
    (`floor_tv`, `floor_hellinger`) and the excess over that.

    Args:
        methods: by name, the settings of a guidance method, or `{guidance, draws}` for one that is
            too slow for the largest budget.
        dimensions: D, one or more.
        title: a name for all of it.
        budgets: draws; a small number is the beginning of a large one.
        seeds: of the draws.
        measure: `tv`, `hellinger`, `excess_tv` or `excess_hellinger`.
        against: the method that others are compared with.

    Raises:
        InputError: if a value is out of range, or a list is empty.

    Source: Split Gibbs Discrete Diffusion Posterior Sampling (Chu et al., 2025, arXiv:2503.01161),
    with everything on the indices 0 to 49.
    """

    methods: Mapping[str, Any]
    dimensions: Sequence[int] = (2, 5, 10)
    title: str = "grid"
    budgets: Sequence[int] = (10_000, 100_000)
    seeds: Sequence[int] = (0, 1, 2)
    measure: str = "excess_tv"
    against: str = "unguided"
    larger_is_better: bool = field(default=False, init=False)
    charged: str = field(default="draws", init=False)

    def __post_init__(self) -> None:
        _check.one_of("measure", self.measure, MEASURES)
        check_named("methods", self.methods)
        for name in ("dimensions", "budgets", "seeds"):
            check_listed(name, getattr(self, name))
        for budget in self.budgets:
            _check.positive_int("budgets", budget)
        for dimensions in self.dimensions:
            if _check.positive_int("dimensions", dimensions) < 2:
                raise InputError(f"dimensions must be at least 2, got {dimensions}")
        for seed in self.seeds:
            _check.seed("seeds", seed)
        _check.one_of("against", self.against, tuple(self.methods))
        for name in self.methods:
            method = registry.build("guidance", self._guidance(name))
            for budget in self._sizes(name):
                check_shared(f"budgets of {name}", budget, method.returned)
            if not self._sizes(name):
                raise InputError(
                    f"methods.{name}.draws must be at least the smallest of budgets, "
                    f"{min(self.budgets)}, got {self._split(name)[1]}"
                )

    def _split(self, name: str) -> tuple[Any, int]:
        """Return the settings of a method, and the most draws it makes."""
        given = self.methods[name]
        if isinstance(given, Mapping) and set(given) == {"guidance", "draws"}:
            return given["guidance"], _check.positive_int(f"methods.{name}.draws", given["draws"])
        return given, max(self.budgets)

    def _guidance(self, name: str) -> dict[str, object]:
        given, _ = self._split(name)
        if not isinstance(given, Mapping) or "name" not in given:
            raise InputError(
                f"methods.{name} must be the settings of a guidance method, or hold guidance and "
                f"draws, got {given!r}"
            )
        return dict(given)

    def _sizes(self, name: str) -> list[int]:
        _, most = self._split(name)
        return sorted(budget for budget in self.budgets if budget <= most)

    def cells(self) -> Iterator[Cell]:
        """Return the cells, seed by seed."""
        for seed in self.seeds:
            for dimensions in self.dimensions:
                for method in self.methods:
                    yield Cell(f"{dimensions} dimensions", method, seed)

    def run(self, cell: Cell, out: Path, seen: Seen) -> None:
        """Draw what a cell has no record of."""
        folder, settings = cell.folder(out), self._settings(cell)
        if kept(folder, settings) is None:
            problem = Problem(int(cell.task.split()[0]))
            keep(folder, settings, self._measured(cell, problem, seen))

    def outcomes(self, cell: Cell, out: Path) -> list[Outcome]:
        """Return what a finished cell measured, an outcome for each number of draws."""
        return kept(cell.folder(out), self._settings(cell)) or []

    def _settings(self, cell: Cell) -> dict[str, object]:
        sizes = self._sizes(cell.method)
        return {"guidance": self._guidance(cell.method), "draws": sizes, "seed": cell.seed}

    def _measured(self, cell: Cell, problem: Problem, seen: Seen) -> Iterator[Outcome]:
        """Yield an outcome as soon as there are as many draws as it needs."""
        method = registry.build("guidance", self._guidance(cell.method))
        model, p = problem.model(), problem.posterior
        sampler = Ancestral(model, steps=1)  # exact, for positions are independent
        counts, spent, first = np.zeros(POINTS**2), np.zeros(2), 0
        chunk = max(1, _CHUNK // method.returned) * method.returned
        for size in self._sizes(cell.method):
            while first < size:
                n = min(chunk, size - first)
                reward = LikelihoodReward(model.domain, problem.likelihood)
                drawn = method.run(sampler, reward, n, key=cell.seed, first_design=first)
                code = (drawn.tokens[:, 0] * POINTS + drawn.tokens[:, 1]).numpy()
                weight = torch.softmax(drawn.log_weight.double(), 0).numpy() * n
                counts += np.bincount(code, weights=weight, minlength=POINTS**2)
                spent += reward.counts.requested, drawn.counts["nfe"]
                first += n
                seen(f"{first} draws")
            yield _outcome(p, counts.reshape(p.shape), size, spent)


def _outcome(p: Table, counts: Table, size: int, spent: Table) -> Outcome:
    found, least = distances(p, counts), floor(p, size)
    figures = {"requested": float(spent[0]), "nfe": float(spent[1])}
    for name, value, low in zip(("tv", "hellinger"), found, least, strict=True):
        figures |= {name: value, f"floor_{name}": low, f"excess_{name}": value - low}
    return Outcome(size, figures)
