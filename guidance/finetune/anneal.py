"""Numbers that change in the course of a fine-tuning."""

from __future__ import annotations

from typing import Literal

from discdiff import _check
from discdiff.errors import InputError

Shape = Literal["constant", "linear", "exponential"]
SHAPES: tuple[Shape, ...] = ("constant", "linear", "exponential")


class Anneal:
    r"""A positive number that goes from `start` to `end` in a number of optimiser steps.

    With $u=\min(1,k/K)$ at step k: `constant` start, `linear` $(1-u)\,start+u\,end$, `exponential`
    $start^{1-u}end^u$.

    Args:
        start: at step 0.
        end: from step K on; `start` by default.
        steps: K.
        shape: `constant`, `linear` or `exponential`.

    Raises:
        InputError: if a number is not positive, `shape` is unknown, or a constant has another end.

    Example:
        >>> Anneal(1.0, 0.25, 10, "exponential")(5)
        0.5
    """

    def __init__(
        self,
        start: float,
        end: float | None = None,
        steps: int = 1,
        shape: Shape = "constant",
    ) -> None:
        self.start = _check.positive("start", start)
        self.end = self.start if end is None else _check.positive("end", end)
        self.steps = _check.positive_int("steps", steps)
        self.shape = _check.one_of("shape", shape, SHAPES)
        if shape == "constant" and self.end != self.start:
            raise InputError(f"end must be start for shape='constant', got {start} and {end}")

    def __call__(self, step: int) -> float:
        """Return the number at an optimiser step, counted from 0."""
        u = min(1.0, step / self.steps)
        if self.shape == "exponential":
            return float(self.start ** (1.0 - u) * self.end**u)
        return (1.0 - u) * self.start + u * self.end

    def __repr__(self) -> str:
        return f"Anneal({self.start}, {self.end}, {self.steps}, {self.shape!r})"
