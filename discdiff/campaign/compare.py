"""Several runs side by side: what each arm had found after the same number of evaluations."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from discdiff import registry
from discdiff.campaign.figures import overlaid, top_means
from discdiff.campaign.page import html
from discdiff.campaign.page.cards import cards
from discdiff.campaign.page.drawings import Draw, Drawings
from discdiff.campaign.rows import Row
from discdiff.campaign.store import Store
from discdiff.campaign.summary import TOP, Arm, best_of, number, summarise
from discdiff.domain import Domain
from discdiff.errors import InputError


@dataclass(frozen=True)
class Contestant:
    """One arm of one run: `arm` cut to the common number of evaluations, `whole` uncut.

    `scaffolds` is how many different ones the designs of `arm` with a reward have, None where the
    domain knows none. `outputs` are the names of their scores, and `draw` draws them.
    """

    name: str
    arm: Arm
    whole: Arm
    scaffolds: int | None
    outputs: tuple[str, ...]
    draw: Draw

    @property
    def seconds(self) -> float:
        """Wall time of the rounds of the whole arm."""
        return self.whole.counts.get("seconds", math.nan)

    def evaluations_to(self, level: float) -> int | None:
        """Return after how many evaluations the mean of the ten best had reached `level`."""
        means = top_means(self.arm.curve)
        return next((i for i, mean in enumerate(means, start=1) if mean >= level), None)


@dataclass(frozen=True)
class Comparison:
    """Arms of several runs, each cut to `evaluations`.

    `levels` are rewards to be reached, by their label; `notes` say what makes the numbers unlike.
    """

    contestants: tuple[Contestant, ...]
    evaluations: int
    levels: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    def lines(self) -> list[tuple[str, list[str]]]:
        """Return the figures, a label and one text for each contestant."""
        figures = [_figures(contestant) for contestant in self.contestants]
        lines = [(label, [column[label] for column in figures]) for label in figures[0]]
        for label, level in self.levels:
            reached = [contestant.evaluations_to(level) for contestant in self.contestants]
            lines.append((label, ["–" if count is None else f"{count}" for count in reached]))
        return lines


def compare(stores: Mapping[str, Store], levels: Sequence[float] | None = None) -> Comparison:
    """Return the comparison of the runs in `stores`, by name.

    Args:
        stores: two or more runs.
        levels: mean rewards of the ten best to be reached; by default what each arm had in the end.

    Raises:
        InputError: if there are fewer than two runs, or one has no evaluation.
        StoreError: if a store cannot be read.
    """
    if len(stores) < 2:
        raise InputError(f"a comparison needs two runs or more, got {len(stores)}")
    wholes = {}
    for name, store in stores.items():
        for arm in summarise(store).arms:
            if not arm.rows:
                raise InputError(f"{store.path.parent} has no evaluation to compare")
            wholes[name, arm.name] = _cut(arm, store.rows(arm.name))
    common = min(whole.evaluated for whole in wholes.values())
    domains = {name: registry.build("domains", s.settings["domain"]) for name, s in stores.items()}
    contestants = []
    for (name, arm_name), whole in wholes.items():
        arm = _cut(whole, whole.rows[:common])
        domain, outputs = domains[name], tuple(stores[name].settings["outputs"])
        scaffolds = _scaffolds(domain, arm)
        contestants.append(
            Contestant(f"{name} {arm_name}", arm, whole, scaffolds, outputs, domain.draw)
        )
    return Comparison(
        tuple(contestants),
        common,
        tuple(_levels(contestants, levels)),
        tuple(_notes(stores, contestants, common)),
    )


def render(comparison: Comparison) -> RenderableType:
    """Return the comparison as a rich renderable."""
    table = Table(box=box.SIMPLE_HEAD, title=f"After {comparison.evaluations} evaluations")
    table.add_column("")
    for contestant in comparison.contestants:
        table.add_column(Text(contestant.name), justify="right", overflow="fold")
    for label, values in comparison.lines():
        table.add_row(label, *values)
    return Group(table, *(Text(note, style="yellow") for note in comparison.notes))


def page(comparison: Comparison) -> str:
    """Return the comparison as one self-contained HTML page, every string in it escaped."""
    curves = {c.name: c.whole.curve for c in comparison.contestants}
    names = [contestant.name for contestant in comparison.contestants]
    return html.page(
        "compare.jinja",
        title=", ".join(names),
        comparison=comparison,
        names=names,
        lines=comparison.lines(),
        figure=Markup(overlaid(curves)),  # drawn here; names in it become shapes
        best=[
            (c.name, cards(c.arm.best, c.outputs, Drawings(c.draw))) for c in comparison.contestants
        ],
        top=TOP,
    )


def names_of(folders: Sequence[Path]) -> dict[str, Path]:
    """Return a short name for each folder: its own, or its path where two are called alike.

    Raises:
        InputError: if a folder is given twice.

    Example:
        >>> list(names_of([Path("runs/a"), Path("runs/b")]))
        ['a', 'b']
    """
    whole = [folder.resolve() for folder in folders]
    twice = next((str(f) for f, w in zip(folders, whole, strict=True) if whole.count(w) > 1), None)
    if twice is not None:
        raise InputError(f"runs must be different ones, got {twice} twice")
    short = [path.name for path in whole]
    return {
        name if short.count(name) == 1 else str(folder): folder
        for name, folder in zip(short, folders, strict=True)
    }


def _cut(arm: Arm, rows: Sequence[Row]) -> Arm:
    return replace(arm, rows=tuple(rows), best=best_of(rows))


def _figures(contestant: Contestant) -> dict[str, str]:
    arm = contestant.arm
    top = f"best {TOP}"
    return {
        "best": number(max(arm.rewards, default=math.nan)),
        f"{top}, mean": number(arm.best_mean),
        f"{top}, median": number(arm.best_median),
        "all evaluated, median": number(median(arm.rewards) if arm.rewards else math.nan),
        "scaffolds": "–" if contestant.scaffolds is None else f"{contestant.scaffolds}",
        "valid, whole run": "–" if math.isnan(arm.validity) else f"{arm.validity:.1%}",
        "evaluations, whole run": f"{contestant.whole.evaluated}",
        "seconds, whole run": (
            "–" if math.isnan(contestant.seconds) else f"{contestant.seconds:,.1f}"
        ),
    }


def _scaffolds(domain: Domain, arm: Arm) -> int | None:
    scored = [row.sequence for row in arm.rows if not math.isnan(row.reward)]
    found = {domain.scaffold(sequence) for sequence in scored}
    return None if None in found else len(found)


def _levels(
    contestants: Sequence[Contestant], given: Sequence[float] | None
) -> Iterator[tuple[str, float]]:
    what = f"evaluations to a mean of the best {TOP} of"
    if given is not None:
        yield from ((f"{what} {level:g}", level) for level in given)
        return
    reached = {c.name: c.arm.best_mean for c in contestants if len(c.arm.best) == TOP}
    for name, level in sorted(reached.items(), key=lambda item: item[1]):
        yield f"{what} {level:.3f} ({name})", level


def _notes(
    stores: Mapping[str, Store], contestants: Sequence[Contestant], common: int
) -> Iterator[str]:
    """Say what makes the rewards of the runs unlike, and which runs had more evaluations."""
    first, *others = stores
    for key, words in (("oracle", "oracles"), ("objective", "objectives"), ("domain", "domains")):
        unlike = [n for n in others if _plain(stores[n], key) != _plain(stores[first], key)]
        if unlike:
            yield (
                f"{', '.join(unlike)} and {first} have different {words}: their rewards may not "
                "be the same quantity"
            )
    longer = [c.name for c in contestants if c.whole.evaluated > common]
    if longer:
        yield (
            f"the table compares the first {common} evaluations of each; "
            f"{', '.join(longer)} went on, as the figure shows"
        )


def _plain(store: Store, key: str) -> str:
    value: Any = store.settings[key]
    return json.dumps(value, sort_keys=True)
