r"""Draws under a constraint C, one event at a time, with the weight that makes the law exact.

At a state $x_t$ the network gives a factorised posterior $\prod_i p(x_0^i\mid x_t)$. A whole
$\hat x_0$ is drawn from it given C, and the event's positions follow $q(x_s^i\mid x_t^i,\hat
x_0^i)$. So their law is that of the sampler times $A(x_s)/A(x_t)$, with $A$ the chance that C is
met before the event and after it, and its inverse is the weight. In the last event
$A$ is 1 where C is met: whatever the network, weighted designs follow the sampler's law given C.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from discdiff import random
from discdiff.constraint.constraint import Constraint
from discdiff.constraint.domain import constrained
from discdiff.errors import InputError
from discdiff.process import Process, inverse_cdf
from discdiff.samplers.adjust import adjust, restrict
from discdiff.samplers.plan import Event
from discdiff.samplers.state import State

if TYPE_CHECKING:
    from discdiff.model import Model

_OWN = 1  # of the keys of a draw: what a position becomes, given the whole that was drawn


class Places(NamedTuple):
    """N positions that are still to be drawn: row and column `(N,)`, log-probabilities `(N, V)`."""

    rows: Tensor
    cols: Tensor
    log_p: Tensor


class Held:
    """A constraint on the sequences that a sampler draws.

    Args:
        constraint: what whole sequences must meet.
        model: of the sampler.
        temperature: of the sampler.
        top_p: of the sampler.

    Attributes:
        model: the model whose domain calls other designs invalid, and whose lengths are those in
            which the constraint can be met.

    Raises:
        InputError: if it can be met in none of the model's lengths.
    """

    def __init__(
        self, constraint: Constraint, model: Model, temperature: float, top_p: float
    ) -> None:
        self.constraint, self.process = constraint, model.process
        self.temperature, self.top_p = temperature, top_p
        self.lengths = constraint.automaton.lengths(model.max_length)
        lengths = model.lengths.among(self.lengths.tolist())
        if lengths is None:
            raise InputError(
                "constraint must be met by a sequence of some length that the model writes, at "
                f"most {model.max_length} tokens, got {constraint.keys}"
            )
        self.model = type(model)(
            *(model.denoiser, model.process, constrained(model.domain, constraint), lengths),
            card=model.card,
            frozen_training=model.frozen_training,
        )
        kept = model.lengths.probabilities[torch.from_numpy(self.lengths)].sum()
        self._log_kept = float(kept.log())

    def check_length(self, length: int | None) -> None:
        """Raise `InputError` if no sequence of `length` tokens meets the constraint."""
        if length is not None and length < len(self.lengths) and not self.lengths[length]:
            raise InputError(
                f"length must be one in which the constraint can be met, got {length}: no sequence "
                f"of {length} tokens meets {self.constraint.keys}"
            )

    def begun(self, state: State, *, by_law: bool, fixed: bool) -> State:
        """Return a state that begins, with the weight of its length; 0 where all is lost.

        Args:
            state: rows at the start.
            by_law: whether lengths were drawn from the law of those in which it can be met.
            fixed: whether all rows have the same fixed tokens and alphabets.

        Raises:
            InputError: if these rule out that the constraint is met.
        """
        possible = self.possible(state)
        if fixed and not bool(possible.all()):
            raise InputError(
                f"template must leave room for the constraint {self.constraint.keys}: no sequence "
                "that has its fixed and allowed tokens meets it"
            )
        gain = torch.where(possible, self._log_kept if by_law else 0.0, -torch.inf)
        return replace(state, log_weight=state.log_weight + gain)

    def possible(self, state: State) -> Tensor:
        """Return which rows can meet it, given what is fixed in them, bool `(B,)`."""
        rows, cols = self.process.editable(state.tokens, state.active).nonzero(as_tuple=True)
        law = torch.zeros(len(rows), self.process.vocab_size, device=rows.device)
        alphabet = state.alphabet(rows, cols)
        law = law if alphabet is None else restrict(law, alphabet)
        p = self._known(state.tokens)
        p[rows, cols] = torch.softmax(law.double(), dim=-1)
        filled = state.tokens != self.process.pad_id
        return self.constraint.acceptance(rows.device).log_chance(p, filled) > -torch.inf

    def elsewhere(self, state: State, drawn: Places, log_p: Tensor, family: int) -> Places:
        """Return what is still to be drawn beside the positions of an event.

        Args:
            state: before the event.
            drawn: the positions of the event.
            log_p: the network's log-probabilities `(B / family, W, V)`.
            family: rows that share them.
        """
        left = self.process.editable(state.tokens, state.active) & (state.t > 0)[:, None]
        left[drawn.rows, drawn.cols] = False
        rows, cols = left.nonzero(as_tuple=True)
        law = adjust(log_p[rows // family, cols], self.temperature, self.top_p)
        alphabet = state.alphabet(rows, cols)
        return Places(rows, cols, law if alphabet is None else restrict(law, alphabet))

    def draw(
        self,
        state: State,
        event: Event,
        drawn: Places,
        others: Places | None,
        tilt: tuple[Tensor, Tensor] | None,
        keys: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the tokens `(N,)` that the event draws and the gain in log-weight `(B,)`.

        A row to which the posterior gives no chance of meeting the constraint is drawn as if there
        were none; if it ends so, its weight is 0.

        Args:
            state: before the event.
            event: what happens.
            drawn: its positions, with the laws of clean tokens that are drawn from.
            others: what else is still to be drawn, or None.
            tilt: what a proposal adds to the log-law of the event, and the log-law after that, each
                `(N, V)`, or None. The gain leaves out what it changes.
            keys: of this draw `(B,)`.
        """
        touched, local = torch.unique(drawn.rows, return_inverse=True)
        tokens = state.tokens[touched]
        filled = tokens != self.process.pad_id
        step = _Step(self.process, state, event, drawn)
        p = self._known(state.tokens)
        if others is not None:
            x_t, t = state.tokens[others.rows, others.cols], event.t[others.rows]
            posterior = self.process.x0_posterior(others.log_p, x_t, t)
            p[others.rows, others.cols] = posterior.double().exp()
        p = p[touched]
        after = p.clone()
        p[local, drawn.cols] = step.posterior.exp() if tilt is None else step.proposed(tilt[1])
        acceptance = self.constraint.acceptance(p.device)
        whole, before = acceptance.draw(p, filled, random.uniform(keys[touched], p.shape[1]))
        u = random.uniform_at(random.fold(keys, _OWN)[drawn.rows], drawn.cols)
        token = step.moved(whole[local, drawn.cols], None if tilt is None else tilt[0], u)
        after[local, drawn.cols] = step.informed(token).exp()
        done = tokens.index_put((local, drawn.cols), token)
        final = self._final(event, done, state.active[touched], touched)
        later = torch.full_like(before, -torch.inf)
        later[final & acceptance.accepted(done, filled)] = 0.0
        if bool((~final).any()):
            later[~final] = acceptance.log_chance(after[~final], filled[~final])
        possible = (before > -torch.inf) & (later > -torch.inf)
        gain = torch.where(possible, before - later, 0.0)
        gain = torch.where(final & (later == -torch.inf), -torch.inf, gain)
        return token, torch.zeros_like(state.log_weight).index_copy(0, touched, gain)

    def _final(self, event: Event, done: Tensor, active: Tensor, touched: Tensor) -> Tensor:
        """Return the rows in which nothing is drawn after this event, bool `(B,)`."""
        clock = event.s[touched] == 0
        if event.remask is not None:
            return clock
        return clock | ~self.process.editable(done, active).any(1)

    def _known(self, tokens: Tensor) -> Tensor:
        """Return the laws `(B, W, V)` of positions that are certain of their tokens."""
        size = self.process.vocab_size
        known = torch.nn.functional.one_hot(tokens.clamp(max=size), size + 1)
        return known[..., :size].double()


class _Step:
    """What an event does to N positions, clean tokens and noisy ones taken together."""

    def __init__(self, process: Process, state: State, event: Event, places: Places) -> None:
        self.process = process
        self.x_t = state.tokens[places.rows, places.cols]
        self.t, self.s = event.t[places.rows], event.s[places.rows]
        clean = process.clean_at_event(places.log_p, self.x_t, self.t, self.s)
        self.posterior = clean.double()

    def informed(self, x_s: Tensor) -> Tensor:
        """Return the log-law of clean tokens, `(N, V)`, once the outcome `x_s (N,)` is known."""
        return self._informed(self.posterior, x_s, self.x_t, self.t, self.s)

    def proposed(self, drawn_from: Tensor) -> Tensor:
        """Return the law of the clean tokens from which log-laws of outcomes follow, `(N, V)`."""
        size = drawn_from.shape[-1]
        outcomes = torch.arange(size, device=drawn_from.device).expand(len(drawn_from), size)
        wide = [part[:, None].expand(outcomes.shape) for part in (self.x_t, self.t, self.s)]
        informed = self._informed(self.posterior[:, None], outcomes, *wide)
        return (drawn_from.double().exp()[:, None] @ informed.exp())[:, 0]

    def moved(self, clean: Tensor, ratio: Tensor | None, u: Tensor) -> Tensor:
        """Return outcomes `(N,)` given the clean tokens, by a log-law that `ratio` is added to."""
        known = torch.nn.functional.one_hot(clean, self.process.vocab_size).double().log()
        law = self.process.event_log_probs(known, self.x_t, self.t, self.s)
        if ratio is not None:
            tilted = law + ratio  # where it leaves nothing it is left out, as it was before
            law = torch.where((tilted > -torch.inf).any(-1, keepdim=True), tilted, law)
        return inverse_cdf(law, u)

    def _informed(
        self, posterior: Tensor, x_s: Tensor, x_t: Tensor, t: Tensor, s: Tensor
    ) -> Tensor:
        log_p = posterior + self.process.log_bridge(x_s, x_t, t, s)
        # an outcome that cannot be tells nothing
        return log_p - torch.logsumexp(log_p, dim=-1, keepdim=True).nan_to_num(neginf=0.0)
