"""What a benchmark leaves: figures as Parquet, tables as Markdown, curves as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from discdiff.bench.cell import Cell, Track
from discdiff.bench.curve import Curve
from discdiff.bench.table import Judging, Results, at_equal_rows, lines, markdown, whole
from discdiff.campaign.files import write_atomic

FIGURES, CURVES, TABLE, PLOT = "figures.parquet", "curves.parquet", "table.md", "curves.svg"
_POINTS = 60  # of a plotted curve
_WIDE, _HIGH, _ACROSS = 4.2, 3.2, 3  # inches of a panel, panels of a row


def write(track: Track, results: Results, out: Path) -> str:
    """Write all files of a benchmark into `out` and return its tables."""
    text = _tables(track, results)
    write_atomic(out / TABLE, text)
    write_atomic(out / FIGURES, _parquet(_figures(results)))
    curves = whole(results)
    if curves:
        write_atomic(out / CURVES, _parquet(_points(curves)))
        write_atomic(out / PLOT, _plot(track, curves))
    return text


def _tables(track: Track, results: Results) -> str:
    text = f"Cost: {track.charged}.\n\n"
    if isinstance(track, Judging):
        return text + track.tables(results)
    text += markdown(lines(track, results), track, "budget", track.measure)
    equal = at_equal_rows(track, results)
    if equal:
        figure = "best" if track.measure == "regret" else "best ten, mean"
        text += "\nWithin the denoiser rows that the reference took:\n\n"
        text += markdown(equal, track, "rows", figure)
    return text


def _figures(results: Results) -> dict[str, list[object]]:
    names = list(dict.fromkeys(name for one in results.values() for name in one.figures))
    columns: dict[str, list[object]] = {
        "task": [cell.task for cell, _ in results],
        "method": [cell.method for cell, _ in results],
        "seed": [cell.seed for cell, _ in results],
        "budget": [budget for _, budget in results],
    }
    return columns | {
        name: [float(one.figures.get(name, np.nan)) for one in results.values()] for name in names
    }


def _points(curves: Mapping[Cell, tuple[int, Curve]]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        name: [] for name in ("task", "method", "seed", "cost", "nfe", "reward")
    }
    for cell, (_, curve) in curves.items():
        for cost, nfe, reward in zip(curve.cost, curve.nfe, curve.reward, strict=True):
            row = (cell.task, cell.method, cell.seed, int(cost), float(nfe), float(reward))
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    return columns


def _plot(track: Track, curves: Mapping[Cell, tuple[int, Curve]]) -> str:
    """Return the median and the range of the seeds against cost, a panel for each task, as SVG."""
    tasks = list(dict.fromkeys(cell.task for cell in curves))
    methods = list(dict.fromkeys(cell.method for cell in curves))
    across = min(len(tasks), _ACROSS)
    down = -(-len(tasks) // across)
    figure = Figure(figsize=(_WIDE * across, _HIGH * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    regret = track.measure == "regret"
    for panel, task in zip(panels, tasks, strict=False):
        panel.set_title(task.replace("$", r"\$"))
        panel.set_xlabel("cost")
        panel.set_ylabel("regret" if regret else "mean of the best ten")
        for colour, method in enumerate(methods):
            own = [found for c, found in curves.items() if (c.task, c.method) == (task, method)]
            if not own:
                continue
            points = np.linspace(0, max(budget for budget, _ in own), _POINTS + 1)[1:]
            values = np.array([[_at(curve, x, regret) for x in points] for _, curve in own])
            low, median, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
            label = method.replace("$", r"\$")
            panel.plot(points, median, color=f"C{colour}", label=label)
            panel.fill_between(points, low, high, color=f"C{colour}", alpha=0.15, linewidth=0)
        panel.legend(frameon=False, fontsize="small")
    for panel in panels[len(tasks) :]:
        panel.set_axis_off()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _at(curve: Curve, cost: float, regret: bool) -> float:
    found = np.nan_to_num(curve.cut(cost).best(1 if regret else 10))
    return float(1.0 - found if regret else found)


def _parquet(columns: Mapping[str, list[object]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()
