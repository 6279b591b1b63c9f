"""`designs.csv`: what was evaluated, one line each, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from discdiff.campaign.files import write_atomic
from discdiff.campaign.rows import Row
from discdiff.campaign.store import DESIGNS, Store

_AFTER = ("arm", "round", "final", "status", "reason", "log_likelihood", "drawn_as", "id")


def designs_csv(store: Store) -> str:
    """Return the table as CSV text, rows in the order of evaluation.

    The first columns are `SMILES` (or `sequence`), `Score`, and `<output> (raw)` for each output.
    `Score` is the reward without any diversity penalty; an empty cell is a missing number.
    """
    settings = store.settings
    outputs = [f"{output} (raw)" for output in settings["outputs"]]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([settings["column"], "Score", *outputs, *_AFTER])
    writer.writerows(_cells(row) for row in store.rows())
    return text.getvalue()


def write_designs(store: Store) -> Path:
    """Write `designs.csv` beside the store and return its path.

    Raises:
        StoreError: if the store cannot be read or the file not be written.
    """
    path = store.path.parent / DESIGNS
    write_atomic(path, designs_csv(store))
    return path


def _cells(row: Row) -> list[object]:
    return [
        row.sequence,
        *map(_number, (row.reward, *row.scores)),
        row.arm,
        row.round,
        str(row.final).lower(),
        row.status,
        row.reason,
        _number(row.log_likelihood),
        row.raw,
        row.id,
    ]


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
