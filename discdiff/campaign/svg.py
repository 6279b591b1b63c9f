"""Drawings on their way into a page: only shapes and text get through."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

_NAMESPACE = "http://www.w3.org/2000/svg"
_TEXT = ("title", "desc", "text", "tspan")
_FORMS = ("rect", "path", "circle", "ellipse", "line", "polyline", "polygon")
_SHAPES = frozenset(f"{{{_NAMESPACE}}}{name}" for name in ("svg", "g", "defs", *_TEXT, *_FORMS))
_ACTIVE = ("url(", "javascript:", "expression(", "@import")


def harmless(drawing: str | None) -> str | None:
    r"""Return `drawing` if it is SVG made of shapes and text alone, else None.

    A drawing carries strings of the user's (names, sequences), so scripts, links, event handlers,
    styles that load something and foreign elements must not come along. Elements and attributes of
    other namespaces are dropped.

    Args:
        drawing: an SVG document, or None.

    Example:
        >>> harmless('<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0"/></svg>')
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0" /></svg>'
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
    ElementTree.register_namespace("", _NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element) -> bool:
    """Drop what is foreign below `element`; return False if anything in it could act."""
    for key, value in list(element.attrib.items()):
        if key.startswith("{"):
            del element.attrib[key]
        elif key.lower().startswith("on") or "href" in key.lower() or _acts(value):
            return False
    for child in list(element):
        if not child.tag.startswith(f"{{{_NAMESPACE}}}"):
            element.remove(child)
        elif child.tag not in _SHAPES or not _clean(child):
            return False
    return True


def _acts(value: str) -> bool:
    return any(word in value.lower() for word in _ACTIVE)
