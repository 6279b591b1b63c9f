"""Ten kinds of fault in oracles of the user's own, through whole campaigns.

Nothing is lost, nothing recorded twice, nothing left running, and every row has its status.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from discdiff.campaign import Campaign, InWorkers, Store
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.oracle.plugins import CommandOracle, FileOracle
from discdiff.samplers.first_hitting import FirstHitting
from tests.oracle.plugins.test_command import SCORER
from tests.processes import ended

KINDS = (
    *("raise", "hang", "exit", "segfault", "garbage"),
    *("short", "long", "nan", "wrong", "trickle"),
)
FINE = ("one", "seven", "eleven", "thirteen")
HERE = Path(__file__).parent
BUDGET = len(KINDS) + len(FINE)

IN_FILE = {
    "raise": "score raised ZeroDivisionError: division by zero (faulty.py:",
    "hang": "score took more than 1 s",
    "exit": "score took its process down: exit code 0",
    "segfault": "score took its process down: signal SIGSEGV",
    "garbage": "oracle 'score' must return real numbers",
    "short": "oracle 'score' must return 1 rows, one a sequence, got 0",
    "long": "oracle 'score' must return 1 rows, one a sequence, got 2",
    "nan": "score returned nan for score",
    "wrong": "oracle 'score' must return real numbers",
    "trickle": "score took more than 1 s",
}
IN_COMMAND = {
    "raise": "ended with exit code 1: ZeroDivisionError: division by zero",
    "hang": "gave no answer within 2 s",
    "exit": "gave 0 answers for 1 string",
    "segfault": "ended with signal SIGSEGV",
    "garbage": "line 1 is no answer: '<html>502 Bad Gateway</html>'",
    "short": "gave 0 answers for 1 string",
    "long": "line 2 has no place for index 0",
    "nan": "gave nan for score",
    "wrong": "gave 'high' for score, which is no number",
    "trickle": "gave no answer within 2 s",
}


def campaign(folder, oracle):
    sampler = FirstHitting(Model.tabular([*KINDS, *FINE]))
    return Campaign(folder, sampler, Unguided(), oracle, budget=BUDGET, round_size=64, max_failed=1)


def check(folder, reasons):
    """Each string once; those that fail for the reason they must, the others with their score."""
    with Store.open(folder) as store:
        rows = {row.sequence: row for row in store.rows("guided")}
        assert len(store.rows("guided")) == len(rows) == BUDGET
    assert rows.keys() == {*KINDS, *FINE}
    for sequence, row in rows.items():
        if sequence in FINE:
            assert (row.status, row.scores) == ("ok", (float(len(sequence)),))
        else:
            assert row.status == "failed", sequence
            assert reasons[sequence] in row.reason
            assert math.isnan(row.scores[0])


def running(marker):
    """Whether any process has `marker` in its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if marker in text:
            found.append(int(path.parent.name))
    return found


def test_a_function_of_the_user_s(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCDIFF_TEST_CHILD", str(tmp_path / "children"))
    monkeypatch.setenv("DISCDIFF_TEST_CALLS", str(tmp_path / "calls"))
    with InWorkers(FileOracle(f"{HERE / 'faulty.py'}:score"), 2, timeout=1, batch=2) as pool:
        campaign(tmp_path / "run", pool).run()
        check(tmp_path / "run", IN_FILE)
        calls = (tmp_path / "calls").read_text()
        campaign(tmp_path / "run", pool).resume()
        assert (tmp_path / "calls").read_text() == calls
    check(tmp_path / "run", IN_FILE)
    children = (tmp_path / "children").read_text().split()
    assert children
    assert all(ended(int(child)) for child in children)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_command(tmp_path, workers):
    marker = str(tmp_path)  # tells its processes from all others
    command = [sys.executable, "-I", "-S", str(SCORER), "index", marker]
    oracle = CommandOracle(command, timeout=1, startup=1)
    if workers:
        with InWorkers(oracle, workers, timeout=60) as pool:
            campaign(tmp_path / "run", pool).run()
    else:
        campaign(tmp_path / "run", oracle).run()
    check(tmp_path / "run", IN_COMMAND)
    assert all(ended(pid) for pid in running(marker))
