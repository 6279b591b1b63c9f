"""Fitting a network to soft values: designs on their way, the losses, and Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from discdiff import _check
from discdiff.errors import InputError
from discdiff.guidance.learned_value import ValueNetwork
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import State
from discdiff.training.fit import quiet

Loss = Literal["linex", "exponential", "contrastive"]
_LARGEST = 30.0  # of a gap whose exponential is taken
_CLIP = 1.0
_ROWS = 4096  # of a pass


def linex(value: Tensor, target: Tensor) -> Tensor:
    r"""Return the mean of $e^{y-V}+V$, which is linear-exponential up to what V does not change.

    Example:
        >>> linex(torch.zeros(1), torch.tensor([-torch.inf])).item()
        0.0
    """
    return ((target - value).clamp(max=_LARGEST).exp() + value).mean()


def exponential(value: Tensor, target: Tensor) -> Tensor:
    r"""Return the mean of $e^V-e^yV$, the deviance of a Poisson law up to what V does not change.

    Example:
        >>> exponential(torch.zeros(1), torch.zeros(1)).item()
        1.0
    """
    return (value.clamp(max=_LARGEST).exp() - target.clamp(max=_LARGEST).exp() * value).mean()


def contrastive(value: Tensor, target: Tensor) -> Tensor:
    r"""Return the mean of $-e^{y_k}\log\mathrm{softmax}(V)_k$ over the batch.

    Example:
        >>> round(contrastive(torch.zeros(2), torch.zeros(2)).item(), 4)
        0.6931
    """
    return -(target.clamp(max=_LARGEST).exp() * torch.log_softmax(value, dim=0)).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linex": linex,
    "exponential": exponential,
    "contrastive": contrastive,
}


@dataclass(frozen=True)
class Fitting:
    """Settings of a fit, as `LearnedValue.fit` explains them."""

    loss: str = "linex"
    steps: int = 2000
    batch_size: int = 256
    learning_rate: float = 1e-3
    follow: float = 0.02
    key: int = 0
    accelerator: str = "cpu"
    logger: Any = False
    progress: bool = False

    def __post_init__(self) -> None:
        _check.one_of("loss", self.loss, tuple(LOSSES))
        _check.positive_int("steps", self.steps)
        _check.positive_int("batch_size", self.batch_size)
        _check.positive("learning_rate", self.learning_rate)
        _check.seed("key", self.key)
        _check.positive("follow", self.follow)
        _check.fraction("follow", self.follow)


@dataclass(frozen=True)
class States:
    """States on the way, each with what follows from it.

    Attributes:
        tokens: int64 `(N, W)`.
        t: float64 clocks `(N,)`.
        next_tokens: a state of the next event, `(N, W)`.
        next_t: its clock `(N,)`.
        target: log-weight `(N,)`, -inf for a design without a reward; NaN where it is the value of
            the next state.
        counts: what they cost.
    """

    tokens: Tensor
    t: Tensor
    next_tokens: Tensor
    next_t: Tensor
    target: Tensor
    counts: dict[str, int]

    def columns(self) -> tuple[Tensor, ...]:
        """Return the tensors, in order."""
        return self.tokens, self.t, self.next_tokens, self.next_t, self.target

    def centre(self) -> Tensor:
        """Return the log mean weight of the designs.

        Raises:
            InputError: if none has a reward.
        """
        known = self.target[~self.target.isnan()]
        centre = torch.logsumexp(known, dim=0) - torch.tensor(float(len(known))).log()
        if not bool(centre.isfinite()):
            raise InputError("reward must be known of some of the designs, got none")
        return centre


def gathered(
    sampler: Sampler,
    reward: Reward,
    scale: float,
    designs: int,
    children: int,
    key: int,
    given: Mapping[str, Any],
) -> States:
    """Return the states on the way of designs that the sampler draws.

    Args:
        sampler: draws them.
        reward: tokens to reward.
        scale: λ.
        designs: how many.
        children: of each state, that follow it; 0 for the design that it became.
        key: of the draws.
        given: what is fixed of every design.
    """
    state = sampler.init(designs, key=key, **given)
    width, requested = max(1, children), 0
    parts: list[tuple[Tensor, ...]] = []
    while not sampler.done(state):
        busy = torch.from_numpy(~state.plan.done(state, 0.0)).to(state.tokens.device)
        rows = busy.nonzero()[:, 0]
        before, after = state, sampler.step(state, branch=width)
        state = after.gather(torch.arange(designs, device=rows.device) * width)
        own = rows.repeat_interleave(width)
        next_rows = own * width + torch.arange(width, device=rows.device).repeat(len(rows))
        target = torch.full_like(before.t[own], torch.nan)
        if children:
            ends = _ended(sampler, after, next_rows)
            target[ends] = _log_weight(sampler, reward, after.gather(next_rows[ends]), scale)
            requested += int(ends.sum())
        states = before.tokens[own], before.t[own], after.tokens[next_rows], after.t[next_rows]
        parts.append((*states, target, own))
    if not parts:
        raise InputError("given must leave something to draw")
    tokens, t, next_tokens, next_t, target, own = (
        torch.cat(column) for column in zip(*parts, strict=True)
    )
    if not children:
        target, requested = _log_weight(sampler, reward, state, scale)[own], len(state)
    counts = {"designs": designs, "nfe": state.counts["nfe"], "requested": requested}
    return States(tokens, t, next_tokens, next_t, target, counts)


def _ended(sampler: Sampler, state: State, rows: Tensor) -> Tensor:
    """Return which of the `rows` are finished designs."""
    return torch.from_numpy(state.plan.done(state, 0.0)).to(rows.device)[rows]


def _log_weight(sampler: Sampler, reward: Reward, state: State, scale: float) -> Tensor:
    """Return the log-weights of finished rows, -inf where there is no reward."""
    if not len(state):
        return state.log_weight
    found = reward(state.tokens, state.belief(sampler.process)).reward.to(state.t.device)
    return (scale * found).nan_to_num(nan=-torch.inf)


def fit(network: ValueNetwork, states: States, settings: Fitting) -> ValueNetwork:
    """Fit `network` in place and return it in evaluation mode."""
    network.centre.fill_(states.centre())
    with quiet(), torch.random.fork_rng(devices=[]):  # a loader draws from the numbers of all
        trainer = pl.Trainer(
            max_steps=settings.steps,
            max_epochs=-1,
            gradient_clip_val=_CLIP,
            accelerator=settings.accelerator,
            devices=1,
            logger=settings.logger,
            enable_checkpointing=False,
            enable_progress_bar=settings.progress,
            enable_model_summary=False,
        )
        trainer.fit(_Regression(network, settings), _Batches.loader(states, settings))
    if settings.loss == "contrastive":
        _set_constant(network, states)
    return network.cpu().eval()


@torch.no_grad()
def _set_constant(network: ValueNetwork, states: States) -> None:
    """Let the mean of e^V over the states be the mean weight, as it is for the soft value."""
    network.cpu().eval()
    pairs = zip(
        torch.split(states.tokens.cpu(), 4096), torch.split(states.t.cpu(), 4096), strict=True
    )
    values = torch.cat([network(tokens, t) for tokens, t in pairs])
    weights = torch.logsumexp(states.target.cpu(), 0)
    network.centre += weights - torch.logsumexp(values, 0)


class _Batches(IterableDataset[tuple[Tensor, ...]]):
    """Batches of states drawn with replacement, the same for the same key."""

    def __init__(self, states: States, settings: Fitting) -> None:
        self.columns = [column.cpu() for column in states.columns()]
        self.settings = settings

    @classmethod
    def loader(cls, states: States, settings: Fitting) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(cls(states, settings), batch_size=None)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        generator = torch.Generator().manual_seed(self.settings.key)
        for _ in range(self.settings.steps):
            size = (self.settings.batch_size,)
            index = torch.randint(len(self.columns[0]), size, generator=generator)
            yield tuple(column[index] for column in self.columns)


class _Regression(pl.LightningModule):
    """Fits a network; a copy that follows it slowly says what unfinished children are worth."""

    def __init__(self, network: ValueNetwork, settings: Fitting) -> None:
        super().__init__()
        self.network, self.settings = network, settings
        self.slow = deepcopy(network).requires_grad_(False)

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        tokens, t, next_tokens, next_t, target = batch
        open_ended = target.isnan()
        if bool(open_ended.any()):
            with torch.no_grad():
                value = self.slow(next_tokens[open_ended], next_t[open_ended])
            target = target.index_put((open_ended,), value)
        # the losses are taken about the centre, where their exponentials are moderate
        centre = self.network.centre
        loss = LOSSES[self.settings.loss](self.network(tokens, t) - centre, target - centre)
        self.log("value/loss", loss)
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        with torch.no_grad():
            pairs = zip(self.slow.parameters(), self.network.parameters(), strict=True)
            for slow, fast in pairs:
                slow.lerp_(fast, self.settings.follow)

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(self.network.parameters(), self.settings.learning_rate)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.settings.steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}
