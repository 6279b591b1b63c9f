r"""Learning-rate factors as functions of the step and of the progress of a run."""

from __future__ import annotations

import math

from discdiff import _check


class LearningRate:
    r"""Linear warm-up, then `wsd` (constant, then a linear decay to 0) or `cosine` (to 0).

    Progress is the fraction of the run that is over, in steps or in minutes, so a run with a time
    limit ends with a decayed model too.

    Args:
        shape: `wsd`, `cosine` or `constant`.
        warmup: steps of warm-up.
        decay: last fraction of the run in which `wsd` decays.

    Raises:
        InputError: if an argument is outside its range.

    Source: MiniCPM (Hu et al., 2024, arXiv:2404.06395) for WSD.

    Example:
        >>> rate = LearningRate("wsd", warmup=10, decay=0.2)
        >>> rate.factor(4, 0.0), rate.factor(50, 0.5), round(rate.factor(90, 0.9), 6)
        (0.5, 1.0, 0.5)
    """

    def __init__(self, shape: str = "wsd", warmup: int = 100, decay: float = 0.2) -> None:
        self.shape = _check.one_of("shape", shape, ("wsd", "cosine", "constant"))
        self.warmup = _check.non_negative_int("warmup", warmup)
        self.decay = _check.fraction("decay", decay)

    def factor(self, step: int, progress: float) -> float:
        """Return the factor of the peak rate at optimiser step `step` (0 is the first)."""
        progress = min(1.0, progress)
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.shape == "constant" or (self.shape == "wsd" and progress <= 1.0 - self.decay):
            return warm
        if self.shape == "wsd":
            return warm * (1.0 - progress) / self.decay
        return warm * 0.5 * (1.0 + math.cos(math.pi * progress))
