"""`discdiff oracle list`: what sequences can be scored with."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from discdiff.errors import DiscdiffError

# What decides the licence of an oracle that has none of its own, by the oracle's name.
_DECIDES = {
    "command": "that of your program",
    "file": "that of your file",
    "log_likelihood": "that of the model",
    "measured": "values are yours",
    "predictor": "that of its data",
}


def list_oracles() -> None:
    """List the oracles.

    Outputs (where they are not the name), whether larger or smaller is better, licence, version,
    whether the licence clears commercial use (`design licence=commercial`) and the strings they are
    for; then the licences of the data of shipped predictors and models. `discdiff list oracles`
    says what each one is.
    """
    from discdiff import registry
    from discdiff.commands import table
    from discdiff.licence import UNKNOWN, clears, shipped

    rows: list[tuple[str, ...]] = []
    for entry in registry.names("oracles", load=True):
        if entry.broken:
            rows.append((entry.name, "", "", "", entry.status, "", ""))
        else:
            try:
                outputs, *facts = _facts(entry.name, registry.find("oracles", entry.name))
            except Exception as error:  # the code of a plug-in: any failure is its own
                broken = f"broken: {type(error).__name__}: {error}"
                rows.append((entry.name, "", "", "", broken, "", ""))
                continue
            rows.append((entry.name, "" if outputs == entry.name else outputs, *facts))
    columns = ("name", "outputs", "better", "licence", "version", "commercial", "reads")
    table.show("oracles", columns, rows)
    for kind in ("predictors", "models"):
        cards = [
            (name, text or UNKNOWN, "yes" if clears(text) else "no")
            for name, text in shipped(kind).items()
        ]
        table.show(f"shipped {kind}", ("name", "licence of the data", "commercial"), cards)


def _facts(name: str, oracle: Any) -> tuple[str, ...]:
    """Return outputs, direction, licence, version, whether commercial use is cleared, and strings.

    From an object where one can be made.
    """
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
    licence, commercial = _licence(name, subject)
    return (
        outputs,
        _words(getattr(subject, "direction", "max")),
        licence,
        version,
        commercial,
        _words(getattr(subject, "reads", ())),
    )


def _licence(name: str, subject: Any) -> tuple[str, str]:
    """Return the licence, and whether it clears commercial use: yes, no, or what decides it."""
    from discdiff.licence import UNKNOWN, clears

    licence = getattr(subject, "licence", "")
    if not isinstance(licence, str) or not licence:
        decides = _DECIDES.get(name, "")
        return decides or UNKNOWN, "depends" if decides else "no"
    return licence, "yes" if clears(licence) else "no"


def _words(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    return str(value) if isinstance(value, str) else ""
