"""Progress in a pipe."""

from __future__ import annotations

import pytest

from discdiff.commands.progress import Progress


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
