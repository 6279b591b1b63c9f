"""An oracle whose values come from a laboratory: it computes nothing, it is told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

from discdiff import _check
from discdiff.errors import InputError
from discdiff.oracle.check import Streaming, as_oracle
from discdiff.oracle.combined import Combined
from discdiff.oracle.scores import Scores

Answer = Callable[[Sequence[str]], Any]


class Measured:
    """Values that are measured; a campaign with it goes on by `ask` and `tell`.

    Alone it leaves every sequence *not evaluated*. In a campaign the values that were told stand in
    for it, or a prediction from them while designs are drawn. Other oracles may stand beside it.

    Args:
        outputs: names of what is measured.
        direction: ``max`` or ``min``, one for all or one an output.
        explore: how many standard deviations are added to a prediction, on the better side, while
            designs are drawn: 0 trusts the prediction, 1 or 2 also tries what is little known.

    Raises:
        InputError: if an argument is of the wrong kind.

    Example:
        >>> Measured(outputs=["pic50"])(["CCO"]).status
        ('not_evaluated',)
    """

    name = "measured"
    version = "1"
    licence = ""
    sees_flanks = False  # values are told under the name of the design
    signed = True  # nobody knows before it is measured

    def __init__(
        self,
        outputs: Sequence[str] = ("measured",),
        direction: str | Sequence[str] = "max",
        explore: float = 1.0,
    ) -> None:
        self.outputs = outputs if isinstance(outputs, str) else tuple(outputs)
        self.direction = direction if isinstance(direction, str) else tuple(direction)
        self.explore = _check.in_range("explore", explore, 0.0, 10.0)
        self.parameters: dict[str, object] = {"explore": self.explore}
        self._answer: Answer | None = None
        as_oracle(self)  # refuses names and directions that are none

    def __call__(self, sequences: Sequence[str], /) -> Any:
        """Return what is known of `sequences`."""
        if self._answer is not None:
            return self._answer(sequences)
        reasons = ["not measured"] * len(sequences)
        return Scores.blank(reasons, len(self.outputs), status="not_evaluated", valid=True)

    def answering(self, answer: Answer) -> Self:
        """Return the same oracle with `answer` to reply for it."""
        other = copy.copy(self)
        other._answer = answer
        return other


def measured_in(oracle: Streaming) -> Measured | None:
    """Return the part of `oracle` that is measured, None where all of it is computed.

    Raises:
        InputError: if there is more than one.
    """
    found = [part for part in map(_bare, _parts(oracle)) if isinstance(part, Measured)]
    if len(found) > 1:
        raise InputError("one oracle must hold all that is measured: give it several outputs")
    return found[0] if found else None


def measured_columns(oracle: Streaming) -> list[int]:
    """Return the places of the measured outputs among the outputs of `oracle`."""
    places: list[int] = []
    start = 0
    for part in _parts(oracle):
        if isinstance(_bare(part), Measured):
            places.extend(range(start, start + len(part.outputs)))
        start += len(part.outputs)
    return places


def with_answers(oracle: Streaming, answer: Answer) -> Streaming:
    """Return `oracle` with `answer` to reply for what is measured.

    Args:
        oracle: a measured oracle, or a `Combined` with one.
        answer: from M sequences to numbers `(M, R)` or `Scores`, R measured outputs.
    """
    if not isinstance(oracle, Combined):
        return _answered(oracle, answer)
    other = copy.copy(oracle)
    other.oracles = tuple(_answered(part, answer) for part in oracle.oracles)
    return other


def _answered(part: Streaming, answer: Answer) -> Streaming:
    bare = _bare(part)
    return as_oracle(bare.answering(answer)) if isinstance(bare, Measured) else part


def _parts(oracle: Streaming) -> Sequence[Streaming]:
    return oracle.oracles if isinstance(oracle, Combined) else (oracle,)


def _bare(part: Streaming) -> object:
    return getattr(part, "oracle", part)
