"""The designs a method trains on: the newest, or the best, and which of them a step takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.errors import DiscdiffError
from discdiff.guidance.finetune.method import Drawn, FineTuner
from discdiff.guidance.finetune.paths import Paths
from discdiff.guidance.resample import effective_sample_size

Keep = Literal["newest", "best"]
KEEP: tuple[Keep, ...] = ("newest", "best")


@dataclass(frozen=True, eq=False)
class Items:
    """N designs to train on.

    Attributes:
        paths: on which they were drawn.
        reward: float64 `(N,)`; NaN of invalid ones.
        log_pre: log-probability of the paths under the pretrained network `(N,)`.
    """

    paths: Paths
    reward: Tensor
    log_pre: Tensor

    def __len__(self) -> int:
        return len(self.reward)

    def take(self, index: Tensor) -> Items:
        """Return the designs `index (N,)`."""
        return Items(self.paths.take(index), self.reward[index], self.log_pre[index])

    def to(self, device: torch.device) -> Items:
        """Return the designs on `device`."""
        return Items(self.paths.to(device), self.reward.to(device), self.log_pre.to(device))

    def rewards(self, invalid: float) -> Tensor:
        """Return the rewards `(N,)`, of invalid designs `invalid`."""
        return self.reward.nan_to_num(nan=invalid)

    @classmethod
    def of(cls, drawn: Drawn, group: int = 1) -> Items:
        """Return what was drawn, less what could not be scored though it is valid.

        Where designs are drawn in groups, a group of which one could not be scored is left out.
        """
        known = (~drawn.reward.isnan() | drawn.invalid).view(-1, group).all(1)
        index = known.repeat_interleave(group).nonzero()[:, 0]
        return cls(drawn.paths, drawn.reward.double(), drawn.log_pre).take(index)


class Replay:
    """Designs that were drawn, at most so many.

    Args:
        capacity: the most that are kept, a multiple of `group`.
        keep: `newest`, or `best` by reward, which changes the law that they are drawn from.
        group: designs that stay together.

    Attributes:
        items: the designs, None before the first.

    Raises:
        InputError: if an argument is out of range.
    """

    items: Items | None

    def __init__(self, capacity: int, keep: Keep = "newest", group: int = 1) -> None:
        self.capacity = _check.positive_int("buffer", capacity)
        self.keep = _check.one_of("keep", keep, KEEP)
        self.group = group
        self.clear()

    @property
    def held(self) -> Items:
        """The designs there are.

        Raises:
            DiscdiffError: if none has a reward.
        """
        if self.items is None or bool(self.items.reward.isnan().all()):
            raise DiscdiffError("no design with a reward was drawn: there is nothing to train on")
        return self.items

    def add(self, drawn: Drawn) -> None:
        """Take in designs and drop those there is no room for."""
        new = Items.of(drawn, self.group)
        if not len(new):
            return
        both = new if self.items is None else _joined(self.items, new)
        if len(both) > self.capacity:
            self.dropped = True
            order = torch.arange(len(both))
            if self.keep == "best":  # of equal ones the newer
                worth = both.reward.cpu().nan_to_num(nan=-torch.inf).view(-1, self.group).mean(1)
                newest_first = worth.flip(0).argsort(descending=True, stable=True)
                best = len(worth) - 1 - newest_first[: self.capacity // self.group]
                first = best.sort().values[:, None] * self.group
                order = (first + torch.arange(self.group)).flatten()
            both = both.take(order[-self.capacity :])
        self.items = both

    def state(self) -> dict[str, Any]:
        """Return tensors from which `restore` goes on."""
        if self.items is None:
            return {}
        held = self.items
        paths = {one.name: getattr(held.paths, one.name) for one in fields(Paths)}
        return {
            "paths": {name: value for name, value in paths.items() if value is not None},
            "reward": held.reward,
            "log_pre": held.log_pre,
            "dropped": self.dropped,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.clear()
        if state:
            self.items = Items(Paths(**state["paths"]), state["reward"], state["log_pre"])
            self.dropped = bool(state["dropped"])

    def clear(self) -> None:
        """Hold nothing."""
        self.items = None
        self.dropped = False


class Buffered(FineTuner):
    """What methods share that train on designs in a buffer.

    Attributes:
        replay: the buffer.
    """

    replay: Replay

    def forget(self) -> None:
        self.replay.clear()

    def take(self, drawn: Drawn) -> None:
        self.replay.add(drawn)

    def state(self) -> dict[str, Any]:
        return {"replay": self.replay.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.replay.restore(state["replay"])


def by_weight(log_weight: Tensor, count: int, key: Tensor) -> Tensor:
    """Return `count` places drawn in proportion to the weights, each as evenly as can be.

    Systematic resampling: a place of weight w is drawn w · count times, rounded up or down.

    Example:
        >>> by_weight(torch.tensor([0.0, 0.0]), 4, torch.tensor(7)).tolist()
        [0, 0, 1, 1]
    """
    edges = torch.softmax(log_weight, 0).cumsum(0)
    u = random.uniform_at(key, torch.tensor(0))
    points = (torch.arange(count) + u) / count
    return torch.searchsorted(edges, points * edges[-1], right=True).clamp(max=len(edges) - 1)


def tempered(log_weight: Tensor, least: float) -> tuple[Tensor, float]:
    """Return log-weights times the largest power β ≤ 1 that leaves enough of them effective.

    Where all weights are the same β = 1.

    Args:
        log_weight: `(N,)`, some of them finite.
        least: share of those with a weight that the effective sample size must reach.

    Returns:
        The products, and β.

    Example:
        >>> log_weight, power = tempered(torch.tensor([0.0, 0.0, 0.0, 50.0]), 0.5)
        >>> weight = torch.softmax(log_weight, 0)
        >>> round(1.0 / weight.square().sum().item(), 3), power < 0.1
        (2.0, True)
    """
    known = log_weight[log_weight.isfinite()].double()[None]
    enough = least * known.shape[1]

    def effective(power: float) -> float:
        return float(effective_sample_size(power * known))

    if effective(1.0) >= enough:
        return log_weight, 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= enough else (low, middle)
    return torch.where(log_weight.isfinite(), low * log_weight, -torch.inf), low


def by_rank(worth: Tensor, count: int, priority: float, key: Tensor) -> Tensor:
    """Return `count` places, the one of rank k by `worth` with a chance ∝ k^-priority.

    Args:
        worth: `(N,)`.
        count: how many.
        priority: 0 for even chances.
        key: int64 `()`.
    """
    rank = (-worth).argsort(stable=True).argsort() + 1
    return by_weight(-priority * rank.double().log(), count, key)


def _joined(above: Items, below: Items) -> Items:
    return Items(
        above.paths.beside(below.paths),
        torch.cat([above.reward, below.reward]),
        torch.cat([above.log_pre, below.log_pre]),
    )
