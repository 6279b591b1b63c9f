"""A sequence as a drawing: letters on coloured tiles in rows, and below them what is where."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from discdiff.annotation import Annotation

NAMESPACE = "http://www.w3.org/2000/svg"
PLAIN = "#dfe4e8"  # of a token without a colour
ACROSS = 20  # letters in a row
MOST = 12  # annotations that are drawn, the best by score
_WIDE, _HIGH, _LANE, _GAP = 12, 15, 9, 4
_MARKS = ("#1f3347", "#7a3b00", "#4b2067")  # dark enough for white letters
_ARROWS = {"+": " ›", "-": " ‹", "": ""}


def strip(
    tokens: Sequence[str],
    colours: Mapping[str, str],
    annotations: Sequence[Annotation] = (),
) -> str:
    """Return a sequence drawn as an SVG document, with a text that says the same.

    Args:
        tokens: of the sequence.
        colours: the ground of each token, light enough for black letters.
        annotations: what is where; an arrow shows the strand, a span over two rows is cut in two.

    Example:
        >>> "<title>GATTACA</title>" in strip("GATTACA", {"A": "#009e73"})
        True
    """
    shown = _best(annotations)
    root = ElementTree.Element("svg", xmlns=NAMESPACE, role="img")
    title = ElementTree.SubElement(root, "title")
    title.text = "; ".join(["".join(tokens), *(one.words for one in shown)])
    y = 0
    for start in range(0, len(tokens), ACROSS):
        row = tokens[start : start + ACROSS]
        _letters(root, row, colours, y)
        lanes = _lanes(shown, start, start + len(row))
        _spans(root, lanes, start, start + len(row), y + _HIGH, _labels(shown))
        y += _HIGH + _LANE * len(lanes) + _GAP
    if len(annotations) > len(shown):
        rest = f"and {len(annotations) - len(shown)} more of lower score"
        ElementTree.SubElement(root, "text", _font(0, y + 8, 8, "#1c2733")).text = rest
        y += 12
    wide = ACROSS * _WIDE if len(tokens) > ACROSS else max(len(tokens), 10) * _WIDE
    root.set("viewBox", f"0 0 {wide} {max(y - _GAP, 1)}")
    return ElementTree.tostring(root, encoding="unicode")


def _best(annotations: Sequence[Annotation]) -> list[Annotation]:
    def worth(one: Annotation) -> float:
        return float("-inf") if one.score is None else -one.score

    kept = sorted(annotations, key=worth)[:MOST]
    return sorted(kept, key=lambda one: (one.start, one.end))


def _letters(
    root: ElementTree.Element, row: Sequence[str], colours: Mapping[str, str], y: int
) -> None:
    """Draw tiles, one path a colour, and the letters upon them."""
    tiles: dict[str, str] = {}
    for place, token in enumerate(row):
        colour = colours.get(token, PLAIN)
        tile = f"M{place * _WIDE} {y}h{_WIDE}v{_HIGH}h-{_WIDE}z"
        tiles[colour] = tiles.get(colour, "") + tile
    for colour, path in tiles.items():
        ElementTree.SubElement(root, "path", d=path, fill=colour)
    where = _font(0, y + 11.5, 11, "#111111")
    line = ElementTree.SubElement(root, "text", where | {"text-anchor": "middle"})
    if all(len(token) == 1 for token in row):  # one element: each letter has its own x
        line.set("x", " ".join(str(place * _WIDE + _WIDE // 2) for place in range(len(row))))
        line.text = "".join(row)
        return
    for place, token in enumerate(row):
        x = str(place * _WIDE + _WIDE // 2)
        ElementTree.SubElement(line, "tspan", x=x).text = token


def _lanes(shown: Sequence[Annotation], start: int, end: int) -> list[list[Annotation]]:
    """Return the annotations of a row, in lines in which none lies over another."""
    lanes: list[list[Annotation]] = []
    for one in shown:
        if one.start < end and one.end > start:
            free = next((lane for lane in lanes if lane[-1].end <= one.start), None)
            if free is None:
                lanes.append([one])
            else:
                free.append(one)
    return lanes


def _labels(shown: Sequence[Annotation]) -> dict[str, str]:
    names = dict.fromkeys(one.label for one in shown)
    return {name: _MARKS[place % len(_MARKS)] for place, name in enumerate(names)}


def _spans(
    root: ElementTree.Element,
    lanes: Sequence[Sequence[Annotation]],
    start: int,
    end: int,
    y: int,
    marks: Mapping[str, str],
) -> None:
    for depth, lane in enumerate(lanes):
        top = y + depth * _LANE
        for one in lane:
            left = (max(one.start, start) - start) * _WIDE
            wide = (min(one.end, end) - start) * _WIDE - left
            group = ElementTree.SubElement(root, "g")
            ElementTree.SubElement(group, "title").text = one.words
            box = {"x": left + 0.5, "y": top + 0.5, "width": wide - 1, "height": _LANE - 1}
            shape = {key: f"{value:g}" for key, value in box.items()}
            ElementTree.SubElement(group, "rect", shape | {"fill": marks[one.label]})
            words = f"{one.label}{_ARROWS[one.strand]}"
            fits = int((wide - 3) / 4.2)
            text = words if len(words) <= fits else words[: max(fits - 1, 0)] + "…"
            where = _font(left + 2, top + 7, 6.5, "#ffffff")
            ElementTree.SubElement(group, "text", where).text = text


def _font(x: float, y: float, size: float, fill: str) -> dict[str, str]:
    place = {"x": f"{x:g}", "y": f"{y:g}", "fill": fill}
    return place | {"font-family": "monospace", "font-size": f"{size:g}"}
