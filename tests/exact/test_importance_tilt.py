"""Importance tilt: its marginals by brute force, and the law it tends to where it has one."""

import numpy as np
import pytest
import torch

from discdiff.domain import Template
from discdiff.errors import InputError
from discdiff.guidance.importance_tilt import ImportanceTilt, marginals
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import (
    Law,
    dirichlet,
    floor,
    independent,
    model_of,
    reward_of,
    rewards,
    tv,
)

SCALE, RUNS = 1.5, 3000
LAW = independent(2, 3, seed=2)
REWARD = rewards(LAW)  # of the whole row: positions are coupled by it


def drawn(law=LAW, draws=96, scale=SCALE, runs=RUNS, **options):
    method = ImportanceTilt(draws, scale)
    return method.run(FirstHitting(model_of(law)), reward_of(law, REWARD), runs, key=3, **options)


def off(samples, law):
    """How far the draws are from a law, in units of what chance alone would do."""
    return tv(LAW.counts(samples.tokens) / len(samples), law.p) / floor(law.p, len(samples))


def test_marginals_are_weighted_shares():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 4, (3, 5, 6))  # 3 is no token here
    log_weight = generator.normal(size=(3, 5))
    log_weight[1] = -np.inf
    found = marginals(torch.from_numpy(tokens), torch.from_numpy(log_weight), 3).numpy()
    for b in range(3):
        total = np.exp(log_weight[b]).sum()
        for i in range(6):
            for v in range(3):
                share = sum(np.exp(log_weight[b, k]) for k in range(5) if tokens[b, k, i] == v)
                expected = share / total if total else 0.0
                assert found[b, i, v] == pytest.approx(expected, abs=1e-12)


def test_independent_positions_are_drawn_from_the_tilted_law():
    target = LAW.tilted(SCALE * REWARD)
    samples = drawn()
    assert off(samples, target) < 1.5
    # the negative twins
    for other in (LAW, LAW.tilted(2 * SCALE * REWARD)):
        assert off(samples, other) > 4


def test_its_error_falls_with_the_number_of_draws():
    target = LAW.tilted(SCALE * REWARD)
    errors = [off(drawn(draws=draws), target) for draws in (1, 4, 32)]
    assert errors[0] > 1.5 * errors[1] > 1.5 * 1.5 * errors[2]


def test_one_draw_is_no_guidance():
    assert off(drawn(draws=1), LAW) < 1.5


def test_dependent_positions_leave_a_bias():
    law = dirichlet(2, 3, seed=2, concentration=0.5)
    target = Law(2, law.rows, law.p * np.exp(SCALE * REWARD))
    target = Law(2, law.rows, target.p / target.p.sum())
    samples = drawn(law)
    assert off(samples, target) > 3
    assert off(samples, target) < off(samples, law)


def test_alphabets_hold():
    template = Template(model_of(LAW).domain.alphabet, [{"A"}, {"A", "B"}, None])
    samples = drawn(draws=32, template=template)
    assert {string[0] for string in samples.strings} == {"A"}
    inside = LAW.rows[:, 0] == 0
    weight = np.where(inside, LAW.p * np.exp(SCALE * REWARD), 0)
    target = weight / weight.sum()
    share = LAW.counts(samples.tokens) / len(samples)
    assert tv(share, target) < 2 * floor(target, len(samples))


def test_on_uniform_noise_it_is_exact_as_steps_grow():
    target = LAW.tilted(SCALE * REWARD)
    errors = []
    for steps in (1, 24):
        sampler = Ancestral(model_of(LAW, "uniform"), steps=steps)
        samples = ImportanceTilt(64, SCALE).run(sampler, reward_of(LAW, REWARD), 700, key=3)
        errors.append(off(samples, target))
    assert errors[1] < 1.6 < errors[0]
    assert off(samples, LAW) > 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws must be a positive integer, got 0"),
        ({"scale": float("nan")}, "scale must be a finite number, got nan"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        ImportanceTilt(**options)
