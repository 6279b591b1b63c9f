"""The outcome of a campaign in numbers: each arm at the same number of evaluations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from discdiff.campaign.honesty import Shift, shifts, warnings
from discdiff.campaign.progress import idle_words, is_idle
from discdiff.campaign.rows import GUIDED, NAN, UNGUIDED, Row
from discdiff.campaign.standing import standing
from discdiff.campaign.store import Store

TOP = 10


@dataclass(frozen=True)
class Arm:
    """One arm of a campaign, cut to its first `evaluated` evaluations.

    `rows` are all those evaluations, `best` the ten of highest reward, best first. `counts` are
    the totals of its finished rounds.
    """

    name: str
    rows: tuple[Row, ...]
    best: tuple[Row, ...]
    counts: Mapping[str, float]

    @property
    def evaluated(self) -> int:
        """Number of evaluations."""
        return len(self.rows)

    @property
    def rewards(self) -> list[float]:
        """Rewards in order of evaluation, of what was scored and no filter rejected."""
        return [reward for reward in self.curve if not math.isnan(reward)]

    @property
    def curve(self) -> list[float]:
        """One reward for each evaluation, NaN where it was not scored or a filter rejected it."""
        return [NAN if row.rejected else row.reward for row in self.rows]

    @property
    def best_mean(self) -> float:
        """Mean reward of the ten best."""
        return fmean(row.reward for row in self.best) if self.best else NAN

    @property
    def best_median(self) -> float:
        """Median reward of the ten best."""
        return median(row.reward for row in self.best) if self.best else NAN

    @property
    def median(self) -> float:
        """Median reward of everything evaluated."""
        return median(self.rewards) if self.rewards else NAN

    @property
    def final_median(self) -> float:
        """Median reward of the designs drawn from the stated law."""
        final = [r.reward for r in self.rows if r.final and not math.isnan(r.reward)]
        return median(final) if final else NAN

    @property
    def finals(self) -> int:
        """Number of distinct designs drawn from the stated law."""
        return sum(row.final for row in self.rows)

    @property
    def validity(self) -> float:
        """Share of the requested sequences that were valid."""
        requested = self.counts.get("requested", 0)
        return 1 - self.counts.get("invalid", 0) / requested if requested else NAN


@dataclass(frozen=True)
class Summary:
    """What a run found: `guided`, and `unguided` where it had a baseline.

    `notes` say why an arm has less than its budget, or no design for it. `shifts` compare what
    makes designs believable, and `warnings` say which of them look like reward hacking.
    """

    outputs: tuple[str, ...]
    guided: Arm
    unguided: Arm | None = None
    notes: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader is warned of."""
        return tuple(warnings(self.shifts))

    @property
    def arms(self) -> list[Arm]:
        """The arms there are, guided first."""
        return [self.guided] if self.unguided is None else [self.guided, self.unguided]


def summarise(store: Store) -> Summary:
    """Return the summary of what `store` holds, its arms cut to equal evaluations.

    Raises:
        StoreError: if the store cannot be read.
    """
    rows = {name: store.rows(name) for name in (GUIDED, UNGUIDED)}
    sizes = [len(found) for found in rows.values() if found]
    shortest = min(sizes, default=0)
    arms = {
        name: Arm(name, tuple(found[:shortest]), best_of(found[:shortest]), _totals(store, name))
        for name, found in rows.items()
    }
    return Summary(
        outputs=tuple(store.settings["outputs"]),
        guided=arms[GUIDED],
        unguided=arms[UNGUIDED] if rows[UNGUIDED] else None,
        notes=tuple(_notes(store, rows)),
        shifts=shifts(store, arms[GUIDED].rows, arms[UNGUIDED].rows),
    )


def best_of(rows: Sequence[Row], count: int = TOP) -> tuple[Row, ...]:
    """Return the `count` rows of highest reward that no filter rejected, the earlier one first."""
    scored = [row for row in rows if not math.isnan(row.reward) and not row.rejected]
    return tuple(sorted(scored, key=lambda row: -row.reward)[:count])


def render(summary: Summary) -> RenderableType:
    """Return the summary as a rich renderable: the best designs side by side, then the numbers."""
    notes = [Text(note, style="yellow") for note in summary.notes]
    notes += [Text(warning, style="bold red") for warning in summary.warnings]
    if not any(arm.rows for arm in summary.arms):
        return Group(*notes)
    return Group(_best(summary), _numbers(summary), *notes)


def number(value: float) -> str:
    """Return `value` in three decimals, or a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def facts(arm: Arm) -> list[tuple[str, str]]:
    """Return the figures of an arm, each with its label."""
    return [
        ("evaluations", f"{arm.evaluated:,}"),
        (f"best {TOP}, mean", number(arm.best_mean)),
        (f"best {TOP}, median", number(arm.best_median)),
        ("all evaluated, median", number(arm.median)),
        ("final designs", f"{arm.finals:,}"),
        ("final designs, median", number(arm.final_median)),
        ("valid", "–" if math.isnan(arm.validity) else f"{arm.validity:.1%}"),
        ("alerts, mean of the best", _alerts(arm)),
        ("rejected by filters", f"{sum(row.rejected for row in arm.rows)}"),
        ("rejected before scoring", f"{arm.counts.get('rejected', 0):.0f}"),
        ("from the cache", f"{arm.counts.get('cached', 0):.0f}"),
        ("refused by the oracle", f"{sum(row.status == 'invalid' for row in arm.rows)}"),
        ("failed in the oracle", f"{arm.counts.get('failed', 0):.0f}"),
        ("network rows", f"{arm.counts.get('nfe', 0):,.0f}"),
    ]


def _alerts(arm: Arm) -> str:
    known = [row.alerts for row in arm.best if not math.isnan(row.alerts)]
    return f"{fmean(known):.1f}" if known else "–"


def _best(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=f"The {TOP} best by reward")
    table.add_column("", justify="right")
    for arm in summary.arms:
        table.add_column(arm.name, justify="right")
        table.add_column("", overflow="fold")
    for place in range(max(len(arm.best) for arm in summary.arms)):
        cells = [Text(str(place + 1))]
        for arm in summary.arms:
            row = arm.best[place] if place < len(arm.best) else None
            # Text, not str: brackets in a SMILES would be read as markup
            cells += [Text(number(row.reward)), _shown(row)] if row else [Text(), Text()]
        table.add_row(*cells)
    return table


def _shown(row: Row) -> Text:
    text = Text(row.sequence)
    return text if row.final else text.append(" preview", style="dim")


def _numbers(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="At the same number of evaluations")
    table.add_column("")
    for arm in summary.arms:
        table.add_column(arm.name, justify="right")
    for lines in zip(*(facts(arm) for arm in summary.arms), strict=True):
        table.add_row(lines[0][0], *(value for _, value in lines))
    return table


def _notes(store: Store, rows: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Say of each arm that has less than its budget, or no design for it, why."""
    if "measured" in store.settings:
        yield _outstanding(store, rows[GUIDED])
        return
    patience: int = store.settings["rules"]["patience"]
    for arm in standing(store).arms:
        done = [found for found in store.rounds(arm.name) if found.finished]
        if is_idle(done, patience):
            yield f"{arm.name}: {idle_words(done, patience)}"
        elif not arm.ended:
            yield (
                f"{arm.name}: not complete, {arm.spent} of {arm.budget} spent; the run can be "
                "resumed"
            )
        elif rows[arm.name] and all(row.status != "ok" for row in rows[arm.name]):
            yield f"{arm.name}: {_valueless(rows[arm.name])}"
        elif arm.spent and not any(row.final for row in rows[arm.name]):
            yield (
                f"{arm.name}: the budget ended before the first round did, so no design is "
                "finished; a smaller round_size, cheaper guidance or a larger budget helps"
            )


def _valueless(rows: Sequence[Row]) -> str:
    """Say that no design has a value, and the most frequent reason of all."""
    words = f"none of {len(rows)} designs that were evaluated has a value"
    reasons = Counter(row.reason for row in rows if row.reason).most_common(1)
    return words + "".join(f"; {count} of them: {reason}" for reason, count in reasons)


def _outstanding(store: Store, told: Sequence[Row]) -> str:
    """Say how far a measured campaign has come."""
    asked = {draw.sequence for _, draw in store.draws(GUIDED)}
    known = len(asked.intersection(row.sequence for row in told))
    batches = len({number for number, _ in store.draws(GUIDED)})
    given = len(told) - known
    return (
        f"{', '.join(store.settings['measured'])}: {known} of {len(asked)} designs asked for in "
        f"{batches} batch{'es' * (batches != 1)} have been told"
        + f", and {given} that were not asked for"
        * (given > 0)
    )


def _totals(store: Store, arm: str) -> dict[str, float]:
    totals: Counter[str] = Counter()
    for found in store.rounds(arm):
        totals.update(found.counts)
    return dict(totals)
