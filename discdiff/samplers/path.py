"""The path on which a design is drawn, as far as the model's opinion of it needs it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from discdiff.belief import Belief
from discdiff.process import Process


@dataclass(frozen=True, eq=False)
class Path:
    r"""What B rows on their way have been worth to the model so far.

    An event adds $\log p(x_s^i\mid x_t) - \log q(x_t^i\mid x_s^i)$ at every position it draws. The
    sum, with $\log q(x_T\mid x_0)$ of the start, is `Belief.log_likelihood`. Kept by position: a
    sum over a fixed width is the same on any device and in any batch.

    Attributes:
        log_prob: log-probability of each token when it was last drawn, float64 `(B, W)`; 0 where
            none was.
        gained: what the events so far add up to at each position, float64 `(B, W)`; 0 where a
            token was masked again.
        start: int64 tokens that the rows began with `(B, W)`.
        t: float64 clocks that they began at `(B,)`.
    """

    log_prob: Tensor
    gained: Tensor
    start: Tensor
    t: Tensor

    @classmethod
    def begin(cls, x_t: Tensor, t: Tensor) -> Path:
        """Return the path of rows that have not moved yet."""
        zeros = torch.zeros(x_t.shape, dtype=torch.float64, device=x_t.device)
        return cls(zeros, zeros, x_t, t)

    def gather(self, index: Tensor) -> Path:
        """Return the rows `index (N,)`."""
        return Path(self.log_prob[index], self.gained[index], self.start[index], self.t[index])

    def beside(self, other: Path) -> Path:
        """Return these rows and then those of `other`."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Path(*(torch.cat(pair) for pair in pairs))

    def where(self, chosen: Tensor, other: Path) -> Path:
        """Return `other` in the rows `chosen (B,)`, these elsewhere."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        wide = [(chosen.view(-1, *[1] * (old.ndim - 1)), old, new) for old, new in pairs]
        return Path(*(torch.where(rows, new, old) for rows, old, new in wide))

    def unknown_in(self, rows: Tensor) -> Path:
        """Return the path with nothing known of the rows `(B,)`."""
        wide = rows[:, None]
        return replace(
            self,
            log_prob=torch.where(wide, torch.nan, self.log_prob),
            gained=torch.where(wide, torch.nan, self.gained),
        )

    def drawn(self, rows: Tensor, cols: Tensor, log_prob: Tensor, log_noising: Tensor) -> Path:
        """Return the path after tokens were drawn at N positions.

        Args:
            rows: row of each position `(N,)`.
            cols: its column `(N,)`.
            log_prob: the model's log-probability of the new token `(N,)`.
            log_noising: log-probability with which noising takes it back `(N,)`.
        """
        last, gained = self.log_prob.clone(), self.gained.clone()
        last[rows, cols] = log_prob.double()
        gained[rows, cols] += log_prob.double() - log_noising
        return replace(self, log_prob=last, gained=gained)

    def forgotten(self, where: Tensor) -> Path:
        """Return the path without the tokens that are masked again, bool `(B, W)`."""
        return replace(self, gained=torch.where(where, 0.0, self.gained))

    def belief(self, process: Process, tokens: Tensor, active: Tensor) -> Belief:
        """Return what the model says of finished `tokens (B, W)` with these free positions."""
        t = self.t[:, None].expand(tokens.shape)
        begun = process.log_noising(self.start, tokens, t, torch.zeros_like(t))
        gained = torch.where(active, self.gained + begun, 0.0)
        last = torch.where(active, self.log_prob, 0.0)
        # visible tokens of a seed were given, unless a sampler masked them and drew them again
        own = process.editable(self.start, active) | (last != 0.0)
        sure = (last.sum(1) / own.sum(1).clamp(min=1)).exp()
        if process.kind == "uniform":  # the last draw of a token is all but certain to keep it
            sure = torch.full_like(sure, torch.nan)
        return Belief(gained.sum(1), sure)
