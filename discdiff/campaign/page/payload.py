"""What the script of a report reads: the table, column by column, as compact JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discdiff.campaign.page.designs import EVALUATION, Designs
from discdiff.campaign.rows import GUIDED, UNGUIDED

PAGE = 25
"""Rows of the table that are on the page at a time."""

_NONE = -1


def payload(designs: Designs, drawn: Mapping[str, int]) -> dict[str, Any]:
    """Return the designs as JSON values.

    Args:
        designs: the table; its rows are numbered as they stand, best first.
        drawn: the number of the drawing of a string, where there is one.
    """
    names = {group.scaffold: group.number for group in designs.groups}
    outputs = [  # those of which there is any score
        (place, direction)
        for output, direction in zip(designs.outputs, designs.directions, strict=True)
        if (place := designs.place(f"{output} (raw)")) is not None
    ]
    return {
        "page": PAGE,
        "rows": len(designs.rows),
        "columns": [column.plain() for column in designs.columns],
        "reward": designs.place("Score"),
        "evaluation": designs.place(EVALUATION),
        "arms": [GUIDED, UNGUIDED],
        "arm": [int(row.arm == UNGUIDED) for row in designs.rows],
        "rejected": [place for place, row in enumerate(designs.rows) if row.rejected],
        "outputs": [place for place, _ in outputs],
        "directions": [direction for _, direction in outputs],
        "drawing": [drawn.get(row.sequence, _NONE) for row in designs.rows],
        "scaffolds": [group.scaffold for group in designs.groups],
        "scaffold": [names[scaffold] for scaffold in designs.scaffold_of or ()],
    }
