"""Which licences clear a commercial use, as they are stated of oracles, models and their data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from discdiff import registry
from discdiff.errors import ConfigError, InputError

COMMERCIAL = "commercial"
USES = (COMMERCIAL,)
UNKNOWN = "none stated"
MADE_WITH = "made_with"
"""Heading of a card: the licences of what went into the weights beside the data, by name."""

_CLEARED = re.compile(
    r"""(?<![\w-])(?:
        Apache(?:[ -]License)?[ -]2(?:\.0)? | MIT | ISC | Zlib | BSL[ -]1\.0
        | BSD(?:-[0123]-Clause)? | Biopython[ ]License | PSF(?:-2\.0)? | Unlicense
        | CC0(?:[ -]1\.0)? | PDDL(?:-1\.0)? | ODC-By(?:-1\.0)? | CC[ -]BY(?:[ -][1-4]\.0)?
        | public[ ]domain
    )(?![\w-])(?![ ](?:NC|ND|SA)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
_WITHHELD = re.compile(
    r"non-?[ ]?commercial|\bNC\b|\bND\b|academic|research|restrict|\bno[tn]?\b|unknown|unclear"
    r"|proprietary|\bterms\b|\bSA\b|share-?[ ]?alike|copyleft|[AL]?GPL|reserved|prohibit|forbid"
    r"|evaluation|personal|\bonly\b",
    re.IGNORECASE,
)
_PARTS = re.compile(r";(?![^()]*\))")  # not those within brackets


class Stated(NamedTuple):
    """What something is called, and the licence that it states; empty where it states none."""

    kind: str
    name: str
    licence: str


def clears(licence: str) -> bool:
    """Return whether a statement clears commercial use, in every part between semicolons.

    A part does where it names a licence that is known to (Apache, MIT, BSD, CC0, CC BY and their
    like) and says nothing that takes it back. Everything else does not: a licence with terms of its
    own, one that nobody checked, share-alike and copyleft ones, none at all. It is the cautious
    reading of a text, and no advice of a lawyer.

    Example:
        >>> [clears(text) for text in ("CC0", "BSD-3-Clause (RDKit)", "CC BY 4.0; code MIT")]
        [True, True, True]
        >>> [clears(text) for text in ("", "CC BY-NC 4.0", "MIT; data: academic use", "GPL-3.0")]
        [False, False, False, False]
    """
    parts = _PARTS.split(licence)
    return all(_CLEARED.search(part) and not _WITHHELD.search(part) for part in parts)


def of_card(card: Mapping[str, Any]) -> str:
    """Return the licence that a model card states of the data, and of the weights if it does.

    What else went into the weights follows, each in a part of its own: see `inherited`.

    Example:
        >>> of_card({"data": {"licence": "CC0"}, "licence_of_the_weights": "Apache-2.0"})
        'CC0; weights Apache-2.0'
        >>> of_card({"data": {"licence": "CC0"}, "made_with": {"model zinc": "free to use"}})
        'CC0; free to use'
    """
    data = card.get("data")
    stated = str(data.get("licence", "")) if isinstance(data, Mapping) else ""
    if stated == "not stated":
        stated = ""
    weights = str(card.get("licence_of_the_weights", "")).removesuffix(".").replace(";", ",")
    if not stated:
        return ""
    made_with = card.get(MADE_WITH)
    others = map(str, made_with.values()) if isinstance(made_with, Mapping) else ()
    return "; ".join(dict.fromkeys([stated, *([f"weights {weights}"] if weights else []), *others]))


def inherited(card: Mapping[str, Any], used: Iterable[Stated]) -> dict[str, str]:
    """Return the heading `MADE_WITH` of a card, with what else went into its weights.

    Args:
        card: of the model before; what it was made with stays.
        used: such as the model whose weights were the first, or the oracles that tuned them.

    Example:
        >>> inherited({}, [Stated("oracle", "qed", "BSD-3-Clause"), Stated("model", "mine", "")])
        {'oracle qed': 'BSD-3-Clause', 'model mine': 'none stated'}
    """
    before = card.get(MADE_WITH)
    kept = dict(before) if isinstance(before, Mapping) else {}
    return kept | {f"{thing.kind} {thing.name}": thing.licence or UNKNOWN for thing in used}


def shipped(kind: str) -> dict[str, str]:
    """Return the licence that the card of each shipped model states, by name.

    Args:
        kind: ``models`` or ``predictors``.
    """
    found = {}
    for entry in registry.names(kind):
        if entry.broken:
            continue
        try:
            config = registry.model_folder(entry.name, kind) / "config.json"
            card = json.loads(config.read_text(encoding="utf-8")).get("card") or {}
        except (ConfigError, OSError, ValueError):  # a broken plug-in hinders no other model
            continue
        found[entry.name] = of_card(card)
    return found


def refuse_uncleared(used: Iterable[Stated], use: str, cleared: Sequence[str] = ()) -> None:
    """Raise `InputError` if something is used whose licence does not clear a use.

    Args:
        used: what a design is made with.
        use: ``commercial``.
        cleared: names of things that the user has cleared.

    Example:
        >>> refuse_uncleared([Stated("oracle", "qed", "BSD-3-Clause (RDKit)")], "commercial")
        >>> refuse_uncleared([Stated("oracle", "mine", "")], "commercial", cleared=["mine"])
    """
    if use not in USES:
        raise InputError(f"licence must be one of {', '.join(USES)}, or null, got {use!r}")
    things = list(used)
    names = {thing.name for thing in things}
    for name in cleared:
        if name not in names:
            raise InputError(
                f"cleared must name oracles and models of this design, which are "
                f"{', '.join(sorted(names))}, got {name!r}"
            )
    refused = [t for t in things if t.name not in cleared and not clears(t.licence)]
    if not refused:
        return
    listed = "; ".join(f"{t.kind} {t.name!r} ({t.licence or UNKNOWN})" for t in refused)
    raise InputError(
        f"licence={use} refuses {listed}. {_remedies(refused)}cleared=[{_names(refused)}] says "
        "that you have cleared them yourself"
    )


def _remedies(refused: Sequence[Stated]) -> str:
    said = ""
    kinds = {thing.kind for thing in refused}
    for kind in ("model", "predictor"):
        if kind in kinds:
            names = [name for name, text in shipped(f"{kind}s").items() if clears(text)]
            said += f"Shipped {kind}s that are cleared: {', '.join(names) or 'none'}. "
    if "oracle" in kinds:
        said += (
            "Cleared are the closed forms, those with 'yes' in `discdiff oracle list`; an oracle "
            "of yours says its licence (LICENCE in a file, licence= of a command, the attribute "
            "licence of a class). "
        )
    return said


def _names(things: Sequence[Stated]) -> str:
    return ", ".join(dict.fromkeys(thing.name for thing in things))
