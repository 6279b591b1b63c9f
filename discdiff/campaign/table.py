"""`designs.csv`: what was evaluated, one line each, for spreadsheets and other programs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from discdiff.campaign.files import write_atomic
from discdiff.campaign.rows import Row
from discdiff.campaign.store import DESIGNS, Store
from discdiff.data.tables import Cell, Table, csv_bytes

_AFTER = ("arm", "round", "final", "status", "reason", "log_likelihood", "confidence", "alerts")
_COMPARED = ("reference_similarity", "reference")
_LAST = ("drawn_as", "id")


def design_table(store: Store, rows: Iterable[Row] | None = None) -> Table:
    """Return the table of `rows` of `store`; of all it holds, in the order of evaluation, if None.

    The first columns are `SMILES` (or `sequence`), `Score`, and `<output> (raw)` for each output.
    `Score` is the reward without any diversity penalty; an empty cell is a missing number. The
    columns after `reason` are a `Remark`, those of the reference set only where the run has one.

    Raises:
        StoreError: if the store cannot be read.
    """
    settings = store.settings
    outputs = [f"{output} (raw)" for output in settings["outputs"]]
    chosen = store.rows() if rows is None else rows
    compared = "reference" in settings
    columns = (settings["column"], "Score", *outputs, *_AFTER, *_COMPARED * compared, *_LAST)
    return Table(columns, [_cells(row, compared) for row in chosen])


def write_designs(store: Store) -> Path:
    """Write `designs.csv` beside the store and return its path.

    After the evaluations come the designs that filters rejected before the oracle was asked.

    Raises:
        StoreError: if the store cannot be read or the file not be written.
    """
    path = store.path.parent / DESIGNS
    write_atomic(path, csv_bytes(design_table(store, [*store.rows(), *store.rejections()])))
    return path


def _cells(row: Row, compared: bool) -> tuple[Cell, ...]:
    alerts = None if math.isnan(row.alerts) else int(row.alerts)
    return (
        row.sequence,
        row.reward,
        *row.scores,
        row.arm,
        row.round,
        row.final,
        row.status,
        row.reason,
        row.log_likelihood,
        row.confidence,
        alerts,
        *(row.similarity, row.reference) * compared,
        row.raw,
        row.id or None,
    )
