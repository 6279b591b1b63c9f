"""Networks that are looked up: the same answers, and each is asked for once."""

import numpy as np
import pytest
import torch

from discdiff.bench.states import Marginals, Remembered, codes, words
from discdiff.denoiser import Denoiser, TabularDenoiser
from discdiff.errors import InputError
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from tests.exact import laws


class Counting(Denoiser):
    """Counts the rows that a network is shown."""

    def __init__(self, network):
        super().__init__(network.vocab_size, network.max_length, network.needs_time)
        self.network, self.rows = network, 0

    def forward(self, x_t, t, cond=None, at=None):
        self.rows += len(x_t)
        return self.network(x_t, t, cond, at)


def transformer(needs_time):
    torch.manual_seed(3)
    network = Transformer(3, 3, width=16, depth=1, heads=2, needs_time=needs_time).eval()
    torch.nn.init.normal_(network.head.weight)
    return Counting(network)


def test_rows_are_numbered_in_order():
    rows = words(3, 4)
    np.testing.assert_array_equal(rows.numpy(), laws.words(3, 4))
    assert codes(rows, 3).tolist() == list(range(81))


def test_numbers_must_fit():
    with pytest.raises(InputError, match="codes of 63 bits, got 4 and 32"):
        codes(torch.zeros(1, 32, dtype=torch.int64), 4)


@torch.no_grad()
def test_a_masked_network_is_asked_at_each_state_once():
    network = transformer(needs_time=False)
    known = Remembered(network, MaskedProcess(3))
    rows, t = words(4, 3)[torch.tensor([63, 5, 5, 17])], torch.tensor([1.0, 0.2, 0.4, 0.5])
    at = torch.tensor([0, 2, 3]), torch.tensor([1, 0, 2])
    for _ in range(2):
        torch.testing.assert_close(known(rows, t), network.network(rows, t))
        torch.testing.assert_close(known(rows, t, None, at), network.network(rows, t, None, at))
    assert network.rows == 64
    assert known.table(1.0).shape == (64, 3, 3)


@torch.no_grad()
def test_a_uniform_network_is_asked_at_the_times_of_the_grid_once():
    network = transformer(needs_time=True)
    known = Remembered(network, UniformProcess(3), [1.0, 0.5, 0.0])
    rows = words(3, 3)[torch.tensor([26, 4, 9])]
    half = torch.full(rows.shape, 0.5, dtype=torch.float64)
    for _ in range(2):
        torch.testing.assert_close(known(rows, half), network.network(rows, half))
    assert network.rows == 27
    for t in (torch.full_like(half, 0.4), torch.where(rows == 0, 0.0, half)):
        before = network.rows
        torch.testing.assert_close(known(rows, t), network.network(rows, t))
        assert network.rows == before + 3
    other = transformer(needs_time=True)
    assert (other.network(rows, half) - other.network(rows, half * 0)).abs().max() > 0.01


@pytest.mark.parametrize("zeros", [False, True])
def test_partial_sums_give_what_sums_over_the_table_give(zeros):
    law = laws.dirichlet(3, 3, seed=1)
    p = np.where(np.arange(27) % 4 > 0, 0.0, law.p) if zeros else law.p
    rows, t = words(4, 3), torch.ones(64)
    exact = TabularDenoiser(words(3, 3), torch.from_numpy(p), MaskedProcess(3))(rows, t).exp()
    network = Marginals(torch.from_numpy(p), 3, 3)
    found = network(rows, t).exp()
    some = (rows == 3) | (exact.sum(-1) > 0)
    torch.testing.assert_close(found[some], exact[some])
    at = torch.tensor([63, 0]), torch.tensor([2, 1])
    torch.testing.assert_close(network(rows, t, None, at).exp(), found[at])


def test_a_law_must_be_of_all_rows():
    with pytest.raises(InputError, match=r"law must be \(9,\), got shape \(8,\)"):
        Marginals(torch.ones(8), 3, 2)
