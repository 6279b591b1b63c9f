"""The store: durable rows, and clear refusals of every folder that is not a sound run."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from discdiff.campaign.rows import Draw, Row
from discdiff.campaign.schema import FORMAT
from discdiff.campaign.store import Store
from discdiff.errors import StoreError

ROOT = Path(__file__).parent.parent.parent
NAN = float("nan")


def row(number: int, sequence: str = "AC", **changes: object) -> Row:
    values = {"arm": "guided", "round": 0, "raw": sequence.lower(), "status": "ok", "reason": ""}
    return Row(
        id=number, sequence=sequence, **{**values, "scores": (0.5,), "seconds": 0.1, **changes}
    )


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "run", {"budget": 3}) as store:
        yield store


def test_rows_come_back_as_they_were_written(store):
    rows = [row(1, scores=(0.1 + 0.2, NAN)), row(2, "GG", status="failed", reason="it's odd: ü")]
    store.record(rows)
    found = store.rows()
    assert found[0].scores[0] == 0.1 + 0.2
    assert str(found[0].scores[1]) == "nan"
    assert found[1] == rows[1] or str(found[1]) == str(rows[1])  # NaN differs from itself


def test_settings_survive(store):
    store.close()
    with Store.open(store.path.parent) as again:
        assert again.settings == {"budget": 3}


def test_the_first_row_of_a_sequence_stays(store):
    store.record([row(1)])
    store.record([row(2, scores=(9.0,)), row(3, "GG"), row(4, arm="unguided")])
    assert [(r.id, r.arm, r.scores) for r in store.rows()] == [
        (1, "guided", (0.5,)),
        (3, "guided", (0.5,)),
        (4, "unguided", (0.5,)),
    ]


def test_an_id_is_never_given_twice(store):
    store.record([row(1)])
    with pytest.raises(StoreError, match="UNIQUE"):
        store.record([row(2, "GG"), row(1, "TT")])
    assert [r.id for r in store.rows()] == [1]  # all or none


def test_a_reward_is_set_once(store):
    store.record([row(1), row(2, "GG")])
    store.reward("guided", {"AC": 0.25, "GG": NAN})
    store.reward("guided", {"AC": 7.0})
    assert [str(r.reward) for r in store.rows()] == ["0.25", "nan"]


def test_find_looks_in_one_arm_or_in_all(store):
    store.record([row(1), row(2, arm="unguided"), row(3, "GG", arm="unguided")])
    assert store.find("guided", ["AC", "GG"]).keys() == {"AC"}
    assert {s: r.id for s, r in store.find(None, ["AC", "GG", "TT"]).items()} == {"AC": 1, "GG": 3}


def test_a_round_ends_with_its_designs_or_not_at_all(store):
    assert store.begin_round("guided", 0) == 1
    store.record([row(1)])
    draws = [Draw("ac", "AC", True, 0.5, log_likelihood=-2.0), Draw("x", None, False)]
    store.finish_round("guided", 0, draws, {"requested": 2})
    assert [(r.number, r.finished, r.counts) for r in store.rounds("guided")] == [
        (0, True, {"requested": 2})
    ]
    (found,) = store.rows()
    assert found.final
    assert found.log_likelihood == -2.0
    with pytest.raises(StoreError):  # the draws are there: neither they nor the counts change
        store.finish_round("guided", 0, draws, {"requested": 9})
    assert store.rounds("guided")[0].counts == {"requested": 2}


def test_a_preview_is_not_final(store):
    store.record([row(1), row(2, "GG")])
    store.begin_round("guided", 0)
    store.finish_round("guided", 0, [Draw("gg", "GG", False)], {})
    assert [r.final for r in store.rows()] == [False, False]


def test_ids_of_a_round_begin_after_those_of_all_others(store):
    store.begin_round("guided", 0)
    store.record([row(1), row(2, "GG")])
    assert store.begin_round("guided", 0) == 1  # again: its own rows do not count
    assert store.begin_round("guided", 1) == 3


def test_reading_needs_no_lock(store):
    store.record([row(1)])
    with Store.open(store.path.parent, read_only=True) as reader:
        assert len(reader.rows()) == 1
        with pytest.raises(StoreError, match="readonly"):
            reader.record([row(2, "GG")])


def test_one_writer_at_a_time(store):
    with pytest.raises(StoreError, match="another process is writing this run"):
        Store.open(store.path.parent)
    store.close()
    Store.open(store.path.parent).close()


def test_a_folder_with_a_run_is_refused_and_untouched(store):
    store.record([row(1)])
    store.close()
    before = store.path.read_bytes()
    with pytest.raises(
        StoreError, match=r"run already holds a run: continue it with `discdiff res"
    ):
        Store.create(store.path.parent, {})
    assert store.path.read_bytes() == before


def test_other_files_of_a_run_are_not_overwritten(tmp_path):
    (tmp_path / "config.yaml").write_text("mine: 1\n")
    with pytest.raises(StoreError, match="already holds a file config.yaml"):
        Store.create(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(StoreError, match="is a file, not a folder"):
        Store.create(tmp_path / "run", {})
    with pytest.raises(StoreError, match="cannot use .*: (Not a directory|File exists)"):
        Store.create(tmp_path / "run" / "deeper", {})


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(StoreError, match=r"holds no run: it has no file campaign\.sqlite"):
        Store.open(tmp_path)


@pytest.mark.parametrize("moment", ["_initialise", "write_atomic", "move"])
def test_a_run_killed_while_it_began_can_begin_again(tmp_path, monkeypatch, moment):
    def stopping(path, *rest):
        Path(path).write_text("half")
        raise KeyboardInterrupt  # nothing is cleaned up after it, as after a kill

    with monkeypatch.context() as patch:
        patch.setattr(f"discdiff.campaign.store.{moment}", stopping)
        with pytest.raises(KeyboardInterrupt):
            Store.create(tmp_path, {}, {"config.yaml": "old"})
    assert not (tmp_path / "campaign.sqlite").exists()
    with Store.create(tmp_path, {"new": True}, {"config.yaml": "new"}) as store:
        assert store.settings == {"new": True}
    assert (tmp_path / "config.yaml").read_text() == "new"
    assert not (tmp_path / "campaign.partial").exists()


def test_a_newer_format_is_refused(store):
    store.close()
    connection = sqlite3.connect(store.path)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(StoreError, match=f"has format {FORMAT + 1}.*reads up to {FORMAT}: upgrade"):
        Store.open(store.path.parent)


def test_another_program_s_database_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / "campaign.sqlite")
    connection.execute("CREATE TABLE evaluation (id)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="not a campaign of discdiff"):
        Store.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"SELFIES", b"SQLite format 3\0" + bytes(100)])
def test_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "campaign.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match="not a campaign|damaged"):
        Store.open(tmp_path)
    # the lock was given back, so nothing else is in the way
    with pytest.raises(StoreError, match="not a campaign|damaged"):
        Store.open(tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_database_is_refused(store, share):
    store.record([row(i, "A" * i) for i in range(1, 400)])
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StoreError, match="damaged"):
        Store.open(store.path.parent)


def test_an_overwritten_page_is_refused(store):
    store.record([row(i, "A" * i) for i in range(1, 400)])
    store.close()
    content = bytearray(store.path.read_bytes())
    content[4096 * 5 : 4096 * 6] = os.urandom(4096)
    store.path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(store.path.parent)


FULL = """
import resource, sys
from pathlib import Path
from discdiff.campaign.rows import Row
from discdiff.campaign.store import Store
from discdiff.errors import StoreError

store = Store.create(Path(sys.argv[1]), {})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        ids = range(written + 1, written + 11)
        values = ("A" * 50, "a" * 50, "ok", "", (0.5,), 0.1)
        store.record([Row(i, "guided", 0, f"{i}" + values[0], *values[1:]) for i in ids])
        written += 10
except StoreError as error:
    print(written, error)
"""


def test_a_full_disk_stops_the_run_and_keeps_what_was_acknowledged(tmp_path):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    written, message = done.stdout.split(" ", 1)
    assert "cannot write" in message
    assert "free some space and resume" in message
    with Store.open(tmp_path) as store:
        assert len(store.rows()) == int(written) > 0
        store.record([row(10_000)])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot use .*: Permission denied"):
            Store.create(tmp_path, {})
    finally:
        tmp_path.chmod(0o700)
