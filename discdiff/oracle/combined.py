"""Several oracles as one, each called once a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from discdiff.errors import InputError
from discdiff.oracle.check import as_oracle, identity
from discdiff.oracle.scores import Part, Scores


class Combined:
    """One oracle with the outputs of several, which are asked in turn for the same batch.

    A row is ``ok`` when every output is finite; an output that one of them could not give is NaN
    and leaves the others in place. A row that one calls invalid is invalid.

    Args:
        oracles: a dict from name to oracle: an oracle of one output gives the output *name*, one
            of several the outputs *name.output*. Or a list: outputs keep their own names.

    Attributes:
        signed: whether an output can be negative, as its oracle says; None where it does not say.

    Raises:
        InputError: if there is no oracle or two outputs share a name.

    Example:
        >>> both = Combined({"a": lambda s: [x.count("A") for x in s], "n": lambda s: [3] * len(s)})
        >>> both.outputs, both(["AAC"]).values.tolist()
        (('a', 'n'), [[2.0, 3.0]])
    """

    def __init__(self, oracles: Mapping[str, Any] | Sequence[Any]) -> None:
        if not oracles:
            raise InputError("oracles must hold at least one oracle, got none")
        if isinstance(oracles, Mapping):
            self.oracles = tuple(as_oracle(oracle) for oracle in oracles.values())
            names = [_renamed(k, o.outputs) for k, o in zip(oracles, self.oracles, strict=True)]
        else:
            self.oracles = tuple(as_oracle(oracle) for oracle in oracles)
            names = [oracle.outputs for oracle in self.oracles]
        self.outputs: tuple[str, ...] = tuple(name for group in names for name in group)
        twice = sorted({name for name in self.outputs if self.outputs.count(name) > 1})
        if twice:
            raise InputError(
                f"outputs must be distinct, got {twice[0]!r} twice; pass a dict of names"
            )
        self.name = "+".join(oracle.name for oracle in self.oracles)
        self.version = "+".join(oracle.version for oracle in self.oracles)
        self.parameters: dict[str, object] = {"oracles": [identity(o) for o in self.oracles]}
        self.signed: dict[str, bool | None] = {
            name: getattr(getattr(oracle, "oracle", oracle), "signed", None)
            for oracle, group in zip(self.oracles, names, strict=True)
            for name in group
        }
        self.directions = tuple(d for oracle in self.oracles for d in oracle.directions)
        self.units = tuple(unit for oracle in self.oracles for unit in oracle.units)
        self.licences: dict[str, str] = {}
        keys = list(oracles) if isinstance(oracles, Mapping) else [o.name for o in self.oracles]
        for key, oracle in zip(keys, self.oracles, strict=True):
            # of two oracles of one name, such as two predictors, each has its own licence
            for name, licence in oracle.licences.items():
                taken = self.licences.get(name, licence) != licence
                self.licences[key if taken else name] = licence

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the scores of `sequences` under every output."""
        replies = [oracle(sequences) for oracle in self.oracles]
        valid = np.logical_and.reduce([reply.valid for reply in replies])
        values = np.concatenate([reply.values for reply in replies], axis=1)
        values[~valid] = np.nan
        status = [_status(column) for column in zip(*(r.status for r in replies), strict=True)]
        reasons = [
            "; ".join(filter(None, c)) for c in zip(*(r.reasons for r in replies), strict=True)
        ]
        return Scores(
            values=values,
            valid=valid,
            status=tuple(status),
            reasons=tuple(reasons),
            origin=("oracle",) * len(sequences),
        )

    def stream(self, sequences: Sequence[str], /) -> Iterator[Part]:
        """Yield the whole request as one part."""
        yield np.arange(len(sequences), dtype=np.int64), self(sequences)


def _renamed(key: str, outputs: tuple[str, ...]) -> tuple[str, ...]:
    return (key,) if len(outputs) == 1 else tuple(f"{key}.{output}" for output in outputs)


def _status(column: tuple[str, ...]) -> str:
    return next((s for s in ("invalid", "failed", "not_evaluated") if s in column), "ok")
