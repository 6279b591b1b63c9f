r"""Noise schedules: $\alpha(t)$ decreases from 1 (data, $t=0$) to 0 (noise, $t=1$).

`noise(t)` is $1-\alpha(t)$ computed directly, never by subtraction, so that it keeps full relative
precision near $t=0$. All methods take and return float64 tensors of any shape.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from discdiff import _check


class Schedule(ABC):
    """A noise schedule: the keep probability of a token as a function of time."""

    @abstractmethod
    def noise(self, t: Tensor) -> Tensor:
        r"""Return $1-\alpha(t)$."""

    @abstractmethod
    def alpha_prime(self, t: Tensor) -> Tensor:
        r"""Return $\mathrm{d}\alpha/\mathrm{d}t$, which is never positive."""

    @abstractmethod
    def time_at_noise(self, level: Tensor) -> Tensor:
        r"""Return the $t$ with $1-\alpha(t)=$ `level`."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments, as JSON values."""

    def alpha(self, t: Tensor) -> Tensor:
        r"""Return $\alpha(t)$."""
        return 1.0 - self.noise(t)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.settings().items())
        return f"{type(self).__name__}({arguments})"


class Polynomial(Schedule):
    r"""$1-\alpha(t)=t^w$: the log-linear schedule of MDLM at $w=1$.

    Args:
        power: exponent $w>0$.

    Source: Simplified and Generalized Masked Diffusion for Discrete Data (Shi et al., 2024,
    arXiv:2406.04329).

    Example:
        >>> Polynomial(2.0).noise(torch.tensor(0.5, dtype=torch.float64)).item()
        0.25
    """

    def __init__(self, power: float = 1.0) -> None:
        self.power = _check.positive("power", power)

    def noise(self, t: Tensor) -> Tensor:
        return t**self.power

    def alpha_prime(self, t: Tensor) -> Tensor:
        return -self.power * t ** (self.power - 1.0)

    def time_at_noise(self, level: Tensor) -> Tensor:
        return level ** (1.0 / self.power)

    def settings(self) -> dict[str, object]:
        return {"power": self.power}


class LogLinear(Polynomial):
    r"""$\alpha(t)=1-t$: every token is noised at a uniform time.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> LogLinear().alpha(torch.tensor(0.25, dtype=torch.float64)).item()
        0.75
    """

    def __init__(self) -> None:
        super().__init__(1.0)

    def settings(self) -> dict[str, object]:
        return {}


class CosineMDLM(Schedule):
    r"""$\alpha(t)=\cos(\pi t/2)$: noise rises slowly near the data.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> round(CosineMDLM().alpha(torch.tensor(2 / 3, dtype=torch.float64)).item(), 6)
        0.5
    """

    def noise(self, t: Tensor) -> Tensor:
        return 2.0 * torch.sin(math.pi / 4.0 * t) ** 2

    def alpha_prime(self, t: Tensor) -> Tensor:
        return -(math.pi / 2.0) * torch.sin(math.pi / 2.0 * t)

    def time_at_noise(self, level: Tensor) -> Tensor:
        return (4.0 / math.pi) * torch.asin(torch.sqrt(level / 2.0))

    def settings(self) -> dict[str, object]:
        return {}


class CosineMD4(Schedule):
    r"""$\alpha(t)=1-\cos(\frac{\pi}{2}(1-t))$: noise rises fast near the data.

    Source: Simplified and Generalized Masked Diffusion for Discrete Data (Shi et al., 2024,
    arXiv:2406.04329).

    Example:
        >>> round(CosineMD4().noise(torch.tensor(1 / 3, dtype=torch.float64)).item(), 6)
        0.5
    """

    def noise(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi / 2.0 * t)

    def alpha_prime(self, t: Tensor) -> Tensor:
        return -(math.pi / 2.0) * torch.cos(math.pi / 2.0 * t)

    def time_at_noise(self, level: Tensor) -> Tensor:
        return (2.0 / math.pi) * torch.asin(level)

    def settings(self) -> dict[str, object]:
        return {}


class CosineSquared(Schedule):
    r"""$\alpha(t)=\cos^2(\pi t/2)$: flat at both ends.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> round(CosineSquared().alpha(torch.tensor(0.5, dtype=torch.float64)).item(), 6)
        0.5
    """

    def noise(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi / 2.0 * t) ** 2

    def alpha_prime(self, t: Tensor) -> Tensor:
        return -(math.pi / 2.0) * torch.sin(math.pi * t)

    def time_at_noise(self, level: Tensor) -> Tensor:
        return (2.0 / math.pi) * torch.asin(torch.sqrt(level))

    def settings(self) -> dict[str, object]:
        return {}


class Geometric(Schedule):
    r"""$\alpha(t)=\frac{e^{-s(t)}-e^{-s(1)}}{e^{-s(0)}-e^{-s(1)}}$ with $s(t)=a^{1-t}b^t$.

    The published schedule leaves $\alpha(0)<1$ and $\alpha(1)>0$; the affine map makes both ends
    exact.

    Args:
        smallest: $a$, the total noise at $t=0$, greater than 0.
        largest: $b$, the total noise at $t=1$, greater than `smallest`.

    Source: Simple and Effective Masked Diffusion Language Models (Sahoo et al., 2024,
    arXiv:2406.07524).

    Example:
        >>> Geometric().noise(torch.tensor(1.0, dtype=torch.float64)).item()
        1.0
    """

    def __init__(self, smallest: float = 1e-3, largest: float = 20.0) -> None:
        self.smallest = _check.positive("smallest", smallest)
        self.largest = _check.in_range("largest", largest, self.smallest * (1 + 1e-9), 700.0)
        self._ratio = math.log(self.largest / self.smallest)
        self._span = -math.expm1(self.smallest - self.largest)

    def noise(self, t: Tensor) -> Tensor:
        total = self.smallest * torch.exp(self._ratio * t)
        return torch.clamp(-torch.expm1(self.smallest - total) / self._span, 0.0, 1.0)

    def alpha_prime(self, t: Tensor) -> Tensor:
        total = self.smallest * torch.exp(self._ratio * t)
        return -self._ratio * total * torch.exp(self.smallest - total) / self._span

    def time_at_noise(self, level: Tensor) -> Tensor:
        total = self.smallest - torch.log1p(-level * self._span)
        return torch.clamp(torch.log(total / self.smallest) / self._ratio, 0.0, 1.0)

    def settings(self) -> dict[str, object]:
        return {"smallest": self.smallest, "largest": self.largest}
