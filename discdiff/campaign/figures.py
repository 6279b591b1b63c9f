"""The report's figures, as inline SVG: distributions of reward, and the best so far."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from discdiff.campaign.rows import GUIDED, UNGUIDED
from discdiff.campaign.summary import TOP, Arm
from discdiff.campaign.svg import styled_by_attributes

_COLOURS = {GUIDED: "#1565a7", UNGUIDED: "#c9752d"}  # told apart by colour-blind readers too
_PALETTE = ("#1565a7", "#c9752d", "#2e8b57", "#a03070", "#7a6a00", "#555555")
_STROKES = ("-", "--", ":", "-.")
_BINS = 40


def distributions(arms: list[Arm]) -> str:
    """Return histograms of the rewards of every arm, over common bins, as SVG."""
    figure, axes = _axes("reward", "share of evaluations")
    pooled = np.concatenate([np.array(arm.rewards) for arm in arms] or [np.zeros(0)])
    if len(pooled):
        bins = np.histogram_bin_edges(pooled, bins=_BINS)
        for arm in arms:
            shares = np.full(len(arm.rewards), 1 / max(len(arm.rewards), 1))
            heights, _ = np.histogram(arm.rewards, bins, weights=shares)
            colour = _COLOURS[arm.name]
            axes.stairs(heights, bins, fill=True, alpha=0.25, color=colour)
            axes.stairs(heights, bins, linewidth=1.5, color=colour, label=arm.name)
        axes.legend(frameon=False)
    return _svg(figure, "distributions")


def best_so_far(arms: list[Arm]) -> str:
    """Return the best reward, and the mean of the ten best, against evaluations, as SVG."""
    figure, axes = _axes("evaluations", "reward")
    for arm in arms:
        rewards = arm.curve
        if not arm.rewards:
            continue
        count = np.arange(1, len(rewards) + 1)
        best = np.fmax.accumulate(rewards)
        colour = _COLOURS[arm.name]
        axes.plot(count, best, color=colour, linewidth=1.8, label=f"{arm.name}, best")
        axes.plot(
            count,
            top_means(rewards),
            color=colour,
            linewidth=1.2,
            linestyle="--",
            label=f"{arm.name}, mean of best {TOP}",
        )
    if any(arm.rewards for arm in arms):
        axes.legend(frameon=False, loc="lower right")
    return _svg(figure, "best")


def overlaid(curves: Mapping[str, Sequence[float]]) -> str:
    """Return the best reward of each of `curves` against evaluations, in one figure, as SVG.

    Args:
        curves: rewards in the order of evaluation, NaN where there is none, by name.
    """
    figure, axes = _axes("evaluations", "reward")
    for place, (name, rewards) in enumerate(curves.items()):
        if np.isnan(rewards).all():
            continue
        axes.plot(
            np.arange(1, len(rewards) + 1),
            np.fmax.accumulate(rewards),
            color=_PALETTE[place % len(_PALETTE)],
            linestyle=_STROKES[place // len(_PALETTE) % len(_STROKES)],
            linewidth=1.8,
            label=name.replace("$", r"\$"),  # no formula
        )
    if axes.lines:
        axes.legend(frameon=False, loc="lower right")
    return _svg(figure, "overlaid")


def drawn_against(evaluations: Sequence[float], curves: Mapping[str, Sequence[float]]) -> str:
    """Return means of the designs of each draw of a fine-tuning against evaluations, as SVG.

    Args:
        evaluations: paid for by each draw's end.
        curves: one value for each draw, by name.
    """
    figure, axes = _axes("evaluations", "mean of a draw")
    for place, (name, values) in enumerate(curves.items()):
        colour = _PALETTE[place % len(_PALETTE)]
        axes.plot(evaluations, values, color=colour, linewidth=1.8, marker=".", label=name)
    axes.legend(frameon=False)
    return _svg(figure, "draws")


def top_means(rewards: list[float], top: int = TOP) -> list[float]:
    """Return, after each evaluation, the mean of the `top` best rewards so far; NaN until then.

    Example:
        >>> top_means([1.0, 3.0, float("nan"), 2.0], top=2)
        [nan, 2.0, 2.0, 2.5]
    """
    best: list[float] = []
    means = []
    for reward in rewards:
        if reward == reward:  # NaN differs from itself
            best = sorted([*best, reward], reverse=True)[:top]
        means.append(sum(best) / top if len(best) == top else float("nan"))
    return means


def _axes(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    text = io.StringIO()
    # without date and with fixed ids, equal runs give equal reports
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    drawing = text.getvalue()
    return styled_by_attributes(drawing[drawing.index("<svg") :])
