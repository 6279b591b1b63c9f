"""Campaigns: budgets, arms, interruptions at every point, resuming, refusals."""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from discdiff.campaign import Campaign, Store, report, runner
from discdiff.campaign.store import Store as StoreClass
from discdiff.errors import InputError, OracleError, StoreError
from discdiff.guidance.fk import FKSteering
from discdiff.objective import Objective, Term
from discdiff.objective.aggregation import Product
from discdiff.oracle import Cached, Scores
from discdiff.oracle.wrapper import Wrapper
from tests.campaign.doubles import (
    Climb,
    CountG,
    Plain,
    fake_sampler,
    first_plus,
    without_times,
)

RULES = {"budget": 24, "round_size": 3, "batch_size": 4, "seed": 1}


def campaign(folder, oracle=None, **changes):
    oracle = CountG(folder.parent / f"{folder.name}.calls") if oracle is None else oracle
    sampler = changes.pop("sampler", fake_sampler())
    options = {"objective": first_plus, "baseline": Plain(), **RULES, **changes}
    return Campaign(folder, sampler, options.pop("guidance", Climb()), oracle, **options)


def contents(folder):
    with Store.open(folder, read_only=True) as store:
        return without_times(store), (folder / "designs.csv").read_text()


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out the slow figures; the run of `whole` has them."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


@pytest.fixture(scope="module")
def whole(shared_path):
    """An untouched run, to compare with."""
    folder = shared_path / "run"
    campaign(folder).run()
    return folder


# What a run leaves.


def test_every_arm_spends_the_same_budget(whole):
    with Store.open(whole, read_only=True) as store:
        guided, unguided = store.rows("guided"), store.rows("unguided")
        counts = {arm: store.rounds(arm)[-1].counts for arm in ("guided", "unguided")}
    assert len(guided) == len(unguided) == 24
    assert [row.id for row in guided + unguided] == list(range(1, 49))
    assert len({row.sequence for row in guided}) == 24
    assert counts["guided"]["not_evaluated"] > 0  # the budget ended inside the round


def test_rewards_and_scores_are_those_of_the_sequence(whole):
    with Store.open(whole, read_only=True) as store:
        for row in store.rows():
            assert row.sequence == row.raw.upper()
            assert row.scores[0] == row.sequence.count("G") / 4
            assert row.reward == pytest.approx(row.scores[0] + 0.1 * row.scores[1], abs=1e-15)


def test_designs_of_the_cut_round_are_not_final(whole):
    with Store.open(whole, read_only=True) as store:
        last = store.rounds("guided")[-1].number
        assert last > 0
    connection = sqlite3.connect(whole / "campaign.sqlite")
    final = connection.execute("SELECT arm, round, MIN(final), MAX(final) FROM draw GROUP BY 1, 2")
    for arm, number, low, high in final.fetchall():
        assert low == high == (arm == "unguided" or number < last)
    connection.close()


def test_counts_add_up(whole):
    with Store.open(whole, read_only=True) as store:
        for arm in ("guided", "unguided"):
            for found in store.rounds(arm):
                c = found.counts
                parts = (c["invalid"], c["cached"], c["evaluated"], c["not_evaluated"])
                assert sum(parts) == c["requested"]
                assert c["evaluated"] == len(store.rows(arm, found.number))
                assert c["designs"] == 3


def test_the_folder_holds_what_it_should(whole):
    names = {path.name for path in whole.iterdir()}
    assert {"config.yaml", "environment.json", "campaign.sqlite"} <= names
    assert {"designs.csv", "report.html", "log.txt"} <= names
    assert json.loads((whole / "environment.json").read_text())["packages"]["torch"]
    lines = (whole / "log.txt").read_text().splitlines()
    assert "begun: budget 24, seed 1" in lines[0]
    assert "complete" in lines[-1]


def test_the_table_has_one_line_an_evaluation(whole):
    lines = (whole / "designs.csv").read_text().splitlines()
    assert lines[0].startswith("sequence,Score,g (raw),edges (raw),arm,round,final,status,")
    assert len(lines) == 49


def test_the_other_arm_s_evaluations_are_not_repeated(whole):
    calls = (whole.parent / "run.calls").read_text().splitlines()
    assert len(calls) == len(set(calls)) < 48


def test_an_answer_from_a_cache_of_the_oracle_s_own_is_an_evaluation_too(tmp_path):
    shared = Cached(CountG(tmp_path / "calls"))
    for seed in (0, 1):
        campaign(tmp_path / f"run{seed}", shared, seed=seed, baseline=None).run()
    for seed in (0, 1):
        with sqlite3.connect(tmp_path / f"run{seed}" / "campaign.sqlite") as database:
            query = "SELECT count(*) FROM draw WHERE reward IS NOT NULL AND sequence NOT IN "
            query += "(SELECT sequence FROM evaluation)"
            assert database.execute(query).fetchone() == (0,)
            assert database.execute("SELECT count(*) FROM evaluation").fetchone() == (24,)


def test_same_seed_same_table(whole, tmp_path):
    campaign(tmp_path / "again").run()
    assert contents(tmp_path / "again") == contents(whole)
    campaign(tmp_path / "other", seed=2).run()
    assert contents(tmp_path / "other") != contents(whole)


def test_batch_size_changes_nothing(whole, tmp_path):
    campaign(tmp_path / "again", batch_size=3).run()
    assert contents(tmp_path / "again") == contents(whole)


def test_progress_tells_the_budget_validity_best_and_median(tmp_path):
    seen = []
    summary = campaign(tmp_path / "run").run(seen.append)
    guided = [p for p in seen if p.arm == "guided"]
    assert [p.spent for p in guided] == sorted(p.spent for p in guided)
    last = guided[-1]
    assert (last.spent, last.budget) == (24, 24)
    assert last.best == summary.guided.best[0].reward
    assert last.median == pytest.approx(summary.guided.median)
    assert last.validity == pytest.approx(summary.guided.validity)
    assert {p.arm for p in seen} == {"guided", "unguided"}


def test_charging_all_requests(tmp_path):
    campaign(tmp_path / "run", charge="all").run()
    with Store.open(tmp_path / "run") as store:
        for arm in ("guided", "unguided"):
            counts = [found.counts for found in store.rounds(arm)]
            charged = sum(c["requested"] - c["not_evaluated"] for c in counts)
            assert charged == 24 > len(store.rows(arm))


def test_a_model_that_repeats_itself_ends_the_run(tmp_path):
    class Same(Plain):
        def run(self, sampler, reward, n, *, key, first_design=0):
            return super().run(sampler, reward, n, key=key, first_design=0)

    summary = campaign(tmp_path / "run", guidance=Same(), baseline=Same(), patience=3).run()
    assert 0 < summary.guided.evaluated <= 3
    message = "guided: ended after 3 rounds without anything new to evaluate: of 9 sequences"
    assert summary.notes[0].startswith(message)
    assert len(summary.notes) == 1  # the baseline has spent as much
    assert "without anything new" in (tmp_path / "run" / "log.txt").read_text()
    again = campaign(tmp_path / "run", guidance=Same(), baseline=Same(), patience=3).resume()
    assert again.notes == summary.notes


# Bad arguments.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget must be a positive integer, got 0"),
        ({"budget": 1.5}, "budget must be a positive integer, got 1.5"),
        ({"round_size": 0}, "round_size must be a positive integer, got 0"),
        ({"seed": -1}, r"seed must be an integer in \[0, 2\*\*63\), got -1"),
        ({"seed": 2**63}, r"seed must be an integer in \[0, 2\*\*63\), got 9223"),
        ({"charge": "evaluate"}, "Did you mean 'evaluated'?"),
        ({"max_failed": 2}, r"max_failed must lie in \[0, 1\], got 2"),
        ({"objective": None}, "'count_g' has the outputs g, edges"),
        ({"oracle": 3}, "oracle must be a callable"),
        (
            {"guidance": FKSteering(particles=4, keep="all")},
            "round_size must be a multiple of",
        ),
    ],
)
def test_arguments_are_checked_before_anything_is_made(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        campaign(tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


class Below(Wrapper):
    """Answers below 0."""

    def stream(self, sequences, /):
        scores = self.oracle(sequences)
        yield np.arange(len(sequences)), replace(scores, values=scores.values - 9.0)


@pytest.mark.parametrize("there", [False, True])
def test_scores_that_never_make_a_reward_leave_no_run(tmp_path, there):
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
        (folder / "mine").write_text("kept")
    objective = Objective([Term("g"), Term("edges")], Product())
    oracle = CountG(tmp_path / "run.calls")
    with pytest.raises(InputError, match="'g' must be at least 0 for Product, got -"):
        campaign(folder, Below(oracle), objective=objective, baseline=None).run()
    assert [p.name for p in folder.glob("*")] == (["mine"] if there else [])
    assert folder.exists() == there


def test_a_folder_that_holds_a_run_is_refused(whole):
    before = (whole / "campaign.sqlite").read_bytes()
    with pytest.raises(StoreError, match="already holds a run"):
        campaign(whole).run()
    assert (whole / "campaign.sqlite").read_bytes() == before


# Interruptions.


class Stopping(CountG):
    """Raises at one of its calls, before or after it has answered."""

    def __init__(self, calls, at, error):
        super().__init__(calls)
        self._left, self._error = at, error

    def __call__(self, sequences):
        self._left -= 1
        if self._left < 0:
            raise self._error
        return super().__call__(sequences)


def test_interrupted_at_every_call_of_the_oracle(whole, tmp_path):
    calls = 0
    while True:
        folder = tmp_path / f"run{calls}"
        oracle = Stopping(folder.with_suffix(".calls"), calls, KeyboardInterrupt())
        try:
            campaign(folder, oracle).run()
        except KeyboardInterrupt:
            with Store.open(folder) as store:
                known = [row.sequence for row in store.rows()]
            table = (folder / "designs.csv").read_text()
            assert table.count("\n") == 1 + len(known)
            assert "interrupted" in (folder / "log.txt").read_text()
        else:
            break
        campaign(folder).resume()
        assert contents(folder) == contents(whole)
        asked = folder.with_suffix(".calls").read_text().splitlines()
        assert len(asked) == len(set(asked))  # also across the interruption
        calls += 1
    assert calls > 10


@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("begin_round", False),
        ("record", False),
        ("record", True),
        ("reward", True),
        ("finish_round", False),
        ("finish_round", True),
    ],
)
def test_interrupted_at_every_write(whole, tmp_path, monkeypatch, method, after):
    original = getattr(StoreClass, method)
    calls = 0
    while True:
        left = calls

        def stopping(self, *args):
            nonlocal left
            left -= 1
            if left < 0 and not after:
                raise KeyboardInterrupt
            result = original(self, *args)
            if left < 0:
                raise KeyboardInterrupt
            return result

        folder = tmp_path / f"run{calls}"
        monkeypatch.setattr(StoreClass, method, stopping)
        try:
            campaign(folder).run()
        except KeyboardInterrupt:
            monkeypatch.setattr(StoreClass, method, original)
            campaign(folder).resume()
            assert contents(folder) == contents(whole)
            calls += 4  # every fourth: the others differ in nothing
        else:
            break
    assert calls >= 8


def test_interrupted_again_and_again(whole, tmp_path):
    folder = tmp_path / "run"
    begun, stops = False, 0
    while True:
        oracle = Stopping(folder.with_suffix(".calls"), 1, KeyboardInterrupt())
        try:
            (campaign(folder, oracle).resume if begun else campaign(folder, oracle).run)()
            break
        except KeyboardInterrupt:
            begun, stops = True, stops + 1
    assert stops > 10
    assert contents(folder) == contents(whole)


def test_resuming_a_complete_run_asks_no_oracle(whole, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    campaign(folder).run()
    (folder / "designs.csv").unlink()
    monkeypatch.setattr(runner, "write_report", report.write_report)
    oracle = Stopping(tmp_path / "none.calls", 0, OracleError("called"))
    campaign(folder, oracle).resume()
    assert contents(folder) == contents(whole)
    assert (folder / "report.html").exists()


class Backwards(Wrapper):
    """A pool of workers in which the last item is done first."""

    stop_after = None

    def stream(self, sequences, /):
        for i in reversed(range(len(sequences))):
            if self.stop_after is not None:
                if self.stop_after == 0:
                    raise KeyboardInterrupt
                self.stop_after -= 1
            yield np.array([i]), self.oracle([sequences[i]])


@pytest.mark.parametrize("stop", [1, 7, 20])
def test_answers_out_of_order_keep_their_numbers(whole, tmp_path, stop):
    folder = tmp_path / "run"
    oracle = Backwards(CountG(tmp_path / "run.calls"))
    oracle.stop_after = stop
    with pytest.raises(KeyboardInterrupt):
        campaign(folder, oracle).run()
    with Store.open(folder) as store:
        assert len(store.rows()) == stop
    oracle.stop_after = None
    campaign(folder, oracle).resume()
    assert contents(folder) == contents(whole)
    asked = (tmp_path / "run.calls").read_text().splitlines()
    assert len(asked) == len(set(asked))


def test_a_round_that_does_not_repeat_is_charged_and_reported(tmp_path, caplog):
    class Restless(Climb):
        other = 0

        def run(self, sampler, reward, n, *, key, first_design=0):
            key += type(self).other
            return super().run(sampler, reward, n, key=key, first_design=first_design)

    folder = tmp_path / "run"
    oracle = Stopping(tmp_path / "run.calls", 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        campaign(folder, oracle, guidance=Restless(), baseline=None).run()
    Restless.other = 1  # as if sums came out differently on another machine
    with caplog.at_level(logging.WARNING, "discdiff.campaign"):
        campaign(folder, guidance=Restless(), baseline=None).resume()
    assert "did not repeat exactly: 4 evaluations" in caplog.text
    with Store.open(folder) as store:
        assert len(store.rows()) == len({row.id for row in store.rows()}) == 24


# Oracles that fail.


class Faulty(CountG):
    """Answers its first call, then replies with something else."""

    def __init__(self, calls, reply):
        super().__init__(calls)
        self._reply, self._first = reply, True

    def __call__(self, sequences):
        if self._first:
            self._first = False
            return super().__call__(sequences)
        return self._reply(sequences)


def raising(sequences):
    raise ZeroDivisionError("no poses")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (raising, "oracle 'count_g' raised ZeroDivisionError: no poses"),
        (lambda s: np.zeros((len(s) + 1, 2)), "oracle 'count_g' must return . rows"),
        (lambda s: [["a", "b"]] * len(s), "oracle 'count_g' must return real numbers"),
        (lambda s: None, "oracle 'count_g' must return real numbers"),
        (lambda s: np.full((len(s), 2), np.nan), "oracle 'count_g' failed for .*returned nan"),
        (lambda s: np.full((len(s), 2), np.inf), "oracle 'count_g' failed for .*returned inf"),
    ],
    ids=["raises", "length", "strings", "none", "nan", "inf"],
)
def test_faults_name_the_oracle_and_lose_nothing(whole, tmp_path, reply, message):
    folder = tmp_path / "run"
    with pytest.raises(OracleError, match=message):
        campaign(folder, Faulty(tmp_path / "run.calls", reply)).run()
    assert "stopped: oracle 'count_g'" in (folder / "log.txt").read_text()
    with Store.open(folder) as store:
        kept = [row for row in store.rows() if row.status == "ok"]
        failed = len(store.rows()) - len(kept)
    assert len(kept) == 4
    assert [str(r.scores) for r in kept] == [str(r.scores) for r in rows_of(whole)[:4]]
    campaign(folder).resume()
    if not failed:  # the error came before anything wrong was recorded
        assert contents(folder) == contents(whole)
    assert len(rows_of(folder)) == 48


def rows_of(folder):
    with Store.open(folder, read_only=True) as store:
        return store.rows()


def test_some_failures_are_part_of_the_run(tmp_path):
    class Moody(CountG):
        def __call__(self, sequences):
            values = super().__call__(sequences)
            values[[s.startswith("T") for s in sequences]] = np.nan
            return values

    summary = campaign(tmp_path / "run", Moody(tmp_path / "calls")).run()
    failed = [row for row in summary.guided.rows if row.status == "failed"]
    assert 0 < len(failed) == summary.guided.counts["failed"]
    assert all(np.isnan(row.reward) and row.sequence[0] == "T" for row in failed)
    assert all(not np.isnan(row.reward) for row in summary.guided.rows if row.status == "ok")


# What cannot be continued.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 25}, "rules.budget was 24, now 25"),
        ({"seed": 9}, "rules.seed was 1, now 9"),
        ({"guidance": Climb(candidates=4)}, "methods.guided.candidates was 3, now 4"),
        ({"baseline": None}, "methods.unguided was {.*}, now not set"),
        ({"sampler": fake_sampler(seed=1)}, "network was '.*', now '.*'"),
        (
            {"objective": lambda s, o, t: s.values[:, 0]},
            "objective was 'first_plus', now '.*lambda",
        ),
        ({"config": {"budget": 24}}, "config.budget was not set, now 24"),
    ],
)
def test_other_settings_are_refused_by_name(whole, changes, message):
    with pytest.raises(StoreError, match=f"cannot be continued .*{message}"):
        campaign(whole, **changes).resume()


def test_another_oracle_version_is_refused_naming_both(whole, tmp_path):
    oracle = CountG(tmp_path / "calls")
    oracle.version = "2"
    with pytest.raises(StoreError, match="oracle was 'count_g@1#.*', now 'count_g@2#"):
        campaign(whole, oracle).resume()


def test_where_the_run_lies_may_change(tmp_path):
    config = {"budget": 24, "out": "here", "workers": 0}
    campaign(tmp_path / "run", config=config).run()
    assert (tmp_path / "run" / "config.yaml").read_text() == "budget: 24\nout: here\nworkers: 0\n"
    (tmp_path / "run").rename(tmp_path / "moved")
    campaign(tmp_path / "moved", config=config | {"out": "there", "workers": 4}).resume()


def test_a_changed_environment_is_noted(tmp_path):
    folder = tmp_path / "run"
    campaign(folder).run()
    found = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps(found | {"python": "3.2.1"}))
    campaign(folder).resume()
    assert "python: '3.2.1', now '" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, None])
def test_an_environment_that_cannot_be_read_is_noted(tmp_path, text):
    folder = tmp_path / "run"
    campaign(folder).run()
    (folder / "environment.json").unlink()
    if text is not None:
        (folder / "environment.json").write_text(text)
    campaign(folder).resume()
    noted = (folder / "log.txt").read_text().count("the run began in is not known: ")
    assert noted == 1


# A diversity memory.


class Forgetting:
    """An objective with a memory: the letters of good designs lose their worth."""

    def __init__(self):
        self.diversity = self
        self.known = {}

    def __call__(self, scores, outputs, strings):
        reward = scores.values[:, 0].copy()
        if self.diversity is not None:
            return self.penalise(strings, reward)
        return reward

    def penalise(self, strings, rewards):
        return rewards - np.array([sum(self.known.get(c, 0) for c in s) for s in strings])

    def update(self, strings, rewards):
        for string, reward in zip(strings, rewards, strict=True):
            for letter in string:
                self.known[letter] = self.known.get(letter, 0) + float(reward)

    def state(self):
        return dict(self.known)

    def restore(self, state):
        self.known = dict(state)


def test_a_memory_is_rebuilt_on_resume_and_left_as_it_was(tmp_path):
    objective = Forgetting()
    campaign(tmp_path / "whole", objective=objective).run()
    assert objective.known == {}
    for row in rows_of(tmp_path / "whole"):
        assert row.reward == row.scores[0]  # recorded without the penalty
    oracle = Stopping(tmp_path / "calls", 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        campaign(tmp_path / "run", oracle, objective=Forgetting()).run()
    campaign(tmp_path / "run", objective=Forgetting()).resume()
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    campaign(tmp_path / "free", objective=lambda s, o, t: s.values[:, 0]).run()
    rows = [[row.sequence for row in rows_of(tmp_path / name)] for name in ("free", "whole")]
    assert rows[0] != rows[1]  # the penalty did steer


def test_what_an_oracle_itself_calls_invalid_is_kept(tmp_path):
    class Picky(CountG):
        def __call__(self, sequences):
            scores = Scores.of(super().__call__(sequences), "oracle")
            bad = np.array([s.startswith("T") for s in sequences])
            status = tuple("invalid" if b else "ok" for b in bad)
            values = np.where(bad[:, None], np.nan, scores.values)
            return Scores(values=values, valid=~bad, status=status, origin=scores.origin)

    campaign(tmp_path / "run", Picky(tmp_path / "calls")).run()
    rows = rows_of(tmp_path / "run")
    assert {row.status for row in rows} == {"ok", "invalid"}
    assert all((row.status == "invalid") == row.sequence.startswith("T") for row in rows)


def test_an_idle_run_says_why_most_of_its_designs_were_invalid():
    from discdiff.campaign.progress import idle_words
    from discdiff.campaign.rows import Round

    faults = {"invalid: scaffold lost": 2, "invalid: syntax error": 1}
    done = [Round("guided", 0, True, {"requested": 3, "invalid": 3, **faults})]
    assert idle_words(done, 1).endswith("0 were known and 3 invalid (mostly: scaffold lost)")
    silent = [Round("guided", 0, True, {"requested": 3, "cached": 3})]
    assert idle_words(silent, 1).endswith("3 were known and 0 invalid")
