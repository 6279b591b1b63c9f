"""The tables of `campaign.sqlite`, their lines as rows, and SQLite's errors in our words."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from discdiff.campaign.rows import NAN, Remark, Row
from discdiff.errors import StoreError

FORMAT = 3
REJECTIONS = 2  # the first format with a table of them
APPLICATION_ID = 0x64646966  # "ddif": tells a campaign from any other SQLite file

# reward is NULL until the objective has been applied; NaN is NULL everywhere
_VIEW = """
CREATE VIEW design AS
    SELECT id, arm, round, sequence, raw, status, reason, scores, reward, seconds,
           confidence, alerts, similarity, reference, request,
           EXISTS (
               SELECT 1 FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm AND draw.final
           ) AS final,
           COALESCE(log_likelihood, (
               SELECT MAX(log_likelihood) FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm
           )) AS log_likelihood
    FROM evaluation;
"""
_REJECTION = """
CREATE TABLE rejection (
    number INTEGER PRIMARY KEY,
    arm TEXT NOT NULL,
    round INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    raw TEXT NOT NULL,
    reason TEXT NOT NULL,
    log_likelihood REAL,
    confidence REAL,
    alerts REAL,
    similarity REAL,
    reference TEXT,
    UNIQUE (sequence, arm)
);
"""
TABLES = (
    """
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE round (
    arm TEXT NOT NULL,
    number INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (arm, number)
) WITHOUT ROWID;
CREATE TABLE evaluation (
    id INTEGER PRIMARY KEY,
    arm TEXT NOT NULL,
    round INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    raw TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    scores TEXT NOT NULL,
    reward REAL,
    seconds REAL NOT NULL,
    log_likelihood REAL,
    confidence REAL,
    alerts REAL,
    similarity REAL,
    reference TEXT,
    request INTEGER,
    UNIQUE (sequence, arm)
);
CREATE TABLE draw (
    arm TEXT NOT NULL,
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    raw TEXT NOT NULL,
    sequence TEXT,
    final INTEGER NOT NULL,
    reward REAL,
    log_weight REAL,
    log_likelihood REAL,
    confidence REAL,
    PRIMARY KEY (arm, round, place)
);
CREATE INDEX evaluation_round ON evaluation (arm, round);
CREATE INDEX draw_sequence ON draw (sequence, arm, final, log_likelihood);
"""
    + _REJECTION
    + _VIEW
)
_TO_2 = f"""
ALTER TABLE evaluation ADD COLUMN log_likelihood REAL;
ALTER TABLE evaluation ADD COLUMN confidence REAL;
ALTER TABLE evaluation ADD COLUMN alerts REAL;
ALTER TABLE evaluation ADD COLUMN similarity REAL;
ALTER TABLE evaluation ADD COLUMN reference TEXT;
{_REJECTION}
"""
_TO_3 = f"""
ALTER TABLE evaluation ADD COLUMN request INTEGER;
DROP VIEW design;
{_VIEW}
PRAGMA user_version = 3;
"""

REMARK = "log_likelihood, confidence, alerts, similarity, reference"
_COLUMNS = "SELECT id, arm, round, sequence, raw, status, reason, scores, seconds, reward, final, "
ROWS = {  # by format: a run of an older version can be read where it cannot be written
    1: f"{_COLUMNS} log_likelihood, NULL, NULL, NULL, NULL, NULL FROM design",
    2: f"{_COLUMNS} {REMARK}, NULL FROM design",
    3: f"{_COLUMNS} {REMARK}, request FROM design",
}


def check_format(connection: sqlite3.Connection, path: Path) -> int:
    """Return the format; raise `StoreError` unless this is a campaign that this version reads."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file, but not a campaign of discdiff")
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise StoreError(
            f"{path} has format {found}, and this version of discdiff reads up to {FORMAT}: "
            "upgrade discdiff to open it"
        )
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise StoreError(f"{path} is damaged ({fault}): restore it from a copy")
    return found


def upgrade(connection: sqlite3.Connection, found: int) -> None:
    """Give a campaign of the format `found` what the present one has, in one transaction."""
    steps = _TO_3 if found == 2 else _TO_2 + _TO_3
    connection.executescript(f"BEGIN IMMEDIATE; {steps} COMMIT;")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into a `StoreError` that names `path` and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_words(path, error)) from error


def _words(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    if "disk is full" in text or "disk I/O" in text:
        return f"cannot write {path}: {text}. What was recorded is safe; free some space and resume"
    if "readonly" in text or "unable to open" in text:
        return f"cannot write {path}: {text}. Check the rights of the folder"
    if "locked" in text:
        return f"cannot use {path}: another process is writing it"
    if "not a database" in text or "malformed" in text or "no such" in text:
        return f"{path} is damaged or not a campaign ({text}): restore it from a copy"
    return f"cannot use {path}: {text}"


def row_of(found: tuple[Any, ...]) -> Row:
    """Return the row of a line that a query of `ROWS` found."""
    number, arm, round_, sequence, raw, status, reason, scores, seconds, *rest = found
    reward, final, log_likelihood, confidence, alerts, similarity, reference, request = rest
    return Row(
        *(number, arm, round_, sequence, raw, status, reason),
        scores=tuple(map(number_of, json.loads(scores))),
        seconds=seconds,
        reward=number_of(reward),
        final=bool(final),
        log_likelihood=number_of(log_likelihood),
        confidence=number_of(confidence),
        alerts=number_of(alerts),
        similarity=number_of(similarity),
        reference=reference or "",
        request=request or 0,
    )


def remark_values(of: Row | Remark) -> tuple[float | str | None, ...]:
    """Return what stands in the columns of `REMARK`."""
    numbers = (of.log_likelihood, of.confidence, of.alerts, of.similarity)
    return (*map(null, numbers), of.reference or None)


def numbers(row: Row) -> str:
    """Return the scores of a row as JSON."""
    return json.dumps([null(value) for value in row.scores], allow_nan=False)


def null(value: float) -> float | None:
    """Return `value`, None in place of NaN."""
    return None if math.isnan(value) else float(value)


def number_of(value: float | None) -> float:
    """Return `value`, NaN in place of None."""
    return NAN if value is None else value
