"""Sampling where tokens are masked by class: the exact law, and what the released sampler makes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import TabularDenoiser
from discdiff.domain import Template
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.evolution import Evolution
from discdiff.model import Model
from discdiff.process import MaskedProcess
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.samplers.start import Seeds
from discdiff.schedule import CosineMD4, Polynomial
from tests.exact.chains import class_law, class_step, given, given_by_class, kernel_matrix, marginal
from tests.exact.laws import (
    Law,
    by_class,
    differs,
    dirichlet,
    drawn,
    fits,
    independent,
    levels,
    model_of,
    outer,
    reward_of,
    tv,
    two_lengths,
    unbiased,
    words,
)

LAW = dirichlet(3, 3, seed=9, concentration=2.0)
MODEL = model_of(LAW, "class_masked")
# longer runs of the late token, which the masks of its neighbours tell of
RUNS = Law(2, words(2, 4), np.where(words(2, 4).sum(1) % 4 == 0, 0.4, 0.2 / 14))
LATE = model_of(RUNS, "class_masked")
TIMES = [(1.0, 0.4), (0.7, 0.69), (0.3, 0.0)]
at_times = pytest.mark.parametrize(("t", "s"), TIMES)


def masses(law, t):
    """q(z_t), flat."""
    return marginal(law, 1 - levels(law.size, t), "class_masked")


# The network and the kernel.


@pytest.mark.parametrize("t", [1.0, 0.6, 1e-3])
def test_a_mask_is_evidence_of_its_class(t):
    states = words(4, 3)
    found = (
        MODEL.denoiser(torch.from_numpy(states), torch.full((64,), t, dtype=torch.float64))
        .exp()
        .numpy()
    )
    expected = np.stack([given_by_class(LAW, z, levels(3, t)) for z in states])
    np.testing.assert_allclose(found, expected, atol=1e-12)
    plain = np.stack([given(LAW, z) for z in states])
    assert (np.abs(found - plain).max() < 1e-12) == (t == 1.0)


def test_relaxed_rows_of_one_hots_are_answered_as_tokens():
    states = torch.from_numpy(words(4, 3))
    for t in (torch.full((64,), 0.3).double(), torch.rand(64, 3).double() * 0.9 + 0.1):
        relaxed = torch.nn.functional.one_hot(states, 5).double()
        found, expected = MODEL.denoiser(relaxed, t).exp(), MODEL.denoiser(states, t).exp()
        hidden = (states == 3) & (expected.sum(-1) > 0)
        agree = expected.amax(-1) > 1 / 3 + 1e-12  # nothing of the table agrees with the others
        torch.testing.assert_close(found[hidden & agree], expected[hidden & agree])


@at_times
def test_kernel_is_that_of_the_definition(t, s):
    found = kernel_matrix(MODEL, t, s)
    expected = class_step(LAW, levels(3, t), levels(3, s))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-12)


@at_times
def test_one_step_is_exact_where_positions_are_independent(t, s):
    for law in (independent(3, 3), dirichlet(3, 1)):
        model = model_of(law, "class_masked")
        assert tv(masses(law, t) @ kernel_matrix(model, t, s), masses(law, s)) < 1e-12


def test_error_of_one_step_is_of_second_order_and_of_the_released_one_of_first():
    right, wrong = [], []
    for dt in (1e-2, 1e-3):
        t, s = 0.5, 0.5 - dt
        after = masses(LAW, s)
        right.append(tv(masses(LAW, t) @ kernel_matrix(MODEL, t, s), after))
        # trained by class, sampled as if every token were masked at a uniform time
        step = class_step(LAW, np.full(3, t), np.full(3, s), seen=levels(3, t))
        wrong.append(tv(masses(LAW, t) @ step, after))
    assert right[1] == pytest.approx(right[0] / 100, rel=0.2)
    assert wrong[1] == pytest.approx(wrong[0] / 10, rel=0.2)
    assert wrong[1] > 100 * right[1]


def test_the_grid_leads_to_the_law_and_that_of_the_released_sampler_elsewhere():
    def error(steps, **options):
        times = np.arange(steps, -1, -1) / steps
        return tv(class_law(RUNS, times, **options).p, RUNS.p)

    right = [error(steps, levels=levels) for steps in (4, 8, 16)]
    assert right[0] > 1.7 * right[1] > 1.7**2 * right[2]
    times, flat = np.arange(64, -1, -1) / 64, np.eye(81)[-1]
    for t, s in pairwise(times):
        flat = flat @ class_step(RUNS, np.full(2, t), np.full(2, s), seen=levels(2, t))
    lost = flat[(words(3, 4) < 2).all(1)]
    assert tv(lost, RUNS.p) > 0.1


# Samplers.


@pytest.mark.parametrize("law", [LAW, RUNS, two_lengths()], ids=["three", "runs", "lengths"])
def test_first_hitting_samples_the_law(law):
    samples = FirstHitting(model_of(law, "class_masked")).sample(20_000, key=1, batch_size=20_000)
    assert fits(law, samples.tokens)
    assert (samples.log_weight == 0).all()


@pytest.mark.parametrize(
    "schedules",
    [{"B": Polynomial(0.5), "C": CosineMD4()}, {"AB": Polynomial(2.0), "C": Polynomial(5.0)}],
    ids=["three schedules", "none is the first"],
)
def test_first_hitting_samples_the_law_of_any_schedules(schedules):
    strings = ["".join("ABC"[i] for i in row) for row in LAW.rows]
    model = Model.tabular(strings, LAW.p.tolist(), "class_masked", schedules=schedules)
    assert fits(LAW, drawn(FirstHitting(model)))


def test_the_released_sampler_misses_the_law():
    # one schedule for all tokens at sampling, a network that was trained by class
    wrong = Model(LATE.denoiser, MaskedProcess(2), LATE.domain, LATE.lengths)
    for sampler in (FirstHitting(wrong), Ancestral(wrong, steps=100)):
        tokens = drawn(sampler, 5000)
        assert differs(RUNS, tokens)
        assert tv(RUNS.counts(tokens) / 5000, RUNS.p) > 0.1
    assert fits(RUNS, drawn(FirstHitting(LATE), 5000))


def test_a_run_that_stops_has_the_law_of_its_time_and_goes_on():
    sampler = FirstHitting(MODEL)
    state = sampler.run(sampler.init(20_000, key=4), stop=0.4)
    states = Law(3, words(4, 3), masses(LAW, 0.4))
    code = 5 ** np.arange(3)
    known, found = states.rows @ code, state.tokens.numpy() @ code
    counts = np.array([(found == one).sum() for one in known])
    assert fits(states, np.repeat(states.rows, counts, 0))
    assert differs(Law(3, words(4, 3), masses(LAW, 0.5)), state.tokens)
    assert (state.t == 0.4).all()
    assert fits(LAW, sampler.run(state).tokens)


@pytest.mark.parametrize("masks", [1, 3])
def test_reveals_are_proposed_at_the_largest_rate(masks):
    x_t = torch.tensor([[3] * masks + [0] * (3 - masks)]).repeat(4000, 1)
    t = torch.full((4000,), 0.8, dtype=torch.float64)
    sampler = FirstHitting(MODEL)
    state = sampler.start(x_t, t, x_t == x_t, keys=torch.arange(4000))
    event = state.plan.event(state, 0.0)
    assert len(event.rows) == 4000
    # the rates are 3 / t and 1 / t: nothing is proposed down to s with chance (s / t)^(3 masks)
    assert stats.kstest((event.s / 0.8).numpy() ** (3 * masks), "uniform").pvalue > 1e-4
    assert stats.chisquare(np.bincount(event.cols, minlength=masks)).pvalue > 1e-4 or masks == 1


def test_passes_of_first_hitting():
    counts = FirstHitting(LATE).sample(3000, key=2).counts
    # one for each proposal: all of late tokens are kept and a third of the others, or fewer passes
    assert 3000 * 4 < counts["nfe"] < 3000 * 4 * 3
    one = Model.tabular(["AB", "BA"], kind="class_masked")
    assert FirstHitting(one).sample(100, key=2).counts["nfe"] == 200


@pytest.mark.parametrize("grid", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [1, 3])
def test_ancestral_sampling_is_the_product_of_its_kernels(steps, grid):
    u = np.arange(steps + 1) / steps
    times = 1 - u if grid == "linear" else np.cos(np.pi / 2 * u)
    law = class_law(LAW, [*times[:-1], 0.0], levels)
    tokens = drawn(Ancestral(MODEL, steps=steps, grid=grid))
    assert fits(law, tokens)
    assert differs(LAW, tokens)


@pytest.mark.parametrize("make", [EntropyOrder, ConfidenceOrder, lambda m: Parallel(m, steps=4)])
def test_orders_of_their_own_ask_without_the_clock_and_are_exact(make):
    assert fits(LAW, drawn(make(MODEL)))
    assert fits(RUNS, drawn(make(LATE)))


def test_remasking_asks_without_the_clock():
    plain = ReMDM(model_of(LAW), steps=6, eta=0.3).sample(300, key=1)
    found = ReMDM(MODEL, steps=6, eta=0.3).sample(300, key=1)
    assert found.strings == plain.strings


def test_seeds_of_the_law_become_designs_of_it():
    strings = ["".join("ABC"[i] for i in row) for row in LAW.rows]
    listed = [s for s, p in zip(strings, LAW.p, strict=True) for _ in range(round(400 * p))]
    law = Law(3, LAW.rows, np.array([listed.count(s) / len(listed) for s in strings]))
    tokens = drawn(FirstHitting(model_of(law, "class_masked")), 5000, seeds=Seeds(listed, 0.6))
    assert fits(law, tokens)


# Templates.

LISTED = Template(MODEL.domain.alphabet, [{"A", "C"}, None, {"B", "C"}])
FROZEN = Template(MODEL.domain.alphabet, [None, "B", None])


def test_fixed_positions_give_the_conditional_law():
    p = LAW.p * (LAW.rows[:, 1] == 1)
    law = Law(3, LAW.rows, p / p.sum())
    for sampler in (FirstHitting(MODEL), EntropyOrder(MODEL)):
        done = sampler.run(sampler.init(10_000, key=1, template=FROZEN))
        assert fits(law, done.tokens)
        assert (done.log_weight == 0).all()


def test_fixed_positions_need_a_model_that_was_trained_with_them():
    plain = Model(MODEL.denoiser, MODEL.process, MODEL.domain, MODEL.lengths)
    assert not plain.handles_frozen
    with pytest.raises(UnsupportedError, match="fixed positions on a class_masked process need"):
        FirstHitting(plain).init(1, template=FROZEN)
    for make in (EntropyOrder, ReMDM, Parallel):
        with pytest.raises(UnsupportedError, match=f"{make.__name__} reveals tokens in an order"):
            make(plain)
    with pytest.raises(UnsupportedError, match="region must be sites for this model"):
        Evolution(region="span").run(FirstHitting(plain), reward_of(LAW, np.ones(27)), 20, key=1)


def test_allow_lists_are_exact_with_the_weight():
    allowed = LISTED.allowed.numpy()
    inside = allowed[np.arange(3), LAW.rows].all(1)
    on_grid = class_law(LAW, [1.0, 0.5, 0.0], levels)
    for sampler, law in ((FirstHitting(MODEL), LAW), (Ancestral(MODEL, steps=2), on_grid)):
        samples = sampler.sample(10_000, key=5, template=LISTED, batch_size=10_000)
        assert inside[LAW.places(samples.tokens)].all()
        assert unbiased(law.p * inside, LAW, samples)
        assert not unbiased(law.p * inside * np.exp(0.3 * LAW.rows[:, 2]), LAW, samples)


def test_a_restricted_grid_is_its_matrices():
    allowed = LISTED.allowed.numpy()
    kept = class_law(LAW, [1.0, 0.5, 0.0], levels, allowed=allowed)
    inside = allowed[np.arange(3), LAW.rows].all(1)
    np.testing.assert_allclose(
        kept.p, class_law(LAW, [1.0, 0.5, 0.0], levels).p * inside, atol=1e-12
    )


# Previews and the path.


def test_previews_are_independent_posteriors_of_the_time():
    z, n = [3, 1, 3], 8000
    x_t, t = torch.tensor([z]).repeat(n, 1), torch.full((n,), 0.3, dtype=torch.float64)
    for sampler in (FirstHitting(MODEL), Ancestral(MODEL, steps=5)):
        state = sampler.start(x_t, t, x_t == x_t, keys=torch.arange(n))
        tokens = sampler.preview(state).tokens
        sides = given_by_class(LAW, z, levels(3, 0.3))
        assert fits(Law(3, LAW.rows, outer(sides)), tokens)
        late = given(LAW, z)
        late[1] = [0, 1, 0]
        assert differs(Law(3, LAW.rows, outer(late)), tokens)


def test_what_the_model_says_of_a_path_is_what_it_drew_when_it_was_revealed():
    model = model_of(dirichlet(3, 1, seed=2), "class_masked")
    sampler = FirstHitting(model)
    state = sampler.init(50, key=3)
    while not sampler.done(state):
        event, before = state.plan.event(state, 0.0), state
        state = sampler.step(state)
        for row in np.flatnonzero((before.tokens != state.tokens).any(1).numpy()):
            t = float(event.t[row])
            p = given_by_class(dirichlet(3, 1, seed=2), [3], levels(3, t))[0]
            p = p * np.where(np.arange(3) == 1, 3.0, 1.0)
            drew = p[int(state.tokens[row, 0])] / p.sum()
            assert float(state.path.log_prob[row, 0]) == pytest.approx(np.log(drew), rel=1e-9)
    belief = state.belief(sampler.process)
    torch.testing.assert_close(belief.log_likelihood, state.path.log_prob[:, 0])


# What is refused.


def test_wrong_classes_are_refused():
    late = Polynomial(3.0)
    with pytest.raises(InputError, match=r"classes \(bond, ring\), got one of 'bonds'. Did you"):
        ClassMaskedProcess(3, None, {"bond": [1], "ring": []}, {"bonds": late})
    with pytest.raises(InputError, match=r"schedules must .*\(there is none\), got one of 'bond'"):
        ClassMaskedProcess(3, None, None, {"bond": late})
    with pytest.raises(InputError, match="schedules must be schedules, got 3.0 of 'bond'"):
        ClassMaskedProcess(3, None, {"bond": [1]}, {"bond": 3.0})
    with pytest.raises(InputError, match="share no token, got 1 in 'bond' and 'ring'"):
        ClassMaskedProcess(3, None, {"bond": [1], "ring": [0, 1]})
    with pytest.raises(InputError, match=r"ids in \[0, 3\), got 3 in 'bond'"):
        ClassMaskedProcess(3, None, {"bond": [3]})
    with pytest.raises(InputError, match="schedules need kind 'class_masked', got 'masked'"):
        Model.tabular(["AC"], schedules={"A": late})
    net = TabularDenoiser(torch.tensor([[0]]), torch.ones(1), MaskedProcess(3))
    with pytest.raises(InputError, match="class_masked process needs a denoiser with needs_time"):
        Model(net, by_class(3), MODEL.domain, MODEL.lengths.fixed(1))
