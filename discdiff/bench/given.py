"""What a track is given: names that become folders, and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from discdiff.errors import InputError

ALL = "all tasks"
"""The name of the sum over all tasks."""
_SIGNS = "/\\|"  # of paths and of tables


def check_named(key: str, given: object) -> None:
    """Raise `InputError` unless `given` is a mapping whose names can be folders of their own.

    Example:
        >>> check_named("tasks", {"../qed": []})
        Traceback (most recent call last):
        discdiff.errors.InputError: a name in tasks must be fit for a folder, got '../qed'
    """
    if not given:
        raise InputError(f"{key} must not be empty")
    if not isinstance(given, Mapping):
        raise InputError(f"{key} must be a mapping from names, got {given!r}")
    for name in given:
        fits = isinstance(name, str) and name.strip(". ") and name.isprintable() and name != ALL
        if not fits or any(sign in name for sign in _SIGNS):
            raise InputError(f"a name in {key} must be fit for a folder, got {name!r}")


def check_listed(key: str, given: object) -> None:
    """Raise `InputError` unless `given` is a list of one thing or more.

    Example:
        >>> check_listed("budgets", 100)
        Traceback (most recent call last):
        discdiff.errors.InputError: budgets must be a list, got 100
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"{key} must be a list, got {given!r}")
    if not given:
        raise InputError(f"{key} must not be empty")


def check_shared(key: str, draws: int, returned: int) -> None:
    """Raise `InputError` unless `draws` are whole populations of a method.

    Example:
        >>> check_shared("budgets", 900, 30)
    """
    if draws % returned:
        raise InputError(
            f"{key} must be a multiple of the {returned} designs that one run returns together, "
            f"got {draws}"
        )


def arguments_of(key: str, given: Any) -> tuple[str, ...]:
    """Return a list of arguments of `discdiff design`.

    Raises:
        InputError: if it is none.

    Example:
        >>> arguments_of("common", ["guidance=fk"])
        ('guidance=fk',)
    """
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    if not listed or not all(isinstance(text, str) for text in given):
        raise InputError(f"{key} must be a list of arguments such as guidance=fk, got {given!r}")
    return tuple(given)
