"""Ridge and logistic regression whose penalty is chosen by leaving out one row at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats

PENALTIES: Floats = 10.0 ** np.arange(-4.0, 7.0)  # of standardised features
_STEPS = 100  # of Newton's method, most
_CLOSE = 1e-10


class Linear(NamedTuple):
    """A linear map of features: `x @ weight + bias`, and the penalty it was fitted with."""

    weight: Floats
    bias: float
    penalty: float

    def __call__(self, features: Floats) -> Floats:
        """Return values, or log-odds, `(N,)` of features `(N, F)`."""
        return np.asarray(features @ self.weight + self.bias)


def ridge(features: Floats, target: Floats, penalty: float | None = None) -> Linear:
    r"""Return the minimiser of $\sum(y-w^\top z-b)^2+\lambda\lVert w\rVert^2$, z standardised.

    Where no penalty is given it is the one of `PENALTIES` with the lowest squared error of rows
    left out, $\sum((y_i-\hat y_i)/(1-h_{ii}))^2$ with h the hat matrix: exact, without refitting.

    Args:
        features: `(N, F)`.
        target: `(N,)`.
        penalty: λ.

    Raises:
        InputError: if there are fewer than 2 rows.

    Example:
        >>> x = np.arange(10.0)[:, None]
        >>> found = ridge(x, 3 * x[:, 0] + 1)
        >>> found(np.array([[20.0]])).round(2).tolist()
        [61.0]
    """
    if len(target) < 2:
        raise InputError(f"target must have 2 rows or more, got {len(target)}")
    z, centre, scale = _standardised(features)
    mean = float(target.mean())
    u, s, vt = np.linalg.svd(z, full_matrices=False)
    rotated = u.T @ (target - mean)
    if penalty is None:
        errors = []
        for candidate in PENALTIES:
            shrink = s**2 / (s**2 + candidate)
            hat = 1.0 / len(z) + (u**2 @ shrink)
            residual = target - mean - u @ (shrink * rotated)
            errors.append(float(np.mean((residual / np.maximum(1.0 - hat, _CLOSE)) ** 2)))
        penalty = float(PENALTIES[int(np.argmin(errors))])
    weight = vt.T @ (s / (s**2 + _check.positive("penalty", penalty)) * rotated) / scale
    return Linear(weight, mean - float(centre @ weight), penalty)


def logistic(features: Floats, target: Floats, penalty: float | None = None) -> Linear:
    r"""Return the minimiser of the log-loss$+\frac\lambda2\lVert w\rVert^2$, z standardised.

    The intercept has no penalty. Where no penalty is given it is the one of `PENALTIES` with the
    lowest log-loss of rows left out, by one Newton step each from the fit to all.

    Args:
        features: `(N, F)`.
        target: of 0 and 1, `(N,)`.
        penalty: λ.

    Raises:
        InputError: if there is only one class.

    Source: A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
    cross-validation (Rad and Maleki, 2020, arXiv:1801.10243).

    Example:
        >>> x = np.array([0.0, 1.0, 2.0, 1.5, 3.0, 4.0])[:, None]
        >>> found = logistic(x, np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), penalty=1e-3)
        >>> (found(np.array([[0.0], [4.0]])) > 0).tolist()
        [False, True]
    """
    if set(np.unique(target)) != {0.0, 1.0}:
        raise InputError("target must hold both classes, 0 and 1")
    z, centre, scale = _standardised(features)
    design = np.concatenate([z, np.ones((len(z), 1))], axis=1)
    if penalty is None:
        losses = [_left_out(design, target, float(candidate)) for candidate in PENALTIES]
        penalty = float(PENALTIES[int(np.argmin(losses))])
    found, _ = _newton(design, target, _check.positive("penalty", penalty))
    weight = found[:-1] / scale
    return Linear(weight, float(found[-1] - centre @ weight), penalty)


def sigmoid(logits: Floats) -> Floats:
    """Return probabilities of log-odds.

    Example:
        >>> sigmoid(np.array([0.0, 800.0])).tolist()
        [0.5, 1.0]
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def _standardised(features: Floats) -> tuple[Floats, Floats, Floats]:
    centre, scale = features.mean(0), features.std(0)
    scale = np.where(scale > _CLOSE, scale, 1.0)
    return (features - centre) / scale, centre, scale


def _log_loss(logits: Floats, target: Floats) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - target * logits))


def _newton(design: Floats, target: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Return the coefficients and the inverse of the Hessian there."""
    ridge_of = np.diag(np.append(np.full(design.shape[1] - 1, penalty), 1e-9))
    found = np.zeros(design.shape[1])

    def value(at: Floats) -> float:
        return _log_loss(design @ at, target) * len(target) + 0.5 * float(at @ ridge_of @ at)

    for _ in range(_STEPS):
        p = sigmoid(design @ found)
        gradient = design.T @ (p - target) + ridge_of @ found
        hessian = (design * (p * (1.0 - p))[:, None]).T @ design + ridge_of
        step = np.linalg.solve(hessian, gradient)
        size, before = 1.0, value(found)
        while value(found - size * step) > before and size > 1e-8:
            size *= 0.5
        found = found - size * step
        if float(np.abs(size * step).max()) < 1e-9:
            break
    p = sigmoid(design @ found)
    hessian = (design * (p * (1.0 - p))[:, None]).T @ design + ridge_of
    return np.asarray(found), np.asarray(np.linalg.inv(hessian))


def _left_out(design: Floats, target: Floats, penalty: float) -> float:
    found, inverse = _newton(design, target, penalty)
    logits = design @ found
    p = sigmoid(logits)
    reach: NDArray[np.float64] = np.einsum("ij,jk,ik->i", design, inverse, design)
    room = np.maximum(1.0 - p * (1.0 - p) * reach, 1e-3)
    return _log_loss(logits + reach * (p - target) / room, target)
