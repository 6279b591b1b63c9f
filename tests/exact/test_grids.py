"""Samplers on a grid of times: ancestral on both processes, and remasking."""

import itertools
from collections import defaultdict
from functools import partial

import numpy as np
import pytest
import torch

from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import (
    ALPHA,
    GRID,
    clean,
    given,
    keeps,
    kernel_matrix,
    marginal,
    masked_law,
    posterior,
    published_sigma,
    sides,
    uniform_law,
)
from tests.exact.laws import (
    Law,
    differs,
    dirichlet,
    drawn,
    fits,
    independent,
    model_of,
    tv,
)

LAW = dirichlet(2, 3, seed=2)


@pytest.mark.parametrize("schedule", ALPHA)
@pytest.mark.parametrize(("steps", "grid"), [(1, "linear"), (3, "linear"), (3, "cosine")])
def test_ancestral_masked_is_its_matrix_product(steps, grid, schedule):
    law = masked_law(LAW, keeps(steps, grid, schedule), [0.0] * steps)
    tokens = drawn(Ancestral(model_of(LAW, schedule=schedule()), steps=steps, grid=grid))
    assert fits(law, tokens)
    assert differs(LAW, tokens)


def test_one_ancestral_step_draws_the_product_of_the_marginals():
    assert tv(masked_law(LAW, [0.0, 1.0], [0.0]).p, sides(LAW).p) < 1e-15
    assert tv(uniform_law(LAW, [0.0, 1.0]).p, sides(LAW).p) < 1e-15


@pytest.mark.parametrize("schedule", ALPHA)
@pytest.mark.parametrize(("steps", "grid"), [(1, "linear"), (3, "linear"), (3, "cosine")])
def test_ancestral_uniform_is_its_matrix_product(steps, grid, schedule):
    alphas = keeps(steps, grid, schedule)
    tokens = drawn(Ancestral(model_of(LAW, "uniform", schedule()), steps=steps, grid=grid))
    assert fits(uniform_law(LAW, alphas), tokens)
    if steps > 1:
        assert differs(uniform_law(LAW, alphas, denoise=posterior), tokens)


def library_law(model, steps, sigma=None):
    """The law of the library's own kernels on the linear grid, multiplied up."""
    masked = model.process.kind == "masked"
    states = (LAW.size + masked) ** LAW.width
    flat = np.eye(states)[-1] if masked else np.full(states, 1 / states)
    times = 1 - np.arange(steps + 1) / steps
    times[-1] = 0.0
    for t, s in itertools.pairwise(times):
        options = {} if sigma is None else {"remask": sigma(t, s)}
        flat = flat @ kernel_matrix(model, t, s, **options)
    return clean(LAW, flat).p if masked else flat


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_ancestral_error_falls_with_the_number_of_steps(kind):
    model = model_of(LAW, kind)
    errors = [tv(library_law(model, steps), LAW.p) for steps in (8, 16, 32, 64)]
    # at least like 1/K, with slack at the coarse end
    assert all(b < 0.62 * a for a, b in itertools.pairwise(errors))
    assert errors[-1] < 0.02


@pytest.mark.parametrize(("strategy", "eta"), [("cap", 0.8), ("rescale", 0.9), ("max", 0.0)])
@pytest.mark.parametrize("grid", GRID)
def test_remasking_is_its_matrix_product(strategy, eta, grid):
    alphas = keeps(4, grid)
    law = masked_law(LAW, alphas, published_sigma(strategy, eta, alphas))
    options = {"steps": 4, "strategy": strategy, "eta": eta, "grid": grid}
    tokens = drawn(ReMDM(model_of(LAW), **options))
    assert fits(law, tokens)
    assert differs(masked_law(LAW, alphas, [0.0] * 4), tokens)


def test_remasking_at_a_rate():
    alphas = keeps(4)
    law = masked_law(LAW, alphas, [min(1 - np.exp(-3.0 / 4), s) for s in (1, 1, 1, 0)])
    sampler = ReMDM(model_of(LAW), steps=4, strategy="cap", eta=3.0, eta_mode="rate")
    assert fits(law, drawn(sampler))


def test_no_remasking_is_the_ancestral_sampler():
    law = masked_law(LAW, keeps(3), [0.0] * 3)
    tokens = drawn(ReMDM(model_of(LAW), steps=3, strategy="cap", eta=0.0))
    assert fits(law, tokens)


def test_a_loop_corrects_at_a_constant_level():
    # 10 steps: 4 down to alpha .6, 4 corrections there with sigma .5, 2 down to 0
    alphas = [*np.linspace(0, 0.6, 5), 0.6, 0.6, 0.6, 0.6, 0.8, 1.0]
    tops = published_sigma("cap", 0.2, alphas)
    sigmas = [*tops[:4], *[0.5] * 4, *tops[8:]]
    sampler = ReMDM(model_of(LAW), steps=10, strategy="cap", eta=0.5, loop=(0.6, 0.2, 0.6))
    plain = [*published_sigma("cap", 0.5, alphas)]
    law = masked_law(LAW, alphas, [*plain[:4], *sigmas[4:8], *plain[8:]])
    assert fits(law, drawn(sampler))


def test_remasking_at_a_rate_is_exact_in_the_limit_and_per_step_falls_behind():
    model = model_of(LAW)

    def errors(eta, mode):
        found = []
        for steps in (32, 64, 128):
            sampler = ReMDM(model, steps, "cap", eta, eta_mode=mode)
            found.append(tv(library_law(model, steps, partial(scalar, sampler)), LAW.p))
        return found

    rate, per_step = errors(2.0, "rate"), errors(0.2, "step")
    assert all(b < 0.55 * a for a, b in itertools.pairwise(rate))
    assert all(b > 0.7 * a for a, b in itertools.pairwise(per_step))
    assert per_step[-1] > 4 * rate[-1]


def scalar(sampler, t, s):
    return float(sampler.sigma(*(torch.tensor(u, dtype=torch.float64) for u in (t, s))))


def test_a_correction_per_step_settles_at_an_error_of_the_order_of_eta():
    """However long a loop stays at its level, it converges to a law O(eta) away."""
    model, true = model_of(LAW), marginal(LAW, 0.5)
    floor = [
        tv(true @ np.linalg.matrix_power(kernel_matrix(model, 0.5, 0.5, remask=eta), 4096), true)
        for eta in (0.1, 0.05, 0.025)
    ]
    assert floor[0] > 3e-3
    assert all(b == pytest.approx(a / 2, rel=0.2) for a, b in itertools.pairwise(floor))


def confidence_law(law, alphas, sigmas):
    """Enumeration over states of (token, probability when drawn) at every position."""
    length, mask = law.width, law.size
    state = {((mask, 0.0),) * length: 1.0}
    for t, s, sigma in zip(alphas[:-1], alphas[1:], sigmas, strict=True):
        after = defaultdict(float)
        for z, chance in state.items():
            p = given(law, [token for token, _ in z])
            seen = [i for i in range(length) if z[i][0] != mask]
            score = np.exp([-z[i][1] for i in seen])
            share = dict(zip(seen, sigma * score / score.sum(), strict=True)) if seen else {}
            mean = sigma / len(seen) if seen else 0.0
            reveal = min((s - (1 - mean) * t) / (1 - t), 1.0)
            partial = {(): chance}
            for i in range(length):
                if i in share:
                    moves = [((mask, 0.0), share[i]), (z[i], 1 - share[i])]
                else:
                    moves = [((v, p[i, v]), reveal * p[i, v]) for v in range(mask)]
                    moves.append(((mask, 0.0), 1 - reveal))
                partial = {
                    (*head, new): c * weight for head, c in partial.items() for new, weight in moves
                }
            for new, c in partial.items():
                after[new] += c
        state = after
    flat = defaultdict(float)
    for z, chance in state.items():
        flat[tuple(token for token, _ in z)] += chance
    return Law(mask, law.rows, np.array([flat[tuple(x)] for x in law.rows]))


def test_remasking_by_confidence_is_its_enumerated_law():
    law = dirichlet(2, 2, seed=11, concentration=1.0)
    alphas = keeps(4)
    sigmas = published_sigma("rescale", 0.9, alphas)
    expected = confidence_law(law, alphas, sigmas)
    assert expected.p.sum() == pytest.approx(1.0)
    tokens = drawn(ReMDM(model_of(law), steps=4, eta=0.9, confidence=True))
    assert fits(expected, tokens)
    assert differs(masked_law(law, alphas, sigmas), tokens)


def test_remasking_by_confidence_is_biased_even_for_independent_positions():
    law = independent(2, 2, seed=1)
    alphas = keeps(4)
    sigmas = published_sigma("rescale", 0.9, alphas)
    assert tv(masked_law(law, alphas, sigmas).p, law.p) < 1e-12
    assert tv(confidence_law(law, alphas, sigmas).p, law.p) > 1e-3
