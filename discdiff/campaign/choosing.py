"""Which designs of a run go on: the best of them, or a batch that is good and diverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discdiff import _check, registry, selection
from discdiff.campaign.notations import noted
from discdiff.campaign.rows import GUIDED, UNGUIDED, Row
from discdiff.campaign.store import Store
from discdiff.campaign.table import design_table
from discdiff.data.tables import Table
from discdiff.domain import Domain
from discdiff.errors import InputError

ARMS = (GUIDED, UNGUIDED)


@dataclass(frozen=True)
class Choice:
    """How a batch is chosen.

    Args:
        n: designs in the batch.
        method: ``dpp`` (log-determinant of the similarities) or ``maxmin`` (distance to the
            nearest member).
        weight: of quality against diversity: 1 takes the best, 0 looks at diversity alone.
        pool: candidates are the best so many by reward; None for all.
        max_per_scaffold: the most designs of one scaffold; None for no limit.

    Raises:
        InputError: if an argument is out of range.
    """

    n: int
    method: str = "dpp"
    weight: float = 0.5
    pool: int | None = None
    max_per_scaffold: int | None = None

    def __post_init__(self) -> None:
        _check.positive_int("n", self.n)
        _check.one_of("method", self.method, tuple(selection.METHODS))
        _check.fraction("weight", self.weight)
        for name in ("pool", "max_per_scaffold"):
            if getattr(self, name) is not None:
                _check.positive_int(name, getattr(self, name))


@dataclass(frozen=True)
class Batch:
    """A chosen batch, in the order of choice.

    Attributes:
        places: where each member stands among the candidates.
        scaffolds: the scaffold of each, None where the domain knows none.
        nearest: similarity of each to the member most like it, NaN in a batch of one.
    """

    places: list[int]
    scaffolds: list[str | None]
    nearest: list[float]


def choose_batch(
    domain: Domain, strings: Sequence[str], rewards: Sequence[float], choice: Choice
) -> Batch:
    """Return the batch that `choice` makes of distinct valid `strings`.

    Equal gains go to the larger reward, then to what comes first.

    Args:
        domain: says how alike strings are, and what their scaffolds are.
        strings: N canonical strings.
        rewards: N finite numbers.
        choice: how many, and how.

    Raises:
        InputError: if there are too few, or the domain has no scaffolds to limit.

    Example:
        >>> from discdiff.domain import Letters
        >>> strings, rewards = ["AAAA", "AAAC", "GGTT", "TT"], [0.9, 0.8, 0.5, 0.1]
        >>> choose_batch(Letters("ACGT"), strings, rewards, Choice(2, weight=0.1)).places
        [0, 2]
    """
    order = sorted(range(len(strings)), key=lambda i: -rewards[i])[: choice.pool]
    candidates = [strings[i] for i in order]
    groups: list[str | None] | None = None
    if choice.max_per_scaffold is not None:
        groups = [domain.scaffold(string) for string in candidates]
        if None in groups:
            raise InputError(
                f"max_per_scaffold must be null: strings of the domain {domain.name!r} have no "
                "scaffold"
            )
    _refuse_too_few(choice, len(candidates), groups, len(strings))
    likeness = domain.likeness(candidates)
    gains = selection.METHODS[choice.method](
        lambda i: likeness(candidates[i]),
        selection.quality([rewards[i] for i in order]),
        choice.weight,
    )
    chosen = selection.choose(gains, choice.n, groups, choice.max_per_scaffold)
    members = [candidates[i] for i in chosen]
    among = domain.likeness(members)
    nearest = []
    for place, member in enumerate(members):
        others = np.delete(among(member), place)
        nearest.append(float(others.max()) if len(others) else math.nan)
    return Batch([order[i] for i in chosen], [domain.scaffold(m) for m in members], nearest)


def select(store: Store, choice: Choice, arm: str | None = None) -> Table:
    """Return the table of a batch of the evaluated designs of a run that no filter rejected.

    The columns of `designs.csv` with `rank` (the order of choice), `scaffold` where the domain has
    any, and `nearest` (see `Batch`) after the scores; other notations of the domain, such as
    ``helm``, come last. A design of both arms counts once.

    Raises:
        InputError: if there are fewer than n, or the arm is unknown.
        StoreError: if the store cannot be read.
    """
    rows = list({row.sequence: row for row in reversed(_eligible(_of_arm(store, arm)))}.values())[
        ::-1
    ]
    domain: Domain = registry.build("domains", store.settings["domain"])
    batch = choose_batch(domain, [r.sequence for r in rows], [r.reward for r in rows], choice)
    table = design_table(store, [rows[i] for i in batch.places])
    scores = 2 + len(store.settings["outputs"])
    found: dict[str, Sequence[str | int | float | None]] = {"rank": range(1, choice.n + 1)}
    if None not in batch.scaffolds:
        found["scaffold"] = batch.scaffolds
    found["nearest"] = batch.nearest
    chosen = Table(
        (*table.columns[:scores], *found, *table.columns[scores:]),
        [
            (*row[:scores], *more, *row[scores:])
            for row, more in zip(table.rows, zip(*found.values(), strict=True), strict=True)
        ],
    )
    return noted(chosen, domain)


def export(
    store: Store, arm: str | None = None, *, final: bool = False, top: int | None = None
) -> Table:
    """Return the table of the designs of a run, in the order of evaluation.

    Other notations of the domain, such as ``helm``, are its last columns.

    Args:
        store: the run.
        arm: ``guided`` or ``unguided``; None for both.
        final: only designs drawn from the stated law, no previews.
        top: only the best so many, best first; those without a reward or rejected by a filter
            are left out.

    Raises:
        InputError: if the arm is unknown, `top` is not positive, or nothing is left.
        StoreError: if the store cannot be read.
    """
    rows = [row for row in _of_arm(store, arm) if row.final or not final]
    if top is not None:
        best = sorted(_eligible(rows), key=lambda row: -row.reward)
        rows = best[: _check.positive_int("top", top)]
    if not rows:
        raise InputError(f"{store.path.parent} holds no such designs: nothing to export")
    return noted(design_table(store, rows), registry.build("domains", store.settings["domain"]))


def _of_arm(store: Store, arm: str | None) -> list[Row]:
    return store.rows(None if arm is None else _check.one_of("arm", arm, ARMS))


def _eligible(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not math.isnan(row.reward) and not row.rejected]


def _refuse_too_few(
    choice: Choice, count: int, groups: Sequence[str | None] | None, given: int
) -> None:
    most = selection.available(groups, choice.max_per_scaffold, count)
    if choice.n <= most:
        return
    why = f"{given} designs with a reward that no filter rejected"
    if count < given:
        why = f"the best {count} of {why}"
    if groups is not None:
        why += f", at most {choice.max_per_scaffold} of each of {len(set(groups))} scaffolds"
    raise InputError(f"n must be at most {most} here ({why}), got {choice.n}")
