"""What the report says of a fine-tuning: the figures of its draws, from the files beside it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from discdiff.campaign.figures import drawn_against
from discdiff.errors import StoreError

FIGURES, RESULT = "figures.csv", "result.json"
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
            [_number(row.get(name)) for name in shown],
        )
        for number, row in enumerate(rows)
    ]
    return Tuning([SHOWN[name] for name in shown], lines, _figure(rows), list(_notes(result)))


def _figure(rows: Sequence[Mapping[str, float]]) -> Markup:
    curves = {name: [row[name] for row in rows] for name in ("reward", "judge") if name in rows[0]}
    return Markup(drawn_against([row["evaluations"] for row in rows], curves))


def _notes(result: Mapping[str, object]) -> list[str]:
    notes = [str(result["warning"])] if result.get("warning") else []
    if result.get("biased"):
        notes.append("biased: some designs were trained on whose law is not known")
    return notes


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.4g}"
