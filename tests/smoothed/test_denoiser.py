"""Smoothed denoisers against squared distances in numpy, and the form of what is trained."""

import numpy as np
import pytest
import torch

from discdiff import random
from discdiff.denoiser import TabularDenoiser
from discdiff.errors import InputError
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.smoothed.denoiser import SmoothedDenoiser, SmoothedNetwork, TabularSmoothed
from discdiff.smoothed.loss import one_hot, squared_error
from tests.exact.laws import Law, dirichlet, two_lengths
from tests.smoothed.smooth import hot, mean_of, model_of, smoothed

SIGMA = 0.6
LAW = dirichlet(3, 3, seed=4)
ALL = torch.ones(5, 3, 3, dtype=torch.bool)


def exact(law=LAW, sigma=SIGMA):
    return model_of(law, sigma).denoiser


@pytest.mark.parametrize(("size", "length"), [(2, 4), (3, 3), (4, 2), (5, 1)])
@pytest.mark.parametrize("sigma", [0.3, 0.6, 2.0])
def test_the_table_gives_the_posterior_mean(size, length, sigma):
    law = dirichlet(size, length, seed=size)
    y = smoothed(law, sigma, n=50)
    allowed = torch.ones(y.shape, dtype=torch.bool)
    found = exact(law, sigma)(torch.from_numpy(y), allowed).numpy()
    np.testing.assert_allclose(found, mean_of(law, y, sigma), atol=1e-12)
    assert np.abs(found - mean_of(law, y, 1.1 * sigma)).max() > 1e-6


def test_the_score_is_the_slope_of_the_smoothed_log_density():
    y = smoothed(LAW, SIGMA, n=5)
    net, step = exact(), 1e-5

    def log_density(y):
        far = ((y[:, None] - hot(LAW.rows, 3)[None]) ** 2).sum((2, 3))
        return np.log(np.exp(-far / (2 * SIGMA**2)) @ LAW.p)

    places = torch.from_numpy(y)
    found = net.score(places, net(places, ALL), ALL).numpy()
    for index in np.ndindex(3, 3):
        move = np.zeros((3, 3))
        move[index] = step
        slope = (log_density(y + move) - log_density(y - move)) / (2 * step)
        np.testing.assert_allclose(found[:, *index], slope, atol=1e-7)


def test_what_may_not_stand_is_conditioned_out():
    y = smoothed(LAW, SIGMA, n=5)
    allowed = ALL.clone()
    allowed[:, 0, 1] = False
    allowed[:, 2] = torch.tensor([False, False, True])
    kept = (LAW.rows[:, 0] != 1) & (LAW.rows[:, 2] == 2)
    given = Law(3, LAW.rows[kept], LAW.p[kept] / LAW.p[kept].sum())
    found = exact()(torch.from_numpy(y), allowed).numpy()
    np.testing.assert_allclose(found, mean_of(given, y, SIGMA), atol=1e-12)
    y[:, 2] = 7.0  # a fixed position says nothing, whatever stands there
    again = exact()(torch.from_numpy(y), allowed).numpy()
    np.testing.assert_allclose(again, found, atol=1e-12)


def test_a_row_is_compared_with_those_of_its_length():
    law = two_lengths()
    y = np.random.default_rng(0).normal(size=(4, 3, 2))
    allowed = torch.ones(4, 3, 2, dtype=torch.bool)
    allowed[:, 2] = False
    short = Law(2, law.rows[:4, :2], law.p[:4] / law.p[:4].sum())
    found = exact(law)(torch.from_numpy(y), allowed).numpy()
    np.testing.assert_allclose(found[:, :2], mean_of(short, y[:, :2], SIGMA), atol=1e-12)
    assert not found[:, 2].any()


def test_a_row_without_a_sequence_is_refused():
    net = TabularSmoothed(torch.tensor([[0, 0], [1, 1]]), torch.ones(2), 2, 0.5)
    allowed = torch.tensor([[[True, False], [False, True]]])
    with pytest.raises(InputError, match="allowed must leave every row a sequence of the table"):
        net(torch.zeros(1, 2, 2), allowed)


def test_a_network_with_exact_answers_to_soft_rows_is_exact():
    """Each soft row and the row's own evidence are all there is: Bayes, without the table."""
    net = TabularDenoiser(torch.from_numpy(LAW.rows), torch.from_numpy(LAW.p), MaskedProcess(3))
    y = smoothed(LAW, SIGMA, n=20)
    allowed = torch.ones(20, 3, 3, dtype=torch.bool)
    allowed[:, 1, 0] = False
    found = SmoothedNetwork(net, SIGMA)(torch.from_numpy(y), allowed)
    wanted = exact()(torch.from_numpy(y), allowed)
    torch.testing.assert_close(found.double(), wanted, atol=2e-5, rtol=0)


def network(size=3, length=3):
    torch.manual_seed(0)
    inner = Transformer(size, max_length=length + 2, width=16, depth=1, heads=2)
    return SmoothedNetwork(inner, SIGMA).eval()


def test_a_network_keeps_to_what_is_allowed_and_pads_to_nothing():
    net = network()
    allowed = torch.ones(2, 5, 3, dtype=torch.bool)
    allowed[:, 0] = torch.tensor([False, True, False])
    allowed[:, 3:] = False
    y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    found = net(y, allowed)
    assert torch.equal(found[:, 0], torch.tensor([[0.0, 1.0, 0.0]] * 2))
    assert not found[:, 3:].any()
    y[:, 3:] = 9.0  # neither noise in the padding nor its width changes anything
    torch.testing.assert_close(net(y, allowed), found)
    torch.testing.assert_close(net(y[:, :3], allowed[:, :3]), found[:, :3])


def test_gradients_pass_where_something_is_fixed_or_padded():
    for net in (network(), exact()):
        allowed = torch.ones(1, 3, 3, dtype=torch.bool)
        allowed[:, 1] = torch.tensor([False, True, False])
        y = torch.zeros(1, 3, 3, requires_grad=True)
        (slope,) = torch.autograd.grad(net(y, allowed)[0, 0, 0], y)
        assert slope.isfinite().all()
        assert slope[0, 0].abs().sum() > 0


class AnswersOf(SmoothedDenoiser):
    """Noise of one level, answers for another."""

    def __init__(self, other):
        super().__init__(other.vocab_size, other.max_length, SIGMA)
        self.other = other

    def forward(self, y, allowed):
        return self.other(y, allowed)


def test_the_error_is_least_at_the_posterior_mean():
    """Its mean is the mean variance of x given y, by Monte Carlo in numpy; others have more."""
    rows = torch.from_numpy(LAW.rows[np.random.default_rng(0).choice(27, 5000, p=LAW.p)])
    free = torch.zeros_like(rows, dtype=torch.bool)
    keys = random.row_keys(1, torch.arange(len(rows)), torch.zeros(len(rows), dtype=torch.int64))
    found = squared_error(exact(), rows, free, keys)
    x_hat = mean_of(LAW, smoothed(LAW, SIGMA, n=50_000), SIGMA)
    wanted = 3 - (x_hat**2).sum((1, 2)).mean()  # a one-hot row has length 1
    assert abs(found.mean() - wanted) < 5 * found.std() / np.sqrt(len(found))
    for other in (AnswersOf(exact(sigma=0.7)), network()):
        assert squared_error(other, rows, free, keys).mean() > found.mean()
    frozen = free.clone()
    frozen[:, 1] = True
    assert squared_error(exact(), rows, frozen, keys).mean() < found.mean()


def test_rows_of_pads_are_zero():
    assert one_hot(torch.tensor([[0, 3, 4]]), 3)[0].sum(1).tolist() == [1.0, 0.0, 0.0]


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="sigma must be greater than 0, got 0"):
        SmoothedNetwork(network().network, 0)
    with pytest.raises(InputError, match="network must have needs_time=False"):
        SmoothedNetwork(TabularDenoiser(torch.tensor([[0]]), torch.ones(1), UniformProcess(2)), 0.5)
    with pytest.raises(InputError, match=r"sequences must be \(N, L\) and probabilities \(N,\)"):
        TabularSmoothed(torch.tensor([0, 1]), torch.ones(2), 2, 0.5)
    with pytest.raises(InputError, match="probabilities must be non-negative"):
        TabularSmoothed(torch.tensor([[0]]), -torch.ones(1), 2, 0.5)
