"""Reading what a command wrote: a JSON line for each string, or the reply of a REINVENT process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from discdiff.oracle.cached import Entry
from discdiff.oracle.plugins.isolation import Attempt

RESERVED = ("index", "error", "invalid")  # keys of a line with a meaning of their own


def read_answers(text: bytes, count: int, outputs: Sequence[str], ended: bool) -> Attempt:
    r"""Return what `text` says of `count` strings, numbered from 0.

    A line is an object with a number (null or NaN: not scored) under each output, or ``error`` or
    ``invalid`` with the reason, and may carry ``index``, the place of its string; other keys are
    left alone. With one output a bare number will do. Or the whole text is one object
    ``{"version": 1, "payload": {output: [numbers]}}``. What does not fit is a fault, and then only
    answers with an index count: others cannot be told from answers to another string.

    Args:
        text: what the command wrote.
        count: the strings it was given.
        outputs: names of the outputs.
        ended: whether the command ended as it should; else answers without an index do not count.

    Example:
        >>> attempt = read_answers(b'{"score": 1.5}\n{"error": "no pose"}\n', 2, ["score"], True)
        >>> [(entry.values, entry.reason) for entry in attempt.answers.values()]
        [((1.5,), ''), ((), 'no pose')]
        >>> read_answers(b'{"score": 1.5}\n', 2, ["score"], True).fault
        'gave 1 answer for 2 strings'
    """
    try:
        said = text.decode()
    except UnicodeDecodeError as error:
        return Attempt({}, f"wrote bytes that are not UTF-8, at byte {error.start}")
    whole = _parse(said)
    if isinstance(whole, dict) and "payload" in whole:
        return _read_payload(whole["payload"], count, outputs) if ended else Attempt({})
    plain: list[Entry] = []
    numbered: dict[int, Entry] = {}
    for number, line in enumerate(filter(None, map(str.strip, said.splitlines())), 1):
        answer = _parse(line)
        if answer is _NOT_JSON or isinstance(answer, list | str):
            return Attempt(numbered, f"line {number} is no answer: {line[:80]!r}")
        if isinstance(answer, dict) and "index" in answer:
            place = answer["index"]
            if type(place) is not int or not 0 <= place < count or place in numbered:
                return Attempt({}, f"line {number} has no place for index {place!r}")
            numbered[place] = _entry(answer, outputs)
        else:
            plain.append(_entry(answer, outputs))
    if plain and not numbered and ended and len(plain) == count:
        return Attempt(dict(enumerate(plain)))
    if numbered and not plain and len(numbered) == count:
        return Attempt(numbered)
    given = len(plain) + len(numbered)
    fault = f"gave {given} answer{'s' * (given != 1)} for {count} string{'s' * (count != 1)}"
    return Attempt({} if plain else numbered, fault)


def _read_payload(payload: Any, count: int, outputs: Sequence[str]) -> Attempt:
    if not isinstance(payload, dict):
        return Attempt({}, "gave a payload that is no object")
    if len(outputs) == len(payload) == 1:  # REINVENT's key is a name of the script's own
        columns = list(payload.values())
    elif all(output in payload for output in outputs):
        columns = [payload[output] for output in outputs]
    else:
        missing = next(output for output in outputs if output not in payload)
        return Attempt({}, f"gave a payload without {missing!r}, with {', '.join(payload)}")
    for column in columns:
        if not isinstance(column, list) or len(column) != count:
            given = len(column) if isinstance(column, list) else "no list of"
            return Attempt({}, f"gave {given} values for {count} string{'s' * (count != 1)}")
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]
    return Attempt({i: _entry(row, outputs) for i, row in enumerate(rows)})


def _entry(answer: Any, outputs: Sequence[str]) -> Entry:
    if not isinstance(answer, Mapping):
        if len(outputs) > 1:
            return Entry((), "failed", f"gave {answer!r} in place of {', '.join(outputs)}")
        answer = {outputs[0]: answer}
    for key, status in (("invalid", "invalid"), ("error", "failed")):
        if answer.get(key):
            return Entry((), status, str(answer[key]))
    values = []
    for output in outputs:
        if output not in answer:
            given = ", ".join(key for key in answer if key not in RESERVED) or "nothing"
            return Entry((), "failed", f"gave no {output!r}, but {given}")
        value = answer[output]
        number = _number(value)
        if number is None:
            return Entry((), "failed", f"gave {str(value)[:80]!r} for {output}, which is no number")
        values.append(number)
    missing = [o for o, v in zip(outputs, values, strict=True) if not math.isfinite(v)]
    reason = f"gave {answer[missing[0]]} for {missing[0]}" if missing else ""
    return Entry(tuple(values), "failed" if missing else "ok", reason)


def _number(value: Any) -> float | None:
    if value is None:
        return math.nan
    if not isinstance(value, bool | int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


_NOT_JSON = object()


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON
