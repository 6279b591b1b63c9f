r"""Inverse problems: something y was seen of an unknown x, and x is drawn from $p(x\mid y)$.

A likelihood maps tokens to $\log p(y\mid x)$. As a reward it works with every guidance method; at
`scale=1` the target $p(x)e^{\lambda r(x)}$ is the posterior.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from discdiff import _check
from discdiff.domain import Alphabet, Domain
from discdiff.errors import InputError
from discdiff.oracle import Cache, Scores, stack
from discdiff.reward import Reward


class Likelihood(ABC):
    r"""$\log p(y\mid x)$ as a function of clean tokens."""

    @abstractmethod
    def __call__(self, tokens: Tensor) -> Tensor:
        r"""Return float64 log-likelihoods `(N,)`, $-\infty$ where x cannot have given y.

        Args:
            tokens: int64 `(N, L)`, padded on the right with V + 1.
        """

    def terms(self) -> Tensor | None:
        """Return its term for each token at each position, `(W, V)`; None where it is no sum."""
        return None

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Return what fixes its values, as JSON values: answers are kept under them."""


class SiteLikelihood(Likelihood):
    r"""A sum over positions: each was seen by itself, $\log p(y\mid x)=\sum_i f_i(x_i)$.

    Positions beyond the table, and those beyond the end of a design, were not seen: they add
    nothing.

    Args:
        table: $f_i(v)$, `(W, V)`; $-\infty$ for what is impossible.

    Raises:
        InputError: if the table is no matrix, or holds a NaN or an infinite likelihood.

    Example:
        >>> seen = SiteLikelihood.inpainting(Alphabet("ACGT"), ["A", None, "T"], noise=0.03)
        >>> seen(torch.tensor([[0, 2, 3], [0, 2, 1]])).exp().round(decimals=4).tolist()
        [0.9409, 0.0097]
    """

    def __init__(self, table: Tensor) -> None:
        if table.ndim != 2:
            raise InputError(f"table must be (W, V), got shape {tuple(table.shape)}")
        self._table = table.double()
        if not bool((self._table < torch.inf).all()):
            raise InputError("table must hold log-likelihoods below infinity, got another value")

    @classmethod
    def inpainting(cls, alphabet: Alphabet, seen: Sequence[str | None], noise: float = 0.0) -> Self:
        r"""Return the likelihood of tokens seen at some positions.

        Args:
            alphabet: the domain's.
            seen: the token seen at each position, None where nothing was.
            noise: chance that what was seen is another token, all alike; 0 fixes the token.
        """
        size, noise = len(alphabet), _check.in_range("noise", noise, 0.0, 1.0)
        other = noise / max(size - 1, 1)
        matrix = torch.full((size, size), other, dtype=torch.float64)
        return cls.channel(alphabet, seen, matrix.fill_diagonal_(1.0 - noise))

    @classmethod
    def channel(cls, alphabet: Alphabet, seen: Sequence[str | None], matrix: Tensor) -> Self:
        r"""Return the likelihood of tokens seen through substitutions.

        Args:
            alphabet: the domain's.
            seen: the token seen at each position, None where nothing was.
            matrix: $p(y_i=w\mid x_i=v)$, `(V, V)`, a row for each v.

        Raises:
            InputError: if the rows of `matrix` are no laws over the alphabet.
        """
        size = len(alphabet)
        matrix = matrix.double()
        if matrix.shape != (size, size) or not torch.allclose(
            matrix.sum(1), torch.ones(size, dtype=torch.float64)
        ):
            raise InputError(
                f"matrix must be ({size}, {size}) with rows that sum to 1, got shape "
                f"{tuple(matrix.shape)}"
            )
        if bool((matrix < 0).any()):
            raise InputError(f"matrix must not be negative, got {float(matrix.min()):g}")
        table = torch.zeros(len(seen), size, dtype=torch.float64)
        for place, token in enumerate(seen):
            if token is not None:
                table[place] = matrix[:, alphabet.index(token)].log()
        return cls(table)

    @classmethod
    def distance(
        cls, vocab_size: int, centre: float, seen: Sequence[float | None], sigma: float
    ) -> Self:
        r"""Return the likelihood of $|x_i-c|$ seen with Gaussian noise, up to a constant.

        Args:
            vocab_size: V; a token counts as its number.
            centre: c.
            seen: what was seen at each position, None where nothing was.
            sigma: standard deviation of the noise.
        """
        sigma = _check.positive("sigma", sigma)
        far = (torch.arange(vocab_size, dtype=torch.float64) - centre).abs()
        table = torch.zeros(len(seen), vocab_size, dtype=torch.float64)
        for place, value in enumerate(seen):
            if value is not None:
                table[place] = -((far - _check.finite("seen", value)) ** 2) / (2 * sigma**2)
        return cls(table)

    def __call__(self, tokens: Tensor) -> Tensor:
        width, size = self._table.shape
        part = tokens[:, :width]
        known = self._table.to(part.device)[: part.shape[1]].expand(len(part), -1, -1)
        found = known.gather(-1, part.clamp(max=size - 1)[..., None])[..., 0]
        return torch.where(part < size, found, 0.0).sum(1)

    def terms(self) -> Tensor:
        return self._table

    def settings(self) -> dict[str, object]:
        return {"table": [[_json(value) for value in row] for row in self._table.tolist()]}


class PairLikelihood(Likelihood):
    r"""XOR or AND of pairs of positions, seen with noise: $-\#\{\text{wrong}\}/\sigma^2$.

    Args:
        pairs: two positions each.
        seen: the bit that was seen of each pair.
        operation: `xor` or `and`.
        ones: tokens, by number, that count as 1; all others count as 0.
        sigma: σ; a wrong pair costs $1/\sigma^2$ nats.

    Raises:
        InputError: if pairs and bits do not match, or a position is negative.

    Example:
        >>> seen = PairLikelihood([(0, 1), (1, 2)], [True, False], "xor", ones=[1], sigma=0.5)
        >>> seen(torch.tensor([[0, 1, 1], [0, 1, 0], [0, 0, 1]])).tolist()
        [0.0, -4.0, -8.0]
    """

    def __init__(
        self,
        pairs: Sequence[tuple[int, int]],
        seen: Sequence[bool],
        operation: Literal["xor", "and"] = "xor",
        ones: Sequence[int] = (1,),
        sigma: float = 1.0,
    ) -> None:
        if len(pairs) != len(seen) or not pairs or any(len(pair) != 2 for pair in pairs):
            raise InputError(f"seen must have a bit for each pair, got {len(seen)} for {pairs!r}")
        if min(min(pair) for pair in pairs) < 0:
            raise InputError(f"pairs must not be negative, got {pairs!r}")
        self.operation = _check.one_of("operation", operation, ("xor", "and"))
        self.sigma = _check.positive("sigma", sigma)
        self._pairs, self._ones = torch.tensor(pairs), torch.tensor(list(ones), dtype=torch.int64)
        self._seen = torch.tensor(list(seen), dtype=torch.bool)

    def __call__(self, tokens: Tensor) -> Tensor:
        if int(self._pairs.max()) >= tokens.shape[1]:
            raise InputError(
                f"pairs must lie in a design of {tokens.shape[1]} tokens, got position "
                f"{int(self._pairs.max())}"
            )
        device = tokens.device
        bits = torch.isin(tokens, self._ones.to(device))[:, self._pairs.to(device)]
        found = bits[..., 0] ^ bits[..., 1] if self.operation == "xor" else bits.all(-1)
        wrong = (found != self._seen.to(device)).double().sum(1)
        return 0.0 - wrong / self.sigma**2

    def settings(self) -> dict[str, object]:
        return {
            "pairs": self._pairs.tolist(),
            "seen": self._seen.tolist(),
            "operation": self.operation,
            "ones": self._ones.tolist(),
            "sigma": self.sigma,
        }


class LikelihoodReward(Reward):
    r"""The reward $\log p(y\mid x)$: at `scale=1` every method with a law draws the posterior.

    A design that cannot have given y is invalid. Tokens are those of the canonical string.

    Args:
        domain: tokens and strings.
        likelihood: a `Likelihood`, or any function of tokens `(N, L)` that returns `(N,)`.
        budget: evaluations at most; None for no limit.
        cache: where answers are kept; in memory by default.

    Example:
        >>> from discdiff.guidance.isir import ISIRGibbs
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> model = Model.tabular(["ACA", "GTG", "GGG"])
        >>> seen = SiteLikelihood.inpainting(model.domain.alphabet, [None, "T", "A"], noise=0.1)
        >>> reward = LikelihoodReward(model.domain, seen)
        >>> method = ISIRGibbs(sweeps=10, level=1.0, scale=1.0)
        >>> set(method.run(FirstHitting(model), reward, 50, key=1).strings) <= {"ACA", "GTG", "GGG"}
        True
    """

    def __init__(
        self,
        domain: Domain,
        likelihood: Callable[[Tensor], Tensor],
        budget: int | None = None,
        cache: Cache | None = None,
    ) -> None:
        super().__init__(domain, stack(Observed(domain, likelihood), domain, cache, budget))
        self.likelihood = likelihood

    def terms(self, width: int) -> Tensor | None:
        table = self.likelihood.terms() if isinstance(self.likelihood, Likelihood) else None
        if table is None:
            return None
        full = torch.zeros(width, len(self.domain.alphabet), dtype=torch.float64)
        shared = min(width, len(table))
        full[:shared] = table[:shared]
        return full


class Observed:
    """A likelihood as an oracle of strings, for objectives, campaigns and wrappers.

    Args:
        domain: what makes tokens of strings.
        likelihood: a function of tokens `(N, L)` that returns log-likelihoods `(N,)`.

    Example:
        >>> from discdiff.domain import Letters
        >>> seen = SiteLikelihood.inpainting(Alphabet("AC"), ["A", None])
        >>> Observed(Letters("AC"), seen)(["AC", "CC"]).status
        ('ok', 'invalid')
    """

    name = "likelihood"
    version = "1"
    outputs = ("log_likelihood",)
    direction = "max"
    units = ("nats",)

    def __init__(self, domain: Domain, likelihood: Callable[[Tensor], Tensor]) -> None:
        self._domain, self._likelihood = domain, likelihood

    @property
    def parameters(self) -> dict[str, object]:
        """What fixes the values, as JSON values; of a function only its name is known."""
        kind = getattr(self._likelihood, "__qualname__", type(self._likelihood).__qualname__)
        own = self._likelihood.settings() if isinstance(self._likelihood, Likelihood) else {}
        return {"likelihood": kind, **own}

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        found = self._likelihood(self._domain.encode_batch(list(sequences)))
        if found.shape != (len(sequences),):
            raise InputError(
                f"likelihood must return ({len(sequences)},), got shape {tuple(found.shape)}"
            )
        values = found.double().cpu().numpy()
        impossible = values == -np.inf
        values = np.where(impossible, np.nan, values)
        missing = np.isnan(values)
        return Scores(
            values=values[:, None],
            valid=~impossible,
            status=tuple(
                "invalid" if i else "failed" if m else "ok"
                for i, m in zip(impossible.tolist(), missing.tolist(), strict=True)
            ),
            reasons=tuple("contradicts what was seen" if i else "" for i in impossible.tolist()),
        )


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)
