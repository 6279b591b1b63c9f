"""Run folders in memory where the system offers it: durable commits are slow on a busy disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def tmp_path():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def shared_path():
    """A folder for what the tests of a module read."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)
