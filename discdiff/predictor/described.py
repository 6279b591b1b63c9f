"""What is said of a trained predictor: its quality on rows held out, and its card."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from discdiff.predictor import quality
from discdiff.predictor.forest import forest
from discdiff.predictor.predictor import Predictor
from discdiff.predictor.splits import Rows, Split
from discdiff.predictor.table import Table


def described(
    predictor: Predictor,
    table: Table,
    rows: Split,
    recipe: dict[str, object],
    minutes: float,
    trees: int = 0,
) -> Predictor:
    """Return a predictor with its quality on the test rows, and a whole card.

    The baselines are fitted to all rows of the half, those that tell when to stop too.

    Args:
        predictor: trained.
        table: strings and values.
        rows: of the table, as the predictor had them.
        recipe: what is said of the training.
        minutes: that it took.
        trees: of a forest that is measured beside it; 0 for none.
    """
    strings = taken(table.strings, rows.test)
    found: dict[str, quality.Measured] = {}
    if strings:
        said = predictor(strings)
        half = np.concatenate([rows.train, rows.valid])
        trained = quality.Rows(taken(table.strings, half), table.values[half])
        held_out = quality.Rows(strings, table.values[rows.test])
        task, domain = predictor.task, predictor.domain
        others = {}
        if trees:
            options: dict[str, Any] = {"task": task, "trees": trees, "seed": 0}
            said_by = forest(trained.strings, trained.values, strings, domain, **options)
            others["forest on fingerprints"] = said_by
        found = quality.measured(table.outputs, task, domain, trained, held_out, said.mean, others)
        for j, output in enumerate(table.outputs):
            known = ~np.isnan(held_out.values[:, j])
            error = np.abs(said.mean[known, j] - held_out.values[known, j])
            name = "Spearman of sd and error"
            found[output]["predictor"][name] = quality.spearman(said.sd[known, j], error)
    rule = predictor.applicability
    card = {
        **predictor.card,
        "quality": quality.as_markdown(found) if found else "Not measured: no row was held out.",
        "applicability": (
            f"A sequence is inside where its similarity to the nearest of {len(rule.references)} "
            f"training sequences, which this folder holds, is at least {rule.threshold:.4f}: the "
            f"percentile {rule.percentile:g} of sequences held out."
        ),
        "rows": {"half": predictor.origin.half}
        | {part: len(index) for part, index in rows._asdict().items()},
        "recipe": recipe,
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}",
        "time": f"{minutes:.1f} minutes",
    }
    return Predictor(
        predictor.ensemble,
        predictor.outputs,
        predictor.task,
        rule,
        predictor.origin,
        card,
        {output: _json(methods) for output, methods in found.items()},
    )


def _json(methods: quality.Measured) -> dict[str, dict[str, float | None]]:
    """Return measures as JSON values, in which NaN is none."""
    return {
        name: {key: None if number != number else number for key, number in numbers.items()}
        for name, numbers in methods.items()
    }


def taken(strings: Sequence[str], rows: Rows) -> list[str]:
    """Return the strings of some rows."""
    return [strings[int(row)] for row in rows]
