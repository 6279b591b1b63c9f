"""What a model says of a design while it draws it; it costs no network pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Belief:
    r"""How likely a model holds N designs, along the paths on which it drew them.

    Both are taken before temperature, nucleus, templates and guidance, so that designs of different
    settings can be compared. A path counts: the same string drawn in another order, or at once as a
    preview, may have other values. NaN where there is no path from noise to the design: after parts
    of a finished one were noised and drawn again.

    Attributes:
        log_likelihood: float64 `(N,)`, in nats: $w=\log p(x_{0:T}) - \log q(x_{1:T}\mid x_0)$, the
            model's path against the noising's. On a masked process it is
            $\log p(x_0\mid\text{order})$, the sum of the log-probabilities of the tokens drawn,
            given also when each was revealed where they are masked by class; on a uniform process
            the mean of $e^{-w}$ over paths to $x_0$ is $1/p(x_0)$. What was given (length, fixed
            tokens, the noised seed) is conditioned on. Where tokens are masked and drawn again,
            their last draws count.
        confidence: float64 `(N,)` in [0, 1]: the geometric mean of the probabilities that the model
            gave the tokens that were drawn, each when it was drawn last; 1 where none was. NaN on
            a uniform process, whose last steps are all but certain to keep each token.

    Example:
        >>> Belief.unknown(2).confidence.tolist()
        [nan, nan]
    """

    log_likelihood: Tensor
    confidence: Tensor

    def __len__(self) -> int:
        return len(self.log_likelihood)

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Return NaN for each of `count` designs."""
        nothing = torch.full((count,), torch.nan, dtype=torch.float64)
        return cls(nothing, nothing)

    @classmethod
    def concatenate(cls, parts: Sequence[Belief]) -> Self:
        """Return the parts, at least one, as one."""
        return cls(
            torch.cat([part.log_likelihood for part in parts]),
            torch.cat([part.confidence for part in parts]),
        )

    def take(self, index: Tensor) -> Belief:
        """Return the rows `index`, numbers `(N,)` or a bool for each row."""
        return Belief(self.log_likelihood[index], self.confidence[index])

    def cpu(self) -> Belief:
        """Return a copy on the host; itself where it is there."""
        return Belief(self.log_likelihood.cpu(), self.confidence.cpu())
