"""Sequence logos: how much each position of aligned sequences is agreed upon, and on what."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from discdiff.campaign.rulers import Rows, text
from discdiff.strip import NAMESPACE, PLAIN

Floats = NDArray[np.float64]
_WIDE, _HIGH, _LEFT, _FOOT = 14.0, 70.0, 34.0, 16.0
_SEEN = 0.4  # lower letters are left out, in units of the drawing
_COMMANDS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "z"}  # of matplotlib's codes


def counts(sequences: Sequence[str], letters: Sequence[str]) -> NDArray[np.int64]:
    """Return how often each letter stands at each position, `(L, V)`, of sequences of one length.

    Example:
        >>> counts(["AC", "AG"], "ACG").tolist()
        [[2, 0, 0], [0, 1, 1]]
    """
    codes = np.frombuffer("".join(sequences).encode("utf-32-le"), dtype=np.uint32)
    table = codes.reshape(len(sequences), -1)
    return np.stack([(table == ord(letter)).sum(0) for letter in letters], axis=1).astype(np.int64)


def correction(count: int, letters: int) -> float:
    r"""Return $e(n)$, what the entropy of n letters drawn from V equally likely ones falls short.

    $e(n)=\log_2V-E[H_n]$, in bits, computed exactly, which tends to $(V-1)/(2n\ln2)$.

    Args:
        count: n, at least 1.
        letters: V.

    Source: Information content of binding sites on nucleotide sequences (Schneider, Stormo, Gold
    and Ehrenfeucht, 1986), appendix.

    Example:
        >>> correction(1, 4), round(correction(1000, 4) * 2000 * math.log(2), 2)
        (2.0, 3.0)
    """
    k = np.arange(1, count + 1)
    logs = np.cumsum(np.log(np.arange(1, count + 1)))  # of factorials
    rest = np.concatenate([logs[::-1][1:], [0.0]])
    chance = np.exp(
        logs[-1] - logs - rest + k * math.log(1 / letters) + (count - k) * math.log1p(-1 / letters)
    )
    entropy = -letters * float((chance * k / count * np.log2(k / count)).sum())
    return math.log2(letters) - entropy


def information(table: NDArray[np.int64]) -> Floats:
    r"""Return the information of each position in bits, `(L,)`, of counts `(L, V)`.

    $R=\log_2V-(H+e(n))$ with the small-sample correction e(n); it can be below 0 by chance.

    Source: as of `correction`.

    Example:
        >>> information(np.array([[50, 0, 0, 0], [13, 12, 12, 13]])).round(2).tolist()
        [1.96, -0.04]
    """
    totals = table.sum(1, keepdims=True)
    share = table / totals
    logs = np.log2(np.where(share > 0, share, 1.0))
    short = np.array([correction(int(n), table.shape[1]) for n in totals[:, 0]])
    found: Floats = math.log2(table.shape[1]) + (share * logs).sum(1) - short
    return found


def logo(sequences: Sequence[str], letters: Sequence[str], colours: Mapping[str, str]) -> str:
    """Return the logo of sequences of one length as SVG: stacks as high as their information.

    Within a stack the letters have their shares, the most frequent one on top.

    Args:
        sequences: at least one, of `letters`.
        letters: the V letters that can stand at each position.
        colours: of the letters.
    """
    table = counts(sequences, letters)
    bits = np.maximum(information(table), 0.0)
    share = table / table.sum(1, keepdims=True)
    rows = Rows(len(bits), _WIDE, _HIGH + _FOOT + 6, _LEFT)
    root = ElementTree.Element("svg", xmlns=NAMESPACE, role="img", viewBox=rows.box)
    common = "".join(
        letters[i] if b >= 1.0 else "·" for i, b in zip(share.argmax(1), bits, strict=True)
    )
    title = f"Logo of {len(sequences):,} sequences, {bits.sum():.1f} bits in all; 1 bit or more: "
    ElementTree.SubElement(root, "title").text = title + common
    scale = _HIGH / math.log2(len(letters))
    paths: dict[str, list[str]] = {}
    for place, height in enumerate(bits * scale):
        x, bottom = rows.x(place), rows.y(place) + _HIGH + 4
        for letter in np.argsort(share[place], kind="stable").tolist():
            tall = float(height * share[place, letter])
            if tall >= _SEEN:
                name = letters[letter]
                paths.setdefault(name, []).append(_placed(name, x, bottom, tall))
            bottom -= tall
    for name, parts in paths.items():
        look = {"fill": colours.get(name, PLAIN), "stroke": "#1c2733", "stroke-width": "0.3"}
        ElementTree.SubElement(root, "path", {"d": "".join(parts)} | look)
    for first, last in rows.spans:
        _ruled(root, rows, first, last, len(letters))
    return ElementTree.tostring(root, encoding="unicode")


def _ruled(root: ElementTree.Element, rows: Rows, first: int, last: int, letters: int) -> None:
    """Draw the axes of a row: bits, and positions."""
    top, most = rows.y(first) + 4, math.log2(letters)
    ends = f"M{_LEFT - 3:g} {top:g}v{_HIGH:g}h{(last - first) * _WIDE + 3:g}"
    line = {"d": ends, "fill": "none", "stroke": "currentColor", "stroke-width": "0.7"}
    ElementTree.SubElement(root, "path", line)
    for bits in range(int(most) + 1):
        y = top + _HIGH * (1 - bits / most)
        text(root, _LEFT - 6, y + 3, f"{bits} bits" if bits == int(most) else str(bits), "end")
    rows.number(root, first, last, top + _HIGH + 11)


@cache
def _glyph(letter: str) -> tuple[tuple[str, tuple[tuple[float, float], ...]], ...]:
    """Return the outline of a letter in the unit square, y upwards: commands and their points."""
    path = TextPath(
        (0, 0), letter, size=10, prop=FontProperties(family="DejaVu Sans", weight="bold")
    )
    found = [
        (_COMMANDS[int(code)], np.asarray(points, dtype=np.float64).reshape(-1, 2))
        for points, code in path.iter_segments(simplify=False)
    ]
    drawn = np.concatenate([points for command, points in found if command != "z"])
    low, size = drawn.min(0), np.ptp(drawn, axis=0)
    return tuple(
        (command, () if command == "z" else tuple(map(tuple, ((points - low) / size).tolist())))
        for command, points in found
    )


def _placed(letter: str, x: float, bottom: float, tall: float) -> str:
    """Return the outline of `letter` as a path in the box of its stack."""
    wide = _WIDE - 1
    return "".join(
        command + " ".join(f"{x + 0.5 + a * wide:.1f} {bottom - up * tall:.2f}" for a, up in points)
        for command, points in _glyph(letter)
    )
