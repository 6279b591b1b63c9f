"""The tables of `campaign.sqlite`, and SQLite's errors in the words of a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discdiff.errors import StoreError

FORMAT = 1
APPLICATION_ID = 0x64646966  # "ddif": tells a campaign from any other SQLite file

# reward is NULL until the objective has been applied; NaN is NULL everywhere
TABLES = """
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
CREATE VIEW design AS
    SELECT evaluation.*,
           EXISTS (
               SELECT 1 FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm AND draw.final
           ) AS final,
           (
               SELECT MAX(log_likelihood) FROM draw WHERE draw.sequence = evaluation.sequence
               AND draw.arm = evaluation.arm
           ) AS log_likelihood
    FROM evaluation;
"""


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `StoreError` unless `connection` is an intact campaign that this version reads."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file, but not a campaign of discdiff")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise StoreError(
            f"{path} has format {found}, and this version of discdiff reads up to {FORMAT}: "
            "upgrade discdiff to open it"
        )
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise StoreError(f"{path} is damaged ({fault}): restore it from a copy")


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
