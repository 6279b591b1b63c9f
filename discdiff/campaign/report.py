"""`report.html`: one self-contained page on a run, every string in it escaped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from omegaconf import OmegaConf

from discdiff import registry
from discdiff.campaign.figures import best_so_far, distributions
from discdiff.campaign.files import write_atomic
from discdiff.campaign.rows import Row
from discdiff.campaign.runlog import logger
from discdiff.campaign.store import ENVIRONMENT, REPORT, Store
from discdiff.campaign.summary import TOP, Arm, Summary, facts, number, summarise
from discdiff.campaign.svg import harmless
from discdiff.errors import ConfigError

Draw = Callable[[str], str | None]


@dataclass(frozen=True)
class Card:
    """One of the best designs, as the page shows it."""

    place: int
    row: Row
    scores: list[tuple[str, str]]
    drawing: Markup | None


def write_report(store: Store, draw: Draw | None = None) -> Path:
    """Write `report.html` beside the store and return its path.

    Args:
        store: the run.
        draw: a sequence to an SVG document or None; by default the `draw` of the run's domain,
            where that is installed.

    Raises:
        StoreError: if the store cannot be read or the file not be written.
    """
    path = store.path.parent / REPORT
    write_atomic(path, render_report(store, draw_of(store) if draw is None else draw))
    return path


def render_report(store: Store, draw: Draw) -> str:
    """Return the page on the run in `store`."""
    summary = summarise(store)
    page = Environment(
        loader=PackageLoader("discdiff.campaign", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.jinja")
    return page.render(
        title=store.path.absolute().parent.name,
        summary=summary,
        top=TOP,
        columns=[arm.name for arm in summary.arms],
        facts=_side_by_side(summary),
        figures=[  # drawn here, from numbers alone
            ("Distribution of reward", Markup(distributions(summary.arms))),
            ("Best so far", Markup(best_so_far(summary.arms))),
        ],
        cards=[(arm.name, _cards(arm, summary.outputs, draw)) for arm in summary.arms],
        number=number,
        previews="measured" not in store.settings,  # a laboratory is sent finished designs
        counts=_counts(store, summary),
        settings=OmegaConf.to_yaml(OmegaConf.create(_settings(store.settings))),
        environment=_environment(store.path.parent / ENVIRONMENT),
    )


def draw_of(store: Store) -> Draw:
    """Return how the run's domain draws; nothing is drawn where it is not installed."""
    try:
        draw: Draw = registry.build("domains", store.settings["domain"]).draw
    except ConfigError as error:
        logger.warning("no structures in the report: %s", error)
        return lambda sequence: None
    return draw


def _side_by_side(summary: Summary) -> list[tuple[str, list[str]]]:
    columns = [facts(arm) for arm in summary.arms]
    return [(line[0][0], [value for _, value in line]) for line in zip(*columns, strict=True)]


def _cards(arm: Arm, outputs: tuple[str, ...], draw: Draw) -> list[Card]:
    return [
        Card(
            place=place,
            row=row,
            scores=[(o, number(v)) for o, v in zip(outputs, row.scores, strict=True)],
            drawing=_drawn(row.sequence, draw),
        )
        for place, row in enumerate(arm.best, start=1)
    ]


def _drawn(sequence: str, draw: Draw) -> Markup | None:
    try:
        drawing = draw(sequence)
    except Exception as error:  # a domain may be a plug-in; a page without a drawing is still true
        logger.warning("cannot draw %r: %s: %s", sequence, type(error).__name__, error)
        return None
    safe = harmless(drawing)
    return None if safe is None else Markup(safe)


def _counts(store: Store, summary: Summary) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys(name for arm in summary.arms for name in arm.counts)
    lines = [("rounds", [str(len(store.rounds(arm.name))) for arm in summary.arms])]
    for name in names:
        values = [arm.counts.get(name, math.nan) for arm in summary.arms]
        lines.append((name.replace("_", " "), ["–" if v != v else f"{v:,.0f}" for v in values]))
    return lines


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader wants to know: the configuration where there is one."""
    chosen = settings["config"] or {
        name: settings[name] for name in ("rules", "methods", "sampler", "objective")
    }
    return {**chosen, "evaluated_by": settings["oracle"], "network_hash": settings["network"]}


def _environment(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
