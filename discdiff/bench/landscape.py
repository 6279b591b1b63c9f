"""A space of designs that is gone through: the law of a sampler, rewards, and the tilted law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discdiff.belief import Belief
from discdiff.bench.fit import bins
from discdiff.bench.states import codes, words
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.oracle import Counts, Scores
from discdiff.reward import Evaluation, Reward
from discdiff.samplers.engine import Sampler

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CELLS = 256  # rows up to which each is a bin of its own


class TableReward(Reward):
    """The rewards of all rows of one length, looked up by number.

    Args:
        domain: decodes tokens.
        values: `(V**L,)`, in the order of `words`; NaN is invalid.
        length: L.

    Example:
        >>> from discdiff.domain import Letters
        >>> reward = TableReward(Letters("AC"), np.array([1.0, 2.0, np.nan, 0.0]), 2)
        >>> reward(torch.tensor([[0, 1], [1, 0]])).reward.tolist()
        [2.0, nan]
    """

    def __init__(self, domain: Domain, values: Floats, length: int) -> None:
        super().__init__(domain, self._known)
        self._values, self._size = values, len(domain.alphabet)
        self._strings = domain.decode_batch(words(self._size, length))
        self._asked = Counts()

    def __call__(self, tokens: Tensor, belief: Belief | None = None) -> Evaluation:
        place = codes(tokens, self._size).cpu().numpy()
        values = self._values[place]
        valid = ~np.isnan(values)
        known = int(valid.sum())
        lacking = len(place) - known
        self._asked += Counts(requested=len(place), invalid=lacking, evaluated=known)
        status = ("ok",) * known
        if lacking:
            status = tuple("ok" if one else "invalid" for one in valid.tolist())
        return Evaluation(
            reward=torch.from_numpy(values).to(tokens.device),
            valid=torch.from_numpy(valid).to(tokens.device),
            strings=[self._strings[one] for one in place.tolist()],
            scores=Scores(values=values[:, None], valid=valid, status=status),
        )

    @property
    def counts(self) -> Counts:
        return self._asked + self.oracle.counts

    def _known(self, strings: list[str]) -> Floats:
        found = self._values[codes(self.domain.encode_batch(strings), self._size).numpy()]
        return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Landscape:
    r"""All rows of one length, the law that a sampler draws them by, and what each is worth.

    Args:
        sampler: the base sampler.
        law: its law `(V**L,)`, in the order of `words`.
        worth: of each row; NaN where it is invalid.
        scale: λ of the target $\pi(x)\propto p(x)\,e^{\lambda r(x)}$ over valid rows, with the
            worth less its mean under the law and over its deviation for r.
        agrees: whether the conditionals of the sampler's model are those of one law.

    Raises:
        InputError: if sizes disagree, or the worth is the same wherever the law has mass.
    """

    sampler: Sampler
    law: Floats
    worth: Floats
    scale: float
    agrees: bool

    def __post_init__(self) -> None:
        if self.law.shape != self.worth.shape or len(self.law) != self.size**self.length:
            raise InputError(
                f"law and worth must be ({self.size**self.length},), got shapes {self.law.shape} "
                f"and {self.worth.shape}"
            )
        known = ~np.isnan(self.worth) & (self.law > 0)
        if not known.any() or np.ptp(self.worth[known]) == 0:
            raise InputError("worth must differ between the valid rows that the law has")

    @property
    def size(self) -> int:
        """V."""
        return self.sampler.model.vocab_size

    @property
    def length(self) -> int:
        """L."""
        return self.sampler.model.max_length

    @cached_property
    def rewards(self) -> Floats:
        """Of each row, with mean 0 and deviation 1 under the law given that it is valid."""
        p = np.where(np.isnan(self.worth), 0.0, self.law)
        p = p / p.sum()
        known = np.nan_to_num(self.worth)
        mean = (p * known).sum()
        return np.asarray((self.worth - mean) / np.sqrt((p * (known - mean) ** 2).sum()))

    @cached_property
    def target(self) -> Floats:
        """π of each row."""
        return self.tilted(1.0)

    def tilted(self, power: float) -> Floats:
        r"""Return $p(x)^\gamma\,e^{\lambda r(x)}$ of each row, normalised.

        Args:
            power: γ.
        """
        log_weight = self.scale * np.nan_to_num(self.rewards, nan=-np.inf)
        weight = self.law**power * np.exp(log_weight - log_weight.max())
        return np.asarray(weight / weight.sum())

    def reward(self) -> TableReward:
        """Return the reward that methods ask, with counts of its own."""
        return TableReward(self.sampler.model.domain, self.rewards, self.length)

    def bins(self, count: int) -> Ints:
        """Return the bin of each row: its own in a small space, else one of `count` by reward."""
        if len(self.law) <= CELLS:
            return np.arange(len(self.law))
        return bins(self.rewards, self.law, self.target, count)
