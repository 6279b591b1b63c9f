"""Laws of samplers without drawing: against every order, and against whole transition matrices."""

from itertools import permutations

import numpy as np
import pytest
import torch

from discdiff.bench.enumeration import ancestral_law, first_hitting_law, smoothed
from discdiff.bench.states import Remembered, words
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.chains import keeps, uniform_law
from tests.exact.laws import (
    Crooked,
    Law,
    crooked_model,
    differs,
    dirichlet,
    drawn,
    fits,
    model_of,
    outer,
    tv,
)


def by_orders(denoise, size, length, orders):
    """The mean over orders of reveal of the product of conditionals, row by row."""
    found = []
    for row in words(size, length).numpy():
        chance = 0.0
        for order in orders:
            z, product = np.full(length, size), 1.0
            for place in order:
                product *= denoise(z)[place, row[place]]
                z[place] = row[place]
            chance += product / len(orders)
        found.append(chance)
    return np.array(found)


def test_first_hitting_is_the_mean_over_all_orders():
    network = Crooked(3, 3, seed=5)
    answers = Remembered(network, MaskedProcess(3)).table(1.0)
    law = first_hitting_law(answers)
    orders = list(permutations(range(3)))
    np.testing.assert_allclose(law, by_orders(network.at, 3, 3, orders), rtol=0, atol=1e-14)
    assert law.sum() == pytest.approx(1.0, abs=1e-12)
    # one order of a network that contradicts itself is another law
    assert tv(law, by_orders(network.at, 3, 3, [(0, 1, 2)])) > 0.05


def test_first_hitting_of_a_transformer():
    network = Transformer(3, 3, width=16, depth=1, heads=2).eval()
    torch.nn.init.normal_(network.head.weight, std=0.5)

    def denoise(z):
        with torch.no_grad():
            found = network(torch.from_numpy(z)[None], torch.ones(1))[0]
        return found.double().softmax(-1).numpy()

    law = first_hitting_law(Remembered(network, MaskedProcess(3)).table(1.0))
    orders = list(permutations(range(3)))
    np.testing.assert_allclose(law, by_orders(denoise, 3, 3, orders), atol=1e-7)
    assert tv(law, by_orders(denoise, 3, 3, orders[:1])) > 1e-3


def test_first_hitting_of_the_exact_network_is_its_law():
    law = dirichlet(3, 3, seed=2)
    answers = Remembered(model_of(law).denoiser, MaskedProcess(3)).table(1.0)
    np.testing.assert_allclose(first_hitting_law(answers), law.p, rtol=0, atol=1e-14)


def test_draws_follow_the_law_and_not_that_of_one_order():
    model = crooked_model(3, 3, seed=5)
    network = model.denoiser
    found = first_hitting_law(Remembered(network, model.process).table(1.0))
    tokens = drawn(FirstHitting(model))
    rows = words(3, 3).numpy()
    assert fits(Law(3, rows, found), tokens)
    assert differs(Law(3, rows, by_orders(network.at, 3, 3, [(0, 1, 2)])), tokens)


@pytest.mark.parametrize("length", [2, 3])
def test_ancestral_steps_are_products_of_whole_matrices(length):
    network = Crooked(3, length, seed=6, needs_time=True)
    shape = Law(3, words(3, length).numpy(), np.ones(3**length))
    times = [1.0, 0.75, 0.5, 0.25, 0.0]
    answers = Remembered(network, UniformProcess(3), times).table
    law = ancestral_law(UniformProcess(3), answers, length, times)
    expected = uniform_law(shape, keeps(4), denoise=lambda _, z, alpha: network.at(z)).p
    np.testing.assert_allclose(law, expected, rtol=0, atol=1e-13)
    # a grid of half as many steps has another law
    fewer = uniform_law(shape, keeps(2), denoise=lambda _, z, alpha: network.at(z)).p
    assert tv(law, fewer) > 1e-3


def test_ancestral_steps_of_the_exact_network_read_the_clock():
    exact = dirichlet(2, 3, seed=4)
    network = model_of(exact, "uniform").denoiser
    times = [1.0, 0.5, 0.0]
    answers = Remembered(network, UniformProcess(2), times).table
    law = ancestral_law(UniformProcess(2), answers, 3, times)
    np.testing.assert_allclose(law, uniform_law(exact, keeps(2)).p, rtol=0, atol=1e-13)


def test_smoothing_draws_each_token_anew_with_a_chance():
    law, flip = dirichlet(3, 2, seed=7), 0.3
    kernel = (1 - flip) * np.eye(3) + flip / 3
    expected = sum(p * outer(kernel[row]) for p, row in zip(law.p, law.rows, strict=True))
    np.testing.assert_allclose(smoothed(law.p, 3, 2, flip), expected, rtol=0, atol=1e-15)
