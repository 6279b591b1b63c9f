"""The bound where tokens are masked by class: minus log p, and no bound without its extra terms."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from discdiff import loss, random
from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import Denoiser, TabularDenoiser
from discdiff.errors import InputError
from discdiff.loss import class_masked_nelbo, masked_nelbo, nelbo
from discdiff.process import MaskedProcess
from discdiff.schedule import CosineMD4, CosineSquared, LogLinear, Polynomial
from tests.exact.laws import Crooked, by_class, dirichlet, words

L = 3
LAW = dirichlet(2, L, seed=2)
CLASSES = {
    "late bonds": (LogLinear(), {"late": Polynomial(3.0)}),
    "early and cosine": (CosineMD4(), {"late": Polynomial(0.5)}),
    "flat": (CosineSquared(), {"late": Polynomial(2.0)}),
    "one": (LogLinear(), {}),
}
every = pytest.mark.parametrize("classes", CLASSES)
forms = pytest.mark.parametrize("form", ["time", "level", "count"])


class Preset(ClassMaskedProcess):
    """The process with the noise that a test enumerates."""

    def __init__(self, classes, x_t=None):
        schedule, schedules = CLASSES[classes]
        super().__init__(LAW.size, schedule, {"late": [1]}, schedules)
        self.x_t = x_t

    def corrupt(self, x_0, t, active, keys):
        return self.x_t


def exact(classes):
    return TabularDenoiser(torch.from_numpy(LAW.rows), torch.from_numpy(LAW.p), Preset(classes))


def expected(net, classes, form, monkeypatch, bound=class_masked_nelbo, nodes=60):
    """The expectation of the code's own estimate over all it draws, for every sequence, (N,)."""
    u, du = np.polynomial.legendre.leggauss(nodes)
    # crowded towards 0, where the logarithms of rare classes have their ends
    t, dt = ((u + 1) / 2) ** 4, 2 * du * ((u + 1) / 2) ** 3
    subsets = np.array(list(product([False, True], repeat=L)))
    n = len(LAW.rows)
    cases = list(product(range(n), range(len(subsets)), range(L), range(nodes)))
    i, a, j, k = np.array(cases).T
    x_0, hidden, clock = LAW.rows[i], subsets[a], torch.from_numpy(t[k])
    process = Preset(classes, torch.from_numpy(np.where(hidden, LAW.size, x_0)))
    clean = torch.from_numpy(x_0)
    level = process.levels(clock).gather(1, clean).numpy()
    rate = process.rates(clock).gather(1, clean).numpy()
    chosen = np.eye(L, dtype=bool)[j]
    monkeypatch.setattr(loss, "_one_of", lambda active, keys: torch.from_numpy(chosen))
    own = (level * chosen).sum(1)
    found = bound(
        net,
        process,
        clean,
        torch.ones(x_0.shape, dtype=torch.bool),
        torch.zeros(len(x_0), dtype=torch.int64),
        form,
        u=clock if form == "time" else torch.from_numpy(own),
    ).numpy()
    chance = np.where(hidden, level, 1 - level)
    if form == "count":  # the chosen one is masked whatever was drawn for it
        chance = np.where(chosen, 1.0, chance) * np.where(chosen & ~hidden, 0.0, 1.0)
    weight = dt[k] / L
    if form != "time":  # the level of the chosen one is uniform: its speed is the law of the clock
        weight = weight * (rate * level * chosen).sum(1)
    return np.bincount(i, weights=found * chance.prod(1) * weight, minlength=n)


def published(net, process, x_0, active, keys, form, u):
    """The released loss: the weight of the class, without the two terms that it brings."""
    x_t, rates = process.corrupt(x_0, u, active, keys), process.rates(u)
    log_p = net(x_t, u).gather(-1, x_0[..., None])[..., 0]
    return torch.where(x_t == process.mask_id, -log_p * rates.gather(1, x_0), 0.0).sum(1)


@every
@forms
def test_bound_of_the_exact_network_is_minus_log_p(classes, form, monkeypatch):
    found = expected(exact(classes), classes, form, monkeypatch)
    np.testing.assert_allclose(found, -np.log(LAW.p), rtol=1e-10)


class Hasty(Denoiser):
    """A network that expects tokens in proportion to the rates of their classes too."""

    def __init__(self, inner):
        super().__init__(inner.vocab_size, inner.max_length, needs_time=True)
        self.inner = inner

    def forward(self, x_t, t, cond=None, at=None):
        t = t if t.dim() == 2 else t[:, None].expand(x_t.shape)
        rates = self.inner.process.rates(t)
        return torch.log_softmax(
            self.inner(x_t, t, cond, at) + (rates if at is None else rates[at]).log(), dim=-1
        )


def test_bound_without_the_terms_of_the_classes_is_none(monkeypatch):
    net = exact("late bonds")
    entropy = -LAW.p @ np.log(LAW.p)
    found = expected(net, "late bonds", "time", monkeypatch, bound=published)
    assert (found < -np.log(LAW.p) - 0.5).any()
    # its mean is right for the exact network alone: another one seems to know more than there is
    assert LAW.p @ found == pytest.approx(entropy, rel=1e-10)
    wrong = Hasty(net)
    assert LAW.p @ expected(wrong, "late bonds", "time", monkeypatch, bound=published) < entropy
    assert LAW.p @ expected(wrong, "late bonds", "time", monkeypatch) > entropy + 0.02
    # with one class nothing is missing
    found = expected(exact("one"), "one", "time", monkeypatch, bound=published)
    np.testing.assert_allclose(found, -np.log(LAW.p), rtol=1e-10)


class Nudged(Denoiser):
    """A network with its logits moved a little in a direction of their own at every state."""

    def __init__(self, inner, amount):
        super().__init__(inner.vocab_size, inner.max_length, needs_time=True)
        self.inner, self.amount = inner, amount
        self.direction = Crooked(inner.vocab_size, inner.max_length, seed=7)

    def forward(self, x_t, t, cond=None, at=None):
        move = self.amount * self.direction(x_t, t, cond, at)
        return torch.log_softmax(self.inner(x_t, t, cond, at) + move, dim=-1)


def test_the_exact_network_minimises_the_bound_and_not_the_published_loss(monkeypatch):
    for bound, least in ((class_masked_nelbo, True), (published, False)):
        low, at, high = (
            LAW.p
            @ expected(
                *(Nudged(exact("late bonds"), amount), "late bonds", "time", monkeypatch),
                bound=bound,
            )
            for amount in (-1e-3, 0.0, 1e-3)
        )
        assert (abs(high - low) / 2e-3 < 1e-6) == least
        assert abs(high - low) / 2e-3 < 1e-6 or abs(high - low) / 2e-3 > 1e-2
        assert (low > at and high > at) == least


def chain_of(net, process):
    """The law of designs that the reveals of a network, at rates r p, lead to, by its equations."""
    states = torch.from_numpy(words(LAW.size + 1, L))
    code = (LAW.size + 1) ** np.arange(L - 1, -1, -1)

    def flow(minus_log_t, p):
        t = torch.full((len(states),), np.exp(-minus_log_t), dtype=torch.float64)
        # d/d(-log t) = t d/d(-t): rates times t stay finite
        rate = (process.rates(t) * t[:, None])[:, None] * net(states, t).exp()
        rate = np.where((states == LAW.size)[..., None].numpy(), rate.numpy(), 0.0)
        change = -p * rate.sum((1, 2))
        for i, v in product(range(L), range(LAW.size)):
            target = states.numpy() @ code + (v - LAW.size) * code[i]
            moved = p * rate[:, i, v]
            np.add.at(change, np.where(moved > 0, target, 0), np.where(moved > 0, moved, 0.0))
        return change

    start = np.eye(len(states))[-1]
    end = solve_ivp(flow, (0.0, 40.0), start, rtol=1e-10, atol=1e-13).y[:, -1]
    return end[(states < LAW.size).all(1).numpy()]


def test_reveals_of_the_exact_network_at_its_rates_lead_to_the_law():
    net = exact("late bonds")
    np.testing.assert_allclose(chain_of(net, net.process), LAW.p, atol=1e-8)


def test_bound_of_a_crooked_network_is_one_in_all_forms(monkeypatch):
    net, process = Crooked(LAW.size, L, seed=5), by_class(LAW.size)
    found = expected(net, "late bonds", "time", monkeypatch)
    for form in ("level", "count"):
        again = expected(net, "late bonds", form, monkeypatch)
        np.testing.assert_allclose(again, found, rtol=1e-9)
    p = chain_of(net, process)
    assert p.sum() == pytest.approx(1.0, abs=1e-8)
    assert (found > -np.log(p) + 1e-4).all()


@pytest.mark.parametrize("form", ["time", "level"])
@pytest.mark.parametrize("schedule", [LogLinear(), CosineMD4()], ids=repr)
def test_one_class_is_the_masked_process(form, schedule):
    n, active = 200, torch.ones(200, L, dtype=torch.bool)
    active[:, 1] = torch.arange(n) % 3 > 0
    x_0 = torch.from_numpy(LAW.rows[np.arange(n) % len(LAW.rows)])
    plain, net, keys = MaskedProcess(2, schedule), Crooked(2, L), torch.arange(n)
    alike = ClassMaskedProcess(2, schedule, {"a": [0], "b": [1]}, {"b": type(schedule)()})
    for process in (ClassMaskedProcess(2, schedule), alike):
        t = torch.linspace(0.01, 1.0, n, dtype=torch.float64)
        noisy = [one.corrupt(x_0, t, active, keys) for one in (plain, process)]
        assert torch.equal(*noisy)
        kernels = [one.log_kernel(noisy[0], x_0, t) for one in (plain, process)]
        assert torch.equal(*kernels)
        steps = [
            one.transition(noisy[0], net(noisy[0], t), t, t / 2).log_probs.exp()
            for one in (plain, process)
        ]
        torch.testing.assert_close(*steps, rtol=0.0, atol=1e-12)
        expected = masked_nelbo(net, plain, x_0, active, keys, form)
        found = nelbo(net, process, x_0, active, keys, form)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@forms
def test_the_estimates_of_single_draws_are_unbiased(form):
    net, n = exact("late bonds"), 30_000
    x_0 = torch.from_numpy(np.repeat(LAW.rows[3:4], n, 0))
    active = torch.ones_like(x_0, dtype=torch.bool)
    found = nelbo(net, by_class(2), x_0, active, torch.arange(n), form).numpy()
    error = found.std() / n**0.5
    assert abs(found.mean() + np.log(LAW.p[3])) < 5 * error
    assert error < 0.1


def test_frozen_positions_are_shown_clean_and_are_not_scored():
    class Recorder(Crooked):
        def forward(self, x_t, t, cond=None, at=None):
            self.shown, self.clock = x_t, t
            return super().forward(x_t, t, cond, at)

    net, n = Recorder(2, L, needs_time=True), 400
    x_0 = torch.from_numpy(LAW.rows[np.arange(n) % len(LAW.rows)])
    active = random.uniform(torch.arange(n), L) < 0.5
    found = nelbo(net, by_class(2), x_0, active, torch.arange(n), "count")
    assert torch.equal(net.shown[~active], x_0[~active])
    assert (net.clock[~active] == 0).all()
    assert (net.clock[active] > 0).all()
    assert (((net.shown == 2) & active).any(1) == active.any(1)).all()
    assert (found[~active.any(1)] == 0).all()
    assert found.isfinite().all()


@forms
def test_what_was_not_seen_is_no_evidence(form):
    net, process = exact("late bonds"), by_class(2)
    known = LAW.rows[5].copy()
    p = LAW.p[(LAW.rows[:, 1:] == known[1:]).all(1)].sum()
    known[0] = process.mask_id
    x_0 = torch.from_numpy(known)[None].repeat(20_000, 1)
    found = nelbo(net, process, x_0, x_0 < 2, torch.arange(20_000), form).numpy()
    assert abs(found.mean() + np.log(p)) < 5 * found.std() / len(found) ** 0.5
    assert found.std() / len(found) ** 0.5 < 0.02


def test_wrong_forms_are_refused():
    x_0 = torch.zeros(1, L, dtype=torch.int64)
    with pytest.raises(InputError, match="form must be one of level, time, count"):
        nelbo(Crooked(2, L), by_class(2), x_0, x_0 == 0, torch.zeros(1).long(), "levels")
