"""Learned values against the enumerated soft value, and what they leave alone: the law."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from discdiff import registry
from discdiff.campaign.identity import describe
from discdiff.errors import CheckpointError, InputError
from discdiff.guidance import value_training
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.learned_value import LearnedValue, ValueNetwork
from discdiff.guidance.svdd import SVDD
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import keeps, uniform_law, uniform_step
from tests.exact.laws import (
    counted_reward,
    dirichlet,
    model_of,
    reward_of,
    rewards,
    unbiased,
    words,
)

SCALE, STEPS = 1.5, 3
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)
SAMPLERS = {
    "masked": FirstHitting(model_of(LAW)),
    "uniform": Ancestral(model_of(LAW, "uniform"), steps=STEPS),
}


def mean_square(value, target):
    """The released regression, whose minimiser is the mean of the target."""
    return ((value - target) ** 2).mean()


def small(kind):
    torch.manual_seed(0)
    return ValueNetwork(2, 3, width=16, depth=1, heads=2, needs_time=kind == "uniform")


@cache
def learned(kind, loss="linex", bootstrap=0, some=False):
    values = np.where(np.arange(8) % 4 == 1, np.nan, REWARD) if some else REWARD
    network = small(kind)
    return LearnedValue.fit(
        SAMPLERS[kind],
        reward_of(LAW, values),
        scale=SCALE,
        designs=2000,
        loss=loss,
        bootstrap=bootstrap,
        steps=250,
        batch_size=128,
        learning_rate=1e-2,
        follow=0.1,
        network=network,
        key=3,
    )


def on_the_way(kind, weight):
    """States, clocks, their chance, and the conditional mean of `weight (8,)` at each."""
    if kind == "masked":
        states = words(3, 3)
        hidden = (states == 2).sum(1)
        agrees = ((LAW.rows[None] == states[:, None]) | (states[:, None] == 2)).all(2)
        mass = agrees @ LAW.p
        mean = agrees @ (LAW.p * weight) / mass
        chance = mass / np.array([1, 3, 3, 1])[hidden]
        keep = hidden > 0
        return states[keep], np.full(keep.sum(), 0.5), chance[keep], mean[keep]
    alphas, times = keeps(STEPS), 1 - np.arange(STEPS + 1) / STEPS
    steps = [uniform_step(LAW, t, s) for t, s in pairwise(alphas)]
    means = [weight]
    for step in reversed(steps):
        means.insert(0, step @ means[0])
    chance, chances = np.full(8, 1 / 8), []
    for step in steps:
        chances.append(chance)
        chance = chance @ step
    states = np.tile(words(2, 3), (STEPS, 1))
    return states, times[:-1].repeat(8), np.concatenate(chances), np.concatenate(means[:-1])


def answers(value, kind, states, times):
    sampler = SAMPLERS[kind]
    tokens = torch.from_numpy(states)
    state = sampler.start(
        tokens, torch.from_numpy(times), tokens >= 0, keys=torch.arange(len(tokens))
    )
    return value(sampler, state, None, SCALE)[1].numpy()


def gap(value, kind, weight, log=True):
    """The root mean square distance between the value and the log mean weight (or the mean)."""
    states, times, chance, mean = on_the_way(kind, weight)
    some = mean != 0  # elsewhere the soft value is minus infinity
    states, times, chance, mean = states[some], times[some], chance[some], mean[some]
    found = answers(value, kind, states, times)
    wanted = np.log(mean) if log else mean
    return float(np.sqrt(np.average((found - wanted) ** 2, weights=chance)))


WAYS = [
    ("masked", "linex", 0),
    ("masked", "exponential", 0),
    ("masked", "contrastive", 0),
    ("masked", "linex", 3),
    ("uniform", "linex", 0),
    ("uniform", "exponential", 2),
]


@pytest.mark.parametrize(("kind", "loss", "bootstrap"), WAYS)
def test_the_value_tends_to_the_soft_value_and_not_to_the_mean(kind, loss, bootstrap):
    value = learned(kind, loss, bootstrap)
    assert gap(value, kind, np.exp(SCALE * REWARD)) < 0.1
    assert gap(value, kind, SCALE * REWARD, log=False) > 0.2


def test_least_squares_learn_the_mean_reward_which_is_another(monkeypatch):
    monkeypatch.setitem(value_training.LOSSES, "linex", mean_square)
    kind, value = "masked", learned.__wrapped__("masked")
    assert gap(value, kind, SCALE * REWARD, log=False) < 0.1
    assert gap(value, kind, np.exp(SCALE * REWARD)) > 0.2


def test_designs_without_a_reward_have_no_weight():
    weight = np.where(np.arange(8) % 4 == 1, 0.0, np.exp(SCALE * REWARD))
    assert gap(learned("masked", some=True), "masked", weight) < 0.15
    assert gap(learned("masked"), "masked", weight) > 0.2


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("fitted", [True, False])
def test_the_law_of_weighted_methods_does_not_depend_on_the_value(kind, fitted):
    """Nor does it where the network has learned nothing and says something all the same."""
    network = small(kind)
    torch.nn.init.normal_(network.trunk.head.weight)
    value = learned(kind) if fitted else LearnedValue(network, SCALE)
    plain = LAW if kind == "masked" else uniform_law(LAW, keeps(STEPS))
    for method in (
        FKSteering(4, scale=SCALE, value=value, threshold=0.9),
        SVDD(2, scale=SCALE, value=value, particles=2, carry=True),
    ):
        samples = method.run(SAMPLERS[kind], reward_of(LAW, REWARD), 4000, key=5)
        assert unbiased(plain.p * np.exp(SCALE * REWARD), LAW, samples)
        assert not unbiased(plain.p * np.exp(2 * SCALE * REWARD), LAW, samples)


def test_a_good_value_makes_good_weights():
    """The better the value, the closer to each other are estimates of the normaliser."""
    spread = {}
    for name, value in (("learned", learned("masked")), ("sampled", None)):
        method = FKSteering(4, scale=SCALE, value=value, threshold=0.9)
        samples = method.run(SAMPLERS["masked"], reward_of(LAW, REWARD), 2000, key=5)
        spread[name] = samples.log_normaliser.std().item()
    assert spread["learned"] < 0.85 * spread["sampled"]


def test_cost():
    """Neither passes nor evaluations in use; one evaluation a design, or a child, in fitting."""
    for bootstrap, requested in ((0, 50), (4, 200)):
        reward = counted_reward(LAW, REWARD)
        value = LearnedValue.fit(
            SAMPLERS["masked"], reward, designs=50, bootstrap=bootstrap, steps=2, key=1
        )
        assert value.counts == {"designs": 50, "nfe": 150, "requested": requested}
        assert reward.counts.requested == requested
        reward = counted_reward(LAW, REWARD)
        samples = FKSteering(6, value=value).run(SAMPLERS["masked"], reward, 10, key=0)
        assert samples.counts["nfe"] == 10 * 6 * 3
        assert reward.counts.requested == 10 * 6
        reward = counted_reward(LAW, REWARD)
        samples = SVDD(5, value=value).run(SAMPLERS["masked"], reward, 10, key=0)
        assert samples.counts["nfe"] == 10 * 3
        assert reward.counts.requested == 10 * 5


def test_the_same_key_fits_the_same_value():
    def fit(key):
        reward = reward_of(LAW, REWARD)
        return LearnedValue.fit(SAMPLERS["masked"], reward, designs=20, steps=3, key=key)

    state = torch.get_rng_state()
    assert fit(1).fingerprint == fit(1).fingerprint != fit(2).fingerprint
    assert torch.equal(torch.get_rng_state(), state)  # and leaves the random numbers of others


def test_another_scale_is_answered_in_proportion():
    states = np.array([[2, 2, 2], [2, 0, 1]])
    tokens = torch.from_numpy(states)
    t = torch.full((2,), 0.5, dtype=torch.float64)
    state = SAMPLERS["masked"].start(tokens, t, tokens >= 0, keys=torch.arange(2))
    value = learned("masked")
    _, full = value(SAMPLERS["masked"], state, None, SCALE)
    _, half = value(SAMPLERS["masked"], state, None, SCALE / 2)
    torch.testing.assert_close(half, full / 2)


def test_a_finished_row_is_not_asked_for():
    tokens = torch.tensor([[0, 1, 1], [2, 1, 1]])
    t = torch.full((2,), 0.5, dtype=torch.float64)
    state = SAMPLERS["masked"].start(tokens, t, tokens >= 0, keys=torch.arange(2))
    _, found = learned("masked")(SAMPLERS["masked"], state, None, SCALE)
    assert found[0] == 0
    assert found[1] != 0


def test_a_value_is_saved_and_read_back(tmp_path):
    value = learned("masked")
    value.save(tmp_path / "value")
    value.save(tmp_path / "value")  # over itself
    again = LearnedValue.load(str(tmp_path / "value"))
    assert again.fingerprint == value.fingerprint
    assert (again.scale, again.counts) == (value.scale, value.counts)
    states, times, *_ = on_the_way("masked", np.ones(8))
    np.testing.assert_array_equal(
        answers(again, "masked", states, times), answers(value, "masked", states, times)
    )
    method = registry.build(
        "guidance",
        {"name": "fk", "value": {"name": "learned", "folder": str(tmp_path / "value")}},
    )
    assert method.loop.value.fingerprint == value.fingerprint
    # what a campaign records of its settings tells one value from another
    assert (
        describe(value)["fingerprint"]
        != describe(LearnedValue(small("masked"), 1.5))["fingerprint"]
    )


def test_what_is_no_value_is_not_read(tmp_path):
    with pytest.raises(CheckpointError, match="does not hold a value"):
        LearnedValue.load(str(tmp_path / "nothing"))
    folder = tmp_path / "value"
    learned("masked").save(folder)
    config = json.loads((folder / "value.json").read_text())
    for change, message in (
        ({"format": 2}, "must have the format 1, got 2"),
        ({"network": {"vocab_size": 2}}, "does not describe a value"),
        ({"network": config["network"] | {"width": 32}}, "does not describe a value"),
        ({"scale": 0.0}, "does not describe a value: scale must not be 0"),
    ):
        (folder / "value.json").write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match=message):
            LearnedValue.load(str(folder))
    (folder / "value.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="does not hold a value"):
        LearnedValue.load(str(folder))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="folder must be new or hold a value"):
        learned("masked").save(tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0.0}, "scale must not be 0, at which all values are"),
        ({"designs": 0}, "designs must be a positive integer, got 0"),
        ({"loss": "mse"}, "loss must be one of linex, exponential, contrastive, got 'mse'"),
        ({"bootstrap": -1}, "bootstrap must be a non-negative integer, got -1"),
        ({"loss": "contrastive", "bootstrap": 2}, "bootstrap must be 0 with loss='contrastive'"),
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be greater than 0, got 0.0"),
        ({"follow": 1.5}, r"follow must lie in \[0, 1\], got 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    reward = counted_reward(LAW, REWARD)
    with pytest.raises(InputError, match=message):
        LearnedValue.fit(SAMPLERS["masked"], reward, **{"designs": 4, "steps": 1} | options)
    assert reward.counts.requested == 0  # refused before anything is asked


def test_without_any_reward_there_is_nothing_to_learn():
    with pytest.raises(InputError, match="reward must be known of some of the designs, got none"):
        LearnedValue.fit(SAMPLERS["masked"], reward_of(LAW, np.full(8, np.nan)), designs=4, steps=1)


def test_a_value_of_other_tokens_or_without_time_is_refused():
    three = FirstHitting(model_of(dirichlet(3, 3)))
    with pytest.raises(InputError, match="value must be one of 3 tokens and rows of 3, got one"):
        FKSteering(2, value=learned("masked")).run(three, reward_of(LAW, REWARD), 1, key=0)
    with pytest.raises(InputError, match="value must read the time"):
        FKSteering(2, value=learned("masked")).run(
            SAMPLERS["uniform"], reward_of(LAW, REWARD), 1, key=0
        )
