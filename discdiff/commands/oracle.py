"""`discdiff oracle list`: what sequences can be scored with."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from discdiff.errors import DiscdiffError


def list_oracles() -> None:
    """List the oracles.

    Outputs (where they are not the name), whether larger or smaller is better, licence and version.
    `discdiff list oracles` says what each one is.
    """
    from discdiff import registry
    from discdiff.commands import table

    rows: list[tuple[str, ...]] = []
    for entry in registry.names("oracles", load=True):
        if entry.broken:
            rows.append((entry.name, "", "", "", entry.status))
        else:
            try:
                outputs, *facts = _facts(registry.find("oracles", entry.name))
            except Exception as error:  # the code of a plug-in: any failure is its own
                broken = f"broken: {type(error).__name__}: {error}"
                rows.append((entry.name, "", "", "", broken))
                continue
            rows.append((entry.name, "" if outputs == entry.name else outputs, *facts))
    table.show("oracles", ("name", "outputs", "better", "licence", "version"), rows)


def _facts(oracle: Any) -> tuple[str, str, str, str]:
    """Return outputs, direction, licence and version; from an object where one can be made."""
    from discdiff.oracle import as_oracle

    try:
        needed = [
            p.name
            for p in inspect.signature(oracle).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        subject = oracle if needed else oracle()
    except DiscdiffError:
        subject, needed = oracle, []
    outputs = _words(getattr(subject, "outputs", None) or getattr(subject, "name", ""))
    version = f"depends on {', '.join(needed)}" if needed else as_oracle(subject).version
    return (
        outputs,
        _words(getattr(subject, "direction", "max")),
        str(getattr(subject, "licence", "")),
        version,
    )


def _words(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    return str(value) if isinstance(value, str) else ""
