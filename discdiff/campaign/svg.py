"""Drawings on their way into a page: only shapes and text get through, styled by attributes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

_NAMESPACE = "http://www.w3.org/2000/svg"
_TEXT = ("title", "desc", "text", "tspan")
_FORMS = ("rect", "path", "circle", "ellipse", "line", "polyline", "polygon")
_SHAPES = frozenset(f"{{{_NAMESPACE}}}{name}" for name in ("svg", "g", "defs", *_TEXT, *_FORMS))
_PATH = f"{{{_NAMESPACE}}}path"
_ACTIVE = ("url(", "javascript:", "expression(", "@import")
_STYLES = re.compile(
    r"(fill|stroke|font|text)(-[a-z]+)*|opacity|visibility|dominant-baseline|letter-spacing"
)
# what SVG draws without being told
_INITIAL = {
    "fill-rule": ("nonzero",),
    "opacity": ("1", "1.0"),
    "fill-opacity": ("1", "1.0"),
    "stroke-opacity": ("1", "1.0"),
    "stroke-linecap": ("butt",),
    "stroke-linejoin": ("miter",),
    "stroke-dasharray": ("none",),
    "version": ("1.1",),
    "baseProfile": ("full",),
}


def harmless(drawing: str | None) -> str | None:
    r"""Return `drawing` if it is SVG made of shapes and text alone, else None.

    A drawing carries strings of the user's (names, sequences), so scripts, links, event handlers,
    styles that load something and foreign elements must not come along. Elements and attributes of
    other namespaces are dropped. Styles become attributes, since a page may forbid the former, and
    what changes nothing goes: the classes, initial values, the seams between equal strokes.

    Args:
        drawing: an SVG document, or None.

    Example:
        >>> harmless('<svg xmlns="http://www.w3.org/2000/svg"><path style="fill:red"/></svg>')
        '<svg xmlns="http://www.w3.org/2000/svg"><path fill="red" /></svg>'
        >>> harmless('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>') is None
        True
    """
    if drawing is None or "<!DOCTYPE" in drawing or "<!ENTITY" in drawing:
        return None
    try:
        root = ElementTree.fromstring(drawing)
    except ElementTree.ParseError:
        return None
    if root.tag != f"{{{_NAMESPACE}}}svg" or not _clean(root):
        return None
    _join_strokes(root)
    return _text_of(root)


def styled_by_attributes(drawing: str) -> str:
    """Return an SVG document of our own making without style elements and style attributes.

    Black becomes the colour of the text around the drawing, so that it can be read on any ground.

    Example:
        >>> black = '<svg xmlns="http://www.w3.org/2000/svg"><path style="stroke:#000000"/></svg>'
        >>> styled_by_attributes(black)
        '<svg xmlns="http://www.w3.org/2000/svg"><path stroke="currentColor" /></svg>'
    """
    root = ElementTree.fromstring(drawing)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}style") or not child.tag.startswith(f"{{{_NAMESPACE}}}"):
                parent.remove(child)
        _style_to_attributes(parent)
        for key, value in parent.attrib.items():
            if value in ("#000000", "black"):
                parent.set(key, "currentColor")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return _text_of(root)


def _text_of(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element) -> bool:
    """Drop what is foreign below `element`; return False if anything in it could act."""
    for key, value in list(element.attrib.items()):
        if key.startswith("{") or key == "class":
            del element.attrib[key]
        elif key.lower().startswith("on") or "href" in key.lower() or _acts(value):
            return False
    _style_to_attributes(element)
    for child in list(element):
        if not child.tag.startswith(f"{{{_NAMESPACE}}}"):
            element.remove(child)
        elif child.tag not in _SHAPES or not _clean(child):
            return False
    return True


def _acts(value: str) -> bool:
    return any(word in value.lower() for word in _ACTIVE)


def _style_to_attributes(element: ElementTree.Element) -> None:
    """Turn the `style` of `element` into attributes, which it overrides, and tidy the text."""
    for rule in element.attrib.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if value and _STYLES.fullmatch(name):
            element.set(name, value)
    for name, initial in _INITIAL.items():
        if element.get(name) in initial:
            del element.attrib[name]
    if element.get("fill") == "none":
        element.attrib.pop("fill-rule", None)
    if len(element) and not (element.text or "").strip():
        element.text = None
    if not (element.tail or "").strip():
        element.tail = None


def _join_strokes(element: ElementTree.Element) -> None:
    """Make one path of neighbours that are stroked alike, without filling or transparency."""
    last: ElementTree.Element | None = None
    for child in list(element):
        if len(child):
            _join_strokes(child)
        line = child.tag == _PATH and child.get("fill") == "none" and "d" in child.attrib
        if not line or any(key in child.attrib for key in ("opacity", "stroke-opacity")):
            last = None
        elif last is not None and _look(last) == _look(child) and child.tail is None:
            last.set("d", f"{last.get('d')} {child.get('d')}")
            element.remove(child)
        else:
            last = child


def _look(path: ElementTree.Element) -> dict[str, str]:
    return {key: value for key, value in path.attrib.items() if key != "d"}
