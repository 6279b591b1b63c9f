"""The oracle contract: any callable from strings to numbers, with its replies checked."""

from __future__ import annotations

import hashlib
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from discdiff import _check
from discdiff.errors import InputError, OracleError
from discdiff.oracle.reply import read_reply
from discdiff.oracle.scores import Part, Scores


class Oracle(Protocol):
    """What an oracle shows: a name, a version, the names of its outputs, and a call.

    The call takes a list of N strings (unique, valid and canonical when it comes through `stack`)
    and returns `Scores`, numbers `(N,)` or `(N, R)`, or a dict from output name to numbers `(N,)`.
    NaN says that a sequence could not be scored. Optional attributes: `parameters` (a dict of JSON
    values that, with name and version, fix the values: the cache key), `direction` (``max`` or
    ``min``), `units` (text), each one for all or one an output, `licence` (text), `reads` (the
    kinds of strings it is for, such as SMILES, DNA, RNA or peptide; any by default), `sees_flanks`
    (False: it is shown the design alone, without the constant flanks of its domain), and methods
    `relaxed`, for methods that need gradients (`discdiff.relaxed`), and `annotations`, for drawings
    of what it sees where (`discdiff.annotation`).
    """

    name: str
    version: str
    outputs: tuple[str, ...]

    def __call__(self, sequences: Sequence[str], /) -> Any: ...


class Streaming(Protocol):
    """What the wrappers speak: an oracle that answers a request part by part.

    `stream` yields `(rows, scores)` as they become known, in any order, each row once; a pool of
    worker processes fulfils it. Parts yielded before an error are kept.
    """

    @property
    def name(self) -> str:
        """Name of the oracle."""

    @property
    def version(self) -> str:
        """Version of the oracle's values."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, one a column of the values."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON values that, with name and version, fix the values."""

    @property
    def directions(self) -> tuple[str, ...]:
        """``max`` or ``min`` an output."""

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each output; empty where there is none."""

    @property
    def licences(self) -> Mapping[str, str]:
        """The licences of the oracles inside that declare one, by their name."""

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield `(rows, scores)` as they become known, each row once."""

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`, in their order."""


_STREAMING = (
    *("name", "version", "outputs", "parameters"),
    *("directions", "units", "licences", "stream"),
)


class Checked:
    """An oracle whose replies are checked: one row of real numbers a sequence, or an error.

    An infinite value becomes NaN with status ``failed`` and the reason; NaN is ``failed``.

    Args:
        oracle: a callable from a list of N strings to N rows of numbers.
        name: its name; by default its attribute `name`, else its `__name__` or class.
        version: its version; by default its attribute, else a hash of its source, else ``0``.
        outputs: the names of its R outputs; by default its attribute, else `(name,)`.

    Raises:
        InputError: if `oracle` is not callable, or a declared attribute is of the wrong kind.

    Example:
        >>> length = Checked(lambda strings: [len(s) for s in strings], name="length")
        >>> length(["AC", "ACGT"]).values.tolist()
        [[2.0], [4.0]]
    """

    def __init__(
        self,
        oracle: Any,
        name: str | None = None,
        version: str | None = None,
        outputs: Sequence[str] | None = None,
    ) -> None:
        if not callable(oracle) or isinstance(oracle, type):
            raise InputError(f"oracle must be a callable from strings to numbers, got {oracle!r}")
        self.oracle = oracle
        self.name = _text("name", name if name is not None else _name_of(oracle))
        self.version = _text("version", version if version is not None else _version_of(oracle))
        declared = outputs if outputs is not None else getattr(oracle, "outputs", (self.name,))
        self.outputs = _names(self.name, declared)
        self.parameters = _parameters(self.name, getattr(oracle, "parameters", {}))
        self.directions = _directions(self.name, getattr(oracle, "direction", "max"), self.outputs)
        self.units = _units(self.name, getattr(oracle, "units", ""), self.outputs)
        licence = getattr(oracle, "licence", "")
        if not isinstance(licence, str):
            raise InputError(f"licence of oracle {self.name!r} must be text, got {licence!r}")
        self.licences: dict[str, str] = {self.name: licence} if licence else {}
        self.reads = _kinds(self.name, getattr(oracle, "reads", ()))

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences`; raises `OracleError` naming the oracle."""
        if not len(sequences):
            return Scores.blank((), len(self.outputs), status="ok", valid=True)
        try:
            reply = self.oracle(list(sequences))
        except OracleError:
            raise
        except (Exception, SystemExit) as error:  # the plug-in boundary: attributed and chained
            raise OracleError(
                f"oracle {self.name!r} raised {type(error).__name__}: {error} "
                f"(batch of {len(sequences)}, first sequence {sequences[0]!r})"
            ) from error
        return read_reply(reply, self.name, self.outputs, len(sequences))

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield the whole request as one part."""
        yield np.arange(len(sequences), dtype=np.int64), self(sequences)


def as_oracle(
    oracle: Any,
    name: str | None = None,
    version: str | None = None,
    outputs: Sequence[str] | None = None,
) -> Streaming:
    """Return `oracle` with its replies checked; a wrapper or a worker pool is returned as it is.

    Args:
        oracle: an `Oracle`, or any callable from a list of strings to numbers.
        name: overrides the oracle's name.
        version: overrides its version; raise it whenever the values change.
        outputs: names of the R columns, for a function that returns several.

    Raises:
        InputError: if `oracle` is not callable.

    Example:
        >>> gc = as_oracle(lambda s: [x.count("G") + x.count("C") for x in s], name="gc")
        >>> gc(["GATTACA"]).values.tolist()
        [[2.0]]
    """
    plain = name is None and version is None and outputs is None
    if plain and all(hasattr(oracle, member) for member in _STREAMING):
        return cast(Streaming, oracle)
    return Checked(oracle, name, version, outputs)


def identity(oracle: Streaming) -> str:
    """Return what fixes an oracle's values: name, version, and a hash of outputs and parameters.

    Raises:
        InputError: if the parameters are not JSON values.

    Example:
        >>> identity(as_oracle(len, name="length", version="2"))
        'length@2#20318c13aeab'
    """
    try:
        text = json.dumps([oracle.outputs, dict(oracle.parameters)], sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"parameters of oracle {oracle.name!r} must be JSON: {error}") from error
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{oracle.name}@{oracle.version}#{digest}"


def _name_of(oracle: Any) -> str:
    name = getattr(oracle, "name", None) or getattr(oracle, "__name__", type(oracle).__name__)
    return "oracle" if name == "<lambda>" else str(name)


def _version_of(oracle: Any) -> str:
    if hasattr(oracle, "version"):
        return str(oracle.version)
    try:
        source = inspect.getsource(oracle if inspect.isroutine(oracle) else type(oracle))
    except (OSError, TypeError):
        return "0"
    text = textwrap.dedent(source) + _captured(oracle)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _captured(oracle: Any) -> str:
    """Return the plain values that a function was made with: equal source is not all of it."""
    cells = [cell.cell_contents for cell in getattr(oracle, "__closure__", None) or ()]
    defaults = getattr(oracle, "__defaults__", None) or ()
    named = getattr(oracle, "__kwdefaults__", None) or {}
    return json.dumps([cells, defaults, named], default=lambda value: type(value).__qualname__)


def _text(what: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} of an oracle must be a non-empty string, got {value!r}")
    return value


def _names(name: str, outputs: object) -> tuple[str, ...]:
    if isinstance(outputs, str) or not isinstance(outputs, Sequence):
        raise InputError(f"outputs of oracle {name!r} must be a list of names, got {outputs!r}")
    if not outputs or len(set(outputs)) < len(outputs):
        raise InputError(f"outputs of oracle {name!r} must be distinct names, got {outputs!r}")
    return tuple(_text("output", output) for output in outputs)


def _parameters(name: str, parameters: object) -> dict[str, object]:
    if not isinstance(parameters, Mapping):
        raise InputError(f"parameters of oracle {name!r} must be a dict, got {parameters!r}")
    return dict(parameters)


def _kinds(name: str, reads: object) -> tuple[str, ...]:
    if callable(reads):  # a method of that name says something else
        return ()
    if isinstance(reads, list | tuple) and all(isinstance(kind, str) for kind in reads):
        return tuple(reads)
    raise InputError(f"reads of oracle {name!r} must be a list of kinds of strings, got {reads!r}")


def _directions(name: str, direction: object, outputs: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(direction, str):
        direction = (direction,) * len(outputs)
    elif isinstance(direction, Mapping):
        for output in direction:
            if output not in outputs:
                raise InputError(f"direction of oracle {name!r} names no output {output!r}")
        direction = tuple(direction.get(output, "max") for output in outputs)
    if not isinstance(direction, Sequence) or len(direction) != len(outputs):
        raise InputError(f"direction of oracle {name!r} must be max or min, got {direction!r}")
    return tuple(
        _check.one_of(f"direction of oracle {name!r}", d, ("max", "min")) for d in direction
    )


def _units(name: str, units: object, outputs: tuple[str, ...]) -> tuple[str, ...]:
    listed = (units,) * len(outputs) if isinstance(units, str) else units
    if isinstance(listed, Sequence) and [type(unit) for unit in listed] == [str] * len(outputs):
        return tuple(listed)
    raise InputError(
        f"units of oracle {name!r} must be text, or one text for each of {', '.join(outputs)}, "
        f"got {units!r}"
    )
