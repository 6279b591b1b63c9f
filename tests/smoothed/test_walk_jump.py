"""The law of walk-jump sampling against Monte Carlo in numpy, and what every sampler must keep."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from discdiff import random
from discdiff.domain import Letters, Template
from discdiff.errors import DataError, InputError, OracleError, UnsupportedError
from discdiff.gapped import Gap, Gapped
from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.isir import ISIRGibbs
from discdiff.model import LengthLaw
from discdiff.nn.transformer import Transformer
from discdiff.reward import Reward
from discdiff.smoothed import walk_jump
from discdiff.smoothed.denoiser import SmoothedNetwork
from discdiff.smoothed.model import SmoothedModel
from discdiff.smoothed.walk_jump import WalkJump
from tests.exact.laws import (
    LETTERS,
    Law,
    counted_reward,
    differs,
    dirichlet,
    fits,
    reward_of,
    rewards,
    two_lengths,
)
from tests.smoothed.smooth import jump_law, model_of
from tests.smoothed.test_langevin import released_step

N, SIGMA, SCALE = 10_000, 0.85, 2.0
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)


def walk(steps=100, delta=0.25, law=LAW, sigma=SIGMA, scale=SCALE):
    return WalkJump(model_of(law, sigma), steps, delta, scale=scale)


def drawn(sampler, n=N, **options):
    return sampler.sample(n, key=1, batch_size=n, **options)


@cache
def wanted(guided=False):
    return jump_law(LAW, SIGMA, REWARD if guided else None, SCALE)


@cache
def seeds(n=N):
    """Strings as often as the law has them, and that law, rounded."""
    times = np.round(LAW.p * n).astype(int)
    words = ["".join(LETTERS[i] for i in row) for row in LAW.rows]
    law = Law(LAW.size, LAW.rows, times / times.sum())
    return [word for word, t in zip(words, times, strict=True) for _ in range(t)], law


# The law.


def test_walks_from_noise_have_the_law_of_the_jump_and_not_that_of_the_data():
    tokens = drawn(walk()).tokens
    assert fits(wanted(), tokens)
    assert differs(LAW, tokens)


def test_friction_that_is_not_scaled_by_the_step_does_not_get_there(monkeypatch):
    sampler = walk(steps=150, delta=0.08)
    assert fits(wanted(), drawn(sampler, 3000).tokens)
    monkeypatch.setattr(walk_jump, "sachs_step", released_step)
    assert differs(wanted(), drawn(sampler, 3000).tokens)


def test_walks_from_seeds_of_the_law_need_no_time():
    strings, law = seeds()
    short = walk(steps=3, delta=0.2, law=law)
    assert fits(jump_law(law, SIGMA), drawn(short, seeds=strings).tokens)
    assert differs(jump_law(law, SIGMA), drawn(short).tokens)  # those from noise do


def test_little_noise_makes_the_jump_the_law_itself_for_seeds_of_the_law_alone():
    """A position errs with a chance of Φ(-1 / (√2 σ)), times V - 1: here 1e-7."""
    strings, law = seeds()
    sampler = walk(steps=10, law=law, sigma=0.14)
    assert fits(law, drawn(sampler, seeds=strings).tokens)
    assert differs(law, drawn(sampler).tokens)  # a walk from noise stays in its mode


def test_the_reward_tilts_the_smoothed_law():
    guided = wanted(guided=True)
    tokens = drawn(walk(), reward=reward_of(LAW, REWARD)).tokens
    assert fits(guided, tokens)
    for other in (wanted(), guided.tilted(SCALE * REWARD), LAW.tilted(SCALE * REWARD)):
        assert differs(other, tokens)
    twice = drawn(walk(60, scale=2 * SCALE), 3000, reward=reward_of(LAW, REWARD))
    assert differs(guided, twice.tokens)


@pytest.mark.parametrize(("scale", "value"), [(0.0, REWARD), (3.0, np.full(8, 0.7))])
def test_scale_zero_and_a_constant_reward_change_no_design(scale, value):
    sampler = walk(20, 0.5, scale=scale)
    plain, guided = drawn(sampler, 200), drawn(sampler, 200, reward=reward_of(LAW, value))
    assert torch.equal(plain.tokens, guided.tokens)
    torch.testing.assert_close(plain.confidence, guided.confidence)


def test_lengths_follow_their_law_and_each_has_its_own():
    law = two_lengths()
    short = Law(2, law.rows[:4, :2], law.p[:4] / 0.4)
    long = Law(2, law.rows[4:], law.p[4:] / 0.6)
    parts = 0.4 * jump_law(short, SIGMA).p, 0.6 * jump_law(long, SIGMA).p
    samples = drawn(walk(60, law=law), 6000)
    assert fits(Law(2, law.rows, np.concatenate(parts)), samples.tokens)
    given = drawn(walk(60, law=law), 3000, length=2)
    assert {len(s) for s in given.strings} == {2}
    assert fits(Law(2, law.rows[:4], jump_law(short, SIGMA).p), given.tokens)


TRIPLES = dirichlet(3, 3, seed=5, concentration=1.0)


def test_a_template_conditions_the_law():
    """A fixed token, an allow-list and a free position; the law of the table that has them."""
    model = model_of(TRIPLES, SIGMA)
    template = Template(model.domain.alphabet, ["B", {"A", "C"}])
    kept = (TRIPLES.rows[:, 0] == 1) & (TRIPLES.rows[:, 1] != 1)
    given = Law(3, TRIPLES.rows[kept], TRIPLES.p[kept] / TRIPLES.p[kept].sum())
    tokens = drawn(walk(60, law=TRIPLES), 6000, template=template, length=3).tokens
    # the position that is fixed says nothing of the others but its token
    free = Law(3, given.rows[:, 1:], given.p)
    rows = Law(3, given.rows, jump_law(free, SIGMA).p)
    assert fits(rows, tokens)
    assert differs(Law(3, given.rows, jump_law(given, 2 * SIGMA).p), tokens)


def test_a_template_holds_around_seeds_and_under_guidance():
    model = model_of(TRIPLES, SIGMA)
    template = Template(model.domain.alphabet, [None, "C"])
    values = rewards(TRIPLES)
    samples = drawn(
        walk(20, law=TRIPLES, scale=20.0),
        500,
        template=template,
        seeds=["AAA", "BAB"],
        reward=reward_of(TRIPLES, values),
    )
    assert {s[1] for s in samples.strings} == {"C"}
    assert len(set(samples.strings)) > 1


# What every sampler keeps.


def network(frozen=True):
    """A network that has learned nothing, of rows of up to five letters."""
    torch.manual_seed(0)
    inner = Transformer(3, max_length=5, width=16, depth=1, heads=2)
    torch.nn.init.normal_(inner.head.weight)
    net = SmoothedNetwork(inner, 0.6).eval()
    law = LengthLaw([0, 0, 1, 1, 1, 2])
    return SmoothedModel(net, Letters("ABC"), law, frozen_training=frozen)


@pytest.mark.parametrize("model", [model_of(two_lengths(), SIGMA), network()], ids=["exact", "net"])
def test_a_row_is_the_same_in_any_batch(model):
    sampler = WalkJump(model, steps=10)
    whole = sampler.sample(12, key=7)
    assert len({len(s) for s in whole.strings}) > 1
    assert sampler.sample(12, key=7, batch_size=5).strings == whole.strings
    assert sampler.sample(3, key=7, first_design=6).strings == whole.strings[6:9]
    alone = sampler.sample(1, key=7, first_design=11)
    assert alone.strings == whole.strings[11:]
    torch.testing.assert_close(alone.confidence, whole.confidence[11:], atol=1e-5, rtol=0)
    assert sampler.sample(12, key=8).strings != whole.strings
    drawn_again = sampler.sample(12, generator=torch.Generator().manual_seed(3))
    assert (
        drawn_again.strings
        == sampler.sample(12, generator=torch.Generator().manual_seed(3)).strings
    )


def test_confidence_is_that_of_the_jump():
    """σ so small that all is certain, and an independent position that tells nothing."""
    sure = WalkJump(model_of(LAW, 0.05), steps=2).sample(20, key=0)
    torch.testing.assert_close(sure.confidence, torch.ones(20, dtype=torch.float64))
    assert sure.log_likelihood.isnan().all()
    even = SmoothedModel.tabular(["A", "B"], sigma=50.0)
    guess = WalkJump(even, steps=2).sample(20, key=0)
    torch.testing.assert_close(guess.confidence, guess.confidence * 0 + 0.5, atol=0.03, rtol=0)
    fixed = WalkJump(even, steps=2).sample(3, key=0, template=Template(even.domain.alphabet, "B"))
    assert fixed.strings == ["B"] * 3
    assert fixed.confidence.tolist() == [1.0] * 3


def test_cost():
    reward = counted_reward(LAW, REWARD)
    plain, guided = drawn(walk(15), 30), drawn(walk(15), 30, reward=reward)
    assert plain.counts == {"nfe": 30 * 16, "nfe_grad": 0, "relaxed": 0}
    assert guided.counts == {"nfe": 30 * 16, "nfe_grad": 30 * 15, "relaxed": 30 * 15}
    assert reward.counts.requested == 30
    known = dict(zip(["".join(LETTERS[i] for i in row) for row in LAW.rows], REWARD, strict=True))
    assert guided.reward.tolist() == [known[s] for s in guided.strings]


def test_a_batch_of_invalid_designs_has_no_reward():
    samples = drawn(walk(5), 10, reward=counted_reward(LAW, np.full(8, np.nan)))
    assert not samples.valid.any()
    assert samples.reward.isnan().all()
    assert len(samples) == 10


def test_rewards_of_rows_of_several_lengths_are_asked_for_by_length():
    class Counts:
        def __init__(self):
            self.seen = set()

        def __call__(self, strings):
            return [s.count("B") for s in strings]

        def relaxed(self, rows):
            self.seen.add(rows.shape[1])
            return rows[:, :, 1].sum(1)

    law, oracle = two_lengths(), Counts()
    model = model_of(law, SIGMA)
    sampler = WalkJump(model, steps=30, scale=6.0)
    guided = sampler.sample(200, key=1, reward=Reward(model.domain, oracle))
    assert oracle.seen == {2, 3}
    assert (
        guided.reward.mean() > sampler.sample(200, key=1).tokens.eq(1).sum(1).double().mean() + 0.5
    )


def test_random_numbers_of_a_row_do_not_depend_on_the_width_of_the_batch():
    keys = torch.arange(3)
    assert torch.equal(random.normal(keys, 4), random.normal(keys, 9)[:, :4])
    draws = random.normal(torch.arange(20_000), 2)
    assert abs(float(draws.mean())) < 5 / math.sqrt(40_000)
    assert float(draws.var()) == pytest.approx(1, abs=5 * math.sqrt(2 / 40_000))
    assert abs(float((draws[:, 0] * draws[:, 1]).mean())) < 5 / math.sqrt(20_000)


# Errors.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"delta": 0.0}, "delta must be greater than 0, got 0.0"),
        ({"delta": 2.0}, "delta must be below 2, where walks diverge, got 2.0"),
        ({"friction": -1.0}, "friction must be greater than 0, got -1.0"),
        ({"scale": math.inf}, "scale must be a finite number, got inf"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        WalkJump(model_of(LAW, SIGMA), **options)


GAPPED = Gapped([Gap(Letters("ABC").alphabet, 1, 2)])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, InputError, "n must be a positive integer, got 0"),
        ({"length": 6}, InputError, r"length must lie in \[1, 5\], got 6"),
        ({"seeds": []}, InputError, "seeds must be a list of strings"),
        ({"seeds": "AB"}, InputError, "seeds must be a list of strings, got 'AB'"),
        ({"seeds": ["AB", "AX"]}, DataError, "seed 2: token 'X' at position 1"),
        ({"seeds": ["ABCABC"]}, DataError, "seed 1 must have 1 to 5 tokens, got 6"),
        ({"seeds": ["AB"], "length": 2}, InputError, "length must be None where seeds are given"),
        ({"template": GAPPED}, UnsupportedError, "template must be one Template.* got Gapped"),
        (
            {"template": Template(Letters("ABC").alphabet, "ABC"), "length": 2},
            InputError,
            "template must have at most as many tokens as the design, 2, got 3",
        ),
    ],
)
def test_requests_that_cannot_be_met_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        WalkJump(network(), steps=2).sample(**{"n": 2} | options)


def test_a_network_that_knows_no_fixed_tokens_refuses_them():
    with pytest.raises(UnsupportedError, match="train it with frozen_fraction > 0"):
        WalkJump(network(frozen=False)).sample(
            2, template=Template(Letters("ABC").alphabet, ["A", None])
        )


def test_a_reward_without_a_gradient_is_refused_with_what_it_needs():
    reward = Reward(Letters("AB"), lambda strings: [0.0 for _ in strings])
    with pytest.raises(
        UnsupportedError, match=r"needs the gradient of the reward: .*relaxed\(rows"
    ):
        walk().sample(2, reward=reward)
    assert reward.counts.requested == 0


def test_gradients_that_are_no_numbers_are_attributed():
    class Broken:
        def __call__(self, strings):
            return [0.0 for _ in strings]

        def relaxed(self, rows):
            return (rows - rows).sum((1, 2)).sqrt()

    with pytest.raises(OracleError, match="relaxed rewards must have finite gradients"):
        walk().sample(2, reward=Reward(Letters("AB"), Broken()))


def test_walks_that_diverge_say_so():
    with pytest.raises(InputError, match="delta and scale must be small enough for walks"):
        walk(scale=1e300).sample(4, key=0, reward=reward_of(LAW, REWARD))


@pytest.mark.parametrize("method", [BestOfN(2), ISIRGibbs()])
def test_methods_of_discrete_steps_refuse_a_walk(method):
    with pytest.raises(
        UnsupportedError, match=r"got a WalkJump.* guided by its own sample\(reward"
    ):
        method.run(walk(), reward_of(LAW, REWARD), 2)
