"""Designs as the cards of a gallery."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from discdiff.campaign.page.drawings import Drawings
from discdiff.campaign.rows import Row
from discdiff.campaign.summary import number


@dataclass(frozen=True)
class Card:
    """One design: its place in the gallery, its numbers as text, and its drawing if it has one."""

    place: int
    row: Row
    reward: str
    scores: list[tuple[str, str]]
    drawing: Markup | None


def cards(rows: Iterable[Row], outputs: Sequence[str], drawings: Drawings) -> list[Card]:
    """Return designs as cards, in their order.

    Args:
        rows: the designs.
        outputs: the names of their scores.
        drawings: draws them.
    """
    return [
        Card(
            place=place,
            row=row,
            reward=number(row.reward),
            scores=[(o, number(v)) for o, v in zip(outputs, row.scores, strict=True)],
            drawing=drawings.of(row.sequence),
        )
        for place, row in enumerate(rows, start=1)
    ]
