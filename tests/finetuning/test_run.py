"""Fine-tunings as runs: what they leave, how they go on after a kill, what they refuse."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from discdiff.campaign import Store, runner, write_report
from discdiff.errors import DiscdiffError, InputError, StoreError, UnsupportedError
from discdiff.finetuning.adapters import LoRA, merged
from discdiff.finetuning.figures import gain, hacked
from discdiff.guidance.finetune.brain import BRAIn
from discdiff.guidance.finetune.log_variance import LogVariance
from discdiff.guidance.finetune.policy_gradient import PolicyGradient
from discdiff.guidance.finetune.trajectory_balance import TrajectoryBalance
from discdiff.guidance.finetune.wdce import WDCE
from discdiff.guidance.svdd import SVDD
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.reward import Reward
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.recommended import recommended
from discdiff.training.lr import LearningRate
from discdiff.training.snapshots import AtomicCheckpointIO
from tests.campaign.doubles import without_times
from tests.finetuning.doubles import CountG, Gradient, OnlyG, by_gradient, method, tiny, tune

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """Leave out the slow figures."""
    monkeypatch.setattr(runner, "write_report", lambda store, draw: None)


@pytest.fixture(scope="module", params=["wdce", "drakes"])
def folder(request, tmp_path_factory):
    """A run that nothing happened to, and one that was killed."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork and SIGKILL")
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.finetuning.killed", str(folder), request.param],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def weights(run):
    return (run / "model" / "model.safetensors").read_bytes()


class TestAKilledRun:
    def test_has_the_weights_of_an_untouched_one(self, folder):
        assert weights(folder / "whole") == weights(folder / "killed")
        first, second = (
            Model.load(folder / name / "model").denoiser.state_dict()["head.weight"]
            for name in ("whole", "killed")
        )
        torch.testing.assert_close(first, second, rtol=0, atol=0)
        assert not torch.equal(first, tiny().denoiser.state_dict()["head.weight"])

    def test_has_the_record_of_an_untouched_one(self, folder):
        with Store.open(folder / "whole") as whole, Store.open(folder / "killed") as killed:
            assert without_times(killed) == without_times(whole)
            assert len(whole.rows("guided")) > 20
        texts = [(folder / name / "figures.csv").read_text() for name in ("whole", "killed")]
        assert texts[0] == texts[1]

    def test_asks_no_oracle_again_for_what_is_recorded(self, folder):
        killed = (folder / "killed.calls").read_text().split()
        whole = (folder / "whole.calls").read_text().split()
        assert sorted(set(killed)) == sorted(set(whole))
        assert len(killed) == len(set(killed))


def test_a_run_raises_the_reward_and_says_what_it_cost(tmp_path):
    options = {"budget": 400, "method": method(designs=48, every=10), "max_steps": 60}
    job = tune(tmp_path / "run", reference=["GGGGG", "GGGGGG"], **options)
    job.run()
    found = job.result
    before, after = found.figures[0], found.chosen
    assert after["reward"] > before["reward"] + 4 * before["reward_se"]
    assert after["divergence"] > 0.5 > abs(before["divergence"])
    assert after["nearest"] > before["nearest"]  # G after G
    assert after["diversity"] < before["diversity"]
    assert after["novel"] <= before["novel"] == 1.0
    assert found.kept == max(
        range(len(found.figures)), key=lambda i: gain(found.figures[i], scale=8.0)
    )
    with (tmp_path / "run" / "figures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["reward"]) for row in rows] == [one["reward"] for one in found.figures]
    with Store.open(tmp_path / "run") as store:
        assert len(store.rows("guided")) == found.figures[-1]["evaluations"] <= 400


def test_the_model_folder_is_a_plain_model_with_its_lineage(tmp_path):
    job = tune(tmp_path / "run", name="tiny")
    job.run()
    model = Model.load(tmp_path / "run" / "model")
    lineage = model.card["lineage"]
    assert lineage["model"] == "tiny"
    assert lineage["method"] == "wdce"
    assert float(lineage["scale"]) == 8.0
    reward = Reward(model.domain, OnlyG())
    assert len(SVDD(candidates=3).run(FirstHitting(model), reward, 2, key=1)) == 2
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    assert told["bias"] is None
    assert told["ended_by"] == "max_steps"
    assert told["lineage"]["seed"] == 3
    assert list(model.card["made_with"].values()) == ["none stated"]  # of the oracle


def test_the_card_says_what_is_of_the_model_before_and_recommends_its_own_sampler(tmp_path):
    model = tiny()
    model.card = {
        "data": {"file": "some.csv", "licence": "CC0"},
        "hardware": "one core",
        "quality": {"valid": "58 %"},
        "recommended sampler": {"name": "first_hitting"},
    }
    terms = [Term("g"), Term("c", weight=2.0, direction="min")]
    options = {"objective": Objective(terms, "weighted_sum"), **by_gradient()}
    options["method"] = PolicyGradient(designs=8, every=4, scale=2.0, group=4, steps=2)
    tune(tmp_path / "run", CountG(), model=model, max_steps=1, **options).run()
    card = Model.load(tmp_path / "run" / "model").card
    assert card["data"]["of"] == "the model before tuning"
    assert card["data"]["licence"] == "CC0"
    assert card["hardware"] == "one core (of the model before tuning)"
    assert "quality" not in card
    assert card["recommended sampler"]["name"] == "ancestral"
    assert card["recommended sampler"]["steps"] == 6
    assert card["lineage"]["sampler"].startswith("ancestral (steps 6")
    assert card["lineage"]["oracle"] == "g and c"
    assert card["lineage"]["objective"] == "WeightedSum of g and c, less is better, weight 2"
    assert "the mean reward stands in place of the soft value" in card["lineage"]["bias"]
    assert type(recommended(Model.load(tmp_path / "run" / "model"))).__name__ == "Ancestral"


METHODS = {
    "trajectory_balance": TrajectoryBalance(designs=8, every=4, scale=2.0, batch=4, buffer=16),
    "log_variance": LogVariance(designs=8, every=4, scale=2.0, batch=4, buffer=16),
    "brain": BRAIn(designs=8, every=4, scale=2.0, group=4, buffer=2),
    "policy_gradient": PolicyGradient(designs=8, every=4, scale=2.0, group=4, steps=2),
    "wdce": method(keep="best", buffer=16),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs_and_goes_on(tmp_path, name):
    out = tmp_path / "run"
    chosen = METHODS[name]
    tune(out, method=chosen, max_steps=6, budget=40, keep="last").run()
    model = Model.load(out / "model")
    assert not torch.equal(model.denoiser.head.weight, tiny().denoiser.head.weight)


def test_a_uniform_model_is_tuned_by_policy_gradient(tmp_path):
    job = tune(
        tmp_path / "run",
        model=tiny("uniform"),
        sampler=lambda model: Ancestral(model, steps=4),
        method=PolicyGradient(designs=8, every=4, scale=2.0, group=4, steps=2),
        max_steps=4,
    )
    job.run()
    assert len(job.result.figures) == 2


def test_what_a_search_proposes_is_flagged_as_biased(tmp_path):
    search = {"children": 3, "iterations": 3, "designs": 4}
    job = tune(tmp_path / "run", method=method(source="tree_search", search=search))
    job.run()
    assert "not known" in job.result.bias
    lineage = Model.load(tmp_path / "run" / "model").card["lineage"]
    assert "not known" in lineage["bias"]
    assert lineage["method"] == "wdce on designs of a tree search"


def test_the_budget_ends_the_training(tmp_path):
    job = tune(tmp_path / "run", budget=15, max_steps=1000, method=method(designs=7))
    job.run()
    steps = [one["step"] for one in job.result.figures]
    assert steps[:2] == [0.0, 4.0]
    with Store.open(tmp_path / "run") as store:
        assert len(store.rows("guided")) == 15
    assert job.standing().words == "complete: 15 of 15 evaluations; ended by budget"
    job.resume()  # of a run that is complete: nothing changes
    assert [one["step"] for one in job.result.figures] == steps


def test_a_power_below_one_is_said_to_be_a_bias(tmp_path):
    job = tune(tmp_path / "run", method=method(scale=9.0, effective=0.9), max_steps=4)
    job.run()
    assert "the last step's weights were those of the tilt to the power 0." in job.result.bias
    whole = tune(tmp_path / "whole", method=method(scale=9.0, effective=0.0), max_steps=4)
    whole.run()
    assert whole.result.bias is None


def test_the_steps_end_the_training_before_the_budget_is_spent(tmp_path):
    job = tune(tmp_path / "run", max_steps=2)
    job.run()
    spent = int(job.result.figures[-1]["evaluations"])
    words = f"complete: {spent} of 60 evaluations; ended by max_steps"
    assert job.standing().words == words
    assert job.result.end == f"ended by max_steps: 2 steps, {spent} evaluations"
    assert "complete: ended by max_steps" in (tmp_path / "run" / "log.txt").read_text()


def test_weights_that_were_not_worth_their_divergence_are_told_with_the_numbers(tmp_path):
    job = tune(tmp_path / "run", method=method(scale=0.01), rate=0.1, max_steps=8)
    job.run()
    found = job.result
    assert not found.trained
    assert found.rule.startswith("kept by the highest reward - (KL - log valid) / 0.01: draw 0, 0.")
    assert "the weights kept are those before training: kept by" in found.warning
    assert "keep=last keeps what was trained last, a larger method.scale" in found.warning


class TestADrawThatHasNoReward:
    """All designs of a later draw are without one."""

    class Failing(OnlyG):
        """Scores the first draw alone."""

        calls = 0

        def __call__(self, strings):
            self.calls += 1
            return super().__call__(strings) if self.calls == 1 else [math.nan] * len(strings)

    def test_stops_the_run_and_leaves_the_best_model_so_far(self, tmp_path):
        job = tune(tmp_path / "run", self.Failing(), max_failed=1.0)
        message = (
            r"(?s)none of 12 designs has a reward.*best draw so far, draw 0, .*, is .*run/model"
        )
        with pytest.raises(DiscdiffError, match=message):
            job.run()
        model = Model.load(tmp_path / "run" / "model")
        assert model.card["lineage"]["method"] == "wdce"
        before = tiny().denoiser.state_dict()["head.weight"]
        torch.testing.assert_close(model.denoiser.state_dict()["head.weight"], before)
        assert not (tmp_path / "run" / "result.json").exists()
        with Store.open(tmp_path / "run", read_only=True) as store:
            assert "not complete" in write_report(store).read_text()


class TestInterrupted:
    """By the user, in one process."""

    class Stopped(OnlyG):
        """Is interrupted when it is asked for the third time."""

        calls = 0

        def __call__(self, strings):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().__call__(strings)

    def test_it_says_so_and_leaves_the_handling_of_signals_as_it_was(self, tmp_path):
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path / "run", self.Stopped()).run()
        assert signal.getsignal(signal.SIGINT) is before
        assert "interrupted: the run can be resumed" in (tmp_path / "run" / "log.txt").read_text()
        assert (tmp_path / "run" / "designs.csv").exists()

    @pytest.mark.parametrize("handled", [True, False])
    def test_a_termination_is_an_interruption(self, tmp_path, handled):
        class Ended(OnlyG):
            calls = 0

            def __call__(self, strings):
                self.calls += 1
                if self.calls == 2:
                    os.kill(os.getpid(), signal.SIGTERM)
                return super().__call__(strings)

        own = signal.default_int_handler if handled else signal.SIG_DFL
        before = signal.signal(signal.SIGTERM, own)
        try:
            with pytest.raises(KeyboardInterrupt):
                tune(tmp_path / "run", Ended()).run()
            assert signal.getsignal(signal.SIGTERM) is own
        finally:
            signal.signal(signal.SIGTERM, before)
        assert "interrupted: the run can be resumed" in (tmp_path / "run" / "log.txt").read_text()

    def test_in_the_middle_of_a_checkpoint_the_one_before_stays(self, tmp_path, monkeypatch):
        def stopped(checkpoint, file):
            try:
                raise KeyboardInterrupt
            finally:
                raise RuntimeError("unexpected pos 64 vs 0")  # as torch closes its archive

        path = tmp_path / "last.ckpt"
        AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
        monkeypatch.setattr(torch, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
        assert [one.name for one in tmp_path.iterdir()] == ["last.ckpt"]
        assert torch.load(path, weights_only=True) == {"step": 1}

    def test_the_weights_of_a_draw_are_on_disk_before_it_is_made(self, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path / "run", self.Stopped()).run()  # in the draw at step 8
        held = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
        assert held["global_step"] == 8

    def test_a_draw_that_does_not_repeat_is_said(self, tmp_path):
        job = tune(tmp_path / "run", self.Stopped())
        with pytest.raises(KeyboardInterrupt):
            job.run()
        (tmp_path / "run" / "last.ckpt").unlink()
        job.optimiser["rate"] = 0.1  # other weights than those of the first time
        job.resume()
        told = (tmp_path / "run" / "log.txt").read_text()
        assert re.search(r"round 1 did not repeat exactly: \d+ more evaluations were made", told)

    @pytest.mark.parametrize(
        "kind", [method, lambda: TrajectoryBalance(8, 4, 2.0, 16, 4)], ids=["wdce", "balance"]
    )
    def test_the_same_run_goes_on_as_if_it_had_not_been(self, tmp_path, kind):
        job = tune(tmp_path / "run", self.Stopped(), method=kind(), keep="last")
        with pytest.raises(KeyboardInterrupt):
            job.run()
        job.resume()
        tune(tmp_path / "whole", method=kind(), keep="last").run()
        assert weights(tmp_path / "run") == weights(tmp_path / "whole")

    def test_a_method_brings_nothing_of_one_run_into_the_next(self, tmp_path):
        chosen = method()
        for name in ("one", "two"):
            tune(tmp_path / name, method=chosen, max_steps=2, keep="last").run()
        assert weights(tmp_path / "one") == weights(tmp_path / "two")
        tune(tmp_path / "two", max_steps=2, keep="last").resume()  # its settings hold no designs


class TestAJudge:
    objective = Objective([Term("g")], "arithmetic_mean")
    judge = Objective([Term("c")], "arithmetic_mean")

    def test_picks_the_weights_and_a_falling_one_is_a_warning(self, tmp_path):
        job = tune(
            tmp_path / "run",
            CountG(),
            objective=self.objective,
            judge=self.judge,
            budget=600,
            method=method(designs=64, every=10, scale=15.0),
            max_steps=60,
        )
        job.run()
        values = [one["judge"] for one in job.result.figures]
        assert job.result.kept == int(np.argmax(values))
        assert "the judge fell" in job.result.warning
        assert "reward hacking" in (tmp_path / "run" / "log.txt").read_text()

    def test_must_not_be_trained_on(self, tmp_path):
        with pytest.raises(InputError, match="judge must read outputs that are not trained on, go"):
            tune(tmp_path / "run", CountG(), objective=self.objective, judge=self.objective)

    def test_an_error_as_large_as_the_change_is_no_warning(self):
        before = {"reward": 0.2, "judge": 0.5, "reward_se": 0.1, "judge_se": 0.1}
        after = {"reward": 0.8, "judge": 0.3, "reward_se": 0.1, "judge_se": 0.1}
        assert hacked([before, after]) is None
        sure = {"reward_se": 0.01, "judge_se": 0.01}
        assert hacked([before | sure, after | sure]) is not None
        assert hacked([before | sure, after | sure | {"judge": 0.6}]) is None

    def test_an_error_that_is_not_known_is_no_warning(self):
        alone = {"reward_se": math.nan, "judge_se": math.nan}  # of one design
        before, after = {"reward": 0.2, "judge": 0.5}, {"reward": 0.8, "judge": 0.3}
        assert hacked([before | alone, after | alone]) is None

    def test_one_that_says_the_same_of_all_leaves_the_choice_to_the_reward(self, tmp_path):
        class Even(CountG):
            def __call__(self, strings):
                return [[g, 0.5] for g, _ in super().__call__(strings)]

        options = {"objective": self.objective, "judge": self.judge, "budget": 200}
        job = tune(tmp_path / "run", Even(), method=method(designs=24), max_steps=24, **options)
        job.run()
        figures = job.result.figures
        assert job.result.kept == max(range(len(figures)), key=lambda i: gain(figures[i], 8.0)) > 0


class TestLoRA:
    def test_merges_into_a_network_that_says_the_same(self):
        pytest.importorskip("peft")
        network = tiny().denoiser
        plain = sum(p.numel() for p in network.parameters())
        LoRA(rank=2).adapt(network)
        trained = [p for p in network.parameters() if p.requires_grad]
        assert 0 < sum(p.numel() for p in trained) < plain
        for weights in trained:
            torch.nn.init.normal_(weights, std=0.3)
        x_t, t = torch.tensor([[0, 4, 2, 3]]), torch.ones(1)
        one = merged(network)
        torch.testing.assert_close(one(x_t, t), network(x_t, t))
        assert one.state_dict().keys() == tiny().denoiser.state_dict().keys()
        assert not torch.equal(one(x_t, t), tiny().denoiser(x_t, t))

    def test_leaves_a_plain_model(self, tmp_path):
        pytest.importorskip("peft")
        tune(tmp_path / "run", lora=LoRA(rank=2), max_steps=5).run()
        model = Model.load(tmp_path / "run" / "model")
        before = tiny().denoiser
        assert torch.equal(model.denoiser.head.weight, before.head.weight)
        assert not torch.equal(model.denoiser.blocks[0].mix.weight, before.blocks[0].mix.weight)

    def test_takes_gradients_of_the_reward(self, tmp_path):
        pytest.importorskip("peft")
        model = tiny()
        torch.manual_seed(1)
        torch.nn.init.normal_(model.denoiser.head.weight, std=0.5)  # it is not trained
        head = model.denoiser.head.weight.clone()
        given = by_gradient(designs=30, every=20, window=6, batch=16)
        given |= {"lora": LoRA(rank=2), "rate": 0.03, "max_steps": 20}
        given["schedule"] = LearningRate("constant", 1, 0.0)
        job = tune(tmp_path / "run", Gradient(), model=model, **given)
        job.run()
        before, after = job.result.figures[0], job.result.figures[-1]
        assert after["reward"] > before["reward"] + 3 * before["reward_se"]
        weights = Model.load(tmp_path / "run" / "model").denoiser.state_dict()
        assert weights.keys() == tiny().denoiser.state_dict().keys()
        assert torch.equal(weights["head.weight"], head)

    def test_begins_with_weights_that_the_seed_alone_decides(self, tmp_path):
        pytest.importorskip("peft")
        model = tiny()
        for name in ("one", "two"):
            torch.manual_seed(len(list(tmp_path.iterdir())))
            tune(tmp_path / name, model=model, lora=LoRA(rank=2), max_steps=2, keep="last").run()
        assert weights(tmp_path / "one") == weights(tmp_path / "two")

    def test_without_such_layers_it_is_refused(self):
        pytest.importorskip("peft")
        with pytest.raises(UnsupportedError, match="has none called nothing"):
            LoRA(targets=("nothing",)).adapt(tiny().denoiser)


class TestBadInput:
    def test_a_batch_without_any_reward(self, tmp_path):
        class Broken(OnlyG):
            def __call__(self, strings):
                return [float("nan")] * len(strings)

        with pytest.raises(DiscdiffError, match=r"none of 12 designs has a reward|failed for"):
            tune(tmp_path / "run", Broken(), max_failed=1.0).run()

    @pytest.mark.parametrize("kind", [WDCE, TrajectoryBalance, LogVariance, BRAIn, PolicyGradient])
    @pytest.mark.parametrize("scale", [float("inf"), 0.0, float("nan")])
    def test_a_scale_without_a_law(self, kind, scale):
        with pytest.raises(InputError, match="scale must be"):
            kind(scale=scale)

    def test_a_reward_of_another_alphabet(self):
        model, other = tiny(), tiny(letters="ACGU")
        with pytest.raises(InputError, match="alphabet, A C G T, got A C G U"):
            method().begin(model, FirstHitting(model), Reward(other.domain, OnlyG()))

    def test_another_objective_on_resume(self, tmp_path):
        out = tmp_path / "run"
        weight = Objective([Term("g")], "arithmetic_mean")
        other = Objective([Term("c")], "arithmetic_mean")
        tune(out, CountG(), objective=weight, max_steps=2).run()
        with pytest.raises(StoreError, match=r"objective.*was .*'g'.*now .*'c'"):
            tune(out, CountG(), objective=other, max_steps=2).resume()

    def test_another_scale_on_resume(self, tmp_path):
        tune(tmp_path / "run", max_steps=2).run()
        with pytest.raises(StoreError, match=r"scale was 8.0, now 9.0"):
            tune(tmp_path / "run", method=method(scale=9.0), max_steps=2).resume()

    def test_a_sampler_with_another_law_than_its_model(self, tmp_path):
        with pytest.raises(InputError, match="sampler must have temperature 1"):
            tune(tmp_path / "run", sampler=lambda model: FirstHitting(model, temperature=0.7))

    def test_a_budget_below_two_draws(self, tmp_path):
        with pytest.raises(InputError, match="enough for two draws of 12 designs, .*, got 23"):
            tune(tmp_path / "run", budget=23)

    def test_a_search_where_none_proposes(self):
        with pytest.raises(InputError, match="search must be null"):
            WDCE(search={"children": 3})

    def test_groups_that_do_not_divide_a_draw(self):
        with pytest.raises(InputError, match="group must be at least 2 and divide the 32 designs"):
            BRAIn(group=5)
