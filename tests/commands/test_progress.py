"""Progress in a pipe, and a tracking service that fails."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from discdiff.campaign.progress import Progress as Snapshot
from discdiff.commands.progress import Progress
from discdiff.commands.tracking import tracked
from discdiff.errors import InputError
from discdiff.oracle import Counts


def test_a_line_for_every_tenth(capsys: pytest.CaptureFixture[str]):
    times = iter(range(1000))
    with Progress(clock=lambda: 10.0 * next(times)) as progress:
        for done in range(1, 101):
            progress.show("guided", done, 100, f"best {done}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"guided: {n}/100 best {n}" for n in range(10, 101, 10)]


def test_nothing_of_what_is_quick(capsys: pytest.CaptureFixture[str]):
    with Progress(clock=lambda: 0.0) as progress:
        progress.show("guided", 100, 100)
    assert capsys.readouterr().err == ""


def test_a_line_now_and_then_where_no_total_is_known(capsys: pytest.CaptureFixture[str]):
    times = iter(range(1000))
    with Progress(clock=lambda: 5.0 * next(times)) as progress:
        for done in range(1, 9):
            progress.show("rows read", 1000 * done, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["rows read: 1,000", "rows read: 4,000", "rows read: 7,000"]


SNAPSHOT = Snapshot(
    arm="guided",
    round=0,
    spent=3,
    budget=10,
    counts=Counts(requested=4, invalid=1),
    best=0.5,
    median=0.25,
    seconds=1.0,
)


def test_an_unknown_logger(tmp_path: Path):
    with pytest.raises(InputError, match="logger must be one of none, wandb, got 'csv'"):
        tracked("csv", tmp_path).__enter__()


def test_wandb_gets_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    logged: list[dict[str, float]] = []
    begun: list[dict[str, object]] = []
    run = SimpleNamespace(log=logged.append, finish=lambda: logged.append({}))

    def init(**arguments: object) -> SimpleNamespace:
        begun.append(arguments)
        return run

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    with tracked("wandb", tmp_path) as log:
        log(SNAPSHOT)
    expected = {"guided/spent": 3, "guided/best": 0.5, "guided/median": 0.25, "guided/valid": 0.75}
    assert logged == [expected, {}]
    with tracked("wandb", tmp_path) as log:
        log(SNAPSHOT)
    assert begun[0] == begun[1]  # the same wandb run is continued


@pytest.mark.parametrize("fails", ["init", "log"])
def test_wandb_that_fails_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: str
):
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("unreachable")

    run = SimpleNamespace(log=fail, finish=fail)
    init = fail if fails == "init" else lambda **_: run
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    with tracked("wandb", tmp_path) as log:
        for _ in range(3):
            log(SNAPSHOT)
    assert capsys.readouterr().err.splitlines() == [
        "discdiff: wandb cannot be used, going on without it: unreachable"
    ]
