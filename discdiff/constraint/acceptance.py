r"""The chance that independent tokens are accepted, and draws given that they are.

With $p_i$ the law of position $i$ and $\delta$ the transitions,
$\beta_i(q)=\sum_v p_i(v)\,\beta_{i+1}(\delta(q,v))$ is the chance that what follows position $i$
is accepted from state $q$. Backward over positions this gives the chance of the whole,
$\beta_0(q_0)$; forward, tokens drawn in turn from $p_i(v)\,\beta_{i+1}(\delta(q_i,v))$ are an exact
draw of all of them jointly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from discdiff.constraint.automaton import Automaton

_MOST = 2**22  # numbers of the backward messages that are kept at once
_SMALL = 2**12  # states times kinds of tokens that are taken in one operation, not a kind each


@dataclass(frozen=True)
class Messages:
    r"""What the backward pass over B rows of W positions found.

    Attributes:
        beta: $\beta_i$ up to a factor for each row, W + 1 tensors float64 `(S, B)`.
        log_chance: log of the chance that a row is accepted, float64 `(B,)`; -inf where there is
            none.
    """

    beta: list[Tensor]
    log_chance: Tensor


class Acceptance:
    """An automaton as tensors.

    Args:
        automaton: what is accepted.
        device: where rows are.

    Example:
        >>> from discdiff.constraint.regex import compiled
        >>> from discdiff.domain import Alphabet
        >>> held = Acceptance(compiled("A+|C+", Alphabet("AC")), torch.device("cpu"))
        >>> p = torch.full((1, 3, 2), 0.5, dtype=torch.float64)
        >>> filled = torch.ones(1, 3, dtype=torch.bool)
        >>> held.log_chance(p, filled).exp().tolist()
        [0.25]
        >>> u = torch.tensor([[0.7, 0.1, 0.2]], dtype=torch.float64)
        >>> held.draw(p, filled, u)[0].tolist()
        [[1, 1, 1]]
    """

    def __init__(self, automaton: Automaton, device: torch.device) -> None:
        live = np.flatnonzero(automaton.live)
        dead = len(live)  # one for all states from which nothing is accepted: the last
        place = np.full(len(automaton), dead)
        # states that go on alike stand together, so that a kind of token concerns a slice of them
        goes = automaton.live[automaton.transitions[live]]
        columns = np.unique(automaton.transitions[live], axis=1, return_inverse=True)
        order = np.lexsort(np.unique(goes, axis=1).T) if goes.size else np.zeros(0, np.int64)
        live = live[order]
        place[live] = np.arange(dead)
        after = np.vstack([place[automaton.transitions[live]], np.full((1, automaton.size), dead)])
        self.start = int(place[0])
        self.next = torch.from_numpy(after).to(device)
        self.kind = torch.from_numpy(columns[1].reshape(-1)).to(device)  # tokens that act alike
        self._kinds = columns[0].shape[1]
        self._moves = []
        for kind in range(self._kinds):
            targets = after[:, np.flatnonzero(columns[1].reshape(-1) == kind)[0]]
            going = np.flatnonzero(targets < dead)
            if len(going):
                part = slice(int(going[0]), int(going[-1]) + 1)
                self._moves.append((kind, part, torch.from_numpy(targets[part].copy()).to(device)))
        first = np.unique(columns[1].reshape(-1), return_index=True)[1]
        self._targets = torch.from_numpy(np.ascontiguousarray(after[:, first])).to(device)
        self._small = self._targets.numel() <= _SMALL
        accepting = np.append(automaton.accepting[live], False)
        self._accepting = torch.from_numpy(accepting).to(device, torch.float64)

    def log_chance(self, p: Tensor, filled: Tensor) -> Tensor:
        """Return the log-chance that each row is accepted, float64 `(B,)`.

        Args:
            p: laws of the positions, float64 `(B, W, V)`.
            filled: which positions belong to the sequence, bool `(B, W)`.
        """
        parts = [self._backward(p[rows], filled[rows]).log_chance for rows in self._chunks(p)]
        return torch.cat(parts)

    def draw(self, p: Tensor, filled: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return accepted tokens `(B, W)` and the log-chance that a row is accepted, `(B,)`.

        Rows without a chance are drawn as if nothing were asked.

        Args:
            p: laws of the positions, float64 `(B, W, V)`.
            filled: which positions belong to the sequence, bool `(B, W)`.
            u: uniforms float64 `(B, W)`.
        """
        tokens, chances = [], []
        for rows in self._chunks(p):
            found = self._backward(p[rows], filled[rows])
            tokens.append(self._forward(p[rows], filled[rows], u[rows], found.beta))
            chances.append(found.log_chance)
        return torch.cat(tokens), torch.cat(chances)

    def accepted(self, tokens: Tensor, filled: Tensor) -> Tensor:
        """Return which rows of tokens `(B, W)` are accepted, bool `(B,)`."""
        state = torch.full((len(tokens),), self.start, device=tokens.device)
        known = tokens.clamp(max=self.next.shape[1] - 1)
        for i in range(tokens.shape[1]):
            state = torch.where(filled[:, i], self.next[state, known[:, i]], state)
        accepted: Tensor = self._accepting[state] > 0
        return accepted

    def _chunks(self, p: Tensor) -> list[slice]:
        size = max(1, _MOST // ((p.shape[1] + 1) * len(self._accepting)))
        return [slice(first, first + size) for first in range(0, max(len(p), 1), size)]

    def _backward(self, p: Tensor, filled: Tensor) -> Messages:
        rows, width, _ = p.shape
        mass = torch.zeros(rows, width, self._kinds, dtype=p.dtype, device=p.device)
        mass = mass.index_add(2, self.kind, p).permute(1, 2, 0).contiguous()
        certain = _certain(p)
        inside, everywhere = filled.T.contiguous(), filled.all(0).tolist()
        anywhere = filled.any(0).tolist()
        beta = self._accepting[:, None].expand(-1, rows)
        log_scale = torch.zeros(rows, dtype=torch.float64, device=p.device)
        found = [beta]
        for i in range(width - 1, -1, -1):
            if anywhere[i]:
                # scaled by the largest, so that a long row does not underflow
                largest = beta.amax(0)
                scale = torch.where((largest > 0) & inside[i], largest, 1.0)
                log_scale = log_scale + scale.log()
                if certain[i]:
                    chance, kind = mass[i].max(0)
                    before = beta.gather(0, self._targets[:, kind]) * (chance / scale)
                else:
                    before = self._step(beta, mass[i] / scale)
                beta = before if everywhere[i] else torch.where(inside[i], before, beta)
            found.append(beta)
        found.reverse()
        return Messages(found, log_scale + found[0][self.start].log())

    def _step(self, beta: Tensor, chance: Tensor) -> Tensor:
        """Return the messages `(S, B)` one position before `beta`, of kinds' chances `(K, B)`."""
        if self._small:
            targets = self._targets.view(-1)
            terms = beta.index_select(0, targets).view(len(beta), *chance.shape).mul_(chance)
            return terms.cumsum(1)[:, -1]  # in one order, however many rows there are
        before = torch.zeros(beta.shape, dtype=beta.dtype, device=beta.device)
        for kind, part, targets in self._moves:
            before[part].addcmul_(beta.index_select(0, targets), chance[kind])
        return before

    def _forward(self, p: Tensor, filled: Tensor, u: Tensor, beta: list[Tensor]) -> Tensor:
        rows = torch.arange(len(p), device=p.device)
        state = torch.full_like(rows, self.start)
        tokens, certain, likeliest = [], _certain(p), p.argmax(2)
        for i in range(p.shape[1]):
            if certain[i]:
                tokens.append(likeliest[:, i, None])
                after = self.next[state, likeliest[:, i]]
                state = torch.where(filled[:, i], after, state)
                continue
            after = self.next[state]
            weight = p[:, i] * beta[i + 1][after, rows[:, None]]
            weight = torch.where((weight > 0).any(1, keepdim=True), weight, p[:, i])
            cdf = weight.cumsum(1)
            token = torch.searchsorted(cdf, u[:, i, None] * cdf[:, -1:], right=True)
            token = token.clamp(max=p.shape[2] - 1)
            state = torch.where(filled[:, i], after.gather(1, token)[:, 0], state)
            tokens.append(token)
        return torch.cat(tokens, dim=1)


def _certain(p: Tensor) -> list[bool]:
    """Return the positions at which every row's law is one token: they need no sum over tokens."""
    found: list[bool] = ((p > 0).sum(2) == 1).all(0).tolist()
    return found
