"""Where landscapes come from: random tables, and files that hold a measured value of each row."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from discdiff import _check
from discdiff.bench.enumeration import ancestral_law, first_hitting_law, smoothed
from discdiff.bench.landscape import Landscape
from discdiff.bench.states import Marginals, Remembered, codes, words
from discdiff.campaign.files import write_atomic
from discdiff.data.readers import Columns, read_chunks
from discdiff.denoiser import Denoiser, TabularDenoiser
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError
from discdiff.fingerprint import fingerprint
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess, Process, UniformProcess
from discdiff.samplers.ancestral import Ancestral, grid_times
from discdiff.samplers.engine import Sampler
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.training.prior import prior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kind = Literal["masked", "uniform"]
STATES = 2**26
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PROCESSES: dict[str, type[Process]] = {"masked": MaskedProcess, "uniform": UniformProcess}


@dataclass(frozen=True)
class Task:
    """What landscapes have in common.

    Args:
        process: `masked`, drawn by first hitting, or `uniform`, by ancestral steps.
        steps: of a uniform process.
        scale: λ, for rewards of deviation 1.
        draws: of each method, or None.

    Raises:
        InputError: if an argument is out of range.
    """

    process: Kind = "masked"
    steps: int = 32
    scale: float = 1.0
    draws: int | None = None

    def __post_init__(self) -> None:
        _check.one_of("process", self.process, tuple(_PROCESSES))
        _check.positive_int("steps", self.steps)
        _check.finite("scale", self.scale)
        if self.draws is not None:
            _check.positive_int("draws", self.draws)

    def sampler(self, network: Denoiser, domain: Letters) -> Sampler:
        """Return the sampler of a network, of which every answer is remembered."""
        times = grid_times(self.steps, "linear").tolist()
        process = _PROCESSES[self.process](len(domain.alphabet))
        if not isinstance(network, Marginals):  # which are looked up as they are
            network = Remembered(network, process, times)
        model = Model(network, process, domain, LengthLaw.fixed(network.max_length))
        return FirstHitting(model) if self.process == "masked" else Ancestral(model, self.steps)

    def law(self, sampler: Sampler) -> Floats:
        """Return the law of what a sampler of this task draws.

        Raises:
            InputError: if it is another sampler, whose network is not remembered.
        """
        network = sampler.model.denoiser
        if isinstance(network, Marginals):  # those of the law itself, which every order has
            whole = network.mass.view([network.vocab_size + 1] * network.max_length)
            inside = (slice(network.vocab_size),) * network.max_length
            return np.asarray((whole[inside].flatten() / whole.flatten()[-1]).numpy())
        if not isinstance(network, Remembered):
            raise InputError(f"sampler must be one that a task made, got {sampler!r}")
        if self.process == "masked":
            return first_hitting_law(network.table(1.0))
        times = grid_times(self.steps, "linear").tolist()
        return ancestral_law(sampler.process, network.table, network.max_length, times)

    def exact(self, p: Floats, domain: Letters, length: int) -> Sampler:
        """Return the sampler of the exact network of a law over all rows."""
        size, law = len(domain.alphabet), torch.from_numpy(p)
        if self.process == "masked":
            return self.sampler(Marginals(law, size, length), domain)
        table = TabularDenoiser(words(size, length), law, UniformProcess(size))
        return self.sampler(table, domain)


@dataclass(frozen=True)
class RandomTable(Task):
    """A Dirichlet law over all rows, with a Gaussian reward of each.

    Args:
        size: V.
        length: L.
        seed: of law and rewards.
        concentration: of the Dirichlet law.
        independent: of each position by itself, in place of the whole row.
    """

    size: int = 4
    length: int = 3
    seed: int = 0
    concentration: float = 1.0
    independent: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= _check.positive_int("size", self.size) <= len(LETTERS):
            raise InputError(f"size must lie in [2, {len(LETTERS)}], got {self.size}")
        _check.positive_int("length", self.length)
        _check.seed("seed", self.seed)
        _check.positive("concentration", self.concentration)
        check_states(self.size, self.length)

    def build(self, data: Path | None, out: Path) -> Landscape:
        """Return the landscape; neither file nor folder is needed."""
        rng, rows = np.random.default_rng(self.seed), self.size**self.length
        if self.independent:
            p = np.ones(1)
            for side in rng.dirichlet(np.full(self.size, self.concentration), self.length):
                p = np.outer(p, side).ravel()
        else:
            p = rng.dirichlet(np.full(rows, self.concentration))
        sampler = self.exact(p, Letters(LETTERS[: self.size]), self.length)
        return Landscape(sampler, self.law(sampler), rng.normal(size=rows), self.scale, True)


class Measurements(NamedTuple):
    """All rows of a space with what was measured of them.

    Attributes:
        domain: of the letters; where the positions differ in theirs, of their numbers.
        length: L.
        worth: `(V**L,)`, in the order of `words`; NaN where nothing was measured.
    """

    domain: Letters
    length: int
    worth: Floats


@dataclass(frozen=True)
class MeasuredTable(Task):
    """A file with a value of each row of a space, or of most, and a prior of a sample of them.

    Rows without a value are invalid. A `trained` prior is a small network; its law is gone through
    state by state and kept in the folder of the benchmark. A `smoothed` one is the law of a row of
    the sample with tokens flipped, and its network is exact.

    Args:
        file: its name, in the folder of the data.
        sequence: column of the rows.
        value: column of the values.
        log: whether rewards are logarithms of 1 + value.
        prior: `trained` or `smoothed`.
        pool: rows in the sample.
        between: quantiles of the value between which they are drawn.
        training: optimiser steps.
        flip: chance that a token is drawn anew, of a smoothed prior.
        seed: of sample and network.
    """

    file: str = ""
    sequence: str = "sequence"
    value: str = "y"
    log: bool = False
    prior: Literal["trained", "smoothed"] = "trained"
    pool: int = 2000
    between: tuple[float, float] = (0.0, 1.0)
    training: int = 600
    flip: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.file:
            raise InputError("file must be the name of a file, got ''")
        _check.one_of("prior", self.prior, ("trained", "smoothed"))
        for name in ("pool", "training"):
            _check.positive_int(name, getattr(self, name))
        _check.fraction("flip", self.flip)
        _check.seed("seed", self.seed)
        ends = tuple(self.between)
        if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 1:
            raise InputError(f"between must be two quantiles, low first, got {self.between!r}")
        object.__setattr__(self, "between", (float(ends[0]), float(ends[1])))

    def build(self, data: Path | None, out: Path) -> Landscape:
        """Return the landscape of a file in the folder `data`; priors and laws lie in `out`.

        Raises:
            InputError: if no folder is given.
            DataError: if the file is missing or does not hold such rows.
        """
        if data is None:
            raise InputError(f"data must be the folder that holds {self.file}, got None")
        known = measurements(data / self.file, self.sequence, self.value)
        worth = np.log1p(known.worth) if self.log else known.worth
        sampler = self._sampler(known, out)
        agrees = self.prior == "smoothed"
        law = self.law(sampler) if agrees else self._kept_law(sampler, out)
        return Landscape(sampler, law, worth, self.scale, agrees)

    def sample(self, worth: Floats) -> Ints:
        """Return the numbers of the rows that the prior is made from."""
        scored = np.flatnonzero(~np.isnan(worth))
        order = scored[np.argsort(worth[scored], kind="stable")]
        low, high = (round(end * len(order)) for end in self.between)
        inside = np.sort(order[low:high])
        if len(inside) < self.pool:
            raise InputError(f"pool must be at most {len(inside)} rows, got {self.pool}")
        return np.random.default_rng(self.seed).choice(inside, self.pool, replace=False)

    def _sampler(self, known: Measurements, out: Path) -> Sampler:
        size, rows = len(known.domain.alphabet), self.sample(known.worth)
        if self.prior == "smoothed":
            hits = np.bincount(rows, minlength=len(known.worth)) / len(rows)
            p = smoothed(hits, size, known.length, self.flip)
            return self.exact(p, known.domain, known.length)
        strings = known.domain.decode_batch(words(size, known.length)[torch.from_numpy(rows)])
        model = prior(
            strings,
            known.domain,
            out / "priors",
            kind=self.process,
            steps=self.training,
            depth=2,
            seed=self.seed,
        )
        return self.sampler(model.denoiser, known.domain)

    def _kept_law(self, sampler: Sampler, out: Path) -> Floats:
        network = sampler.model.denoiser
        steps = f"-{self.steps}" if self.process == "uniform" else ""
        path = out / "priors" / f"law-{fingerprint(network)}{steps}.npy"
        if not path.is_file():
            buffer = io.BytesIO()
            np.save(buffer, self.law(sampler))
            write_atomic(path, buffer.getvalue())
        return np.asarray(np.load(path))


def check_states(size: int, length: int) -> None:
    """Raise `InputError` if there are too many partly masked rows to go through.

    Example:
        >>> check_states(20, 8)
        Traceback (most recent call last):
        discdiff.errors.InputError: (size + 1)**length must be at most 67108864, got 21**8
    """
    if (size + 1) ** length > STATES:
        raise InputError(f"(size + 1)**length must be at most {STATES}, got {size + 1}**{length}")


def measurements(path: Path, sequence: str, value: str) -> Measurements:
    """Return all rows of the space that a file measured.

    Each position may have letters of its own, equally many at all.

    Args:
        path: a CSV file.
        sequence: column of the rows.
        value: column of the values; empty where there is none.

    Raises:
        DataError: if the file is missing, or its rows are not of one length, come twice or have
            more letters at one position than at another.
    """
    strings, values = [], []
    for chunk in read_chunks(path, Columns(string=sequence, label=value)):
        for row in chunk:
            strings.append(row.string or "")
            try:
                values.append(float(row.label) if row.label else np.nan)
            except ValueError:
                raise DataError(
                    f"{path}, row {row.number}: {value} must be a number, got {row.label!r}"
                ) from None
    if len(set(map(len, strings))) != 1 or not strings[0]:
        raise DataError(f"{path}: {sequence} must hold rows of one length")
    sites = ["".join(sorted(set(column))) for column in zip(*strings, strict=True)]
    if len(set(map(len, sites))) != 1 or len(sites[0]) < 2:
        raise DataError(
            f"{path}: {sequence} must have equally many letters at each position, two or more, "
            f"got {', '.join(sites)}"
        )
    size = len(sites[0])
    numbers = [{letter: number for number, letter in enumerate(site)} for site in sites]
    rows = [[own[letter] for own, letter in zip(numbers, row, strict=True)] for row in strings]
    place = codes(torch.tensor(rows), size).numpy()
    if len(np.unique(place)) < len(place):
        raise DataError(f"{path}: {sequence} must name each row once")
    try:
        check_states(size, len(sites))
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    worth = np.full(size ** len(sites), np.nan)
    worth[place] = values
    shared = len(set(sites)) == 1
    return Measurements(Letters(sites[0] if shared else LETTERS[:size]), len(sites), worth)
