"""The masked bound, summed over every mask and integrated over time: no sampling."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

from discdiff import random
from discdiff.errors import InputError, UnsupportedError
from discdiff.loss import masked_nelbo, nelbo
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.schedule import CosineMD4, CosineMDLM, CosineSquared, Geometric, LogLinear, Polynomial
from tests.exact.laws import (
    Crooked,
    dirichlet,
    model_of,
    outer,
    words,
)

L = 3
LAW = dirichlet(2, L, seed=2)
SCHEDULES = [LogLinear(), Polynomial(3.0), CosineMDLM(), CosineMD4(), CosineSquared(), Geometric()]


class Preset(MaskedProcess):
    """The masked process with the noise that a test enumerates."""

    def __init__(self, schedule, x_t):
        super().__init__(LAW.size, schedule)
        self.x_t = x_t

    def corrupt(self, x_0, t, active, keys):
        return self.x_t


def over_masks(net, schedule, form, nodes=40):
    """The expectation of the code's own integrand for every sequence, (N,)."""
    u, weight = np.polynomial.legendre.leggauss(nodes)
    u, weight = (u + 1) / 2, weight / 2
    subsets = np.array(list(product([False, True], repeat=L)))
    n, rows = len(LAW.rows), []
    for i, a, k in product(range(n), range(len(subsets)), range(nodes)):
        rows.append((i, a, k))
    i, a, k = np.array(rows).T
    x_0, hidden, times = LAW.rows[i], subsets[a], torch.from_numpy(u[k])
    process = Preset(schedule, torch.from_numpy(np.where(hidden, LAW.size, x_0)))
    found = masked_nelbo(
        net,
        process,
        torch.from_numpy(x_0),
        torch.ones(x_0.shape, dtype=torch.bool),
        torch.zeros(len(x_0), dtype=torch.int64),
        form,
        u=times,
    ).numpy()
    level = schedule.noise(times).numpy() if form == "time" else u[k]
    chance = np.where(hidden, level[:, None], 1 - level[:, None]).prod(1)
    return np.bincount(i, weights=found * chance * weight[k], minlength=n)


def over_counts(net, monkeypatch):
    """The same for the count form: every order of the positions, every number of masks."""
    orders = list(permutations(range(L)))
    cases = list(product(range(len(LAW.rows)), orders, range(L)))
    x_0 = torch.from_numpy(np.array([LAW.rows[i] for i, _, _ in cases]))
    score = torch.tensor([order for _, order, _ in cases], dtype=torch.float64) / L
    u = torch.tensor([(n + 0.5) / L for _, _, n in cases], dtype=torch.float64)
    monkeypatch.setattr(random, "uniform", lambda keys, width: score)
    active, keys = torch.ones_like(x_0, dtype=torch.bool), torch.zeros(len(x_0), dtype=torch.int64)
    found = masked_nelbo(net, MaskedProcess(LAW.size), x_0, active, keys, "count", u=u)
    return found.view(len(LAW.rows), -1).mean(1).numpy()


def any_order(net):
    """E over orders of -log prod p(x_i | earlier), for every sequence, by brute force."""
    bound = np.zeros(len(LAW.rows))
    for n, x in enumerate(LAW.rows):
        for order in permutations(range(L)):
            z = np.full(L, LAW.size)
            for i in order:
                bound[n] -= np.log(net.at(z)[i, x[i]]) / 6
                z[i] = x[i]
    return bound


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("form", ["level", "time"])
def test_bound_of_the_exact_network_is_minus_log_p(form, schedule):
    # Geometric rises steeply, so its quadrature needs more nodes
    nodes = 150 if isinstance(schedule, Geometric) else 40
    found = over_masks(model_of(LAW).denoiser, schedule, form, nodes)
    np.testing.assert_allclose(found, -np.log(LAW.p), rtol=1e-9)


def test_count_form_of_the_exact_network_is_minus_log_p(monkeypatch):
    found = over_counts(model_of(LAW).denoiser, monkeypatch)
    np.testing.assert_allclose(found, -np.log(LAW.p), rtol=1e-14)
    assert LAW.p @ found == pytest.approx(-LAW.p @ np.log(LAW.p), rel=1e-14)


def test_three_forms_of_a_crooked_network_are_its_any_order_bound(monkeypatch):
    net = Crooked(LAW.size, L, seed=5)
    expected = any_order(net)
    np.testing.assert_allclose(over_masks(net, LogLinear(), "level"), expected, rtol=1e-10)
    np.testing.assert_allclose(over_masks(net, CosineMD4(), "time"), expected, rtol=1e-10)
    np.testing.assert_allclose(over_counts(net, monkeypatch), expected, rtol=1e-12)


def test_bound_of_a_crooked_network_exceeds_its_cross_entropy():
    net = Crooked(LAW.size, L, seed=5)
    law = np.zeros(len(LAW.rows))
    for n, x in enumerate(LAW.rows):
        for order in permutations(range(L)):
            z, chance = np.full(L, LAW.size), 1 / 6
            for i in order:
                chance *= net.at(z)[i, x[i]]
                z[i] = x[i]
            law[n] += chance
    assert law.sum() == pytest.approx(1.0)
    assert (over_masks(net, LogLinear(), "level") > -np.log(law) + 1e-3).all()


def test_a_bound_that_forgets_the_weight_is_noticed():
    # the negative twin: plain cross-entropy is not the bound
    levels = (np.arange(50) + 0.5) / 50
    plain = 0.0
    net = model_of(LAW).denoiser
    states = torch.from_numpy(words(3, L))
    log_p = net(states, torch.ones(len(states))).numpy()
    for x, p in zip(LAW.rows, LAW.p, strict=True):
        kernel = np.stack([outer(np.eye(3)[x] * (1 - v) + np.eye(3)[[2] * L] * v) for v in levels])
        ce = [-log_p[k, np.arange(L), x][z == 2].sum() for k, z in enumerate(words(3, L))]
        plain += p * (kernel.mean(0) @ ce)
    assert abs(plain + LAW.p @ np.log(LAW.p)) > 0.3


class Recorder(Crooked):
    """A network that keeps what it is shown."""

    def forward(self, x_t, t, cond=None, at=None):
        self.shown = x_t
        return super().forward(x_t, t, cond, at)


def test_wrong_context_misleads_visible_active_tokens_alone():
    net, n = Recorder(2, 6, seed=5), 20_000
    process = MaskedProcess(2)
    x_0 = torch.zeros(n, 6, dtype=torch.int64)
    active = torch.ones_like(x_0, dtype=torch.bool)
    active[:, 0] = False
    keys, u = torch.arange(n), torch.full((n,), 0.5, dtype=torch.float64)
    shown = {}
    for chance in (0.0, 0.3, 1.0):
        masked_nelbo(net, process, x_0, active, keys, u=u, wrong_context=chance)
        shown[chance] = net.shown
    for chance, x_t in shown.items():
        assert (x_t[:, 0] == 0).all()
        assert torch.equal(x_t == 2, shown[0.0] == 2)
        share = (x_t == 1)[:, 1:].sum() / ((x_t != 2) & active).sum()
        # half of the random tokens are the right one; 50,000 visible positions
        assert float(share) == pytest.approx(chance / 2, abs=4 * 0.5 / 50_000**0.5)
    with pytest.raises(InputError, match=r"wrong_context must .*got 1.5"):
        masked_nelbo(net, process, x_0, active, keys, wrong_context=1.5)


def test_wrong_context_is_refused_where_all_tokens_are_noised():
    net, process = Crooked(2, 3, seed=5), UniformProcess(2)
    x_0 = torch.zeros(1, 3, dtype=torch.int64)
    with pytest.raises(UnsupportedError, match="wrong_context needs a masked process, got 0.1"):
        nelbo(net, process, x_0, x_0 == 0, torch.zeros(1, dtype=torch.int64), wrong_context=0.1)
