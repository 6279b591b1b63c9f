"""The record of a campaign: every evaluation is a row of `campaign.sqlite` before it counts."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from discdiff.campaign import schema
from discdiff.campaign.files import move, write_atomic
from discdiff.campaign.rows import Draw, Remark, Round, Row
from discdiff.errors import StoreError

DATABASE = "campaign.sqlite"
CONFIG, ENVIRONMENT, DESIGNS = "config.yaml", "environment.json", "designs.csv"
REPORT, LOG = "report.html", "log.txt"
RESULT = "result.json"  # of a fine-tuning that has ended
OTHER_FILES = (CONFIG, ENVIRONMENT, DESIGNS, REPORT, LOG)
_LOCK = ".campaign.lock"
_PARTIAL = "campaign.partial"
_PATIENCE = 1.0  # seconds; a killed writer's lock lives on while a program it began is starting


class Store:
    """One campaign's SQLite file, with one writer; made by `create` or `open`.

    Commits are durable (write-ahead log, `synchronous=FULL`): after a kill or a power cut the
    file holds every row whose method had returned.

    Args:
        path: the database.
        lock: held while the store is writable, None for reading only.

    Attributes:
        settings: those given to `create`.

    Raises:
        StoreError: from every method, if the file cannot be read or written.

    Example:
        >>> import tempfile
        >>> with Store.create(Path(tempfile.mkdtemp()), {"budget": 8}) as store:
        ...     _ = store.begin_round("guided", 0)
        ...     store.record([Row(1, "guided", 0, "CCO", "OCC", "ok", "", (0.5,), 0.1)])
        ...     store.find("guided", ["CCO"])["CCO"].scores
        (0.5,)
    """

    def __init__(self, path: Path, lock: FileLock | None) -> None:
        self.path = path
        self._lock = lock
        try:
            with schema.translated(path):
                self._db = _connect(path, read_only=lock is None)
                self._format = schema.check_format(self._db, path)
                if self._format < schema.FORMAT and lock is not None:
                    schema.upgrade(self._db, self._format)
                    self._format = schema.FORMAT
                found = self._db.execute("SELECT name, value FROM setting").fetchall()
        except BaseException:
            self._release()
            raise
        self.settings: dict[str, Any] = {name: json.loads(value) for name, value in found}

    @classmethod
    def create(
        cls, folder: Path, settings: Mapping[str, object], beside: Mapping[str, str] | None = None
    ) -> Self:
        """Start a record in `folder` (made if absent) and return it open for writing.

        Args:
            folder: must not hold a run.
            settings: JSON values, kept for `resume` to compare with.
            beside: texts of files, by name, that are there before the record is: no run exists
                without them.

        Raises:
            StoreError: if the folder holds a run, or cannot be written.
        """
        path = folder / DATABASE
        with _usable(folder):
            refuse_run(folder)
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder)
            try:
                refuse_run(folder)  # again, now that nobody else can start one here
                partial = folder / _PARTIAL
                partial.unlink(missing_ok=True)
                with schema.translated(path):
                    _initialise(partial, settings)
                for name, text in (beside or {}).items():
                    write_atomic(folder / name, text)
                move(partial, path)
            except BaseException:
                lock.release()
                raise
        return cls(path, lock)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Self:
        """Open the record of the run in `folder`.

        Raises:
            StoreError: if there is none, it is damaged or newer than this version, or another
                process is writing it (unless `read_only`).
        """
        path = folder / DATABASE
        with _usable(folder):
            if not path.is_file():
                raise StoreError(f"{folder} holds no run: it has no file {DATABASE}")
            lock = None if read_only else _locked(folder)
        return cls(path, lock)

    def close(self) -> None:
        """Close the file and let other processes write it; more calls do nothing."""
        with schema.translated(self.path):
            self._db.close()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin_round(self, arm: str, number: int) -> int:
        """Open a round, or open it again, and return the first id of its evaluations."""
        with schema.translated(self.path), self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO round (arm, number) VALUES (?, ?)", (arm, number)
            )
            query = (
                "SELECT id FROM evaluation WHERE NOT (arm = ? AND round = ?) "
                "ORDER BY id DESC LIMIT 1"
            )
            last = self._db.execute(query, (arm, number)).fetchone()
        return 1 if last is None else last[0] + 1

    def record(self, rows: Iterable[Row]) -> None:
        """Write evaluations, all or none; the first row of a sequence in an arm stays."""
        values = [
            (
                *(r.id, r.arm, r.round, r.sequence, r.raw, r.status, r.reason, schema.numbers(r)),
                *(r.seconds, schema.null(r.reward), *schema.remark_values(r), r.request or None),
            )
            for r in rows
        ]
        with schema.translated(self.path), self._db:
            self._db.executemany(
                "INSERT INTO evaluation "
                "(id, arm, round, sequence, raw, status, reason, scores, seconds, reward, "
                f"{schema.REMARK}, request) VALUES ({', '.join('?' * 16)}) "
                "ON CONFLICT (sequence, arm) DO NOTHING",
                values,
            )

    def reward(
        self,
        arm: str,
        rewards: Mapping[str, float],
        reasons: Mapping[str, str] | None = None,
        remarks: Mapping[str, Remark] | None = None,
        requests: Mapping[str, int] | None = None,
    ) -> None:
        """Add rewards to the rows of sequences, and what else a row has; what is there stays."""
        remarked = [(*schema.remark_values(found), s, arm) for s, found in (remarks or {}).items()]
        with schema.translated(self.path), self._db:
            self._db.executemany(
                "UPDATE evaluation SET reward = ? "
                "WHERE sequence = ? AND arm = ? AND reward IS NULL",
                [(schema.null(value), sequence, arm) for sequence, value in rewards.items()],
            )
            self._db.executemany(
                "UPDATE evaluation SET reason = ? WHERE sequence = ? AND arm = ? AND reason = ''",
                [(reason, sequence, arm) for sequence, reason in (reasons or {}).items()],
            )
            self._db.executemany(
                "UPDATE evaluation SET request = ? "
                "WHERE sequence = ? AND arm = ? AND request IS NULL",
                [(number, sequence, arm) for sequence, number in (requests or {}).items()],
            )
            self._db.executemany(
                "UPDATE evaluation SET (log_likelihood, confidence, alerts, similarity, reference) "
                "= (?, ?, ?, ?, ?) WHERE sequence = ? AND arm = ? "
                "AND COALESCE(log_likelihood, alerts, similarity) IS NULL",
                remarked,
            )

    def reject(self, rows: Iterable[Row]) -> None:
        """Write what filters rejected unseen; the first row of a sequence in an arm stays."""
        values = [
            (r.arm, r.round, r.sequence, r.raw, r.reason, *schema.remark_values(r)) for r in rows
        ]
        with schema.translated(self.path), self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO rejection "
                f"(arm, round, sequence, raw, reason, {schema.REMARK}) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def finish_round(
        self, arm: str, number: int, draws: Iterable[Draw], counts: Mapping[str, float]
    ) -> None:
        """Close a round together with the designs it returned, in one transaction."""
        rows = [
            (
                *(arm, number, place, d.raw, d.sequence, d.final),
                *map(schema.null, (d.reward, d.log_weight, d.log_likelihood, d.confidence)),
            )
            for place, d in enumerate(draws)
        ]
        with schema.translated(self.path), self._db:
            self._db.executemany("INSERT INTO draw VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute(
                "UPDATE round SET finished = 1, counts = ? WHERE arm = ? AND number = ?",
                (json.dumps(dict(counts)), arm, number),
            )

    def find(self, arm: str | None, sequences: Iterable[str]) -> dict[str, Row]:
        """Return the rows of `sequences` in `arm` (the oldest of any arm where it is None)."""
        query = f"{self._select} WHERE sequence = ? AND arm = COALESCE(?, arm) ORDER BY id LIMIT 1"
        found = {}
        with schema.translated(self.path):
            for sequence in sequences:
                row = self._db.execute(query, (sequence, arm)).fetchone()
                if row is not None:
                    found[sequence] = schema.row_of(row)
        return found

    def rows(self, arm: str | None = None, number: int | None = None) -> list[Row]:
        """Return the rows, of one arm or one round if given, in the order of evaluation."""
        given = {"arm": arm, "round": number}
        chosen = {name: value for name, value in given.items() if value is not None}
        where = " AND ".join(["TRUE", *(f"{name} = ?" for name in chosen)])
        query = f"{self._select} WHERE {where} ORDER BY id"
        with schema.translated(self.path):
            return [schema.row_of(row) for row in self._db.execute(query, tuple(chosen.values()))]

    def rejections(self, arm: str | None = None) -> list[Row]:
        """Return, in order, what filters rejected unseen and nothing evaluated after all."""
        if self._format < schema.REJECTIONS:
            return []
        query = (
            f"SELECT 0, arm, round, sequence, raw, 'rejected', reason, NULL, 0.0, NULL, 0, "
            f"{schema.REMARK}, NULL FROM rejection WHERE arm = COALESCE(?, arm) AND NOT EXISTS ("
            "SELECT 1 FROM evaluation WHERE evaluation.sequence = rejection.sequence "
            "AND evaluation.arm = rejection.arm) ORDER BY number"
        )
        blank = json.dumps([None] * len(self.settings.get("outputs", ())))
        with schema.translated(self.path):
            found = self._db.execute(query, (arm,)).fetchall()
        return [schema.row_of((*row[:7], blank, *row[8:])) for row in found]

    def rounds(self, arm: str) -> list[Round]:
        """Return the rounds of `arm`, in order; at most the last one is not finished."""
        query = "SELECT arm, number, finished, counts FROM round WHERE arm = ? ORDER BY number"
        with schema.translated(self.path):
            found = self._db.execute(query, (arm,)).fetchall()
        return [Round(a, number, bool(done), json.loads(c)) for a, number, done, c in found]

    def draws(self, arm: str) -> list[tuple[int, Draw]]:
        """Return the designs that the finished rounds of `arm` returned, each with its round."""
        query = (
            "SELECT round, raw, sequence, final, reward, log_weight, log_likelihood, confidence "
            "FROM draw WHERE arm = ? ORDER BY round, place"
        )
        with schema.translated(self.path):
            found = self._db.execute(query, (arm,)).fetchall()
        return [
            (number, Draw(raw, sequence, final, *map(schema.number_of, numbers)))
            for number, raw, sequence, final, *numbers in found
        ]

    @property
    def _select(self) -> str:
        return schema.ROWS[self._format]

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def refuse_run(folder: Path) -> None:
    """Raise `StoreError` if a run in `folder` would overwrite something."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file, not a folder")
    if (folder / DATABASE).exists():
        raise StoreError(
            f"{folder} already holds a run: continue it with `discdiff resume {folder}`, or "
            "choose another folder"
        )
    for name in OTHER_FILES:
        # a begin that was killed leaves its half-made record, and its files may be replaced
        if (folder / name).exists() and not (folder / _PARTIAL).exists():
            raise StoreError(f"{folder} already holds a file {name}: choose another folder")


def discard_unrewarded(folder: Path, *, whole: bool) -> None:
    """Remove the run in `folder` if it holds no reward; with `whole` also the empty folder.

    Raises:
        StoreError: if there is no run, or it is in use.
    """
    with _usable(folder):
        with Store.open(folder) as store:
            if any(not math.isnan(row.reward) for row in store.rows()):
                return
        for name in (DATABASE, *OTHER_FILES, _LOCK):
            (folder / name).unlink(missing_ok=True)
        if whole and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Turn the errors of the file system into a `StoreError` that names `folder`."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror or error}") from error


def _locked(folder: Path) -> FileLock:
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise StoreError(f"{folder} is in use: another process is writing this run") from error
    return lock


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    if read_only and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        mode = "ro&immutable=1"  # else SQLite wants to make files beside it
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level="IMMEDIATE", timeout=30)
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def _initialise(path: Path, settings: Mapping[str, object]) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(f"BEGIN; {schema.TABLES}")  # one commit, at the end
        connection.executemany(
            "INSERT INTO setting VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in settings.items()],
        )
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {schema.FORMAT}")
        connection.commit()
    finally:
        connection.close()
