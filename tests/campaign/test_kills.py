"""A campaign that is killed at random moments loses nothing and ends as if it had not been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from discdiff.campaign import Store
from tests.campaign.doubles import without_times

ROOT = Path(__file__).parent.parent.parent
KILLS = 20

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture(scope="module")
def folder(shared_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.killed", str(shared_path), str(KILLS)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["landed"] >= KILLS // 2
    return shared_path


def test_the_table_is_that_of_an_untouched_run(folder):
    with Store.open(folder / "whole") as whole, Store.open(folder / "killed") as killed:
        assert without_times(killed) == without_times(whole)
        assert len(whole.rows("guided")) == len(whole.rows("unguided")) == 150
        assert len(whole.rejections("guided")) > 10  # these are recorded as well
    designs = [(folder / name / "designs.csv").read_text() for name in ("whole", "killed")]
    assert designs[0] == designs[1]


def test_nothing_recorded_is_evaluated_again(folder):
    calls = (folder / "killed.calls").read_text().splitlines()
    assert not [call for call in calls if call.endswith("repeat")]
    whole = (folder / "whole.calls").read_text().splitlines()
    assert len(whole) == len(set(whole))  # not even for the other arm
    assert set(calls) == set(whole)
    assert len(calls) <= len(whole) + 5 * KILLS  # at most the batch in flight, per kill
