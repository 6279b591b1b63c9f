"""A headless browser for the tests of pages, and runs to report on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from discdiff.campaign import Store, write_report
from tests.campaign.page.runs import fill, settings
from tests.chromium import browser, chromium


@pytest.fixture(scope="package")
def program():
    command = browser()
    if command is None:
        pytest.skip("no Chromium is installed (CHROMIUM in the environment can name one)")
    with chromium(command) as found:
        yield found


@pytest.fixture
def page(program):
    with program.page() as found:
        yield found


@pytest.fixture(scope="package")
def run():
    """The folder of a run of molecules with two scores, both arms, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "run"
        with Store.create(found, settings()) as store:
            fill(store)
            write_report(store)
        yield found
