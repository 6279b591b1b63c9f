"""Forward kernels and factorised reverse kernels, position by position."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.errors import InputError
from discdiff.process import MaskedProcess, Transition, UniformProcess, inverse_cdf
from discdiff.schedule import CosineMD4, CosineMDLM, CosineSquared, Geometric, LogLinear, Polynomial
from tests.exact.chains import (
    noise_kernel,
)
from tests.exact.laws import (
    ACCEPT,
    p_value,
)

V = 3
SCHEDULES = [
    LogLinear(),
    Polynomial(2.0),
    CosineMDLM(),
    CosineMD4(),
    CosineSquared(),
    Geometric(),
]
by_name = {"ids": repr}
DRAWS = 30_000
TIMES = st.tuples(st.floats(0.001, 1.0), st.floats(0.0, 1.0)).map(lambda u: (u[0], u[0] * u[1]))


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def forward(process, alpha):
    """q(x_t | x_0) over all ids but PAD, (V, V + 1), from the definition."""
    if process.kind == "masked":
        return np.column_stack([alpha * np.eye(V), np.full(V, 1 - alpha)])
    return np.column_stack([noise_kernel(V, alpha), np.zeros(V)])


def step(process, ratio):
    """q(x_t | x_s) over all ids but PAD, (V + 1, V + 1), from the definition."""
    kernel = np.eye(V + 1)
    kernel[:V] = forward(process, ratio)
    return kernel


def bayes(process, t, s):
    """q(x_s | x_t, x_0), (x_0, x_t, x_s), from the two forward matrices."""
    alpha_t, alpha_s = (float(process.schedule.alpha(float64(u))) for u in (t, s))
    joint = forward(process, alpha_s)[:, :, None] * step(process, alpha_t / alpha_s)[None]
    total = joint.sum(1, keepdims=True)
    return np.divide(joint, total, where=total > 0, out=np.zeros_like(joint)).swapaxes(1, 2)


@pytest.mark.parametrize("schedule", SCHEDULES, **by_name)
@pytest.mark.parametrize("kind", [MaskedProcess, UniformProcess])
def test_corrupt_draws_the_forward_marginal_at_each_positions_own_time(kind, schedule):
    process = kind(V, schedule)
    t = torch.tensor([[0.0, 0.2, 0.7, 1.0, 0.5]]).expand(DRAWS, -1).double()
    x_0 = torch.tensor([0, 1, 2, 2, 1]).expand(DRAWS, -1)
    active = torch.tensor([True, True, True, True, False]).expand(DRAWS, -1)
    x_t = process.corrupt(x_0, t, active, torch.arange(DRAWS)).numpy()
    for i in range(4):
        kernel = forward(process, float(schedule.alpha(t[0, i])))[int(x_0[0, i])].clip(0, 1)
        assert p_value(np.bincount(x_t[:, i], minlength=V + 1), kernel) > ACCEPT
    assert (x_t[:, 4] == 1).all()


@pytest.mark.parametrize("kind", [MaskedProcess, UniformProcess])
def test_corrupt_and_prior_touch_no_inactive_position_and_no_pad(kind):
    process = kind(V)
    x_0 = torch.tensor([[0, 1, 2, process.pad_id]]).repeat(500, 1)
    active = torch.tensor([[True, False, True, False]]).repeat(500, 1)
    keys, ones = torch.arange(500), torch.ones(500).double()
    for noisy in (process.corrupt(x_0, ones, active, keys), process.prior(x_0, active, keys)):
        assert (noisy[:, [1, 3]] == x_0[:, [1, 3]]).all()
        assert (noisy[:, [0, 2]] != x_0[:, [0, 2]]).any(0).all()
        assert (noisy[:, [0, 2]] <= process.mask_id).all()


@pytest.mark.parametrize("kind", [MaskedProcess, UniformProcess])
def test_prior_is_the_kernel_at_time_one(kind):
    process = kind(V)
    x_0 = torch.zeros(DRAWS, 1, dtype=torch.int64)
    x_1 = process.prior(x_0, x_0 == 0, torch.arange(DRAWS))
    assert p_value(np.bincount(x_1[:, 0], minlength=V + 1), forward(process, 0.0)[0]) > ACCEPT


def test_positions_are_noised_independently():
    process = UniformProcess(V)
    x_0 = torch.zeros(DRAWS, 2, dtype=torch.int64)
    x_t = process.corrupt(x_0, torch.full((DRAWS,), 0.5), x_0 == 0, torch.arange(DRAWS))
    side = noise_kernel(V, 0.5)[0]
    counts = np.bincount((x_t[:, 0] * V + x_t[:, 1]).numpy(), minlength=V * V)
    assert p_value(counts, np.outer(side, side).ravel()) > ACCEPT


@pytest.mark.parametrize("schedule", SCHEDULES, **by_name)
@pytest.mark.parametrize("kind", [MaskedProcess, UniformProcess])
def test_log_kernel_is_the_forward_matrix(kind, schedule):
    process = kind(V, schedule)
    size = V + 1 if kind is MaskedProcess else V
    x_0, x_t = torch.meshgrid(torch.arange(V), torch.arange(size), indexing="ij")
    for t in (0.0, 0.1, 0.6, 1.0):
        found = process.log_kernel(x_t, x_0, float64([t] * V)).exp().numpy()
        expected = forward(process, float(schedule.alpha(float64(t))))[:, :size]
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, **by_name)
@pytest.mark.parametrize("kind", [MaskedProcess, UniformProcess])
def test_transition_of_a_certain_network_is_bayes_posterior(kind, schedule):
    process = kind(V, schedule)
    size = V + 1 if kind is MaskedProcess else V
    x_0, x_t = torch.meshgrid(torch.arange(V), torch.arange(size), indexing="ij")
    certain = torch.nn.functional.one_hot(x_0, V).double().log()
    for t, share in product((0.1, 0.4, 0.75, 1.0), (0.0, 0.3, 0.9)):
        s = share * t
        kernel = process.transition(x_t, certain, float64([t] * V), float64([s] * V))
        found, expected = kernel.log_probs.exp().numpy(), bayes(process, t, s)[:, :size, :size]
        possible = forward(process, float(schedule.alpha(float64(t))))[:, :size] > 0
        np.testing.assert_allclose(found[possible], expected[possible], atol=1e-12)


def test_reveal_probability_keeps_its_digits_near_the_data():
    process = MaskedProcess(V)
    assert process.reveal_probability(float64(1e-15), float64(2.5e-16)).item() == 0.75


@settings(deadline=None)
@given(times=TIMES, share=st.floats(0.0, 1.0))
def test_remasking_keeps_the_marginals(times, share):
    process = MaskedProcess(V)
    t, s = (float64([u]) for u in times)
    sigma = share * process.max_remask(t, s)
    x_t = torch.tensor([[0, process.mask_id]])
    certain = float64([[[1.0, 0, 0], [1.0, 0, 0]]]).log()
    rows = process.transition(x_t, certain, t, s, remask=sigma[:, None]).log_probs.exp()[0]
    before = float64([1 - times[0], times[0]])
    after = before @ rows
    torch.testing.assert_close(after, float64([1 - times[1], 0, 0, times[1]]), atol=1e-12, rtol=0)


def test_the_largest_remasking_probability_is_the_published_bound():
    process = MaskedProcess(V)
    t, s = float64([0.9, 0.3, 0.2, 1.0]), float64([0.8, 0.2, 0.0, 0.9])
    # min(1, (1 - alpha_s) / alpha_t), by hand
    expected = float64([1.0, 0.2 / 0.7, 0.0, 1.0])
    torch.testing.assert_close(process.max_remask(t, s), expected)


def test_event_law_is_the_transition_of_the_revealed_position():
    uniform = UniformProcess(V)
    log_p = float64([[0.5, 0.3, 0.2]]).log()
    x_t, t, s = torch.tensor([1]), float64([0.7]), float64([0.4])
    whole = uniform.transition(x_t[None], log_p[None], t, s).log_probs[0]
    torch.testing.assert_close(uniform.event_log_probs(log_p, x_t, t, s), whole)
    assert torch.equal(MaskedProcess(V).event_log_probs(log_p, x_t, t, s), log_p)


def test_posterior_of_a_clean_token_carries_the_mask_or_reweighs_the_cavity():
    p = np.array([0.5, 0.3, 0.2])
    log_p, x_t = torch.from_numpy(np.log(p)).expand(2, V), torch.tensor([1, V])
    masked = MaskedProcess(V).x0_posterior(log_p, x_t, torch.tensor(0.4)).exp().numpy()
    np.testing.assert_allclose(masked, [[0, 1, 0], p], atol=1e-12)
    uniform = UniformProcess(V).x0_posterior(log_p[:1], x_t[:1], float64(0.4))
    expected = p * noise_kernel(V, 0.6)[:, 1]
    np.testing.assert_allclose(uniform.exp().numpy()[0], expected / expected.sum(), atol=1e-12)


def test_editable_positions_are_masks_or_everything_active():
    x_t = torch.tensor([[0, V, V]])
    active = torch.tensor([[True, True, False]])
    assert MaskedProcess(V).editable(x_t, active).tolist() == [[False, True, False]]
    assert UniformProcess(V).editable(x_t, active).tolist() == [[True, True, False]]


def test_transition_tilts_compares_and_scores_as_a_product_law():
    p, q = np.random.default_rng(0).dirichlet(np.ones(V), (2, 1, 2))
    kernel, other = (Transition(torch.from_numpy(a).log()) for a in (p, q))
    x = torch.tensor([[2, 0]])
    assert kernel.log_prob(x).item() == pytest.approx(np.log(p[0, 0, 2] * p[0, 1, 0]))
    assert kernel.kl(other).item() == pytest.approx((p * np.log(p / q)).sum())
    ratio = np.random.default_rng(1).normal(size=p.shape)
    tilted = p * np.exp(ratio)
    found = kernel.tilt(torch.from_numpy(ratio)).log_probs.exp().numpy()
    np.testing.assert_allclose(found, tilted / tilted.sum(-1, keepdims=True), atol=1e-12)


def test_divergence_of_a_kernel_with_zeros_is_finite():
    kernel = Transition(torch.tensor([[[1.0, 0.0]]]).log())
    assert kernel.kl(kernel).item() == 0.0


def test_transition_draws_its_own_law():
    p = float64([[[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]]])
    drawn = Transition(p.log().expand(DRAWS, -1, -1)).sample(torch.arange(DRAWS))
    for i in range(2):
        counts = np.bincount(drawn[:, i], minlength=V)
        assert p_value(counts, p[0, i].numpy()) > ACCEPT


def test_inverse_cdf_cuts_the_unit_interval_at_the_cumulative_sums():
    log_p = float64([0.25, 0.0, 0.5, 0.25]).log().expand(6, -1)
    u = float64([0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1.0])
    assert inverse_cdf(log_p, u).tolist() == [0, 0, 2, 2, 3, 3]


def test_inverse_cdf_keeps_a_rare_category_in_single_precision():
    # one float32 exponential race would draw it a quarter too seldom
    p = float64([1.0 - 1e-7, 1e-7])
    edge = 1.0 - 1e-7
    u = float64([edge - 2e-9, edge + 2e-9])
    assert inverse_cdf(p.log().expand(2, -1), u).tolist() == [0, 1]
    single = inverse_cdf(p.log().float().expand(2, -1), float64([edge - 6e-8, edge + 6e-8]))
    assert single.tolist() == [0, 1]


def test_transition_refuses_a_matrix():
    with pytest.raises(InputError, match=r"log_probs must be \(B, L, K\), got shape \(2, 3\)"):
        Transition(torch.zeros(2, 3))


def test_process_refuses_an_empty_vocabulary():
    with pytest.raises(InputError, match="vocab_size must be a positive integer, got 0"):
        MaskedProcess(0)
