"""The support table of fine-tuning is complete, and every line of it runs."""

import math

import pytest
import torch

from discdiff import registry
from discdiff.errors import UnsupportedError
from discdiff.guidance.finetune.support import PLANS, REFUSED, TABLE
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.schedule import Polynomial

SMALL = {
    "wdce": {"designs": 4, "batch": 4, "replicas": 2},
    "trajectory_balance": {"designs": 4, "batch": 4},
    "log_variance": {"designs": 4, "batch": 4},
    "brain": {"designs": 4, "group": 2},
    "policy_gradient": {"designs": 4, "group": 2},
    "drakes": {"designs": 4, "batch": 4, "window": 2},
    "ancestral": {"steps": 3},
    "parallel": {"steps": 2},
}


def _built(kind, name, **objects):
    return registry.build(kind, {"name": name, **SMALL.get(name, {})}, **objects)


class Gs:
    """How many letters are G, with a gradient."""

    def __call__(self, strings):
        return [s.count("G") for s in strings]

    def relaxed(self, rows):
        return rows[:, :, 2].sum(1)  # of A, C, G, T


def _parts(process, plan):
    schedules = {"GT": Polynomial(3.0)} if process == "class_masked" else None
    model = Model.tabular(["AC", "GT", "GGT"], kind=process, schedules=schedules)
    return model, _built("samplers", plan, model=model), Reward(model.domain, Gs())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: "-".join(row[:3]))
def test_every_line_runs(row):
    model, sampler, reward = _parts(row.process, row.plan)
    method = _built("finetuners", row.method)
    method.begin(model, sampler, reward)
    for number in range(2):
        drawn = method.draw(sampler, reward, 4, key=1, first_design=4 * number)
        method.take(drawn)
        assert float(drawn.divergence.abs().max()) < 1e-9  # nothing has been trained
    plan_error = row.method == "wdce" and row.plan != "first_hitting"
    assert (method.bias is not None) == (row.law.startswith("biased") or plan_error)
    loss, figures = method.loss(model.denoiser, torch.tensor(3))
    assert math.isfinite(float(loss.detach()))
    assert all(math.isfinite(value) for value in figures.values())
    again = _built("finetuners", row.method)
    again.begin(model, sampler, reward)
    again.load_state_dict(method.state_dict())
    again.restore(method.state())
    torch.testing.assert_close(again.loss(model.denoiser, torch.tensor(3))[0], loss)


def test_without_what_biases_it_a_policy_gradient_is_not_said_to_be_biased():
    options = {"designs": 4, "group": 2, "kl": "path", "normalise": False}
    assert registry.build("finetuners", {"name": "policy_gradient", **options}).bias is None


def test_every_method_has_a_line_or_is_refused_for_every_plan():
    methods = {entry.name for entry in registry.names("finetuners")}
    lines = {row[:3] for row in TABLE}
    refused = {(method, *pair) for method, pairs in REFUSED.items() for pair in pairs}
    assert not lines & refused
    assert lines | refused == {(m, k, p) for m in methods for k in PLANS for p in PLANS[k]}


REFUSALS = [(method, *pair) for method, pairs in REFUSED.items() for pair in pairs]


@pytest.mark.parametrize(("method", "process", "plan"), REFUSALS)
def test_what_is_refused_says_so(method, process, plan):
    model, sampler, reward = _parts(process, plan)
    with pytest.raises(UnsupportedError, match=f"{method} on a {process} process"):
        _built("finetuners", method).begin(model, sampler, reward)


@pytest.mark.parametrize("plan", ["entropy", "confidence", "remdm"])
def test_plans_that_look_at_tokens_are_refused(plan):
    model, sampler, reward = _parts("masked", plan)
    with pytest.raises(UnsupportedError, match="wdce on a masked process with the plan"):
        _built("finetuners", "wdce").begin(model, sampler, reward)
