"""The one engine that runs every plan on every process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.constraint.constraint import Asked, Constraint
from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Templates
from discdiff.samplers.adjust import adjust
from discdiff.samplers.draw import Draw, Tilt
from discdiff.samplers.forward import evaluate
from discdiff.samplers.held import Held, Places
from discdiff.samplers.path import Path
from discdiff.samplers.plan import Event, Finished, Ints, Plan
from discdiff.samplers.samples import Samples
from discdiff.samplers.start import Seeds, beginning
from discdiff.samplers.state import PAUSE, PREVIEW, TOKEN, State
from discdiff.unclocked import in_any_order

if TYPE_CHECKING:
    from discdiff.model import Model


class Sampler(ABC):
    """Turns noise into sequences by the events of a plan.

    Args:
        model: denoiser, process, domain and length law.
        temperature: divides the network's log-probabilities; 1 leaves the law alone.
        top_p: keeps the smallest set of tokens whose mass reaches it, renormalised; 1 keeps all.
        constraint: what every design must meet (`Constraint`), or None.

    Raises:
        InputError: if an argument is out of range, or no design can meet the constraint.
        UnsupportedError: if the plan is not defined for the model's process.

    Law: that of the plan; `temperature` and `top_p` change the target, and say so by their value.
    With a constraint, weighted designs follow that law given that it is met.
    """

    processes: ClassVar[tuple[str, ...]] = ("masked", "uniform")
    remasks: ClassVar[bool] = False  # whether tokens that were drawn may be masked again

    def __init__(
        self,
        model: Model,
        temperature: float = 1.0,
        top_p: float = 1.0,
        constraint: Asked = None,
    ) -> None:
        if model.process.kind not in self.processes and "masked" in self.processes:
            model = in_any_order(model, type(self).__name__)
        if model.process.kind not in self.processes:
            raise UnsupportedError(
                f"{type(self).__name__} needs a {' or '.join(self.processes)} process, "
                f"got {model.process.kind}"
            )
        self.model = model
        self.process = model.process
        self.temperature = _check.positive("temperature", temperature)
        self.top_p = _check.positive("top_p", top_p)
        _check.fraction("top_p", top_p)
        self.constraint = Constraint.of(constraint, model.domain)
        self._held = None
        if self.constraint is not None:
            self._held = Held(self.constraint, model, self.temperature, self.top_p)
            self.model = self._held.model
        self._draw = Draw(self.process, self.temperature, self.top_p, self._held)

    @abstractmethod
    def plan(self, state: State) -> Plan:
        """Draw the plan of a state that starts now."""

    def init(
        self,
        n: int,
        *,
        particles: int = 1,
        key: int | None = None,
        generator: torch.Generator | None = None,
        first_design: int = 0,
        length: int | None = None,
        template: Templates | None = None,
        seeds: Seeds | None = None,
        cond: int | None = None,
        length_per_design: bool = False,
    ) -> State:
        """Return n × `particles` rows of noise; the rows of a design stand side by side.

        Args:
            n: designs.
            particles: slots per design.
            key: the run's key; drawn from `generator` when None.
            generator: source of the key.
            first_design: index of the first design, so that shards of a run agree with the whole.
            length: tokens per design; drawn from the model's length law when None.
            template: fixed tokens and per-position alphabets of the first positions; its length is
                that of the design where none is given. Of several, each design draws one; with
                gaps, the length of each gap.
            seeds: strings to start from in place of noise.
            cond: class for a conditional network.
            length_per_design: draw one length, template or seed for all slots of a design.
        """
        n = _check.positive_int("n", n)
        particles = _check.positive_int("particles", particles)
        key = random.new_key(generator) if key is None else key
        device = next(iter(self.model.denoiser.buffers()), torch.empty(0)).device
        weights = next(iter(self.model.denoiser.parameters()), None)
        device = device if weights is None else weights.device
        design = torch.arange(first_design, first_design + n, device=device)
        design = design.repeat_interleave(particles)
        slot = torch.arange(particles, device=device).repeat(n)
        keys = random.row_keys(key, design, slot)
        shared = random.row_keys(key, design, torch.zeros_like(slot))
        choice = shared if length_per_design else keys
        if self._held is not None:
            self._held.check_length(length)
        begin = beginning(self.model, keys, choice, length, template, seeds)
        classes = None
        if cond is not None:
            self._check_class(cond)
            classes = torch.full((len(keys),), cond, device=device)
        state = self.start(
            begin.x_t,
            begin.t,
            begin.active,
            keys=keys,
            allowed=begin.allowed,
            layout=begin.layout,
            cond=classes,
        )
        if self._held is None:
            return state
        free = length is None and template is None and seeds is None
        return self._held.begun(state, by_law=free, fixed=isinstance(template, Template))

    def _check_class(self, cond: int) -> None:
        classes = getattr(self.model.denoiser, "classes", 0)  # a plain module may have none
        if not classes:
            raise UnsupportedError(f"cond must be None for a model without classes, got {cond}")
        if not 0 <= cond < classes:
            raise InputError(f"cond must be a class in [0, {classes}), got {cond}")

    def start(
        self,
        x_t: Tensor,
        t: Tensor,
        active: Tensor,
        *,
        keys: Tensor,
        allowed: Tensor | None = None,
        layout: Tensor | None = None,
        cond: Tensor | None = None,
        held: bool = True,
    ) -> State:
        """Return the state that continues from any noisy tokens at any time.

        Args:
            x_t: int64 tokens `(B, W)`.
            t: clocks `(B,)` in [0, 1].
            active: positions that may change, bool `(B, W)`.
            keys: int64 row keys `(B,)`.
            allowed: per-position alphabets, bool `(W, V)`, of T templates `(T, W, V)`, or None.
            layout: which of T templates each row has, `(B,)`; None where there is one.
            cond: int64 classes `(B,)`, or None.
            held: whether draws keep to the sampler's constraint, if it has one.
        """
        if x_t.shape != active.shape or t.shape != x_t.shape[:1] or keys.shape != t.shape:
            raise InputError(
                "x_t and active must be (B, W), t and keys (B,), got shapes "
                f"{tuple(x_t.shape)}, {tuple(active.shape)}, {tuple(t.shape)}, {tuple(keys.shape)}"
            )
        zeros = torch.zeros(len(x_t), dtype=torch.float64, device=x_t.device)
        if allowed is not None and layout is None:
            allowed, layout = allowed.view(1, *allowed.shape[-2:]), zeros.long()
        state = State(
            tokens=x_t,
            t=t.to(torch.float64),
            active=active,
            lengths=(x_t != self.process.pad_id).sum(1).cpu().numpy(),
            keys=keys,
            plan=Finished(),
            log_weight=zeros,
            path=Path.begin(x_t, t.to(torch.float64)),
            counts=Counter(),
            allowed=allowed,
            layout=layout,
            cond=cond,
            held=held and self._held is not None,
        )
        return replace(state, plan=self.plan(state))

    @torch.no_grad()
    def step(
        self,
        state: State,
        branch: int = 1,
        tilt: Tilt | None = None,
        stop: float = 0.0,
        target: Tilt | None = None,
    ) -> State:
        """Return the state after the next event, with `branch` children for every row.

        Children of one parent stand side by side. With several, the remaining plan of each is drawn
        afresh, so the order of reveals is part of the proposal. `log_weight` gains
        log p - log tau wherever a template, a constraint or `tilt` changes the law that is drawn
        from. What `target` changes is the law itself: p is multiplied by its ratio and not
        normalised, so the weight gains the normaliser.
        """
        parent = state
        # a network that reads the clock has no pass that serves events at other times
        anew = self.model.denoiser.needs_time and state.plan.jumps
        if branch > 1:
            if parent.log_p is None and not anew:
                parent = replace(parent, log_p=self.log_p(parent))
            state = replace(parent, log_p=None).branch(branch)
            state = replace(state, plan=state.plan.renew(state, ~state.plan.done(state, stop)))
        event = state.plan.event(state, stop)
        rows, cols = self._on_device(event.rows, state), self._on_device(event.cols, state)
        full, family = None, branch
        if state.held and anew:
            full, family = self._table(state, event.t), 1
        elif not anew and (state.plan.adaptive or state.held or parent.log_p is not None):
            full = self.log_p(parent) if parent.log_p is None else parent.log_p
        if full is None:
            log_p = evaluate(self.model, state, event.t, event.rows, event.cols)
        else:
            log_p = full[rows // family, cols]
        if state.plan.adaptive:
            certain = adjust(log_p, self.temperature, self.top_p)
            chosen = state.plan.choose(state, event, certain)
            rows, cols, log_p = rows[chosen], cols[chosen], log_p[chosen]
            event = replace(event, rows=rows.cpu().numpy(), cols=cols.cpu().numpy())
        places, others = Places(rows, cols, log_p), None
        if state.held and self._held is not None and full is not None:
            others = self._held.elsewhere(state, places, full, family)
        return self._draw(state, event, places, state.purpose_keys(TOKEN), tilt, others, target)

    def log_p(self, state: State) -> Tensor:
        """Return log-probabilities `(B, W, V)` at every position that may still be drawn.

        They are the network's, before temperature and nucleus. Rows that are finished, and
        positions that are settled, hold zeros.
        """
        return self._table(state, state.t)

    def _table(self, state: State, t: Tensor) -> Tensor:
        rows, cols = self._open(state)
        found = evaluate(self.model, state, t, rows, cols)
        full = torch.zeros(*state.tokens.shape, found.shape[-1], dtype=found.dtype)
        full = full.to(state.tokens.device)
        full[self._on_device(rows, state), self._on_device(cols, state)] = found
        return full

    @torch.no_grad()
    def preview(self, state: State, draw: int = 0) -> State:
        r"""Return the state finished in one event, by the factorised $p(x_0\mid x_t)$.

        Uses `state.log_p`, so a state that has made its pass is previewed for free.

        Args:
            state: B rows; those that are finished stay as they are.
            draw: number of the draw: others are independent of it.
        """
        log_p = self.log_p(state) if state.log_p is None else state.log_p
        rows, cols = self._open(state)
        event = Event(rows, cols, state.t, torch.zeros_like(state.t))
        on_rows, on_cols = self._on_device(rows, state), self._on_device(cols, state)
        keys = random.fold(state.purpose_keys(PREVIEW), draw)
        places = Places(on_rows, on_cols, log_p[on_rows, on_cols])
        state = self._draw(state, event, places, keys)
        return replace(state, plan=Finished())

    def _open(self, state: State) -> tuple[Ints, Ints]:
        """Return rows and columns, on the host, of the positions that may still be drawn."""
        editable = self.process.editable(state.tokens, state.active) & (state.t > 0)[:, None]
        rows, cols = np.nonzero(editable.cpu().numpy())
        return rows, cols

    def done(self, state: State, stop: float = 0.0) -> bool:
        """Return whether no row has an event left before `stop`."""
        return bool(state.plan.done(state, stop).all())

    def run(
        self, state: State, stop: float = 0.0, progress: Callable[[State], None] | None = None
    ) -> State:
        """Return the state after all events that end at `stop` or later.

        A step across `stop` is cut there. A stopped state can be run on: each row goes on from
        `stop` with new random numbers, whatever batch it is in.
        """
        while not self.done(state, stop):
            state = self.step(state, stop=stop)
            if progress is not None:
                progress(state)
        return self._pause(state, stop) if stop > 0.0 else state

    def _pause(self, state: State, stop: float) -> State:
        """Set all clocks to `stop` at the latest, and count events from 0 again."""
        keys = random.fold(state.keys, PAUSE)
        state = replace(state, t=state.t.clamp(max=stop), keys=keys, event=0)
        return replace(state, plan=state.plan.resume(state))

    def sample(
        self,
        n: int,
        *,
        key: int | None = None,
        generator: torch.Generator | None = None,
        first_design: int = 0,
        length: int | None = None,
        template: Templates | None = None,
        seeds: Seeds | None = None,
        cond: int | None = None,
        batch_size: int = 256,
        progress: Callable[[int], None] | None = None,
    ) -> Samples:
        """Return n finished designs; arguments as in `init`.

        Args:
            n: designs.
            key: the run's key; drawn from `generator` when None.
            generator: source of the key.
            first_design: index of the first design.
            length: tokens per design; drawn from the length law when None.
            template: fixed tokens and per-position alphabets.
            seeds: strings to start from in place of noise.
            cond: class for a conditional network.
            batch_size: designs in flight; it does not change any design.
            progress: called with the number of finished designs.
        """
        n = _check.positive_int("n", n)
        key = random.new_key(generator) if key is None else key
        parts = []
        for first in range(0, n, _check.positive_int("batch_size", batch_size)):
            state = self.init(
                min(batch_size, n - first),
                key=key,
                first_design=first_design + first,
                length=length,
                template=template,
                seeds=seeds,
                cond=cond,
            )
            parts.append(self.finish(self.run(state)))
            if progress is not None:
                progress(first + len(parts[-1]))
        return Samples.concatenate(parts)

    def finish(self, state: State) -> Samples:
        """Return the finished rows of a state, decoded."""
        strings = self.model.domain.decode_batch(state.tokens)
        valid = [self.model.domain.invalid_reason(s) is None for s in strings]
        belief = state.belief(self.process)
        return Samples(
            tokens=state.tokens,
            strings=strings,
            valid=np.array(valid, dtype=np.bool_),
            log_weight=state.log_weight,
            log_likelihood=belief.log_likelihood,
            confidence=belief.confidence,
            counts=dict(state.counts),
        )

    def _on_device(self, index: Ints, state: State) -> Tensor:
        return torch.from_numpy(index).to(state.tokens.device, non_blocking=True)
