"""What a track refuses when it is built: names that are no folders, and lists that are none."""

from __future__ import annotations

import pytest

from discdiff.bench.campaigns import Campaigns
from discdiff.errors import InputError

TASKS = {"qed": ["oracle=[qed]"]}
METHODS = {"best_of_n": ["guidance=none"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ["qed"]}, r"tasks must be a mapping from names, got \['qed'\]"),
        (
            {"tasks": {"../up": TASKS["qed"]}},
            r"a name in tasks must be fit for a folder, got '\.\.",
        ),
        ({"tasks": {"all tasks": TASKS["qed"]}}, "a name in tasks must be fit for a folder"),
        (
            {"methods": METHODS | {"ga": {"search": ["graph_ga"]}}},
            r"methods\.ga\.search must be a name, or a mapping",
        ),
    ],
)
def test_shapes_are_checked_before_anything_runs(change, message):
    with pytest.raises(InputError, match=message):
        Campaigns(**{"tasks": TASKS, "methods": METHODS} | change)
