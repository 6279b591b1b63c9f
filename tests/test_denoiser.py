"""The exact denoiser of a table, against summation in numpy over every state."""

import numpy as np
import pytest
import torch

from discdiff.denoiser import FactorisedDenoiser, TabularDenoiser
from discdiff.errors import InputError
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.schedule import CosineMDLM
from tests.exact.chains import (
    cavity,
    given,
)
from tests.exact.laws import (
    dirichlet,
    independent,
    model_of,
    two_lengths,
    words,
)

LAW = dirichlet(3, 3, seed=4)


def test_masked_answers_are_the_conditional_marginals_at_every_mask():
    states = words(4, 3)
    found = model_of(LAW).denoiser(torch.from_numpy(states), torch.ones(len(states))).exp().numpy()
    masked = states == 3
    expected = np.stack([given(LAW, z) for z in states])
    np.testing.assert_allclose(found[masked], expected[masked], atol=1e-12)


@pytest.mark.parametrize("t", [1.0, 0.6, 0.01])
def test_uniform_answers_are_the_cavity_law(t):
    schedule = CosineMDLM()
    states = words(3, 3)
    times = torch.full((len(states),), t, dtype=torch.float64)
    net = model_of(LAW, "uniform", schedule).denoiser
    found = net(torch.from_numpy(states), times).exp().numpy()
    alpha = float(schedule.alpha(times[0]))
    expected = np.stack([cavity(LAW, z, alpha) for z in states])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_uniform_answers_at_clean_neighbours_condition_on_them():
    # a position shown at t = 0 is data: the cavity of the others is then a conditional law
    states = torch.from_numpy(words(3, 3))
    t = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).expand(len(states), -1)
    found = model_of(LAW, "uniform").denoiser(states, t).exp().numpy()
    for z, row in zip(states.numpy(), found, strict=True):
        np.testing.assert_allclose(row[0], given(LAW, [3, z[1], z[2]])[0], atol=1e-12)


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_padded_rows_answer_as_unpadded_ones(kind):
    model = model_of(two_lengths(), kind)
    mask = model.process.mask_id if kind == "masked" else 0
    short = torch.tensor([[mask, mask], [mask, 1]])
    padded = torch.cat([short, torch.full((2, 1), model.process.pad_id)], 1)
    t = torch.full((2,), 0.7, dtype=torch.float64)
    torch.testing.assert_close(model.denoiser(padded, t)[:, :2], model.denoiser(short, t))


def test_rows_of_another_length_say_nothing():
    table = torch.tensor([[0, 0, 3], [1, 1, 1]])
    net = TabularDenoiser(table, torch.tensor([0.5, 0.5]), MaskedProcess(2))
    assert net(torch.tensor([[2, 2, 3]]), torch.ones(1)).exp()[0, :2].tolist() == [[1, 0], [1, 0]]
    assert net(torch.tensor([[2, 2, 2]]), torch.ones(1)).exp()[0, 0].tolist() == [0, 1]


def test_answers_at_chosen_positions_are_those_of_the_whole():
    states = torch.from_numpy(words(4, 3))
    t = torch.ones(len(states))
    net = model_of(LAW).denoiser
    rows, cols = torch.tensor([63, 0, 63]), torch.tensor([2, 1, 0])
    assert torch.equal(net(states, t, None, (rows, cols)), net(states, t)[rows, cols])


def test_a_state_that_no_sequence_agrees_with_is_answered_uniformly():
    net = TabularDenoiser(torch.tensor([[0, 0]]), torch.ones(1), MaskedProcess(2))
    assert net(torch.tensor([[2, 1]]), torch.ones(1)).exp()[0, 0].tolist() == [0.5, 0.5]


def test_probabilities_are_normalised_and_may_hold_zeros():
    net = TabularDenoiser(torch.tensor([[0], [1]]), torch.tensor([3.0, 0.0]), MaskedProcess(2))
    assert net(torch.tensor([[2]]), torch.ones(1)).exp()[0, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "p", "words"),
    [
        ([[0]], [1.0, 1.0], r"got shapes \(1, 1\) and \(2,\)"),
        ([[0], [1]], [1.0, -1.0], "non-negative with a positive sum"),
        ([[0], [1]], [0.0, 0.0], "non-negative with a positive sum"),
    ],
)
def test_what_is_no_law_is_refused(rows, p, words):
    with pytest.raises(InputError, match=words):
        TabularDenoiser(torch.tensor(rows), torch.tensor(p), UniformProcess(2))


def test_relaxed_rows_without_a_weight_for_every_id_are_refused():
    with pytest.raises(InputError, match=r"relaxed x_t must be \(B, L, \d\).*got shape"):
        model_of(LAW).denoiser(torch.zeros(1, 2, LAW.size), torch.ones(1))


def test_tokens_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"x_t must be tokens \(B, L\), got shape \(1, 2, 5\)"):
        model_of(LAW).denoiser(torch.zeros(1, 2, 5, dtype=torch.int64), torch.ones(1))


@pytest.mark.parametrize(
    "process", [MaskedProcess(3), UniformProcess(3)], ids=["masked", "uniform"]
)
def test_independent_positions_have_the_denoiser_of_their_table(process):
    law = independent(3, 2, seed=1)
    sides = np.stack([[law.p[law.rows[:, i] == v].sum() for v in range(3)] for i in range(2)])
    exact = TabularDenoiser(torch.from_numpy(law.rows), torch.from_numpy(law.p), process)
    quick = FactorisedDenoiser(torch.from_numpy(sides).log())
    z = torch.from_numpy(words(4 if process.kind == "masked" else 3, 2))
    t = torch.full((len(z),), 0.4, dtype=torch.float64)
    rows, cols = process.editable(z, z >= 0).nonzero(as_tuple=True)
    wanted = exact(z, t, at=(rows, cols))
    torch.testing.assert_close(quick(z, t, at=(rows, cols)), wanted)
    torch.testing.assert_close(quick(z, t)[rows, cols], wanted)
    assert quick(z[:, :1], t).shape == (len(z), 1, 3)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (torch.zeros(3), r"log_probabilities must be \(L, V\), got shape \(3,\)"),
        (torch.full((1, 2), -torch.inf), "log_probabilities must leave every position a token"),
    ],
)
def test_marginals_that_are_none_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        FactorisedDenoiser(table)
