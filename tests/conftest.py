"""Fixtures and settings shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# One thread makes float32 sums repeatable and keeps small tensors fast.
torch.set_num_threads(1)
# The same examples every time, and no clock: a busy machine fails nothing.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _seed():
    """Start every test from the same global random state, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """The folder of small reference values that lies beside the tests."""
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of public data sets that DISCDIFF_DATA names."""
    name = os.environ.get("DISCDIFF_DATA")
    if not name:
        pytest.skip("DISCDIFF_DATA is not set")
    folder = Path(name)
    if not folder.is_dir():
        pytest.skip(f"DISCDIFF_DATA is not a folder: {folder}")
    return folder
