"""Finished designs that compete: what is known of them, and which a search has no use for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from discdiff.guidance.ledger import Ledger
from discdiff.samplers.engine import Sampler
from discdiff.samplers.plan import Finished, Ints
from discdiff.samplers.state import State


@dataclass(frozen=True)
class Pool:
    """Finished designs and what is known of them.

    Attributes:
        state: B finished rows.
        entry: the ledger's entry of each row, int64 `(B,)`.
        reward: float64 `(B,)`, NaN where there is none.
        names: canonical strings, as decoded where there is none.
    """

    state: State
    entry: Tensor
    reward: Tensor
    names: list[str]

    @classmethod
    def of(cls, sampler: Sampler, ledger: Ledger, state: State) -> Pool:
        """Return the finished rows of `state`, scored."""
        entry, reward = ledger.score(state.tokens, state.belief(sampler.process))
        found = ledger.read(entry)
        pairs = zip(found.scores.canonical, found.strings, strict=True)
        return cls(state, entry, reward, [known or string for known, string in pairs])

    def take(self, places: list[int]) -> Pool:
        """Return the rows `places`."""
        index = torch.tensor(places, device=self.entry.device)
        names = [self.names[place] for place in places]
        return Pool(self.state.gather(index), self.entry[index], self.reward[index], names)

    @property
    def highest(self) -> float:
        """Return the best reward, -inf where there is none."""
        return self.reward.nan_to_num(nan=-torch.inf).max().item()

    @classmethod
    def joined(cls, pools: Sequence[Pool]) -> Pool:
        """Return the rows of all pools, in order."""
        state = pools[0].state
        for pool in pools[1:]:
            state = state.beside(pool.state, Finished())
        return cls(
            state,
            torch.cat([pool.entry for pool in pools]),
            torch.cat([pool.reward for pool in pools]),
            [name for pool in pools for name in pool.names],
        )


def unwanted(sampler: Sampler, rows: State, seen: set[str], *, invalid: bool = True) -> Ints:
    """Return the numbers of finished rows that were seen, come earlier, or are not valid.

    Args:
        sampler: whose domain says what is valid, and what is the same.
        rows: finished rows.
        seen: canonical strings, as decoded where they are not valid.
        invalid: whether rows that are not valid count.
    """
    domain, known, found = sampler.model.domain, set(seen), []
    for number, string in enumerate(domain.decode_batch(rows.tokens)):
        valid = domain.invalid_reason(string) is None
        name = domain.canonical(string) if valid else string
        if name in known or (invalid and not valid):
            found.append(number)
        known.add(name)
    return np.array(found, dtype=np.int64)


def without(rows: State, numbers: Ints) -> State:
    """Return the rows but for those with these numbers."""
    kept = np.setdiff1d(np.arange(len(rows)), numbers)
    return rows.gather(torch.from_numpy(kept).to(rows.tokens.device))


def replaced(rows: State, index: Tensor, new: State) -> State:
    """Return the rows with `new` in the places `index (N,)`."""
    place = torch.arange(len(rows), device=index.device)
    place[index] = len(rows) + torch.arange(len(index), device=index.device)
    return rows.beside(new, Finished()).gather(place)
