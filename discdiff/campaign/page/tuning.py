"""What the report says of a fine-tuning: the figures of its draws, from the files beside it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from discdiff.campaign.figures import drawn_against
from discdiff.campaign.store import RESULT
from discdiff.errors import StoreError

FIGURES = "figures.csv"
ZERO = 1e-6  # what sums in float32 leave of 0
# what is shown of each draw: the column of the file, and the heading
SHOWN = {
    "step": "step",
    "evaluations": "evaluations",
    "reward": "reward",
    "judge": "judge",
    "divergence": "KL, nats",
    "log_likelihood": "log p before",
    "valid": "valid",
    "unique": "unique",
    "diversity": "diversity",
    "novel": "novel",
    "nearest": "nearest known",
    "confidence": "confidence",
}


@dataclass(frozen=True)
class Tuning:
    """The draws of a fine-tuning as a table, a figure of them, and what a reader is warned of."""

    columns: list[str]
    lines: list[tuple[str, list[str]]]
    figure: Markup
    notes: list[str]


def tuning_of(folder: Path) -> Tuning | None:
    """Return what is known of the fine-tuning in `folder`; None where the run is another one.

    Raises:
        StoreError: if its files cannot be read.
    """
    if not (folder / FIGURES).is_file():
        return None
    try:
        with (folder / FIGURES).open(encoding="utf-8", newline="") as file:
            rows = [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)]
        path = folder / RESULT
        result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder} has figures that cannot be read: {error}") from error
    shown = [name for name in SHOWN if rows and name in rows[0]]
    kept = result.get("kept")
    lines = [
        (
            f"draw {number}" + " (kept)" * (number == kept),
            [rounded(row.get(name)) for name in shown],
        )
        for number, row in enumerate(rows)
    ]
    return Tuning([SHOWN[name] for name in shown], lines, _figure(rows), list(_notes(result)))


def _figure(rows: Sequence[Mapping[str, float]]) -> Markup:
    curves = {name: [row[name] for row in rows] for name in ("reward", "judge") if name in rows[0]}
    return Markup(drawn_against([row["evaluations"] for row in rows], curves))


def _notes(result: Mapping[str, object]) -> list[str]:
    warning, rule = (str(result.get(name) or "") for name in ("warning", "rule"))
    notes = [one for one in (warning, rule * (rule not in warning)) if one]
    if result.get("bias"):
        notes.append(f"biased: {result['bias']}")
    return notes


def rounded(value: float | None) -> str:
    """Return a figure as it is shown; what is 0 but for rounding is 0.

    Example:
        >>> [rounded(one) for one in (-4.773e-08, 0.56789, 12345.0, None)]
        ['0', '0.5679', '12345', '–']
    """
    if value is None or value != value:
        return "–"
    if abs(value) < ZERO:
        return "0"
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
