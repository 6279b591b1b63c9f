"""Figures along a sequence: broken into rows that fit a page, with numbers of positions."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

_MOST = 50  # positions in a row
_EVERY = 10


class Rows:
    """Where each of L positions lies in a figure of several rows, as equal as can be.

    Args:
        length: L, at least 1.
        wide: of a position.
        high: of a row.
        left: of the first position.

    Example:
        >>> Rows(80, 10.0, 50.0, 30.0).spans
        [(0, 40), (40, 80)]
    """

    def __init__(self, length: int, wide: float, high: float, left: float) -> None:
        self.wide, self.high, self.left = wide, high, left
        self.across = math.ceil(length / math.ceil(length / _MOST))
        starts = range(0, length, self.across)
        self.spans = [(start, min(start + self.across, length)) for start in starts]

    @property
    def box(self) -> str:
        """The `viewBox` of the whole; a short sequence is not blown up."""
        wide = self.left + max(self.across, 30) * self.wide + 4
        return f"0 0 {wide:g} {self.high * len(self.spans):g}"

    def x(self, place: int) -> float:
        """Return the left of position `place`, from 0."""
        return self.left + place % self.across * self.wide

    def y(self, place: int) -> float:
        """Return the top of the row of position `place`."""
        return place // self.across * self.high

    def number(self, root: ElementTree.Element, first: int, last: int, y: float) -> None:
        """Write the first position of a row and every tenth one, counted from 1."""
        for place in range(first, last):
            if place == first or ((place + 1) % _EVERY == 0 and place - first > 2):
                text(root, self.x(place) + self.wide / 2, y, str(place + 1), "middle")


def text(root: ElementTree.Element, x: float, y: float, words: str, anchor: str) -> None:
    """Write `words` in the colour of the page's text."""
    look = {"font-family": "sans-serif", "font-size": "9", "fill": "currentColor"}
    where = {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}
    ElementTree.SubElement(root, "text", where | look).text = words
