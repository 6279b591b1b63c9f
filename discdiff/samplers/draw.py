"""One event of any plan: which tokens are drawn, and what that changes of the law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from discdiff import random
from discdiff.process import Process, inverse_cdf
from discdiff.samplers.adjust import adjust, normalised, restrict
from discdiff.samplers.held import Held, Places
from discdiff.samplers.plan import Event
from discdiff.samplers.state import State

# (state, event, log-law (N, V) of the N positions it draws) -> log-ratio (N, V)
Tilt = Callable[[State, Event, Tensor], Tensor]


@dataclass(frozen=True)
class Draw:
    """Draws the positions of an event from the network's law, adjusted, restricted and tilted.

    Attributes:
        process: of the model.
        temperature: of the sampler.
        top_p: of the sampler.
        held: its constraint, or None.
    """

    process: Process
    temperature: float
    top_p: float
    held: Held | None

    def __call__(
        self,
        state: State,
        event: Event,
        places: Places,
        keys: Tensor,
        tilt: Tilt | None = None,
        others: Places | None = None,
        target: Tilt | None = None,
    ) -> State:
        """Return the state after the event; `log_weight` gains log p - log tau.

        Args:
            state: before the event.
            event: what happens.
            places: its positions and the network's log-probabilities there.
            keys: of this draw `(B,)`.
            tilt: a proposal that the weight undoes.
            others: what else is still to be drawn, which a constraint asks for; None: nothing is.
            target: what the law itself is multiplied by; the weight gains the normaliser.
        """
        rows, cols, log_p = places
        x_t, t, s = state.tokens[rows, cols], event.t[rows], event.s[rows]
        model_law = law = self.process.event_log_probs(log_p, x_t, t, s)
        adjusted = adjust(log_p, self.temperature, self.top_p)
        if adjusted is not log_p:
            log_p, law = adjusted, self.process.event_log_probs(adjusted, x_t, t, s)
        alphabet, drawn_from = state.alphabet(rows, cols), law
        if alphabet is not None:
            log_p = restrict(log_p, alphabet)
            drawn_from = self.process.event_log_probs(log_p, x_t, t, s)
        ratio, gain = None, None
        if target is not None:
            ratio = target(state, event, law)
            law, drawn_from = law + ratio, normalised(drawn_from + ratio, drawn_from)
        if tilt is not None:
            slope = tilt(state, event, drawn_from)
            drawn_from = torch.log_softmax(drawn_from + slope, dim=-1)
            ratio = slope if ratio is None else ratio + slope
        if state.held and self.held is not None:
            proposal = None if ratio is None else (ratio, drawn_from)
            drawn = Places(rows, cols, log_p)
            token, gain = self.held.draw(state, event, drawn, others, proposal, keys)
        else:
            token = inverse_cdf(drawn_from, random.uniform_at(keys[rows], cols))
        tokens = state.tokens.clone()
        tokens[rows, cols] = token
        back = self.process.log_noising(x_t, token, t, s)
        path = state.path.drawn(rows, cols, _at(model_law, token), back)
        if event.remask is not None:
            tokens = torch.where(event.remask, self.process.mask_id, tokens)
            path = path.forgotten(event.remask)
        log_weight = state.log_weight if gain is None else state.log_weight + gain
        if drawn_from is not law:
            change = (_at(law, token) - _at(drawn_from, token)).double()
            log_weight = log_weight.index_add(0, rows, change)
        return replace(
            state,
            tokens=tokens,
            path=path,
            t=event.s,
            log_weight=log_weight,
            event=state.event + 1,
            log_p=None,
        )


def _at(log_law: Tensor, token: Tensor) -> Tensor:
    return log_law.gather(-1, token[:, None])[:, 0]
