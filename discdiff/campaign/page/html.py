"""From templates to pages that stand alone: nothing in one can load, call or run anything else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE = "discdiff.campaign.page"
_STYLE = "page.css"
_ESCAPED = {
    ord(character): f"\\u{ord(character):04x}" for character in ("<", ">", "&", "\u2028", "\u2029")
}


def page(template: str, scripts: Sequence[str] = (), **values: Any) -> str:
    """Return the page that `template` makes of `values`, every string in them escaped.

    Its content security policy allows the style and the script that are part of it, by their
    hashes, and no request of any kind.

    Args:
        template: a file of `templates`.
        scripts: files of `assets`, which make one script in this order.
        values: what the template names.
    """
    style = _asset(_STYLE)
    script = _wrapped([_asset(name) for name in scripts]) if scripts else ""
    environment = Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        policy=_policy(style, script), style=Markup(style), script=Markup(script), **values
    )


def embedded(values: object) -> Markup:
    r"""Return JSON that can stand in a script element: no character in it ends or begins a tag.

    Example:
        >>> embedded({"name": "</script>"})
        Markup('{"name":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(_ESCAPED))


def _wrapped(parts: Sequence[str]) -> str:
    return "\n".join(['(() => {\n"use strict";', *parts, "})();"])


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("assets", name).read_text(encoding="utf-8")
