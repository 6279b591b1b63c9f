"""What a report can see of a run beside its record: the domain, and the reward, if at hand."""

from __future__ import annotations

from dataclasses import dataclass

from discdiff.domain import Domain
from discdiff.reward import Reward


@dataclass(frozen=True)
class Insight:
    """The domain of a run, and the reward of its designs.

    A report asks the reward for nothing that is counted or recorded, only for `relaxed` values and
    annotations of its best designs.

    Args:
        domain: draws designs and finds their scaffolds.
        reward: of the run; None where it cannot be had.
        why: why it cannot.
    """

    domain: Domain
    reward: Reward | None = None
    why: str = "the oracles of the run are not at hand"
