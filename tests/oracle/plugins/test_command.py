"""Commands as oracles: answers in every form, every fault alone, nothing left running."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from discdiff.errors import InputError, OracleError
from discdiff.oracle import as_oracle, identity
from discdiff.oracle.plugins import CommandOracle
from discdiff.oracle.plugins.answers import read_answers
from tests.processes import ended

SCORER = Path(__file__).with_name("scorer.py")


def scorer(form="lines", **options):
    command = [sys.executable, "-I", "-S", str(SCORER), form]
    return CommandOracle(command, **{"timeout": 1.0, "startup": 1.0, **options})


@pytest.mark.parametrize("form", ["lines", "index", "reinvent"])
def test_every_form_of_answer(form):
    scores = scorer(form)(["CCO", "C", "CCCCC"])
    assert scores.values[:, 0].tolist() == [3.0, 1.0, 5.0]
    assert set(scores.status) == {"ok"}


REASONS = {
    "raise": ("failed", "ended with exit code 1: ZeroDivisionError: division by zero"),
    "die": ("failed", "ended with exit code 3"),
    "segfault": ("failed", "ended with signal SIGSEGV"),
    "garbage": ("failed", "line 1 is no answer: '<html>502 Bad Gateway</html>'"),
    "short": ("failed", "gave 0 answers for 1 string"),
    "long": ("failed", "gave 2 answers for 1 string"),
    "nan": ("failed", "gave nan for score"),
    "inf": ("failed", "gave inf for score"),
    "wrong": ("failed", "gave 'high' for score, which is no number"),
    "error": ("failed", "no pose"),
    "invalid": ("invalid", "not a molecule"),
    "other": ("failed", "gave no 'score', but affinity"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_fault_is_its_own_string_s(kind):
    scores = as_oracle(scorer())(["one", kind, "seventeen"])
    status, reason = REASONS[kind]
    assert scores.status == ("ok", status, "ok")
    assert scores.reasons[1].endswith(reason)
    assert scores.values[[0, 2], 0].tolist() == [3.0, 9.0]
    assert np.isnan(scores.values[1, 0])


@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_a_limit_ends_what_does_not_end(kind):
    scores = scorer("index", timeout=0.6, startup=1.0)(["one", kind, "three"])
    assert scores.status == ("ok", "failed", "ok")
    assert "gave no answer within 1.6 s" in scores.reasons[1]
    limited = scorer(batch_timeout=0.7, timeout=60)([kind])
    assert limited.reasons[0].endswith("took more than 0.7 s")


def test_what_a_command_starts_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCDIFF_TEST_CHILD", str(tmp_path / "pids"))
    assert scorer(timeout=0.5)(["child"]).status == ("failed",)
    (pid,) = (tmp_path / "pids").read_text().split()
    assert ended(int(pid))


def test_it_ends_with_the_process_that_asked(tmp_path, monkeypatch):
    """Also one that is killed and can clean up nothing, in its own group or in another."""
    monkeypatch.setenv("DISCDIFF_TEST_CHILD", str(tmp_path / "pids"))
    code = (
        "from discdiff.oracle.plugins import CommandOracle\n"
        f"CommandOracle([{sys.executable!r}, '-S', {str(SCORER)!r}, 'lines'])(['child'])\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not (tmp_path / "pids").exists() and time.monotonic() < until:
        time.sleep(0.05)
    asking.kill()
    asking.wait()
    (pid,) = (tmp_path / "pids").read_text().split()
    assert ended(int(pid))


def test_memory_is_limited():
    command = [sys.executable, "-S", "-c", "x = bytearray(300 << 20); print(1)"]
    assert CommandOracle(command)(["C"]).status == ("ok",)
    limited = CommandOracle(command, memory=0.25)(["C"])
    assert limited.reasons[0].endswith("exit code 1: MemoryError")


def test_only_declared_exit_codes_are_tried_again(tmp_path):
    tries = tmp_path / "tries"
    script = (
        f"import sys, pathlib; p = pathlib.Path({str(tries)!r}); p.touch(); "
        "n = len(p.read_text()); p.write_text('x' * (n + 1)); "
        "sys.exit(75) if n < 2 else print(1.0)"
    )
    command = [sys.executable, "-S", "-c", script]
    assert CommandOracle(command, transient=[75], wait=0.0)(["C"]).status == ("ok",)
    assert len(tries.read_text()) == 3
    tries.unlink()
    assert CommandOracle(command, transient=[75], retries=1, wait=0.0)(["C"]).status == ("failed",)
    assert len(tries.read_text()) == 2
    tries.unlink()
    assert CommandOracle(command)(["C"]).reasons[0].endswith("ended with exit code 75")
    assert len(tries.read_text()) == 1


def test_answers_with_an_index_survive_the_end_of_their_call(tmp_path):
    calls = tmp_path / "calls"
    script = (
        "import json, os, sys\n"
        f"calls = open({str(calls)!r}, 'a')\n"
        "for i, line in enumerate(sys.stdin):\n"
        "    print(line.strip(), file=calls, flush=True)\n"
        "    if line == 'die\\n': os._exit(1)\n"
        "    print(json.dumps({'index': i, 'score': len(line) - 1}), flush=True)\n"
    )
    oracle = CommandOracle([sys.executable, "-S", "-c", script])
    scores = oracle(["a", "bb", "die", "dddd"])
    assert scores.status == ("ok", "ok", "failed", "ok")
    # each once, and the culprit once more, alone
    assert sorted(calls.read_text().split()) == ["a", "bb", "dddd", "die", "die"]


def test_ten_megabytes_of_errors_do_no_harm():
    assert scorer(timeout=30)(["noise", "CC"]).status == ("ok", "ok")


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\ud800", "a\u2028b"])
def test_what_is_no_line_of_text_is_not_sent(text):
    scores = scorer()(["CC", text])
    assert scores.status == ("ok", "failed")
    assert scores.reasons[1].endswith("cannot be sent as a line of text")


def test_several_outputs():
    script = 'import sys\nfor s in sys.stdin: print(\'{"a": 1, "b": %d}\' % len(s))'
    oracle = CommandOracle(
        [sys.executable, "-S", "-c", script], outputs=["a", "b"], direction=["max", "min"]
    )
    assert oracle(["CC"]).values.tolist() == [[1.0, 3.0]]
    assert as_oracle(oracle).directions == ("max", "min")


def test_the_version_is_that_of_its_files(tmp_path):
    script = tmp_path / "dock.py"
    script.write_text("print(1)")
    (tmp_path / "receptor.pdb").write_text("1")

    def made():
        command = [sys.executable, str(script)]
        return CommandOracle(command, depends=[str(tmp_path / "receptor.pdb")])

    first = made()
    assert identity(as_oracle(made())) == identity(as_oracle(first))
    copy = pickle.loads(pickle.dumps(first))
    assert (copy.version, copy(["C"]).values.tolist()) == (first.version, [[1.0]])
    (tmp_path / "receptor.pdb").write_text("2")
    assert made().version != first.version
    with pytest.raises(OracleError, match=r"changed while it was in use \(receptor.pdb\)"):
        first(["C"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ""}, "command must be a program and its arguments, got ''"),
        ({"command": "a 'b"}, "command must be words of a shell, got .*No closing quotation"),
        ({"command": "no_such_program"}, "a program that can be run, got 'no_such_program'"),
        ({"outputs": ["index"]}, "outputs must not be index, error, invalid, got 'index'"),
        ({"timeout": 0}, "timeout must be greater than 0, got 0"),
        ({"startup": -1}, "startup must lie in"),
        ({"batch_timeout": -1}, "batch_timeout must be greater than 0"),
        ({"memory": 0}, "memory must be greater than 0"),
        ({"retries": -1}, "retries must be a non-negative integer"),
        ({"transient": [-9]}, "transient must be a non-negative integer"),
        ({"depends": ["absent.pt"]}, "cannot read .*absent.pt: No such file"),
        ({"folder": "/no/such/folder"}, "folder must be a folder"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        CommandOracle(**{"command": "cat", **options})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"\xff\n", "wrote bytes that are not UTF-8, at byte 0"),
        (b"[1, 2]\n", r"line 1 is no answer: '\[1, 2\]'"),
        (b'{"index": 0, "score": 1}\n{"index": 0, "score": 1}', "line 2 has no place for index 0"),
        (b'{"index": 2, "score": 1}\n', "line 1 has no place for index 2"),
        (b'{"index": true, "score": 1}\n', "line 1 has no place for index True"),
        (b"[" * 100_000, "line 1 is no answer"),
        (b'{"payload": {"x": [1]}}', "gave 1 values for 2 strings"),
        (b'{"payload": {"x": [1, 2], "y": [1, 2]}}', "gave a payload without 'score', with x, y"),
        (b'{"payload": {"score": 3}}', "gave no list of values for 2 strings"),
        (b'{"payload": [1, 2]}', "gave a payload that is no object"),
    ],
)
def test_replies_that_cannot_be_trusted(text, fault):
    attempt = read_answers(text, 2, ["score"], True)
    assert not {0, 1} <= attempt.answers.keys()
    with pytest.raises(AssertionError, match=fault):
        raise AssertionError(attempt.fault)


def test_numbers_beyond_all_bounds_are_failures():
    attempt = read_answers(b"1e999\n1" + b"0" * 400, 2, ["score"], True)
    assert [entry.status for entry in attempt.answers.values()] == ["failed", "failed"]


def test_answers_by_place_come_in_any_order():
    lines = [json.dumps({"index": i, "score": i}) for i in (2, 0, 1)]
    attempt = read_answers("\n".join(lines).encode(), 3, ["score"], True)
    assert {i: entry.values for i, entry in attempt.answers.items()} == {
        i: (float(i),) for i in range(3)
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_command_ignores_no_signal_for_our_sake():
    """Python ignores SIGPIPE (13: the fourth hexadecimal digit), a pipeline relies on it."""
    command = ["awk", "/SigIgn/ {print substr($2, 13, 1)}", "/proc/self/status"]
    assert CommandOracle(command)(["C"]).values.tolist() == [[0.0]]
