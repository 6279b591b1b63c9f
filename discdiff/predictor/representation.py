"""What the networks of a predictor read of a string: the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor, nn

from discdiff.domain import Domain
from discdiff.errors import UnsupportedError


@dataclass(frozen=True)
class Unread:
    """A string that cannot be read, and why."""

    reason: str


class Representation(nn.Module, ABC):
    """From strings to batches, and the network that reads such a batch.

    A registered class (kind ``representations``) takes its settings as arguments, and `domain` if
    it needs one. Its parameters are not trained; those of its members are.

    Attributes:
        linear: whether a member is one linear map of one vector a string. Such members are fitted
            in closed form and not by gradients.
        differentiable: whether it has `relaxed`.
        made_with: licences of trained weights that it reads by, for the card; see
            `discdiff.licence.inherited`.
    """

    linear: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    domain: Domain
    made_with: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def items(self, strings: Sequence[str]) -> list[Any]:
        """Return what is read of each string, or `Unread`."""

    @abstractmethod
    def collate(self, items: Sequence[Any]) -> Any:
        """Return items as one batch, which has a method `to` or is made of what has."""

    @abstractmethod
    def member(self, outputs: int) -> nn.Module:
        """Return a new network from a batch of N to numbers `(N, outputs)`."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments but `domain`, as JSON values."""

    def size(self, item: Any) -> int:
        """Return how long an item is: those of similar size share a batch."""
        return 1

    def relaxed(self, rows: Tensor) -> Any:
        """Return a batch of rows of probabilities `(N, L, V)`, where it is differentiable.

        On one-hot rows members answer what they answer for the tokens.

        Raises:
            UnsupportedError: if it is not.
        """
        raise UnsupportedError(f"{type(self).__name__} does not read relaxed rows")
