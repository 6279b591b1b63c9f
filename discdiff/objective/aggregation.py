"""Aggregations: from the desirabilities of several terms to one reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats


class Aggregation(Protocol):
    """A callable from values `(N, T)` and weights `(T,)` to `(N,)`; a NaN term gives NaN.

    `non_negative` says that it needs terms of at least 0 and gives nothing below 0;
    `monotone` that it falls in no term, so that terms of at least 0 give at least 0.
    """

    @property
    def non_negative(self) -> bool:
        """Whether it needs terms of at least 0."""

    @property
    def monotone(self) -> bool:
        """Whether it falls in no term."""

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` if the weights make no sense here."""

    def __call__(self, values: Floats, weights: Floats, /) -> Floats: ...


@dataclass(frozen=True)
class ArithmeticMean:
    r"""The weighted mean, $\sum_j w_j x_j / \sum_j w_j$ with $w_j > 0$.

    Example:
        >>> ArithmeticMean()(np.array([[0.0, 1.0]]), np.array([1.0, 3.0])).tolist()
        [0.75]
    """

    non_negative: ClassVar[bool] = False
    monotone: ClassVar[bool] = True

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` unless all weights are greater than 0."""
        _check_positive(weights, "arithmetic_mean")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        return np.asarray((values * weights).sum(axis=1) / weights.sum())


@dataclass(frozen=True)
class GeometricMean:
    r"""The weighted geometric mean, $\exp(\sum_j w_j \ln x_j / \sum_j w_j)$ with $w_j > 0$.

    It is 0 where a term is 0 and needs terms of at least 0.

    Example:
        >>> GeometricMean()(np.array([[0.25, 1.0], [0.0, 1.0]]), np.ones(2)).tolist()
        [0.5, 0.0]
    """

    non_negative: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` unless all weights are greater than 0."""
        _check_positive(weights, "geometric_mean")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        with np.errstate(divide="ignore"):  # log 0 = -inf, and exp gives the 0 back
            return np.asarray(np.exp((np.log(values) * weights).sum(axis=1) / weights.sum()))


@dataclass(frozen=True)
class Product:
    r"""The product, $\prod_j x_j^{w_j}$ with $w_j > 0$; it needs terms of at least 0.

    Example:
        >>> Product()(np.array([[0.5, 0.5]]), np.ones(2)).tolist()
        [0.25]
    """

    non_negative: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` unless all weights are greater than 0."""
        _check_positive(weights, "product")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        return np.asarray(np.prod(values**weights, axis=1))


@dataclass(frozen=True)
class Minimum:
    r"""The worst term, $\min_j x_j$; it takes no weights.

    Example:
        >>> Minimum()(np.array([[0.5, 0.2]]), np.ones(2)).tolist()
        [0.2]
    """

    non_negative: ClassVar[bool] = False
    monotone: ClassVar[bool] = True

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` unless all weights are 1."""
        if (weights != 1).any():
            raise InputError(f"min takes no weights, got {weights.tolist()}")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        return np.asarray(values.min(axis=1))


@dataclass(frozen=True)
class WeightedSum:
    r"""The sum, $\sum_j w_j x_j$, with weights of either sign but not 0.

    Example:
        >>> WeightedSum()(np.array([[2.0, 1.0]]), np.array([1.0, -0.5])).tolist()
        [1.5]
    """

    non_negative: ClassVar[bool] = False
    monotone: ClassVar[bool] = False

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` where a weight is 0."""
        if (weights == 0).any():
            raise InputError(f"weights of weighted_sum must not be 0, got {weights.tolist()}")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        return np.asarray((values * weights).sum(axis=1))


@dataclass(frozen=True)
class Difference:
    r"""The first term less the others, $w_1 x_1 - \sum_{j>1} w_j x_j$ with $w_j > 0$.

    Example:
        >>> Difference()(np.array([[0.9, 0.3]]), np.ones(2)).round(2).tolist()
        [0.6]
    """

    non_negative: ClassVar[bool] = False
    monotone: ClassVar[bool] = False

    def check(self, weights: Floats, /) -> None:
        """Raise `InputError` unless the weights are greater than 0 and there are two or more."""
        _check_positive(weights, "difference")
        if len(weights) < 2:
            raise InputError(f"difference must have at least 2 terms, got {len(weights)}")

    def __call__(self, values: Floats, weights: Floats, /) -> Floats:
        return np.asarray(values[:, 0] * weights[0] - (values * weights)[:, 1:].sum(axis=1))


AGGREGATIONS: dict[str, type[Aggregation]] = {
    "arithmetic_mean": ArithmeticMean,
    "geometric_mean": GeometricMean,
    "product": Product,
    "min": Minimum,
    "weighted_sum": WeightedSum,
    "difference": Difference,
}


def as_aggregation(aggregation: Aggregation | str) -> Aggregation:
    """Return the aggregation of that name, or `aggregation` itself.

    Raises:
        InputError: if the name is unknown; the message lists the names.

    Example:
        >>> as_aggregation("product")
        Product()
    """
    if isinstance(aggregation, str):
        return AGGREGATIONS[_check.one_of("aggregation", aggregation, tuple(AGGREGATIONS))]()
    return aggregation


def _check_positive(weights: Floats, name: str) -> None:
    if (weights <= 0).any():
        raise InputError(f"weights of {name} must be greater than 0, got {weights.tolist()}")
