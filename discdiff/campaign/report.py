"""`report.html`: one self-contained page on a run, every string in it escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from discdiff import registry
from discdiff.campaign.figures import best_so_far, distributions
from discdiff.campaign.files import write_atomic
from discdiff.campaign.insight import Insight
from discdiff.campaign.page.cards import cards
from discdiff.campaign.page.designs import Designs, Group, Scaffold, designs_of
from discdiff.campaign.page.drawings import Draw, Drawings
from discdiff.campaign.page.html import embedded, page
from discdiff.campaign.page.numbers import counts_of, side_by_side
from discdiff.campaign.page.payload import payload
from discdiff.campaign.page.sequences import sequences_of
from discdiff.campaign.page.tuning import tuning_of
from discdiff.campaign.page.used import notes_on_outputs, used_in
from discdiff.campaign.provenance import directions
from discdiff.campaign.runlog import logger
from discdiff.campaign.standing import standing
from discdiff.campaign.store import ENVIRONMENT, REPORT, Store
from discdiff.campaign.summary import TOP, Summary, number, summarise
from discdiff.domain import Domain
from discdiff.errors import ConfigError

SCRIPTS = (
    "dom.js",
    "data.js",
    "view.js",
    "table.js",
    "controls.js",
    "canvas.js",
    "histogram.js",
    "scatter.js",
    "plots.js",
    "front.js",
    "pareto.js",
    "scaffolds.js",
    "main.js",
)
STRUCTURES = 300  # of the best designs are drawn
_STATIC = 50  # rows that can be read without a script
_SCAFFOLDS = 24  # of the best, and of the most frequent


@dataclass(frozen=True)
class Line:
    """One row of the table that needs no script: the kind and the text of each cell."""

    drawing: Markup | None
    cells: list[tuple[str, str]]


def write_report(store: Store, insight: Insight | None = None) -> Path:
    """Write `report.html` beside the store and return its path.

    Args:
        store: the run; it is only read.
        insight: the domain and the reward; by default the domain of the run alone, where that is
            installed.

    Raises:
        StoreError: if the store cannot be read or the file not be written.
    """
    path = store.path.parent / REPORT
    if insight is None and (domain := domain_of(store)) is not None:
        insight = Insight(domain)
    if insight is None:
        text = render_report(store, lambda sequence: None)
    else:
        text = render_report(store, insight.domain.draw, insight.domain.scaffold, insight)
    write_atomic(path, text)
    return path


def render_report(
    store: Store,
    draw: Draw,
    scaffold: Scaffold = lambda sequence: None,
    insight: Insight | None = None,
) -> str:
    """Return the page on the run in `store`.

    Args:
        store: the run.
        draw: a sequence to an SVG document, or None.
        scaffold: what the designs of a series share, None where there is no such thing.
        insight: the domain and the reward, for the section on sequences.
    """
    settings, summary = store.settings, summarise(store)
    sequences = sequences_of(summary, insight)
    if sequences is not None and insight is not None:
        draw = sequences.drawing(insight.domain, draw)
    drawings = Drawings(draw)
    known = directions(settings)
    designs = designs_of(store, known, notes_on_outputs(settings, known), scaffold)
    best = [(arm.name, cards(arm.best, summary.outputs, drawings)) for arm in summary.arms]
    front = designs.front((0, 1)) if len(designs.outputs) > 1 else []
    drawn = _drawn(designs, summary, front, drawings)
    return page(
        "report.jinja",
        SCRIPTS,
        title=store.path.absolute().parent.name,
        standing=standing(store),
        summary=summary,
        designs=designs,
        sequences=sequences,
        top=TOP,
        columns=[arm.name for arm in summary.arms],
        facts=side_by_side(summary),
        figures=[  # drawn here, from numbers alone
            ("Distribution of reward", Markup(distributions(summary.arms))),
            ("Best so far", Markup(best_so_far(summary.arms))),
        ],
        tuning=tuning_of(store.path.parent),
        best=best,
        number=number,
        previews="measured" not in settings,  # a laboratory is sent finished designs
        shown=[_line(designs, place, drawings) for place in range(len(designs.rows))[:_STATIC]],
        drawn=sum(row.sequence in drawn for row in designs.rows[:STRUCTURES]),
        drawings=list(drawn.values()),
        scaffolds=[
            (group, drawings.of(group.scaffold) if group.scaffold else None)
            for group in _prominent(designs)
        ],
        front=[_on_front(designs, place) for place in front[:_STATIC]],
        front_of_all=len(designs.front(range(len(designs.outputs)))),
        directions_known=set(designs.outputs) <= known.keys(),
        counts=counts_of(store, summary),
        used=used_in(settings),
        oracle=settings["oracle"],
        network=settings["network"],
        # not as OmegaConf writes it, to which "${...}" would be more than text
        settings=yaml.safe_dump(_settings(settings), sort_keys=False, allow_unicode=True),
        environment=_environment(store.path.parent / ENVIRONMENT),
        data=embedded(payload(designs, {name: place for name, (place, _) in drawn.items()})),
    )


def domain_of(store: Store) -> Domain | None:
    """Return the domain of the run, None where it is not installed."""
    try:
        domain: Domain = registry.build("domains", store.settings["domain"])
    except ConfigError as error:
        logger.warning("no structures in the report: %s", error)
        return None
    return domain


def _drawn(
    designs: Designs, summary: Summary, front: Sequence[int], drawings: Drawings
) -> dict[str, tuple[int, Markup]]:
    """Return the drawings that the table can show, by string."""
    best = [row.sequence for row in designs.rows[:STRUCTURES]]
    best += [row.sequence for arm in summary.arms for row in arm.best]
    best += [designs.rows[place].sequence for place in front[:_STATIC]]
    return drawings.numbered(best)


def _line(designs: Designs, place: int, drawings: Drawings) -> Line:
    return Line(
        drawings.of(designs.rows[place].sequence),
        [(column.kind, column.shown(place)) for column in designs.columns],
    )


def _on_front(designs: Designs, place: int) -> tuple[str, str, str]:
    row = designs.rows[place]
    return number(row.scores[0]), number(row.scores[1]), row.sequence


def _prominent(designs: Designs) -> list[Group]:
    """Return the scaffolds of the best designs and the most frequent ones, the best first."""
    groups = designs.groups
    frequent = sorted(groups, key=lambda group: -group.count)[:_SCAFFOLDS]
    chosen = {group.number for group in (*groups[:_SCAFFOLDS], *frequent)}
    return [groups[place] for place in sorted(chosen)]


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reader wants to know: the configuration where there is one."""
    found: dict[str, Any] = settings["config"] or {
        name: settings[name] for name in ("rules", "methods", "sampler", "objective")
    }
    return found


def _environment(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
