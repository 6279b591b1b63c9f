"""Samplers that reveal positions in an order: random, in blocks, or by the network's certainty."""

from collections import defaultdict
from itertools import permutations

import numpy as np
import pytest

from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.schedule import CosineMD4
from tests.exact.chains import (
    at_random,
    block_law,
    by,
    given,
)
from tests.exact.laws import (
    Law,
    crooked_model,
    differs,
    dirichlet,
    drawn,
    fits,
    model_of,
    outer,
    tv,
    words,
)

SIZE, LENGTH = 2, 4
LAW = dirichlet(SIZE, LENGTH, seed=3)
ORDERS = [FirstHitting, EntropyOrder, ConfidenceOrder]


def exact(z):
    return given(LAW, z)


RULES = {
    EntropyOrder: by(lambda row: (row * np.log(row)).sum()),
    ConfidenceOrder: by(max),
    FirstHitting: at_random,
}


@pytest.mark.parametrize("order", ORDERS)
def test_one_at_a_time_is_the_law_of_the_data(order):
    tokens = drawn(order(model_of(LAW)))
    assert fits(LAW, tokens)
    apart = block_law(exact, [LENGTH], at_random)
    assert differs(apart, tokens)


@pytest.mark.parametrize("order", ORDERS)
def test_every_path_has_the_likelihood_of_its_end(order):
    # the chain rule holds along any order, so this leaves nothing to chance
    samples = order(model_of(LAW)).sample(200, key=1)
    at = [int("".join(map(str, row)), 2) for row in samples.tokens.tolist()]
    np.testing.assert_allclose(samples.log_likelihood.exp(), LAW.p[at], rtol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_orders_of_a_crooked_network_are_told_apart(order):
    model = crooked_model(3, 3, seed=2)  # of two letters, both certainties rank alike
    laws = {o: block_law(model.denoiser.at, [1, 1, 1], rule, size=3) for o, rule in RULES.items()}
    tokens = drawn(order(model))
    assert fits(laws.pop(order), tokens)
    assert all(differs(other, tokens) for other in laws.values())


@pytest.mark.parametrize(("steps", "blocks"), [(1, [4]), (2, [2, 2]), (3, [1, 2, 1])])
@pytest.mark.parametrize("order", [EntropyOrder, ConfidenceOrder])
def test_certainty_orders_in_blocks(order, steps, blocks):
    law = block_law(exact, blocks, RULES[order])
    assert tv(law.p, LAW.p) > 0.02
    assert fits(law, drawn(order(model_of(LAW), steps=steps)))


@pytest.mark.parametrize(
    ("steps", "counts", "blocks"),
    [
        (1, "uniform", [4]),
        (2, "uniform", [2, 2]),
        (3, "uniform", [1, 2, 1]),
        (3, "cosine", [1, 1, 2]),
        (4, "uniform", [1, 1, 1, 1]),
    ],
)
def test_parallel_is_its_block_law(steps, counts, blocks):
    law = block_law(exact, blocks, at_random)
    tokens = drawn(Parallel(model_of(LAW), steps=steps, counts=counts))
    assert fits(law, tokens)
    other = block_law(exact, [1, 3] if steps == 1 else [4], at_random)
    assert differs(other, tokens)


def test_cosine_blocks_are_exact_only_with_more_steps_than_positions():
    """Words of even parity: a block of two draws half of its words outside the table."""
    even = np.array([w for w in words(2, 4) if w.sum() % 2 == 0])
    law = Law(2, even, np.full(8, 1 / 8))

    def inside(steps, counts):
        tokens = drawn(Parallel(model_of(law), steps=steps, counts=counts), 2000).numpy()
        return float((tokens.sum(1) % 2 == 0).mean())

    assert (inside(4, "uniform"), inside(100, "cosine")) == (1.0, 1.0)
    assert 0.4 < inside(4, "cosine") < 0.6


def test_path_divergence_of_blocks_is_the_error_of_the_riemann_sum():
    """It bounds the divergence: sum_k (n_k f(i_k) - sum_r f(i_k + r)), f(i) = E H(X_j | i seen)."""
    entropy = np.zeros(LENGTH)
    for order in permutations(range(LENGTH)):
        for i, j in enumerate(order):
            for x, p in zip(LAW.rows, LAW.p, strict=True):
                z = np.full(LENGTH, SIZE)
                z[list(order[:i])] = x[list(order[:i])]
                entropy[i] -= p * np.log(given(LAW, z)[j, x[j]]) / 24
    blocks = [1, 2, 1]
    path = 2 * entropy[1] - entropy[1] - entropy[2]
    law = block_law(exact, blocks, at_random)
    divergence = LAW.p @ np.log(LAW.p / law.p)
    assert 0 < divergence <= path


def test_drawing_before_choosing_is_another_law():
    # the negative twin: a confident draw is kept, so likely tokens are favoured
    law = defaultdict(float)

    def reveal(z, chance):
        hidden = [i for i in range(LENGTH) if z[i] == SIZE]
        if not hidden:
            law[tuple(z)] += chance
            return
        p = given(LAW, z)[hidden]
        for values, weight in zip(words(SIZE, len(hidden)), outer(p), strict=True):
            best = int(np.argmax(p[np.arange(len(hidden)), values]))
            new = z.copy()
            new[hidden[best]] = values[best]
            reveal(new, chance * weight)

    reveal(np.full(LENGTH, SIZE), 1.0)
    twin = Law(SIZE, LAW.rows, np.array([law[tuple(x)] for x in LAW.rows]))
    assert twin.p.sum() == pytest.approx(1.0)
    assert differs(twin, drawn(ConfidenceOrder(model_of(LAW))))


def test_the_clock_of_first_hitting_is_the_last_of_the_uniform_levels():
    """After all but one of L reveals the clock is the second smallest of L uniform levels."""
    sampler = FirstHitting(model_of(LAW, schedule=CosineMD4()))
    state = sampler.init(5000, key=4)
    for number in range(1, LENGTH + 1):
        state = sampler.step(state)
        level = sampler.process.schedule.noise(state.t)
        # order statistics of L uniforms: the mean of the k-th largest is (L + 1 - k) / (L + 1)
        mean = (LENGTH + 1 - number) / (LENGTH + 1)
        assert level.mean().item() == pytest.approx(mean, abs=5 * 0.3 / 5000**0.5)
