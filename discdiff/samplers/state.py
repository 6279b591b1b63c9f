"""The state of a batch of designs on their way from noise to sequences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from discdiff import random
from discdiff.belief import Belief
from discdiff.samplers.path import Path

if TYPE_CHECKING:
    from discdiff.process import Process
    from discdiff.samplers.plan import Plan

# purposes of the random numbers below one row key
CHOICE, PRIOR, PLAN, TOKEN, REMASK, CHILD, PREVIEW, SELECT, ROLLOUT = range(9)
# in place of an event's index, which depends on the batch once a row has finished or stopped
END, PAUSE, SWEEP = -1, -2, -3
# fields of a state that do not hold a row for each design, or not for long
_COMMON = frozenset({"plan", "counts", "event", "allowed", "held", "log_p"})


@dataclass
class State:
    """B rows, each with its own clock, plan and key.

    Attributes:
        tokens: int64 `(B, W)`; W does not depend on the batch.
        t: float64 clocks `(B,)`, from 1 (noise) to 0 (finished).
        active: positions that may change, bool `(B, W)`.
        lengths: int64 `(B,)`, on the host.
        keys: int64 row keys `(B,)`: they belong to the slot, not to the ancestor.
        plan: what happens when.
        log_weight: float64 `(B,)`, every change of law so far.
        path: what the model's opinion of each row follows from.
        counts: shared by all states of one run: `nfe`, `nfe_grad`, `relaxed`.
        event: index of the next event, the time of sequential Monte Carlo.
        allowed: alphabets per position of T templates, bool `(T, W, V)`, or None.
        layout: which of the templates a row has, int64 `(B,)`, or None.
        cond: int64 classes `(B,)`, or None.
        held: whether draws keep to the sampler's constraint.
        log_p: the network's log-probabilities `(B, W, V)` for the present tokens, where a pass has
            been made.
    """

    tokens: Tensor
    t: Tensor
    active: Tensor
    lengths: np.ndarray
    keys: Tensor
    plan: Plan
    log_weight: Tensor
    path: Path
    counts: Counter[str]
    event: int = 0
    allowed: Tensor | None = None
    layout: Tensor | None = None
    cond: Tensor | None = None
    held: bool = False
    log_p: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def uniforms(self, purpose: int, rows: Tensor, cols: Tensor) -> Tensor:
        """Return float64 uniforms for positions `(rows, cols)` at this event."""
        return random.uniform_at(self.purpose_keys(purpose)[rows], cols)

    def purpose_keys(self, purpose: int, event: int | None = None) -> Tensor:
        """Return the keys `(B,)` of `purpose` at this event, or at `event` when given."""
        return random.fold(random.fold(self.keys, self.event if event is None else event), purpose)

    def alphabet(self, rows: Tensor, cols: Tensor) -> Tensor | None:
        """Return which tokens may stand at positions `(rows, cols)`, bool `(N, V)`; None: all."""
        if self.allowed is None or self.layout is None:
            return None
        return self.allowed[self.layout[rows], cols]

    def belief(self, process: Process) -> Belief:
        """Return what the model says of the rows, which are finished."""
        return self.path.belief(process, self.tokens, self.active)

    def gather(self, index: Tensor, keys: Tensor | None = None) -> State:
        """Return the rows `index (N,)`, with `keys` in place of their own when given."""
        host = index.cpu().numpy()
        return replace(
            self,
            tokens=self.tokens[index],
            t=self.t[index],
            active=self.active[index],
            lengths=self.lengths[host],
            keys=self.keys[index] if keys is None else keys,
            plan=self.plan.take(host),
            log_weight=self.log_weight[index],
            path=self.path.gather(index),
            layout=None if self.layout is None else self.layout[index],
            cond=None if self.cond is None else self.cond[index],
            log_p=None if self.log_p is None else self.log_p[index],
        )

    def beside(self, other: State, plan: Plan) -> State:
        """Return these rows and then those of `other`, which has the same templates."""
        rows = {
            name: _stacked(getattr(self, name), getattr(other, name))
            for name in (one.name for one in fields(self))
            if name not in _COMMON
        }
        return replace(self, **rows, plan=plan, log_p=None)

    def branch(self, children: int) -> State:
        """Return `children` copies of every row, side by side, with keys of their own."""
        rows = torch.arange(len(self), device=self.tokens.device).repeat_interleave(children)
        number = torch.arange(children, device=self.tokens.device).repeat(len(self))
        return self.gather(rows, random.fold(self.purpose_keys(CHILD)[rows], number))


def _stacked(above: Any, below: Any) -> Any:
    if above is None:
        return None
    if isinstance(above, Path):
        return above.beside(below)
    if isinstance(above, np.ndarray):
        return np.concatenate([above, below])
    return torch.cat([above, below])
