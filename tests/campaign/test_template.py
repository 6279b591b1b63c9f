"""Campaigns held to a scaffold: recorded, killed and resumed, asked and told."""

from __future__ import annotations

import os
import signal

import pytest
from rdkit import Chem

from discdiff.campaign import Campaign, Choice, Store, runner
from discdiff.errors import DataError, StoreError
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.unguided import Unguided
from discdiff.model import Model
from discdiff.oracle.measured import Measured
from discdiff.samplers.first_hitting import FirstHitting
from tests.campaign.doubles import without_times

SCAFFOLD = "C1CC([*:1])C1"
MODEL = Model.load("qm9_masked")
CORE = Chem.MolFromSmarts("[CH2]1[CH2][CH1][CH2]1")


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


class Oxygens:
    """Counts oxygens, notes what it is asked, and may kill the process at some call."""

    name, version = "oxygens", "1"

    def __init__(self, kill_at=None):
        self.asked, self.calls, self._kill_at = [], 0, kill_at

    def __call__(self, strings):
        self.calls += 1
        if self.calls == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.asked += strings
        return [float(string.count("O")) for string in strings]


def campaign(folder, oracle, scaffold=SCAFFOLD, points=None):
    held = MODEL.with_template(scaffold, {1: (1, 7)} if points is None else points)
    rules = {"budget": 40, "round_size": 6, "batch_size": 5, "seed": 3}
    method = SVDD(candidates=2, scale=2.0)
    return Campaign(folder, FirstHitting(held), method, oracle, baseline=Unguided(), **rules)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    oracle = Oxygens()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "write_report", lambda store, draw: None)
        campaign(folder, oracle).run()
    return folder, oracle


def test_the_oracle_sees_nothing_that_lost_the_scaffold(whole):
    folder, oracle = whole
    assert len(oracle.asked) > 40
    assert all(Chem.MolFromSmiles(s).HasSubstructMatch(CORE) for s in oracle.asked)
    with Store.open(folder, read_only=True) as store:
        for arm in ("guided", "unguided"):
            counts = [found.counts for found in store.rounds(arm)]
            lost = sum(c.get("invalid: scaffold lost", 0) for c in counts)
            invalid = sum(c["invalid"] for c in counts)
            why = sum(n for c in counts for key, n in c.items() if key.startswith("invalid: "))
            assert 0 < lost < invalid == why
        assert store.settings["demands"]["template"] == SCAFFOLD
        draws = [draw for _, draw in store.draws("guided")]
    held = MODEL.with_template(SCAFFOLD).domain
    for draw in draws:
        assert (draw.sequence is None) == (held.invalid_reason(draw.raw) is not None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_campaign_ends_as_if_it_had_not_been(whole, tmp_path):
    folder = tmp_path / "run"
    for kill_at in (2, 4, 3):
        child = os.fork()
        if child == 0:
            begun = campaign(folder, Oxygens(kill_at))
            (begun.resume if (folder / "campaign.sqlite").exists() else begun.run)()
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    last = Oxygens()
    campaign(folder, last).resume()
    with Store.open(whole[0]) as untouched, Store.open(folder) as killed:
        assert without_times(killed) == without_times(untouched)
    assert len(last.asked) < len(whole[1].asked)
    assert (folder / "designs.csv").read_text() == (whole[0] / "designs.csv").read_text()


@pytest.mark.parametrize(
    ("scaffold", "points", "message"),
    [
        ("C1CC([*:2])C1", {2: (1, 7)}, r"demands.parts was .*\[\*:1\].*now .*\[\*:2\]"),
        (SCAFFOLD, {1: (1, 6)}, r"demands.parts was .*1 to 7.*now .*1 to 6"),
        (SCAFFOLD, {1: {"length": (1, 7), "tokens": ("C", "O")}}, "demands.parts was"),
    ],
)
def test_it_is_not_resumed_with_another_scaffold(whole, scaffold, points, message):
    with pytest.raises(StoreError, match=message):
        campaign(whole[0], Oxygens(), scaffold, points).resume()


def test_a_laboratory_asks_for_designs_with_the_scaffold(tmp_path):
    held = MODEL.with_template(SCAFFOLD)
    lab = Campaign(
        tmp_path / "lab",
        FirstHitting(held),
        BestOfN(2),
        Measured(["potency"]),
        budget=60,
        round_size=12,
    )
    asked = []
    for _ in range(2):
        batch = lab.ask(Choice(5, weight=0.9), oversample=2)
        assert all(Chem.MolFromSmiles(s).HasSubstructMatch(CORE) for s in batch)
        assert not set(batch) & set(asked)
        asked += batch
        assert lab.tell(batch, [s.count("O") for s in batch]).recorded == 5
    with pytest.raises(DataError, match="row 1: 'CCO' is not valid: scaffold lost"):
        lab.tell(["CCO"], [1.0], unasked=True)
    with Store.open(tmp_path / "lab", read_only=True) as store:
        for found in store.rounds("guided"):
            why = [n for key, n in found.counts.items() if key.startswith("invalid: ")]
            assert sum(why) == found.counts["invalid"] > 0
