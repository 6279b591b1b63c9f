"""How good predictions are on rows held out, beside what length and composition alone say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from discdiff.domain import Domain
from discdiff.oracle.scores import Floats
from discdiff.predictor.linear import logistic, ridge, sigmoid

_FEW = 10  # rows held out, on fewer of which a correlation means nothing
Measure = Callable[[Floats, Floats], float]
Measured = dict[str, dict[str, float]]  # by method, by measure


def pearson(predicted: Floats, target: Floats) -> float:
    """Return the correlation; NaN where one side is constant.

    Example:
        >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])), 3)
        0.993
    """
    if len(target) < 2 or np.ptp(predicted) == 0 or np.ptp(target) == 0:
        return float("nan")
    a, b = predicted - predicted.mean(), target - target.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def spearman(predicted: Floats, target: Floats) -> float:
    """Return the correlation of the ranks, ties having their mean rank.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 70.0]))
        1.0
    """
    return pearson(rankdata(predicted), rankdata(target))


def r_squared(predicted: Floats, target: Floats) -> float:
    """Return the share of the variance that is explained; below 0 where the mean does better."""
    spread = float(((target - target.mean()) ** 2).sum()) if len(target) else 0.0
    return float("nan") if spread == 0 else 1.0 - float(((predicted - target) ** 2).sum()) / spread


def rmse(predicted: Floats, target: Floats) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((predicted - target) ** 2))) if len(target) else float("nan")


def auc(predicted: Floats, target: Floats) -> float:
    """Return the chance that a positive has a higher score than a negative, ties one half.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.75
    """
    wins, pairs = _wins(predicted, target)
    return wins / pairs if pairs else float("nan")


def length_matched_auc(
    predicted: Floats, target: Floats, lengths: NDArray[np.int64]
) -> tuple[float, int]:
    """Return the AUC over pairs of equal length, and their number.

    What follows from the length alone has 0.5.

    Args:
        predicted: scores `(N,)`.
        target: of 0 and 1 `(N,)`.
        lengths: `(N,)`.

    Example:
        >>> score, label = np.array([1.0, 2.0, 9.0, 8.0]), np.array([0.0, 1.0, 0.0, 1.0])
        >>> length_matched_auc(score, label, np.array([3, 3, 5, 5])), auc(score, label)
        ((0.5, 2), 0.5)
    """
    found = [_wins(predicted[lengths == n], target[lengths == n]) for n in np.unique(lengths)]
    wins, pairs = sum(w for w, _ in found), sum(p for _, p in found)
    return (wins / pairs if pairs else float("nan")), pairs


def _wins(predicted: Floats, target: Floats) -> tuple[float, int]:
    positive = target == 1.0
    count = int(positive.sum())
    ranks = rankdata(predicted)[positive]
    return float(ranks.sum()) - count * (count + 1) / 2.0, count * (len(target) - count)


def log_loss(predicted: Floats, target: Floats) -> float:
    """Return the mean of minus the logarithm of the probability of what is the case, in nats."""
    if not len(target):
        return float("nan")
    p = np.clip(predicted, 1e-7, 1.0 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1.0 - target) * np.log(1.0 - p)))


def lengths_of(strings: Sequence[str], domain: Domain) -> NDArray[np.int64]:
    """Return the numbers of tokens of `strings`, `(N,)`."""
    return np.array([len(domain.split(string)) for string in strings], dtype=np.int64)


def length_features(strings: Sequence[str], domain: Domain) -> Floats:
    """Return what the length-only baseline reads: the length, its square and its logarithm."""
    n = lengths_of(strings, domain).astype(np.float64)
    return np.stack([n, n**2, np.log(np.maximum(n, 1.0))], axis=1)


def composition_features(strings: Sequence[str], domain: Domain) -> Floats:
    """Return what the composition-only baseline reads: the share of every token, `(N, V)`."""
    shares = np.zeros((len(strings), len(domain.alphabet)))
    for row, string in zip(shares, strings, strict=True):
        tokens = [domain.alphabet.index(t) for t in domain.split(string) if t in domain.alphabet]
        np.add.at(row, tokens, 1.0 / max(1, len(tokens)))
    return shares


class Rows(NamedTuple):
    """Strings and their values `(N, R)`, NaN where there is none."""

    strings: Sequence[str]
    values: Floats


def measured(
    outputs: Sequence[str],
    task: str,
    domain: Domain,
    trained: Rows,
    held_out: Rows,
    predicted: Floats,
    others: Mapping[str, Floats] | None = None,
) -> dict[str, Measured]:
    """Return the measures of the predictor and of the baselines, by output, on rows held out.

    Args:
        outputs: names of the R outputs.
        task: ``regression`` or ``classification``.
        domain: of the strings.
        trained: what the baselines are fitted to: the rows that the predictor was.
        held_out: what all are measured on.
        predicted: of the rows held out `(N, R)`.
        others: what further methods predict of them, by name.
    """
    features = {
        "length only": (length_features, trained, held_out),
        "composition only": (composition_features, trained, held_out),
    }
    made = {
        name: (make(here.strings, domain), make(there.strings, domain))
        for name, (make, here, there) in features.items()
    }
    lengths = lengths_of(held_out.strings, domain)
    found: dict[str, Measured] = {}
    for j, output in enumerate(outputs):
        here, there = ~np.isnan(trained.values[:, j]), ~np.isnan(held_out.values[:, j])
        there &= ~np.isnan(predicted[:, j])
        known, target = trained.values[here, j], held_out.values[there, j]
        methods = {"predictor": predicted[there, j]}
        methods |= {name: values[there, j] for name, values in (others or {}).items()}
        methods["mean"] = np.full(len(target), known.mean())
        for name, (fitted_to, asked) in made.items():
            methods[name] = _baseline(task, fitted_to[here], known, asked[there])
        found[output] = {
            name: _measures(task, values, target, lengths[there])
            for name, values in methods.items()
        }
    return found


def _baseline(task: str, features: Floats, target: Floats, asked: Floats) -> Floats:
    if task == "classification":
        return sigmoid(logistic(features, target)(asked))
    return ridge(features, target)(asked)


def _measures(
    task: str, predicted: Floats, target: Floats, lengths: NDArray[np.int64]
) -> dict[str, float]:
    if task == "classification":
        matched, pairs = length_matched_auc(predicted, target, lengths)
        return {
            "AUC": auc(predicted, target),
            "length-matched AUC": matched,
            "pairs of equal length": pairs,
            "log-loss": log_loss(predicted, target),
            "rows": len(target),
            "positives": int(target.sum()),
        }
    return {
        "Pearson": pearson(predicted, target),
        "Spearman": spearman(predicted, target),
        "R2": r_squared(predicted, target),
        "RMSE": rmse(predicted, target),
        "rows": len(target),
    }


def as_markdown(found: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> str:
    """Return the measures as one table in Markdown, and a warning where few rows were held out.

    Example:
        >>> print(as_markdown({"a": {"mean": {"RMSE": 0.5, "rows": 90}}}))
        | output | method | RMSE | rows |
        |---|---|---|---|
        | a | mean | 0.500 | 90 |
    """
    rows = [
        (output, method, numbers)
        for output, methods in found.items()
        for method, numbers in methods.items()
    ]
    names = list(dict.fromkeys(name for *_, numbers in rows for name in numbers))
    lines = [f"| {' | '.join(('output', 'method', *names))} |", "|---" * (len(names) + 2) + "|"]
    for output, method, numbers in rows:
        cells = (_cell(numbers.get(name)) for name in names)
        lines.append(f"| {' | '.join((output, method, *cells))} |")
    fewest = min((numbers.get("rows") or 0 for _, _, numbers in rows), default=_FEW)
    if fewest < _FEW:
        lines += ["", f"Warning: measured on {fewest} rows; on fewer than {_FEW} this says little."]
    return "\n".join(lines)


def _cell(number: float | None) -> str:
    if number is None or number != number:
        return "–"
    return str(number) if isinstance(number, int) else f"{number:.3f}"
