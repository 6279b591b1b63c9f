"""Argument checks that word their errors alike: *name rule, got value*."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence

from discdiff.errors import InputError

_MOST_NEAR = 4


def positive_int(name: str, value: object) -> int:
    """Return `value` if it is an integer of at least 1."""
    return _integer(name, value, 1, "a positive integer")


def non_negative_int(name: str, value: object) -> int:
    """Return `value` if it is an integer of at least 0."""
    return _integer(name, value, 0, "a non-negative integer")


def seed(name: str, value: object) -> int:
    """Return `value` if it is an integer that every random number generator takes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise InputError(f"{name} must be an integer in [0, 2**63), got {value!r}")
    return value


def _integer(name: str, value: object, low: int, rule: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(f"{name} must be {rule}, got {value!r}")
    return value


def finite(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def positive(name: str, value: object) -> float:
    """Return `value` as a float if it is finite and greater than 0."""
    number = finite(name, value)
    if number <= 0:
        raise InputError(f"{name} must be greater than 0, got {value!r}")
    return number


def non_negative(name: str, value: object) -> float:
    """Return `value` as a float if it is finite and at least 0."""
    number = finite(name, value)
    if number < 0:
        raise InputError(f"{name} must not be negative, got {value!r}")
    return number


def in_range(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float if it lies in `[low, high]`."""
    number = finite(name, value)
    if not low <= number <= high:
        raise InputError(f"{name} must lie in [{low:g}, {high:g}], got {value!r}")
    return number


def fraction(name: str, value: object) -> float:
    """Return `value` as a float if it lies in `[0, 1]`."""
    return in_range(name, value, 0.0, 1.0)


def one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        choices = ", ".join(allowed)
        raise InputError(
            f"{name} must be one of {choices}, got {value!r}.{suggestion(value, allowed)}"
        )
    return value


def nearest(word: object, allowed: Iterable[str]) -> str | None:
    """Return the member of `allowed` spelt most like `word`, or None if none is close."""
    matches = _as_near(str(word), list(allowed))
    return matches[0] if matches else None


def suggestion(word: object, allowed: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for those that are nearest, or an empty string."""
    matches = _as_near(str(word), list(allowed))
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""


def _as_near(word: str, allowed: Sequence[str]) -> list[str]:
    """Return all that are spelt most like `word`, case and _ apart if that finds any."""
    same = [name for name in allowed if _letters(name) == _letters(word)]
    if same:
        return same
    matches = difflib.get_close_matches(word, allowed, n=_MOST_NEAR)
    like = [difflib.SequenceMatcher(None, match, word).ratio() for match in matches]
    return sorted(match for match, ratio in zip(matches, like, strict=True) if ratio == like[0])


def _letters(word: str) -> str:
    return word.replace("_", "").casefold()
