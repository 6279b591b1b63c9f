"""What is asked of every design, by name, and the one automaton that says whether it is met."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Union

import torch
from torch import Tensor

from discdiff import registry
from discdiff.constraint.acceptance import Acceptance
from discdiff.constraint.automaton import Automaton
from discdiff.constraint.patterns import all_of
from discdiff.domain import Domain
from discdiff.errors import ConfigError, DataError, InputError, UnsupportedError
from discdiff.padding import Padded


class Constraint:
    r"""Conditions on the tokens of a sequence, all of which must hold.

    A condition is registered under a name (`discdiff list constraints`) and has one value; with
    None it is switched off. In every domain there are `regex`, `required`, `forbidden` and
    `homopolymer`. What is asked is asked of the tokens as they are drawn, in their order: another
    spelling of the same molecule may answer differently.

    Args:
        domain: strings and tokens.
        keys: value of each condition, by its name, JSON values; or an automaton over the domain's
            alphabet.

    Raises:
        InputError: if a condition is unknown or its value is wrong, none is given, or no sequence
            meets all.
        UnsupportedError: if the domain's strings do not tell their tokens, or one is of no use in
            it.

    Example:
        >>> from discdiff.domain import Letters
        >>> held = Constraint(Letters("ACGT"), {"forbidden": ["GAATTC"], "homopolymer": 2})
        >>> held.fault("GATTC"), held.fault("GAAATTC"), held.fault("AGAATTC")
        (None, 'homopolymer', 'forbidden')
    """

    def __init__(self, domain: Domain, keys: Mapping[str, object] | Automaton) -> None:
        self._inner = domain.inner if isinstance(domain, Padded) else domain
        if not domain.spelt:
            raise UnsupportedError(
                f"constraint needs strings that their tokens spell, got {domain.name}, whose "
                "symbols mean another thing in another place: use a model of SMILES or of letters"
            )
        if isinstance(keys, Automaton):
            self.keys: dict[str, object] = {"automaton": keys.digest()}
            self._parts = {"automaton": keys}
        elif isinstance(keys, Mapping):
            self.keys = {n: _plain(n, value) for n, value in keys.items() if value is not None}
            self._parts = {name: self._part(name, value) for name, value in self.keys.items()}
        else:
            raise InputError(f"constraint must be a mapping of names to values, got {keys!r}")
        if not self._parts:
            raise InputError("constraint must name at least one condition, got none")
        for name, part in self._parts.items():
            if part.size != len(self._inner.alphabet):
                raise InputError(
                    f"constraint {name} must be over the domain's {len(self._inner.alphabet)} "
                    f"tokens, got {part.size}"
                )
        whole = all_of(list(self._parts.values())).minimised()
        if whole.empty:
            raise InputError(f"constraint cannot be met by any sequence: {', '.join(self.keys)}")
        self._automaton = whole.ended() if isinstance(domain, Padded) else whole
        self._on: dict[torch.device, Acceptance] = {}

    @classmethod
    def of(cls, asked: Asked, domain: Domain) -> Constraint | None:
        """Return what is asked as a constraint on `domain`, None where nothing is."""
        if asked is None or isinstance(asked, Constraint):
            return asked
        if isinstance(asked, Mapping) and all(value is None for value in asked.values()):
            return None
        return cls(domain, asked)

    def _part(self, name: str, value: object) -> Automaton:
        try:
            made = registry.find("constraints", name)(self._inner, value)
        except ConfigError as error:
            raise InputError(f"name of a {error}") from None
        except InputError as error:
            told = str(error)
            own = told.startswith((f"{name} ", f"{name}:"))
            raise InputError(f"constraint.{'' if own else f'{name}: '}{told}") from None
        if not isinstance(made, Automaton):
            raise InputError(f"constraint.{name} must make an Automaton, got {made!r}")
        return made

    @property
    def automaton(self) -> Automaton:
        """What is accepted of whole rows, with their end where the model writes it."""
        return self._automaton

    def acceptance(self, device: torch.device) -> Acceptance:
        """Return the automaton as tensors on a device."""
        if device not in self._on:
            self._on[device] = Acceptance(self._automaton, device)
        return self._on[device]

    def met(self, tokens: Tensor, filled: Tensor) -> Tensor:
        """Return which rows of tokens `(B, W)`, up to their end, meet it, bool `(B,)`."""
        return self.acceptance(tokens.device).accepted(tokens, filled)

    def fault(self, string: str) -> str | None:
        """Return the name of a condition that `string` does not meet, or None."""
        try:
            ids = self._inner.encode(string)
        except DataError:
            return "tokens"
        return next((name for name, part in self._parts.items() if not part.accepts(ids)), None)

    def __repr__(self) -> str:
        return f"Constraint({self.keys!r})"


def _plain(name: str, value: object) -> object:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        raise InputError(f"constraint.{name} must be made of plain values, got {value!r}") from None


Asked = Union[Constraint, Mapping[str, object], Automaton, None]  # noqa: UP007
"""What a sampler takes as a constraint: one, or what one is made of."""


def merged(first: Asked, second: Mapping[str, object]) -> Asked:
    """Return the conditions of both, a value of None among them; `second` decides on its own.

    Raises:
        InputError: if the first is an object, and not conditions by name.

    Example:
        >>> merged({"smiles": "closed"}, {"smiles": None, "homopolymer": 9})
        {'smiles': None, 'homopolymer': 9}
    """
    if first is not None and not isinstance(first, Mapping):
        raise InputError(f"constraint must be a mapping of names to values, got {first!r}")
    return {**(first or {}), **second}
