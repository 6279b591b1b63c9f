"""Transforms: from an oracle's own units to desirabilities, mostly in [0, 1]; NaN stays NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats


class Transform(Protocol):
    """A callable from `(N,)` to `(N,)`; `bounded` says that its values lie in [0, 1]."""

    @property
    def bounded(self) -> bool:
        """Whether its values lie in [0, 1]."""

    def __call__(self, x: Floats, /) -> Floats: ...


@dataclass(frozen=True)
class Identity:
    """The value itself, f(x) = x.

    Example:
        >>> Identity()(np.array([1.5])).tolist()
        [1.5]
    """

    bounded: ClassVar[bool] = False

    def __call__(self, x: Floats, /) -> Floats:
        return x


@dataclass(frozen=True)
class Sigmoid:
    r"""Rises from 0 to 1 around the middle of `[low, high]`.

    $f(x) = 1 / (1 + 10^{-10 k (x - (low + high)/2) / (high - low)})$

    Args:
        low: lower end of the rise.
        high: upper end, greater than `low`.
        k: steepness, greater than 0; at 0.5 the ends are at 0.003 and 0.997.

    Raises:
        InputError: if `low >= high` or `k <= 0`.

    Source: REINVENT 4: modern AI-driven generative molecule design (Loeffler et al., 2024)

    Example:
        >>> Sigmoid(0, 10)(np.array([0.0, 5.0, 10.0])).round(3).tolist()
        [0.003, 0.5, 0.997]
    """

    low: float
    high: float
    k: float = 0.5
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _check.positive("k", self.k)

    def __call__(self, x: Floats, /) -> Floats:
        middle = (self.low + self.high) / 2
        return _logistic10(x - middle, 10 * self.k / (self.high - self.low))


@dataclass(frozen=True)
class ReverseSigmoid:
    r"""Falls from 1 to 0 around the middle of `[low, high]`: one minus `Sigmoid`.

    $f(x) = 1 / (1 + 10^{10 k (x - (low + high)/2) / (high - low)})$

    Args:
        low: lower end of the fall.
        high: upper end, greater than `low`.
        k: steepness, greater than 0.

    Raises:
        InputError: if `low >= high` or `k <= 0`.

    Source: REINVENT 4: modern AI-driven generative molecule design (Loeffler et al., 2024)

    Example:
        >>> ReverseSigmoid(1, 10)(np.array([1.0, 10.0])).round(3).tolist()
        [0.997, 0.003]
    """

    low: float
    high: float
    k: float = 0.5
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _check.positive("k", self.k)

    def __call__(self, x: Floats, /) -> Floats:
        middle = (self.low + self.high) / 2
        return _logistic10(middle - x, 10 * self.k / (self.high - self.low))


@dataclass(frozen=True)
class DoubleSigmoid:
    r"""Near 1 between `low` and `high`, falling to 0 on both sides.

    $f(x) = 1/(1 + 10^{-(x - low)\,coef\_si/coef\_div})$ below the centre $(low + high)/2$ and
    $1/(1 + 10^{(x - high)\,coef\_se/coef\_div})$ from the centre on; 1/2 at `low` and at `high`.

    Args:
        low: lower edge.
        high: upper edge, greater than `low`.
        coef_div: scale of x, greater than 0.
        coef_si: steepness of the lower edge, greater than 0.
        coef_se: steepness of the upper edge, greater than 0.

    Raises:
        InputError: if `low >= high` or a coefficient is not greater than 0.

    Source: REINVENT 4: modern AI-driven generative molecule design (Loeffler et al., 2024)

    Example:
        >>> weight = DoubleSigmoid(200, 500, coef_div=500, coef_si=20, coef_se=20)
        >>> weight(np.array([100.0, 200.0, 350.0, 500.0])).round(3).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """

    low: float
    high: float
    coef_div: float = 100.0
    coef_si: float = 150.0
    coef_se: float = 150.0
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        for name in ("coef_div", "coef_si", "coef_se"):
            _check.positive(name, getattr(self, name))

    def __call__(self, x: Floats, /) -> Floats:
        rising = x < (self.low + self.high) / 2
        steepness = np.where(rising, self.coef_si, self.coef_se) / self.coef_div
        return _logistic10(np.where(rising, x - self.low, self.high - x), steepness)


@dataclass(frozen=True)
class Linear:
    r"""A straight line, clipped: 0 at `low`, 1 at `high`; it falls where `low > high`.

    $f(x) = \min(\max((x - low) / (high - low), 0), 1)$

    Args:
        low: where the value is 0.
        high: where the value is 1, different from `low`.

    Raises:
        InputError: if `low` and `high` are equal.

    Example:
        >>> Linear(low=10, high=1)(np.array([1.0, 5.5, 12.0])).tolist()
        [1.0, 0.5, 0.0]
    """

    low: float
    high: float
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if _check.finite("low", self.low) == _check.finite("high", self.high):
            raise InputError(f"high must differ from low, got {self.high!r} for both")

    def __call__(self, x: Floats, /) -> Floats:
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)


@dataclass(frozen=True)
class ExponentialDecay:
    r"""1 up to 0, and a decay from there.

    $f(x) = \exp(-k \max(x, 0))$

    Args:
        k: rate, greater than 0.

    Raises:
        InputError: if `k <= 0`.

    Source: REINVENT 4: modern AI-driven generative molecule design (Loeffler et al., 2024)

    Example:
        >>> ExponentialDecay(k=0.5)(np.array([-1.0, 0.0, 2.0])).round(4).tolist()
        [1.0, 1.0, 0.3679]
    """

    k: float
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check.positive("k", self.k)

    def __call__(self, x: Floats, /) -> Floats:
        with np.errstate(under="ignore"):  # far away it is 0
            return np.asarray(np.exp(-self.k * np.maximum(x, 0.0)))


@dataclass(frozen=True)
class Step:
    r"""1 inside `[low, high]`, 0 outside.

    $f(x) = 1$ if $low \le x \le high$, else 0

    Args:
        low: lower edge, included; None for no lower edge.
        high: upper edge, included; None for no upper edge.

    Raises:
        InputError: if both are None or `low > high`.

    Example:
        >>> Step(low=1)(np.array([0.5, 1.0, np.nan])).tolist()
        [0.0, 1.0, nan]
    """

    low: float | None = None
    high: float | None = None
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        edges(self.low, self.high)

    def __call__(self, x: Floats, /) -> Floats:
        low, high = edges(self.low, self.high)
        inside = ((x >= low) & (x <= high)).astype(np.float64)
        return np.where(np.isnan(x), np.nan, inside)


@dataclass(frozen=True)
class Gaussian:
    r"""A bell of height 1.

    $f(x) = \exp(-((x - mu)/sigma)^2 / 2)$

    Args:
        mu: where the value is 1.
        sigma: width, greater than 0.

    Raises:
        InputError: if `sigma <= 0`.

    Example:
        >>> Gaussian(mu=3, sigma=1)(np.array([3.0, 4.0])).round(4).tolist()
        [1.0, 0.6065]
    """

    mu: float
    sigma: float
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check.finite("mu", self.mu)
        _check.positive("sigma", self.sigma)

    def __call__(self, x: Floats, /) -> Floats:
        return _bell(x - self.mu, self.sigma)


@dataclass(frozen=True)
class Band:
    r"""1 inside a target band, a Gaussian in the distance to it outside.

    $f(x) = \exp(-(d/width)^2/2)$ with $d = \max(low - x, x - high, 0)$. The place of a model
    log-likelihood or of a distance to known designs: neither as large nor as small as possible.

    Args:
        low: lower edge; None for no lower edge.
        high: upper edge; None for no upper edge.
        width: distance from the band at which the value is 0.61, greater than 0.

    Raises:
        InputError: if both edges are None, `low > high` or `width <= 0`.

    Example:
        >>> Band(low=-60, high=-40, width=10)(np.array([-50.0, -30.0])).round(4).tolist()
        [1.0, 0.6065]
    """

    low: float | None = None
    high: float | None = None
    width: float = 1.0
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        edges(self.low, self.high)
        _check.positive("width", self.width)

    def __call__(self, x: Floats, /) -> Floats:
        low, high = edges(self.low, self.high)
        distance = np.maximum(np.maximum(low - x, x - high), 0.0)
        return _bell(distance, self.width)


def edges(
    low: float | None, high: float | None, names: tuple[str, str] = ("low", "high")
) -> tuple[float, float]:
    """Return a closed interval, None meaning no edge; raises `InputError` if it is none or empty.

    Example:
        >>> edges(None, 3)
        (-inf, 3.0)
    """
    if low is None and high is None:
        raise InputError(f"{names[0]} or {names[1]} must be given, got neither")
    lower = -np.inf if low is None else _check.finite(names[0], low)
    upper = np.inf if high is None else _check.finite(names[1], high)
    if lower > upper:
        raise InputError(
            f"{names[1]} must be at least {names[0]}, got {names[0]}={low!r} and "
            f"{names[1]}={high!r}"
        )
    return lower, upper


def _check_order(low: float, high: float) -> None:
    if _check.finite("low", low) >= _check.finite("high", high):
        raise InputError(f"high must be greater than low, got low={low!r} and high={high!r}")


def _logistic10(distance: Floats, steepness: Floats | float) -> Floats:
    """1 / (1 + 10^(-steepness distance)), precise in both tails."""
    with np.errstate(over="ignore", under="ignore"):  # it saturates at 0 and 1, as it should
        exponent = np.log(10.0) * steepness * distance
        tail = np.exp(-np.abs(exponent))
        return np.asarray(np.where(exponent >= 0, 1.0 / (1.0 + tail), tail / (1.0 + tail)))


def _bell(distance: Floats, width: float) -> Floats:
    """exp(-(distance / width)^2 / 2)."""
    with np.errstate(over="ignore", under="ignore"):  # far away it is 0
        return np.asarray(np.exp(-0.5 * (distance / width) ** 2))
