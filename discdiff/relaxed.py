r"""Rewards of relaxed designs: rows of probabilities in place of tokens, with gradients.

An oracle takes part by a method `relaxed`: from rows `(N, L, V)` over the V tokens of the domain,
each summing to 1, to values `(N,)` or `(N, R)` in torch, differentiable, equal to its own values
on one-hot rows. All rows of a call have one length. What guidance makes of them steers proposals
and is undone by weights, so they may be rough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from discdiff.errors import OracleError, UnsupportedError
from discdiff.objective import Objective
from discdiff.oracle import Combined, Wrapper
from discdiff.oracle.check import Checked
from discdiff.oracle.flanked import Flanked
from discdiff.oracle.scores import Floats

Relaxed = Callable[[Tensor], Tensor]
_STEP = 1e-4  # of the differences that say how an objective depends on a value


def needed(relaxed: Relaxed | None, asked_by: str, instead: str = "") -> Relaxed:
    """Return the relaxed form of a reward.

    Args:
        relaxed: what the reward has.
        asked_by: what needs it, for the message.
        instead: what to do where there is none.

    Raises:
        UnsupportedError: if there is none.
    """
    if relaxed is None:
        raise UnsupportedError(
            f"{asked_by} needs the gradient of the reward: give every oracle a method "
            "relaxed(rows), from probabilities (N, L, V) to values (N,), and let the objective be "
            f"theirs or made of terms{instead}"
        )
    return relaxed


def relaxed_values(oracle: object, lacking: float | None = None) -> Relaxed | None:
    """Return the map from rows `(N, L, V)` to values `(N, R)`; None where an oracle has none.

    Args:
        oracle: an oracle in any wrappers.
        lacking: the value of each output whose oracle has none, beside others that have.

    Example:
        >>> class Gs:
        ...     def __call__(self, strings): return [s.count("G") for s in strings]
        ...     def relaxed(self, rows): return rows[:, :, 2].sum(1)
        >>> relaxed_values(Checked(Gs()))(torch.full((1, 4, 4), 0.25))
        tensor([[1.]])
    """
    if isinstance(oracle, Combined):
        parts = [relaxed_values(part, lacking) for part in oracle.oracles]
        known = [part for part in parts if part is not None]
        if not known or (lacking is None and len(known) < len(parts)):
            return None
        filled = [
            _constant(lacking or 0.0, len(one.outputs)) if part is None else part
            for one, part in zip(oracle.oracles, parts, strict=True)
        ]
        return lambda rows: torch.cat([part(rows) for part in filled], dim=1)
    if isinstance(oracle, Checked):
        own = getattr(oracle.oracle, "relaxed", None)
        return None if own is None else _checked(own, oracle.name, len(oracle.outputs))
    if not isinstance(oracle, Wrapper):
        return None
    inner = relaxed_values(oracle.oracle, lacking)
    if isinstance(oracle, Flanked) and inner is not None:
        return lambda rows: inner(oracle.rows(rows))
    return inner


def relaxed_reward(objective: Objective, outputs: Sequence[str], values: Tensor) -> Tensor:
    r"""Return rewards `(N,)` of values `(N, R)`, linear in them around where they are.

    Terms and aggregation are those of the objective, their slopes central differences; filters and
    memories are left out.

    Example:
        >>> from discdiff.objective import Term
        >>> values = torch.tensor([[3.0]], requires_grad=True)
        >>> found = relaxed_reward(Objective([Term("x", direction="min")], "min"), ["x"], values)
        >>> found.tolist(), torch.autograd.grad(found.sum(), values)[0].round().tolist()
        ([-3.0], [[-1.0]])
    """
    here = values.detach().cpu().double().numpy()

    def rewards(raw: Floats) -> Floats:
        columns = [term.value(raw[:, list(outputs).index(term.output)]) for term in objective.terms]
        terms = np.stack(columns, axis=1)
        if objective.aggregation.non_negative:
            terms = np.maximum(terms, 0.0)
        return objective.aggregation(terms, objective.weights)

    reward = torch.from_numpy(rewards(here)).to(values)
    for j in range(here.shape[1]):
        step = _STEP * np.maximum(1.0, np.abs(here[:, j]))
        move = step[:, None] * np.eye(here.shape[1])[j]
        slope = (rewards(here + move) - rewards(here - move)) / (2.0 * step)
        away = values[:, j] - values[:, j].detach()
        reward = reward + torch.from_numpy(slope).to(values) * away
    return reward


def _constant(value: float, outputs: int) -> Relaxed:
    return lambda rows: rows.new_full((len(rows), outputs), value)


def _checked(own: Relaxed, name: str, outputs: int) -> Relaxed:
    def values(rows: Tensor) -> Tensor:
        try:
            found = own(rows)
        except Exception as error:  # the plug-in boundary: attributed and chained
            raise OracleError(
                f"relaxed of oracle {name!r} raised {type(error).__name__}: {error}"
            ) from error
        shapes = [(len(rows), outputs)] + [(len(rows),)] * (outputs == 1)
        if not isinstance(found, Tensor) or tuple(found.shape) not in shapes:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise OracleError(
                f"relaxed of oracle {name!r} must return a tensor {shapes[-1]}, got {got}"
            )
        if rows.requires_grad and not found.requires_grad:
            raise OracleError(
                f"relaxed of oracle {name!r} must depend on its rows through torch, its result has "
                "no gradient"
            )
        return found.view(len(rows), outputs)

    return values
