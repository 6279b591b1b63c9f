"""The tables of a report that set the arms of a run side by side."""

from __future__ import annotations

import math
from collections import Counter

from discdiff.campaign.store import Store
from discdiff.campaign.summary import Summary, facts

Lines = list[tuple[str, list[str]]]
"""A label, and a text for each arm."""


def side_by_side(summary: Summary) -> Lines:
    """Return the figures of the arms."""
    columns = [facts(arm) for arm in summary.arms]
    return [(line[0][0], [value for _, value in line]) for line in zip(*columns, strict=True)]


def counts_of(store: Store, summary: Summary) -> Lines:
    """Return what was asked of the oracle in finished rounds, and what filters rejected, and why.

    Raises:
        StoreError: if the store cannot be read.
    """
    lines = [("rounds", [f"{len(store.rounds(arm.name)):,}" for arm in summary.arms])]
    for name in dict.fromkeys(name for arm in summary.arms for name in arm.counts):
        values = [arm.counts.get(name, math.nan) for arm in summary.arms]
        texts = ["–" if math.isnan(value) else f"{value:,.0f}" for value in values]
        lines.append((name.replace("_", " "), texts))
    why = [
        Counter(
            r.reason for r in (*store.rows(arm.name), *store.rejections(arm.name)) if r.rejected
        )
        for arm in summary.arms
    ]
    for reason in dict.fromkeys(reason for found in why for reason in found):
        lines.append((reason, [f"{found[reason]:,}" for found in why]))
    return lines
