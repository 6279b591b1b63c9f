"""What the reward said of each finished design, so that nothing is asked for twice."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from discdiff.belief import Belief
from discdiff.oracle import Scores
from discdiff.reward import Evaluation, Reward


class Ledger:
    """Evaluates finished designs and keeps the answers by entry number.

    Args:
        reward: tokens to reward.

    Example:
        >>> from discdiff.domain import Letters
        >>> dna = Letters("ACGT")
        >>> ledger = Ledger(Reward(dna, lambda strings: [len(s) for s in strings]))
        >>> entries, rewards = ledger.score(dna.encode_batch(["A", "CC"]))
        >>> ledger.read(entries[1:]).strings
        ['CC']
    """

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self._parts: list[Evaluation] = []
        self._size = 0

    def score(self, tokens: Tensor, belief: Belief | None = None) -> tuple[Tensor, Tensor]:
        """Return entry numbers, int64 `(N,)`, and rewards, float64 `(N,)`, NaN where not scored.

        Args:
            tokens: int64 `(N, L)`.
            belief: what the model says of them.
        """
        found = self.reward(tokens, belief)
        self._parts.append(found)
        first, self._size = self._size, self._size + len(tokens)
        entries = torch.arange(first, self._size, device=tokens.device)
        return entries, found.reward.to(tokens.device)

    def read(self, entries: Tensor) -> Evaluation:
        """Return the evaluations of `entries (N,)`."""
        index = entries.cpu().numpy()
        firsts = np.cumsum([0, *(len(part.strings) for part in self._parts)])
        owner = np.searchsorted(firsts, index, side="right") - 1
        order, parts, pieces = [], [], []
        for number in np.unique(owner).tolist():
            rows, part = np.flatnonzero(owner == number), self._parts[number]
            own = index[rows] - firsts[number]
            order.append(rows)
            pieces.append((own, part))
            parts.append((rows, part.scores.take(own)))
        back = torch.from_numpy(np.argsort(np.concatenate(order)))
        strings = [part.strings[i] for own, part in pieces for i in own.tolist()]
        return Evaluation(
            reward=torch.cat([part.reward.cpu()[own] for own, part in pieces])[back],
            valid=torch.cat([part.valid.cpu()[own] for own, part in pieces])[back],
            strings=[strings[i] for i in back.tolist()],
            scores=Scores.join(parts, len(index), parts[0][1].values.shape[1]),
        )
