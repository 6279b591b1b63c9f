"""What the loop asks of a fine-tuning method, and what a draw gives it."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from discdiff.denoiser import Denoiser
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples


class Drawn(Protocol):
    """Designs that a method drew and scored.

    Attributes:
        samples: the designs, with rewards.
        biased: whether the law that they were drawn from is not known.
    """

    @property
    def samples(self) -> Samples:
        """The designs, with rewards."""

    @property
    def biased(self) -> bool:
        """Whether the law that they were drawn from is not known."""

    @property
    def divergence(self) -> Tensor:
        """One-sample estimates of the divergence from the pretrained path law, `(N,)`."""

    @property
    def log_pre(self) -> Tensor:
        """Log-probability of the paths under the pretrained network, `(N,)`."""


class FineTuner(Protocol):
    """A method; see `discdiff.guidance.finetune.method.FineTuner`."""

    name: Any
    title: str
    designs: int
    every: int
    scale: float

    @property
    def returned(self) -> int:
        """Designs that are drawn together."""

    @property
    def bias(self) -> str | None:
        """Why the law that is reached is another than the tilted one; None where it is not."""

    def begin(self, pretrained: Model, sampler: Sampler, reward: Reward) -> None:
        """Take in what is to be tuned, or refuse it; forget what was taken in before."""

    def forget(self) -> None:
        """Be as if no designs had been taken in."""

    def draw(
        self, sampler: Sampler, reward: Reward, n: int, *, key: int, first_design: int, **given: Any
    ) -> Any:
        """Draw and score n designs; return a `Drawn`."""

    def take(self, drawn: Any) -> None:
        """Take in designs to train on."""

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of one pass, and figures to log."""

    def parameters(self) -> Any:
        """Yield what is trained beside the network."""

    def state(self) -> dict[str, Any]:
        """Return tensors and numbers from which `restore` goes on."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
