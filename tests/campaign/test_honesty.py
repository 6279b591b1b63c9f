"""The warning of reward hacking: where it is due, and where it is not."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from rich.console import Console

from discdiff.campaign import Store, render, summarise
from discdiff.campaign.honesty import LEAST, MARKED, exceeds
from discdiff.campaign.report import render_report
from discdiff.campaign.rows import Draw, Remark, Row
from tests.campaign.test_report import settings


def fill(store, arm, rewards, remarks, first=1, finished=True):
    """Record designs of given rewards; all of them drawn as finished ones where `finished`."""
    number = 0
    store.begin_round(arm, number)
    names = [f"{arm[0]}{'C' * (i + 1)}" for i in range(len(rewards))]
    blank = [Row(first + i, arm, 0, s, s, "ok", "", (0.0,), 0.1) for i, s in enumerate(names)]
    store.record(blank)
    store.reward(
        arm, dict(zip(names, rewards, strict=True)), None, dict(zip(names, remarks, strict=True))
    )
    draws = [Draw(s, s, 1, confidence=r.confidence) for s, r in zip(names, remarks, strict=True)]
    store.finish_round(arm, number, draws if finished else [], {"evaluated": len(names)})


def run(folder, guided, unguided=None, finished=True, page=False):
    """The summary of a run, and its report: rewards and remarks of its arms."""
    methods = {"guided": {}} | ({} if unguided is None else {"unguided": {}})
    with Store.create(folder, settings(methods=methods)) as store:
        fill(store, "guided", *guided, finished=finished)
        if unguided is not None:
            fill(store, "unguided", *unguided, first=len(guided[0]) + 1)
        return summarise(store), render_report(store, lambda s: None) if page else ""


def arm(reward, n=60, seed=0, **means):
    """Rewards and remarks of n designs, scattered around their means."""
    rng = np.random.default_rng([seed, n, round(100 * reward)])
    spread = {"confidence": 0.05, "alerts": 0.0, "similarity": 0.05}
    drawn = {name: np.clip(rng.normal(m, spread[name], n), 0, None) for name, m in means.items()}
    found = [Remark(**{name: float(v[i]) for name, v in drawn.items()}) for i in range(n)]
    return rng.normal(reward, 0.05, n).tolist(), found


FINE = {"confidence": 0.6, "alerts": 1.0, "similarity": 0.5}


def measures(summary):
    return {shift.measure for shift in summary.shifts if shift.suspect}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"confidence": 0.4}, "the finished designs score 0."),
        ({"alerts": 3.0}, "they give 3.0 alerts each, not 1.0"),
        ({"similarity": 0.3}, "but their similarity to the reference set is 0."),
    ],
)
def test_a_score_bought_with_one_measure_is_told(tmp_path, changed, words):
    summary, page = run(tmp_path / "run", arm(0.9, **FINE | changed), arm(0.5, **FINE), page=True)
    assert measures(summary) == set(changed)
    (warning,) = summary.warnings
    assert warning.startswith("this looks like reward hacking: ")
    assert words in warning
    assert "this looks like reward hacking" in page
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(render(summary))
    assert "this looks like reward hacking" in console.export_text()


@pytest.mark.parametrize(
    "guided",
    [
        arm(0.9, **FINE),  # better, and as believable
        arm(0.9, confidence=0.8, alerts=0.0, similarity=0.7),  # better in all
        arm(0.5, confidence=0.4, alerts=3.0, similarity=0.3),  # worse, but nothing gained
        arm(0.9, n=LEAST - 1, confidence=0.4, alerts=3.0, similarity=0.3),  # too few to tell
    ],
)
def test_no_warning_without_gain_or_without_loss(tmp_path, guided):
    summary, page = run(tmp_path / "run", guided, arm(0.5, **FINE), page=True)
    assert summary.warnings == ()
    assert "reward hacking" not in page


def test_all_that_fell_is_in_one_warning(tmp_path):
    bad = {"confidence": 0.4, "alerts": 3.0, "similarity": 0.3}
    summary, _ = run(tmp_path / "run", arm(0.9, **bad), arm(0.5, **FINE))
    assert measures(summary) == {"confidence", "alerts", "similarity"}
    assert len(summary.warnings) == 1


def test_noise_alone_is_rarely_suspect(tmp_path):
    # with 20 and 20 of one law, three quarters of the pairs are 2.7 standard errors away
    suspect = 0
    for trial in range(12):
        one = arm(0.9, LEAST, trial, confidence=0.6, similarity=0.5)
        two = arm(0.5, LEAST, trial, confidence=0.6, similarity=0.5)
        summary, _ = run(tmp_path / str(trial), one, two)
        assert len(summary.shifts) == 2
        suspect += len(summary.warnings)
    assert suspect <= 1


def test_without_a_baseline_the_best_are_compared_with_the_others(tmp_path):
    rewards = np.linspace(0, 1, 80)
    fallen = [Remark(confidence=0.9 - 0.6 * r, alerts=float(r > 0.7)) for r in rewards]
    summary, _ = run(tmp_path / "run", (rewards.tolist(), fallen))
    assert measures(summary) == {"confidence", "alerts"}
    assert summary.shifts[0].against == "the others"
    assert summary.shifts[0].counts == (20, 60)
    level = [Remark(confidence=0.5 + 0.1 * (i % 2), alerts=1.0) for i in range(80)]
    summary, _ = run(tmp_path / "fine", (rewards.tolist(), level))
    assert summary.warnings == ()
    assert len(summary.shifts) == 2


def test_confidence_is_compared_among_finished_designs_alone(tmp_path):
    previews = arm(0.9, **FINE | {"confidence": 0.2})
    summary, _ = run(tmp_path / "run", previews, arm(0.5, **FINE), finished=False)
    assert {shift.measure for shift in summary.shifts} == {"alerts", "similarity"}
    assert summary.warnings == ()


def test_what_a_filter_rejected_or_nothing_scored_does_not_count(tmp_path):
    rewards, found = arm(0.9, **FINE | {"confidence": 0.2})
    with Store.create(tmp_path / "run", settings(methods={"guided": {}, "unguided": {}})) as store:
        fill(store, "guided", [float("nan")] * 30 + rewards[30:], found)
        store.reward("guided", {}, {f"g{'C' * (i + 1)}": "rejected by x" for i in range(30, 60)})
        fill(store, "unguided", *arm(0.5, **FINE), first=61)
        assert summarise(store).shifts == ()


def test_the_shares_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    some, others = (rng.integers(0, 4, n).astype(float).tolist() for n in (30, 50))
    pairs = [(a > b) + (a == b) / 2 for a, b in itertools.product(some, others)]
    assert exceeds(some, others) == pytest.approx(np.mean(pairs))
    assert exceeds([-np.inf, 1.0], [0.0]) == 0.5
    # the threshold, in standard errors of the share under one law for both groups
    error = np.sqrt((2 * LEAST + 1) / (12 * LEAST**2))
    assert (MARKED - 0.5) / error > 2.7
