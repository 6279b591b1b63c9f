"""A reward: tokens to one number a design, through domain, oracle and objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discdiff.belief import Belief
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.objective import Objective as Terms
from discdiff.objective.filters import REJECTED
from discdiff.oracle import Counts, Metered, Scores, stack
from discdiff.oracle.scores import Floats
from discdiff.relaxed import Relaxed, relaxed_reward, relaxed_values

Objective = Callable[[Scores, Sequence[str], Sequence[str]], Floats]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a reward says of N designs.

    Args:
        reward: float64 `(N,)`; NaN where not scored.
        valid: bool `(N,)`.
        strings: N strings, as decoded.
        scores: the oracle's scores, with status and reasons.
    """

    reward: Tensor
    valid: Tensor
    strings: list[str]
    scores: Scores


class Reward:
    """Decode, score and judge designs; larger is better, NaN is *not scored*, never 0.

    Args:
        domain: decodes tokens; says what is valid.
        oracle: a stack of wrappers (`discdiff.oracle.stack`), or a bare oracle or function, around
            which the default stack is built.
        objective: a callable `(scores, outputs, strings) -> (N,)` such as `Objective`, given
            canonical strings; by default the value of the oracle's only output. The filters of an
            `Objective` that need no score are applied before the oracle is asked.

    Raises:
        InputError: if there is no objective and the oracle has several outputs, or one that is to
            be minimised.

    Example:
        >>> from discdiff.domain import Letters
        >>> dna = Letters("ACGT")
        >>> reward = Reward(dna, lambda strings: [s.count("G") for s in strings])
        >>> reward(dna.encode_batch(["GATG", "CC"])).reward.tolist()
        [2.0, 0.0]
    """

    def __init__(self, domain: Domain, oracle: Any, objective: Objective | None = None) -> None:
        self.domain = domain
        self.oracle = oracle if isinstance(oracle, Metered) else stack(oracle, domain)
        self._plain = objective is None
        self.objective = _only_output(self.oracle) if objective is None else objective
        self._judge, self._lowest = self.objective, np.nan
        if isinstance(self.objective, Terms):
            self._judge = self.objective.after_screens()
            self._lowest = self.objective.rejected

    def __call__(self, tokens: Tensor, belief: Belief | None = None) -> Evaluation:
        """Return the evaluation of int64 `tokens` `(N, L)`; equal rows are evaluated once.

        Args:
            tokens: int64 `(N, L)`.
            belief: what the model says of them, for filters that read it.
        """
        if tokens.ndim != 2:
            raise InputError(f"tokens must be (N, L), got shape {tuple(tokens.shape)}")
        rows = [tuple(row) for row in tokens.tolist()]
        decoded = {row: self.domain.decode(row) for row in dict.fromkeys(rows)}
        return self._evaluate([decoded[row] for row in rows], tokens.device, belief)

    def strings(self, strings: Sequence[str]) -> Evaluation:
        """Return the evaluation of N `strings`."""
        return self._evaluate(list(strings), torch.device("cpu"), None)

    def terms(self, width: int) -> Tensor | None:
        """Return what each token at each position adds, `(W, V)`; None where it is no such sum.

        Methods that draw from such a sum need no evaluations.

        Args:
            width: W.
        """
        return None

    @property
    def relaxed(self) -> Relaxed | None:
        """From rows of probabilities `(N, L, V)` to rewards `(N,)`, with gradients.

        None where an oracle has no `relaxed`, or the objective is a function of one's own. Its
        calls count against no budget.
        """
        values = relaxed_values(self.oracle)
        objective, outputs = self.objective, self.oracle.outputs
        if values is None:
            return None
        if isinstance(objective, Terms):
            return lambda rows: relaxed_reward(objective, outputs, values(rows))
        return (lambda rows: values(rows)[:, 0]) if self._plain else None

    def components(self, evaluation: Evaluation) -> Tensor:
        """Return what Pareto methods compare, float64 `(N, R)`, larger is better.

        The values of an `Objective`'s terms, before aggregation and without any penalty for
        repeats; of another objective its one reward. NaN in rows that have no score, or that a
        filter rejects.

        Args:
            evaluation: what this reward said of N designs.
        """
        objective, scores = self.objective, evaluation.scores
        if not isinstance(objective, Terms):
            return evaluation.reward[:, None]
        spelled = [c or s for c, s in zip(scores.canonical, evaluation.strings, strict=True)]
        values = objective.components(scores, self.oracle.outputs)
        kept = objective.accepted(scores, self.oracle.outputs, spelled) & scores.valid
        kept &= np.array([status != "rejected" for status in scores.status], dtype=np.bool_)
        kept &= ~np.isnan(values).any(axis=1)
        values = np.where(kept[:, None], values, np.nan)
        return torch.from_numpy(values).to(evaluation.reward.device)

    @property
    def counts(self) -> Counts:
        """What was asked of the oracle so far."""
        return self.oracle.counts

    @property
    def exhausted(self) -> bool:
        """Whether the oracle's budget is spent."""
        return self.oracle.exhausted

    def _evaluate(
        self, strings: list[str], device: torch.device, belief: Belief | None
    ) -> Evaluation:
        scores = self._scored(strings, belief)
        spelled = [c or s for c, s in zip(scores.canonical, strings, strict=True)]
        reward = np.asarray(self._judge(scores, self.oracle.outputs, spelled), dtype=np.float64)
        if reward.shape != (len(strings),):
            raise InputError(f"objective must return ({len(strings)},), got shape {reward.shape}")
        reward = np.where(scores.valid, reward, np.nan)
        rejected = np.array([status == "rejected" for status in scores.status], dtype=np.bool_)
        if rejected.any():
            reward = np.where(rejected, self._lowest, reward)
        if np.isinf(reward).any():
            worst = strings[int(np.flatnonzero(np.isinf(reward))[0])]
            raise InputError(f"objective must be finite or NaN, got an infinity for {worst!r}")
        return Evaluation(
            reward=torch.from_numpy(reward).to(device),
            valid=torch.from_numpy(scores.valid.copy()).to(device),
            strings=strings,
            scores=scores,
        )

    def _scored(self, strings: list[str], belief: Belief | None) -> Scores:
        """Return the scores of `strings`, of which filters reject some before the oracle is asked.

        A string is rejected whether or not its scores are known: what a design is worth must not
        depend on what was evaluated before.
        """
        if not (isinstance(self.objective, Terms) and self.objective.screens):
            return self.oracle(strings)
        known = Belief.unknown(len(strings)) if belief is None else belief.cpu()
        valid = [i for i, s in enumerate(strings) if self.domain.invalid_reason(s) is None]
        forms = [self.domain.canonical(strings[i]) for i in valid]
        found = self.objective.screen(forms, known.take(torch.tensor(valid, dtype=torch.int64)))
        why = {i: (form, name) for i, form, name in zip(valid, forms, found, strict=True) if name}
        asked = np.array([i for i in range(len(strings)) if i not in why], dtype=np.int64)
        width = len(self.oracle.outputs)
        reasons = [f"{REJECTED} {name}" for _, name in why.values()]
        blank = Scores.blank(reasons, width, status="rejected", valid=True)
        blank = replace(blank, canonical=tuple(form for form, _ in why.values()))
        self.oracle.note(blank)
        parts = [(np.array(list(why), dtype=np.int64), blank)]
        if len(asked):
            parts.append((asked, self.oracle([strings[i] for i in asked])))
        return Scores.join(parts, len(strings), width)


def _only_output(oracle: Metered) -> Objective:
    if len(oracle.outputs) != 1:
        raise InputError(
            f"oracle {oracle.name!r} has the outputs {', '.join(oracle.outputs)}: "
            "say with an objective how they become one reward"
        )
    if oracle.directions != ("max",):
        raise InputError(
            f"output {oracle.outputs[0]!r} is to be minimised: give an objective, for example "
            f"Objective([Term({oracle.outputs[0]!r}, direction='min')], 'arithmetic_mean')"
        )
    return lambda scores, outputs, strings: scores.values[:, 0]
