"""Worker processes: every fault costs one item, order is kept, nothing hangs or is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from discdiff.campaign import InWorkers, workers
from discdiff.domain import Letters
from discdiff.errors import InputError, OracleError
from discdiff.oracle import as_oracle, identity, stack
from tests.campaign.faults import (
    Dying,
    Faulty,
    Stuck,
    Unloadable,
    count_es,
    nap,
    take_memory,
    wait_or_make,
)
from tests.processes import alive, ended

ROOT = Path(__file__).parent.parent.parent
TIMEOUT = 2.0


@pytest.fixture(scope="module")
def pool():
    with InWorkers(Faulty(), workers=2, timeout=TIMEOUT) as pool:
        yield pool


REASONS = {
    "hang": "faulty took more than 2 s",
    "raise": "oracle 'faulty' raised ZeroDivisionError: division by zero",
    "strange": "oracle 'faulty' raised LocalError: 1",
    "exit": "oracle 'faulty' raised SystemExit: 0",
    "die": "faulty took its process down: exit code 1",
    "die_0": "faulty took its process down: exit code 0",
    "segfault": "faulty took its process down: signal SIGSEGV",
    "killed": "faulty took its process down: signal SIGKILL",
    "recursion": "oracle 'faulty' raised RecursionError",
    "memory": "oracle 'faulty' raised MemoryError",
    "short": "oracle 'faulty' must return 1 rows, one a sequence, got 0",
    "long": "oracle 'faulty' must return 1 rows, one a sequence, got 2",
    "text": "oracle 'faulty' must return real numbers",
    "lambda": "oracle 'faulty' must return real numbers",
    "nan": "faulty returned nan for length",
    "inf": "faulty returned inf for length",
}


def test_every_fault_is_isolated(pool):
    kinds = list(REASONS)
    sequences = [item for kind in kinds for item in (f"before_{kind}", kind, f"after_{kind}")]
    scores = pool(sequences)
    for sequence, status, reason, values in zip(
        sequences, scores.status, scores.reasons, scores.values.tolist(), strict=True
    ):
        if sequence in REASONS:
            assert status == "failed"
            assert reason.startswith(REASONS[sequence])
        else:
            assert (status, values) == ("ok", [len(sequence), sequence.count("e")])
    assert scores.valid.all()
    assert set(scores.origin) == {"oracle"}
    assert scores.seconds[sequences.index("hang")] == TIMEOUT


@pytest.mark.skipif(not hasattr(os, "setpgid"), reason="needs process groups")
def test_what_the_oracle_started_ends_with_its_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCDIFF_TEST_CHILD", str(tmp_path / "pid"))
    with InWorkers(Faulty(), workers=1, timeout=TIMEOUT) as pool:
        assert pool(["child"]).status == ("failed",)
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_hang_outside_python_runs_into_the_limit(pool):
    scores = pool(["hang_c", "fine"])
    assert scores.status == ("failed", "ok")
    assert scores.reasons[0] == "faulty took more than 2 s"


def test_a_slow_item_holds_nobody_up_and_order_is_kept(tmp_path):
    with InWorkers(wait_or_make, workers=2, timeout=60) as pool:
        sequences = [f"wait {tmp_path / 'done'}", "a", "bb", f"make {tmp_path / 'done'}"]
        found = pool(sequences)
    np.testing.assert_array_equal(found.values[:, 0], [len(s) for s in sequences])
    assert found.status == ("ok",) * 4


def test_what_is_done_is_told_before_the_rest(tmp_path):
    with InWorkers(wait_or_make, workers=2, timeout=60) as pool:
        parts = pool.stream([f"wait {tmp_path / 'done'}", "a", "bb"])
        rows = [*next(parts)[0], *next(parts)[0]]
        assert sorted(rows) == [1, 2]
        (tmp_path / "done").touch()
        assert [row for part in parts for row in part[0]] == [0]


def test_a_request_that_is_given_up_leaves_nothing_behind(tmp_path):
    with InWorkers(wait_or_make, workers=2, timeout=60) as pool:
        parts = pool.stream([f"wait {tmp_path / 'never'}", "a"])
        next(parts)
        parts.close()
        found = pool(["a", "bb", "ccc"])  # no answer of the old request is among these
    np.testing.assert_array_equal(found.values[:, 0], [1, 2, 3])


def test_an_idle_worker_that_dies_costs_nothing(pool):
    pool(["one", "two"])
    for worker in pool._team:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
    assert pool(["three", "four"]).status == ("ok", "ok")


def test_it_stands_in_for_the_oracle(pool):
    assert identity(pool) == identity(as_oracle(Faulty()))
    assert as_oracle(pool) is pool
    metered = stack(pool, Letters("abcdefghijklmnopqrstuvwxyz_"), budget=2)
    assert metered(["one", "raise", "two"]).status == ("ok", "failed", "not_evaluated")


def test_an_oracle_that_does_not_load_says_why():
    message = "'unloadable' cannot be loaded in a worker: ImportError: no licence file"
    with InWorkers(Unloadable(), workers=2) as pool, pytest.raises(OracleError, match=message):
        pool(["a", "b"])


def test_workers_that_die_at_once_are_an_error():
    message = "oracle 'dying': no worker process could start"
    with InWorkers(Dying(), workers=2) as pool, pytest.raises(OracleError, match=message):
        pool(["a", "b"])


def test_workers_that_never_get_ready_are_an_error(monkeypatch):
    monkeypatch.setattr(workers, "START_LIMIT", 0.5)
    message = "oracle 'stuck': no worker process could start"
    with InWorkers(Stuck(), workers=1) as pool, pytest.raises(OracleError, match=message):
        pool(["fine"])


def test_the_processes_end_with_the_pool():
    pool = InWorkers(Faulty(), workers=2, timeout=TIMEOUT)
    pool(["one", "two"])
    pids = [worker.process.pid for worker in pool._team]
    assert len(pids) == 2
    pool.close()
    assert not any(map(alive, pids))
    pool.close()
    assert pool(["again"]).status == ("ok",)  # a request after that starts new ones
    pool.close()


def test_they_end_with_the_program_that_forgot_them():
    code = (
        "from tests.campaign.faults import Faulty\n"
        "from discdiff.campaign import InWorkers\n"
        "if __name__ == '__main__':\n"
        "    pool = InWorkers(Faulty(), workers=1)\n"
        "    pool(['one'])\n"
        "    print(pool._team[0].process.pid)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended(int(done.stdout))


@pytest.mark.parametrize("batch", [2, 5, 100])
def test_the_culprits_of_a_batch_are_found(batch):
    kinds = ["raise", "die", "segfault", "short"]
    sequences = [item for kind in kinds for item in (f"before_{kind}", kind)]
    with InWorkers(count_es, workers=2, timeout=TIMEOUT, batch=batch) as pool:
        scores = pool([*sequences, "nan", "eee"])
    for sequence, status, reason, value in zip(
        [*sequences, "nan", "eee"], scores.status, scores.reasons, scores.values[:, 0], strict=True
    ):
        if sequence in REASONS:
            assert status == "failed"
            assert reason.startswith(REASONS[sequence].replace("faulty", "count_es")[:20])
        else:
            assert (status, value) == ("ok", sequence.count("e"))


def test_a_batch_has_the_time_of_all_its_sequences(tmp_path):
    """Two that take most of a limit each are done together, and a hang ends at once alone."""
    with InWorkers(nap, workers=1, timeout=1.0, batch=2) as pool:
        scores = pool(["0.7", "0.7", "9"])
    assert scores.status == ("ok", "ok", "failed")
    assert scores.reasons[2] == "nap took more than 1 s"


def test_memory_is_limited():
    with InWorkers(take_memory, workers=1, memory=6.0) as pool:
        scores = pool(["1", str(7 << 30)])
    assert scores.status == ("ok", "failed")
    assert "raised MemoryError" in scores.reasons[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 1, "batch": 0}, "batch must be a positive integer, got 0"),
        ({"workers": 1, "memory": 0}, "memory must be greater than 0, got 0"),
        ({"workers": 0}, "workers must be a positive integer, got 0"),
        ({"workers": 1, "timeout": 0}, "timeout must be greater than 0, got 0"),
        ({"workers": 1, "oracle": lambda s: s}, "must be picklable to run in workers"),
        ({"workers": 1, "oracle": "qed"}, "oracle must be a callable"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        InWorkers(**{"oracle": Faulty(), **arguments})
