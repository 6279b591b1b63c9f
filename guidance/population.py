"""Particles: a state, and what its rows remember of their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from discdiff.samplers.state import State

Potential = Literal["difference", "max", "sum"]
POTENTIALS: tuple[Potential, ...] = ("difference", "max", "sum")


@dataclass(frozen=True)
class Particles:
    """A state and what its rows remember of their values.

    Attributes:
        state: G × K rows; the particles of a group stand side by side.
        potential: log of the potentials so far along each lineage, float64 `(B,)`.
        memory: running maximum or sum of log-values, for those potentials, float64 `(B,)`.
        entry: number of the ledger's entry for finished rows that carry their terminal potential,
            int64 `(B,)`; -1 for the others.
        spread: standard deviation over mean of the weights among which each row was kept last,
            float64 `(B,)`; infinite before the first choice.
        slope: what a twist adds to the log-laws of the next event, `(B, W, V)`; None where it has
            not looked at these rows.
    """

    state: State
    potential: Tensor
    memory: Tensor
    entry: Tensor
    spread: Tensor
    slope: Tensor | None = None

    @classmethod
    def begin(cls, state: State, potential: Potential) -> Particles:
        """Return particles of weight 1 that remember nothing."""
        zero = torch.zeros_like(state.log_weight)
        memory = zero - torch.inf if potential == "max" else zero
        return cls(state, zero, memory, torch.full_like(state.keys, -1), zero + torch.inf)

    def gather(self, index: Tensor, keys: Tensor | None = None) -> Particles:
        """Return the rows `index`, with `keys` in place of their own when given."""
        return self.become(self.state.gather(index, keys), index)

    def become(self, state: State, index: Tensor) -> Particles:
        """Return `state`, whose rows remember what the rows `index` did."""
        return Particles(
            state,
            self.potential[index],
            self.memory[index],
            self.entry[index],
            self.spread[index],
            None if self.slope is None else self.slope[index],
        )
