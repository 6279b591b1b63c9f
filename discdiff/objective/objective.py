"""An objective: from an oracle's scores to one reward a design."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from discdiff import _check
from discdiff.belief import Belief
from discdiff.errors import InputError
from discdiff.objective.aggregation import Aggregation, as_aggregation
from discdiff.objective.filters import BeliefFilter, Diversity, Filter
from discdiff.objective.transform import Identity, Transform
from discdiff.oracle.scores import Bools, Floats, Scores


@dataclass(frozen=True)
class Term:
    """One output's part in an objective.

    Its value is T(x); for an output to be minimised 1 - T(x) where T is bounded in [0, 1], else
    -T(x).

    Args:
        output: name of the oracle's output.
        transform: T, from the oracle's units to a desirability.
        weight: its weight in the aggregation.
        direction: ``max`` or ``min``.

    Raises:
        InputError: if an argument is of the wrong kind.

    Example:
        >>> Term("sa", direction="min").value(np.array([2.5])).tolist()
        [-2.5]
    """

    output: str
    transform: Transform = field(default_factory=Identity)
    weight: float = 1.0
    direction: str = "max"

    def __post_init__(self) -> None:
        if not isinstance(self.output, str) or not self.output:
            raise InputError(f"output must be the name of an oracle's output, got {self.output!r}")
        if not callable(self.transform):
            raise InputError(f"transform must be a Transform, got {self.transform!r}")
        _check.finite(f"weight of {self.output!r}", self.weight)
        _check.one_of(f"direction of {self.output!r}", self.direction, ("max", "min"))

    @property
    def bounded(self) -> bool:
        """Whether its values lie in [0, 1]."""
        return bool(getattr(self.transform, "bounded", False))

    def value(self, x: Floats) -> Floats:
        """Return the term's value `(N,)` for raw values `(N,)`."""
        transformed = self.transform(x)
        if self.direction == "max":
            return transformed
        return 1.0 - transformed if self.bounded else -transformed


class Objective:
    """The reward of a design: its terms aggregated, 0 where a filter rejects it, less repeats.

    The reward is NaN where an output that a term or a filter needs is NaN: invalid, failed and
    not evaluated designs have no reward, which is not a reward of 0.

    Args:
        terms: at least one `Term`, each with an output of the oracle.
        aggregation: name or object: ``arithmetic_mean``, ``geometric_mean``, ``product``, ``min``,
            ``weighted_sum`` or ``difference``.
        filters: rules that reject a design. Those that read no output are decided by `screen`,
            before a `Reward` asks the oracle; a call decides those of strings as well, but not
            those of what the model says, which scores do not hold.
        diversity: lowers the reward of what was found before.
        rejected: the reward of a rejected design; by default 0, the lowest there is, and to be
            given where the aggregation can go below 0.

    Raises:
        InputError: if there are no terms, weights do not suit the aggregation, or `rejected` is
            needed and missing.

    Example:
        >>> from discdiff.objective.transform import Linear
        >>> objective = Objective([Term("qed"), Term("sa", Linear(10, 1))], "product")
        >>> scores = Scores.of(np.array([[0.9, 1.0], [0.5, np.nan]]))
        >>> objective(scores, ["qed", "sa"], ["CCO", "CCC"]).tolist()
        [0.9, nan]
    """

    def __init__(
        self,
        terms: Sequence[Term],
        aggregation: Aggregation | str = "geometric_mean",
        filters: Sequence[Filter] = (),
        diversity: Diversity | None = None,
        rejected: float | None = None,
    ) -> None:
        if not terms:
            raise InputError("terms must hold at least one Term, got none")
        self.terms = tuple(terms)
        self.aggregation = as_aggregation(aggregation)
        self.filters = tuple(filters)
        self.diversity = diversity
        self.weights = np.array([term.weight for term in terms], dtype=np.float64)
        self.aggregation.check(self.weights)
        for term in self.terms:
            if self.aggregation.non_negative and term.direction == "min" and not term.bounded:
                raise InputError(
                    f"term {term.output!r} must not be negative here: give what is to be low a "
                    "transform into [0, 1], such as sigmoid or linear, whose complement is rewarded"
                )
        self.rejected = self._lowest(rejected)

    def __call__(self, scores: Scores, outputs: Sequence[str], strings: Sequence[str]) -> Floats:
        """Return the rewards `(N,)`.

        Args:
            scores: N rows of scores.
            outputs: the names of their columns.
            strings: N strings, canonical where valid, for filters and the diversity memory.

        Raises:
            InputError: if an output is missing, or a term is negative where it must not be.
        """
        values = self.components(scores, outputs)
        reward = self.aggregation(values, self.weights)
        unknown = np.isnan(values).any(axis=1)
        for rule in self.filters:
            unknown |= np.isnan(_columns(scores, outputs, rule.outputs)).any(axis=1)
        reward = np.where(self.accepted(scores, outputs, strings), reward, self.rejected)
        reward = np.where(unknown, np.nan, reward)
        if self.diversity is not None:
            known = np.flatnonzero(~unknown).tolist()
            reward[known] = self.diversity.penalise([strings[i] for i in known], reward[known])
        return reward

    @property
    def screens(self) -> tuple[Filter, ...]:
        """The filters that need no score, so that a reward applies them first."""
        return tuple(rule for rule in self.filters if not rule.outputs)

    def screen(self, strings: Sequence[str], belief: Belief) -> list[str]:
        """Return which filter rejects each of N designs before it is scored; "" where none does.

        Args:
            strings: N canonical strings.
            belief: what the model says of them.

        Raises:
            InputError: if a filter reads what the model says, and that is not known.
        """
        reasons = [""] * len(strings)
        for rule in self.screens:
            left = [i for i, reason in enumerate(reasons) if not reason]
            passes = rule(_read(rule, belief, left), [strings[i] for i in left])
            for i in np.asarray(left, dtype=np.int64)[~passes].tolist():
                reasons[i] = _name(rule)
        return reasons

    def after_screens(self) -> Objective:
        """Return this objective for designs that have passed its screens."""
        if not self.screens:
            return self
        left = copy.copy(self)
        left.filters = tuple(rule for rule in self.filters if rule.outputs)
        return left

    def components(self, scores: Scores, outputs: Sequence[str]) -> Floats:
        """Return the values of the terms `(N, T)`, larger is better: what Pareto methods compare.

        Raises:
            InputError: if an output is missing, or a term is negative where it must not be.
        """
        raw = _columns(scores, outputs, [term.output for term in self.terms])
        values = np.stack([term.value(raw[:, j]) for j, term in enumerate(self.terms)], axis=1)
        if self.aggregation.non_negative and (values < 0).any():
            row, column = np.argwhere(values < 0)[0]
            raise InputError(
                f"term {self.terms[column].output!r} must be at least 0 for "
                f"{type(self.aggregation).__name__}, got {values[row, column]:g}; give it a "
                "transform such as Sigmoid"
            )
        return values

    def rejections(
        self, scores: Scores, outputs: Sequence[str], strings: Sequence[str]
    ) -> list[str]:
        """Return which filter rejects each of N designs, by what it reads; "" where none does."""
        reasons = [""] * len(scores)
        for rule in self._decidable:
            values = _columns(scores, outputs, rule.outputs)
            known = ~np.isnan(values).any(axis=1)
            for i in np.flatnonzero(known & ~rule(values, strings)):
                reasons[i] = reasons[i] or _name(rule)
        return reasons

    def accepted(self, scores: Scores, outputs: Sequence[str], strings: Sequence[str]) -> Bools:
        """Return `(N,)`, True where every filter passes; a missing output does not pass."""
        passes = np.ones(len(scores), dtype=bool)
        for rule in self._decidable:
            passes &= rule(_columns(scores, outputs, rule.outputs), strings)
        return passes

    @property
    def _decidable(self) -> list[Filter]:
        """The filters that scores and strings decide: what the model says is not known here."""
        return [rule for rule in self.filters if not isinstance(rule, BeliefFilter)]

    def _lowest(self, rejected: float | None) -> float:
        if rejected is not None:
            return _check.finite("rejected", rejected)
        at_least_0 = all(term.bounded for term in self.terms) and self.aggregation.monotone
        if self.filters and not (self.aggregation.non_negative or at_least_0):
            raise InputError(
                "rejected must be given: a term without a transform can go below 0, so say what "
                "reward a rejected design gets, such as rejected=0"
            )
        return 0.0


def _name(rule: Filter) -> str:
    return "_".join(rule.outputs) or str(getattr(rule, "name", type(rule).__name__))


def _read(rule: Filter, belief: Belief, rows: Sequence[int]) -> Floats:
    """Return what `rule` reads of the model's opinion: `(N, 1)`, or `(N, 0)` where nothing."""
    if not isinstance(rule, BeliefFilter):
        return np.empty((len(rows), 0))
    found: Floats = getattr(belief, rule.name).cpu().numpy()
    return found[np.asarray(rows, dtype=np.int64), None]


def _columns(scores: Scores, outputs: Sequence[str], wanted: Sequence[str]) -> Floats:
    places = []
    for name in wanted:
        if name not in outputs:
            hint = _check.suggestion(name, outputs)
            raise InputError(f"output must be one of {', '.join(outputs)}, got {name!r}.{hint}")
        places.append(list(outputs).index(name))
    return scores.values[:, places]
