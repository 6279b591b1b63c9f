"""What sequences of letters have in common: a fixed alphabet, a length, what data may hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import DataError

LOWER = ("upper", "refuse")
UNKNOWN = ("refuse", "unobserved")


class Sequences(Domain):
    """Sequences of one alphabet, one letter a token; a subclass says which.

    The canonical form is upper case, and what a model writes is.

    Args:
        length: letters of every valid sequence; None for any length.
        lower: lower case in data is read as ``"upper"`` case, or a row with it is ``"refuse"``d.
        unknown: a row of data with the letter for any is ``"refuse"``d, or that letter is
            ``"unobserved"``: a position that training leaves masked and does not score.

    Raises:
        InputError: if an option is not one of these.
    """

    letters: ClassVar[str]
    wildcard: ClassVar[str]
    """The letter that stands for any other."""
    unit: ClassVar[str]
    """What a letter is called."""
    spells_templates = True

    def __init__(
        self, length: int | None = None, lower: str = "upper", unknown: str = "refuse"
    ) -> None:
        super().__init__(self.letters)
        self.length = None if length is None else _check.positive_int("length", length)
        self.lower = _check.one_of("lower", lower, LOWER)
        self.unknown = _check.one_of("unknown", unknown, UNKNOWN)
        self.unobserved = self.wildcard if unknown == "unobserved" else None

    def split(self, string: str) -> list[str]:
        return list(string)

    def invalid_reason(self, string: str) -> str | None:
        if not string:
            return "empty"
        stray = next((letter for letter in string if letter not in self.alphabet), None)
        if stray is not None:
            return f"letter {stray!r} is not one of {self.letters}"
        if self.length is not None and len(string) != self.length:
            return f"length {len(string)} instead of {self.length}"
        return None

    def canonical(self, string: str) -> str:
        return string.upper()

    def prepare(self, string: str) -> str:
        """Return `string` in upper case, as the model should learn it.

        Raises:
            DataError: with the letter and its position (the first is 1) if one is missing,
                ambiguous or of another alphabet; or if the length is wrong.
        """
        if self.lower == "refuse":
            small = next((i for i, letter in enumerate(string) if letter.islower()), None)
            if small is not None:
                raise DataError(
                    f"{self.unit} {small + 1} is in lower case, {string[small]!r} (training takes "
                    "it with domain.lower=upper)"
                )
        upper = string.upper()
        for place, letter in enumerate(upper, start=1):
            if letter not in self.alphabet and letter != self.unobserved:
                raise DataError(f"{self.unit} {place} is {letter!r}{self.hint(letter)}")
        if not any(letter in self.alphabet for letter in upper):
            raise DataError(f"no {self.unit} is known" if upper else "empty")
        if self.length is not None and len(upper) != self.length:
            raise DataError(f"length {len(upper)} instead of {self.length}")
        return upper

    @abstractmethod
    def hint(self, letter: str) -> str:
        """Return what is wrong with a letter that is not in the alphabet, to end a message."""

    def settings(self) -> dict[str, object]:
        return {"length": self.length, "lower": self.lower, "unknown": self.unknown}

    @classmethod
    def fit(cls, strings: Iterable[str], **options: object) -> Self:
        """Return the domain: its alphabet is known, whatever letters `strings` have.

        Args:
            strings: not read.
            options: the constructor's arguments.

        Raises:
            InputError: if an option is unknown or wrong.
        """
        for key in options:
            _check.one_of("option", key, tuple(cls().settings()))
        return cls(**options)  # type: ignore[arg-type]  # checked by the constructor
