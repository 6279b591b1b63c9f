"""Reading what an oracle returned: every shape and kind that is not numbers is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from discdiff.errors import OracleError
from discdiff.oracle.scores import Floats, Scores


def read_reply(reply: Any, name: str, outputs: Sequence[str], count: int) -> Scores:
    """Return the scores that `reply` states for `count` sequences.

    Args:
        reply: `Scores`, numbers `(N,)` or `(N, R)`, or a dict from output name to numbers `(N,)`.
        name: the oracle's name, for the messages.
        outputs: the names of its R outputs.
        count: N.

    Raises:
        OracleError: if the reply is not one row of R real numbers a sequence.

    Example:
        >>> read_reply([1, float("inf")], "docking", ["affinity"], 2).reasons
        ('', 'docking returned inf for affinity')
    """
    if isinstance(reply, Scores):
        _expect_shape(reply.values, name, outputs, count)
        return _without_stray_values(reply, name, outputs)
    if isinstance(reply, Mapping):
        values = _read_columns(reply, name, outputs, count)
    else:
        values = _numbers(reply, name)
        if values.ndim == 1 and len(outputs) == 1:
            values = values[:, None]
        _expect_shape(values, name, outputs, count)
    return _without_stray_values(Scores.of(values, "oracle"), name, outputs)


def _numbers(reply: Any, name: str) -> Floats:
    if hasattr(reply, "detach"):  # a tensor, on any device and of any precision
        reply = reply.detach().cpu()
        reply = reply.double() if reply.is_floating_point() else reply
    try:
        array = np.asarray(reply)
    except (ValueError, TypeError) as error:
        raise OracleError(
            f"oracle {name!r} must return one row of numbers a sequence: {error}"
        ) from error
    if array.dtype.kind not in "biuf":
        found = {"U": "strings", "S": "bytes", "c": "complex numbers", "O": "objects"}
        raise OracleError(
            f"oracle {name!r} must return real numbers (NaN where a sequence cannot be scored), "
            f"got {found.get(array.dtype.kind, str(array.dtype))}: {_shown(reply)}"
        )
    return array.astype(np.float64)


def _read_columns(
    reply: Mapping[Any, Any], name: str, outputs: Sequence[str], count: int
) -> Floats:
    if set(reply) != set(outputs):
        raise OracleError(
            f"oracle {name!r} must return the outputs {', '.join(outputs)}, "
            f"got {', '.join(map(str, reply)) or 'none'}; name them with outputs=[...]"
        )
    columns = [_numbers(reply[output], f"{name}.{output}") for output in outputs]
    for output, column in zip(outputs, columns, strict=True):
        if column.shape != (count,):
            raise OracleError(
                f"oracle {name!r} must return {count} numbers for {output}, "
                f"got shape {column.shape}"
            )
    return np.stack(columns, axis=1)


def _expect_shape(values: Floats, name: str, outputs: Sequence[str], count: int) -> None:
    if values.ndim == 0 or len(values) != count:
        got = "a single number" if values.ndim == 0 else f"{len(values)}"
        raise OracleError(f"oracle {name!r} must return {count} rows, one a sequence, got {got}")
    if values.shape != (count, len(outputs)):
        raise OracleError(
            f"oracle {name!r} must return {len(outputs)} columns ({', '.join(outputs)}), "
            f"got shape {values.shape}; name several with outputs=[...]"
        )


def _without_stray_values(scores: Scores, name: str, outputs: Sequence[str]) -> Scores:
    """Turn infinities into NaN, and make status, validity and values agree."""
    values = scores.values.copy()
    status, reasons = list(scores.status), list(scores.reasons)
    invalid = np.array([s == "invalid" for s in status], dtype=bool) | ~scores.valid
    values[invalid] = np.nan
    for i in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
        if invalid[i]:
            status[i] = "invalid"
        elif status[i] != "not_evaluated":
            column = int(np.flatnonzero(~np.isfinite(values[i]))[0])
            status[i] = "failed"
            reasons[i] = reasons[i] or f"{name} returned {values[i, column]} for {outputs[column]}"
    values[~np.isfinite(values)] = np.nan
    return replace(
        scores,
        values=values,
        valid=~invalid,
        status=tuple(status),
        reasons=tuple(reasons),
        origin=tuple(o or "oracle" for o in scores.origin),
    )


def _shown(reply: Any) -> str:
    text = repr(reply)
    return text if len(text) <= 80 else text[:77] + "..."
