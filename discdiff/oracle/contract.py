"""What every oracle must keep to, as rules that its author's tests can run one by one.

In a test of your own::

    @pytest.mark.parametrize("rule", RULES, ids=str)
    def test_contract(rule):
        rule(MyOracle(), ["CCO", "c1ccccc1", "CC(=O)O"])
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from discdiff.errors import InputError, OracleError
from discdiff.oracle.check import Checked, as_oracle, identity
from discdiff.oracle.scores import Floats, Scores

TOLERANCE = 1e-5
"""Difference up to which two values count as one: that of float32 sums in another order."""

HOSTILE = ("", " ", "C(", "not a sequence", "C" * 3000, "é", "*", "\t", '{"a": 1}', "[" * 50)
"""Strings that few oracles can score, and none may stumble over."""


class ContractError(OracleError):
    """An oracle breaks a rule of the contract; the message says which and how."""


@dataclass(frozen=True)
class Rule:
    """One rule; call it with an oracle and strings that it can score.

    Args:
        name: the rule in a word or two.
        check: raises `ContractError` where the oracle breaks the rule.
        random: whether it also holds for an oracle that says ``deterministic = False``.
    """

    name: str
    check: Callable[[Any, Sequence[str]], None] = field(repr=False)
    random: bool = True

    def __call__(self, oracle: Any, strings: Sequence[str], /) -> None:
        """Raise `ContractError` unless `oracle` keeps the rule for `strings`."""
        if len(set(strings)) < 3:
            raise InputError(f"strings must hold at least 3 different ones, got {list(strings)!r}")
        self.check(oracle, list(dict.fromkeys(strings)))

    def applies(self, oracle: Any) -> bool:
        """Whether `oracle` must keep it."""
        return self.random or bool(getattr(oracle, "deterministic", True))

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


@dataclass(frozen=True)
class Finding:
    """What came of one rule: ``kept``, ``broken`` or ``does not apply``, and how it is broken."""

    rule: str
    status: str
    detail: str = ""
    seconds: float = 0.0


def check_oracle(oracle: Any, strings: Sequence[str]) -> list[Finding]:
    """Return what came of every rule.

    Args:
        oracle: an oracle, or a function from strings to numbers.
        strings: at least three that it can score.

    Raises:
        InputError: if there are fewer strings.

    Example:
        >>> def length(strings): return [len(s) for s in strings]
        >>> [f.rule for f in check_oracle(length, ["A", "AB", "ABC"]) if f.status == "broken"]
        ['picklable']

        since worker processes find it at the top level of a module only.
    """
    return [_find(rule, oracle, strings) for rule in RULES]


def _find(rule: Rule, oracle: Any, strings: Sequence[str]) -> Finding:
    if not rule.applies(oracle):
        return Finding(rule.name, "does not apply")
    began = time.perf_counter()
    try:
        rule(oracle, strings)
    except ContractError as error:
        return Finding(rule.name, "broken", str(error), time.perf_counter() - began)
    return Finding(rule.name, "kept", "", time.perf_counter() - began)


def _declarations(oracle: Any, strings: Sequence[str]) -> None:
    try:
        checked = as_oracle(oracle)
        identity(checked)
    except InputError as error:
        raise ContractError(str(error)) from error
    if checked.version == "0":
        raise ContractError(
            "version must be declared where no source can be read: without it, cached scores "
            "outlive a change of the oracle"
        )


def _length(oracle: Any, strings: Sequence[str]) -> None:
    for count in (len(strings), 1):
        _ask(oracle, strings[:count])


def _numbers(oracle: Any, strings: Sequence[str]) -> None:
    scores = _ask(oracle, strings)
    wrong = [i for i, reason in enumerate(scores.reasons) if "returned inf" in reason]
    wrong += [i for i, reason in enumerate(scores.reasons) if "returned -inf" in reason]
    if wrong:
        raise ContractError(
            f"what cannot be scored must be NaN, got {scores.reasons[wrong[0]]!r} "
            f"for {strings[wrong[0]]!r}"
        )
    if all(status != "ok" for status in scores.status):
        raise ContractError(
            f"at least one of the strings must have a score, got none of {len(strings)}: "
            f"{scores.reasons[0]}"
        )


def _determinism(oracle: Any, strings: Sequence[str]) -> None:
    first, second = _values(oracle, strings), _values(oracle, strings)
    _compare(first, second, strings, "the second time")


def _order(oracle: Any, strings: Sequence[str]) -> None:
    backwards = _values(oracle, strings[::-1])[::-1]
    _compare(_values(oracle, strings), backwards, strings, "in the opposite order")


def _batch(oracle: Any, strings: Sequence[str]) -> None:
    alone = np.concatenate([_values(oracle, [string]) for string in strings])
    _compare(_values(oracle, strings), alone, strings, "alone")


def _empty(oracle: Any, strings: Sequence[str]) -> None:
    try:
        reply = oracle([])
    except Exception as error:  # the oracle's code: reported
        raise ContractError(
            f"an empty list must give an empty reply, it raised {type(error).__name__}: {error}"
        ) from error
    lengths = (
        [len(column) for column in reply.values()] if isinstance(reply, dict) else [len(reply)]
    )
    if any(lengths):
        raise ContractError(f"an empty list must give an empty reply, got {reply!r}")


def _hostile(oracle: Any, strings: Sequence[str]) -> None:
    mixed = [item for pair in zip(strings, _cycled(len(strings)), strict=True) for item in pair]
    scores = _ask(oracle, mixed)
    own = scores.values[0::2]
    _compare(_values(oracle, strings), own, strings, "between strings that cannot be scored")


def _input(oracle: Any, strings: Sequence[str]) -> None:
    given = list(strings)
    inner = oracle.oracle if isinstance(oracle, Checked) else oracle
    try:
        inner(given)
    except Exception as error:  # the oracle's code: reported
        raise _raised(error) from error
    if given != list(strings):
        raise ContractError("the list of strings must be left as it is, it was changed")


def _pickling(oracle: Any, strings: Sequence[str]) -> None:
    try:
        copy = pickle.loads(pickle.dumps(oracle))
    except Exception as error:  # any class may refuse in its own way: reported
        raise ContractError(
            f"it must be picklable to run in worker processes, got {type(error).__name__}: {error}"
        ) from error
    before, after = identity(as_oracle(oracle)), identity(as_oracle(copy))
    if before != after:
        raise ContractError(f"a pickled copy must be the same oracle, {before} became {after}")
    if getattr(oracle, "deterministic", True):
        _compare(_values(oracle, strings), _values(copy, strings), strings, "from a pickled copy")


RULES = (
    Rule("declarations", _declarations),
    Rule("one row a string", _length),
    Rule("numbers or NaN", _numbers),
    Rule("determinism", _determinism, random=False),
    Rule("order independence", _order, random=False),
    Rule("batch independence", _batch, random=False),
    Rule("empty input", _empty),
    Rule("invalid input", _hostile, random=False),
    Rule("input unchanged", _input),
    Rule("picklable", _pickling),
)


def _ask(oracle: Any, strings: Sequence[str]) -> Scores:
    try:
        if hasattr(oracle, "ask_once"):  # it would look for culprits, and hide what is wrong
            return cast(Scores, oracle.ask_once(strings))
        return as_oracle(oracle)(strings)
    except (OracleError, InputError) as error:
        raise ContractError(str(error)) from error


def _values(oracle: Any, strings: Sequence[str]) -> Floats:
    return _ask(oracle, strings).values


def _compare(one: Floats, other: Floats, strings: Sequence[str], when: str) -> None:
    same = np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True).all(axis=1)
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        raise ContractError(
            f"{strings[row]!r} must have one value, got {one[row].tolist()}, "
            f"and {other[row].tolist()} {when}"
        )


def _cycled(count: int) -> list[str]:
    return [HOSTILE[i % len(HOSTILE)] for i in range(count)]


def _raised(error: Exception) -> ContractError:
    return ContractError(f"it raised {type(error).__name__}: {error}")
