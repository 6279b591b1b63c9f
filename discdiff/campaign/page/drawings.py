"""Structures on a page: each string is drawn once, and none that could act comes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markupsafe import Markup

from discdiff.campaign.runlog import logger
from discdiff.campaign.svg import harmless

Draw = Callable[[str], str | None]


class Drawings:
    """Draws strings and remembers what came of it.

    Args:
        draw: a string to an SVG document, or None where there is no drawing.

    Example:
        >>> drawings = Drawings(lambda string: '<svg xmlns="http://www.w3.org/2000/svg"/>')
        >>> drawings.of("CCO")
        Markup('<svg xmlns="http://www.w3.org/2000/svg" />')
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._drawn: dict[str, Markup | None] = {}

    def of(self, string: str) -> Markup | None:
        """Return the drawing of `string` as SVG made of shapes and text, None without one."""
        if string not in self._drawn:
            safe = harmless(self._attempt(string))
            self._drawn[string] = None if safe is None else Markup(safe)
        return self._drawn[string]

    def numbered(self, strings: Iterable[str]) -> dict[str, tuple[int, Markup]]:
        """Return those of `strings` that have a drawing, each with a number and the drawing."""
        found: dict[str, tuple[int, Markup]] = {}
        for string in strings:
            drawing = self.of(string)
            if drawing is not None:
                found.setdefault(string, (len(found), drawing))
        return found

    def _attempt(self, string: str) -> str | None:
        try:
            return self._draw(string)
        except Exception as error:  # a domain may be a plug-in; a page without it is still true
            logger.warning("cannot draw %r: %s: %s", string, type(error).__name__, error)
            return None
