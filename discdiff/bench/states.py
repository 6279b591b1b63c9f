"""Spaces that are small enough to be gone through, and networks whose answers are looked up."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from discdiff.denoiser import At, Denoiser
from discdiff.errors import InputError
from discdiff.process import Process

_ROWS = 4096  # of one pass of the network
_DIGITS = 63  # bits of a code


def words(size: int, length: int) -> Tensor:
    """Return all rows of `length` ids below `size`, the last position running fastest.

    Example:
        >>> words(2, 2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    code = torch.arange(size**length)
    return torch.stack([code // step % size for step in places(size, length).tolist()], dim=1)


def places(size: int, length: int) -> Tensor:
    """Return what a token at each position counts in a code, int64 `(length,)`.

    Raises:
        InputError: if codes do not fit into 63 bits.
    """
    if size**length >= 2**_DIGITS:
        raise InputError(f"size and length must give codes of 63 bits, got {size} and {length}")
    return torch.tensor([size ** (length - 1 - place) for place in range(length)])


def codes(rows: Tensor, size: int) -> Tensor:
    """Return the number of each row `(N, L)` in `words(size, L)`, int64 `(N,)`.

    Example:
        >>> codes(torch.tensor([[1, 0], [1, 1]]), 2).tolist()
        [2, 3]
    """
    return (rows * places(size, rows.shape[1]).to(rows.device)).sum(1)


class Remembered(Denoiser):
    """A network of rows of one length that is asked at every state once; then it is looked up.

    Answers are those of the network itself. On a masked process states are the rows of V + 1 ids.
    On a uniform one they are those of V ids at each of `times`; at other times, or where positions
    have times of their own, the network answers.

    Args:
        network: what is remembered.
        process: its process.
        times: of the sampler's grid.

    Example:
        >>> from discdiff.model import Model
        >>> model = Model.tabular(["AC", "GT"])
        >>> known = Remembered(model.denoiser, model.process)
        >>> known(torch.tensor([[0, 4]]), torch.ones(1)).exp()[0, 1].tolist()
        [0.0, 1.0, 0.0, 0.0]
    """

    def __init__(self, network: Denoiser, process: Process, times: Iterable[float] = ()) -> None:
        super().__init__(process.vocab_size, network.max_length, network.needs_time)
        self.network = network.eval()
        self.ids = process.vocab_size if network.needs_time else process.vocab_size + 1
        self.times = frozenset(times) if network.needs_time else frozenset({1.0})
        self._known: dict[float, Tensor] = {}

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        time = self._time(t)
        if x_t.is_floating_point() or time not in self.times:
            found: Tensor = self.network(x_t, t, cond, at)
            return found
        code = codes(x_t, self.ids)
        table = self.table(time)
        return table[code] if at is None else table[code[at[0]], at[1]]

    @torch.no_grad()
    def table(self, time: float) -> Tensor:
        """Return the answers at one of `times` to all states `(S, L, V)`, in the order of `words`.

        Args:
            time: any of `times`; of a masked process 1.
        """
        if time not in self._known:
            rows = words(self.ids, self.max_length)
            parts = [self._ask(rows[k : k + _ROWS], time) for k in range(0, len(rows), _ROWS)]
            self._known[time] = torch.cat(parts)
        return self._known[time]

    def _ask(self, rows: Tensor, time: float) -> Tensor:
        shape = rows.shape if self.needs_time else rows.shape[:1]
        answer: Tensor = self.network(rows, torch.full(shape, time, dtype=torch.float64))
        return answer

    def _time(self, t: Tensor) -> float:
        if not self.needs_time:
            return 1.0
        first = t.flatten()[0]
        return float(first) if bool((t == first).all()) else -1.0


class Marginals(Denoiser):
    r"""The exact denoiser of a law over all rows, of a masked process, by its partial sums.

    $p(x_0^i=v\mid x_t)$ is the mass of the rows that agree with $x_t$ and have v at i, over that
    of those that agree with $x_t$. Where none does the answer is uniform, as of `TabularDenoiser`,
    which needs a sum over the whole table for each answer.

    Args:
        law: float64 `(V**L,)`, in the order of `words`.
        size: V.
        length: L.

    Raises:
        InputError: if the law has another size.

    Example:
        >>> net = Marginals(torch.tensor([0.5, 0.0, 0.0, 0.5]), 2, 2)
        >>> net(torch.tensor([[2, 1]]), torch.ones(1)).exp()[0, 0].tolist()
        [0.0, 1.0]
    """

    mass: Tensor

    def __init__(self, law: Tensor, size: int, length: int) -> None:
        if law.shape != (size**length,):
            raise InputError(f"law must be ({size**length},), got shape {tuple(law.shape)}")
        super().__init__(size, length)
        mass = law.double().view([size] * length)
        for axis in range(length):
            mass = torch.cat([mass, mass.sum(axis, keepdim=True)], dim=axis)
        self.register_buffer("mass", mass.flatten())

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        if at is None:
            row, place = torch.ones_like(x_t, dtype=torch.bool).nonzero().T
            return self.forward(x_t, t, cond, (row, place)).view(*x_t.shape, -1)
        rows, cols = at
        size = self.vocab_size
        here = x_t[rows, cols]
        step = places(size + 1, x_t.shape[1]).to(x_t.device)[cols]
        ids = torch.arange(size, device=x_t.device)
        place = (codes(x_t, size + 1)[rows] - here * step)[:, None] + ids * step[:, None]
        agrees = (here[:, None] == ids) | (here[:, None] == size)
        mass = torch.where(agrees, self.mass[place], 0.0)
        total = mass.sum(1, keepdim=True)
        return torch.where(total > 0, mass / total, 1.0 / size).log()
