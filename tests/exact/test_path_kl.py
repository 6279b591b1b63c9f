"""The divergence of two models along paths against the enumeration of all paths."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.kl import path_kl, row_kl, step_kl
from discdiff.guidance.finetune.soft_kernel import averaged_kernel
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral, grid_times
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import kernel_matrix
from tests.exact.laws import dirichlet, model_of, words

KINDS = ["masked", "uniform"]
OURS, THEIRS = (dirichlet(2, 2, seed=seed, concentration=2.0) for seed in (3, 4))


def states_of(kind, law=OURS):
    return torch.from_numpy(words(law.size + (kind == "masked"), law.width))


def divergences(kind, x, t, s):
    """The library's own at every state, (B,)."""
    ours, theirs = model_of(OURS, kind), model_of(THEIRS, kind)
    t, s = (torch.full((len(x),), time, dtype=torch.float64) for time in (t, s))
    tables = (model.denoiser(x, t) for model in (ours, theirs))
    return step_kl(ours.process, x, *tables, t, s).sum(1)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_have_the_divergence_of_the_kernels_between_all_states(kind):
    for t, s in ((1.0, 0.6), (0.6, 0.1), (0.1, 0.0)):
        p, q = (kernel_matrix(model_of(law, kind), t, s) for law in (OURS, THEIRS))
        by_hand = np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, q, 1)), 0)
        found = divergences(kind, states_of(kind), t, s)
        np.testing.assert_allclose(found, by_hand.sum(1), atol=1e-12)
        assert by_hand.sum() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_over_steps_is_the_divergence_of_all_paths(kind):
    times = [1.0, 0.7, 0.3, 0.0]
    p, q = (
        [kernel_matrix(model_of(law, kind), t, s) for t, s in pairwise(times)]
        for law in (OURS, THEIRS)
    )
    count = len(p[0])
    start = np.full(count, 1 / count) if kind == "uniform" else np.eye(count)[-1]
    whole = 0.0
    for path in product(range(count), repeat=4):
        steps = list(pairwise(path))
        chances = [
            start[path[0]] * np.prod([m[step] for m, step in zip(kernels, steps, strict=True)])
            for kernels in (p, q)
        ]
        whole += chances[0] * np.log(chances[0] / chances[1]) if chances[0] > 0 else 0.0
    by_steps, visited = 0.0, start
    for matrix, (t, s) in zip(p, pairwise(times), strict=True):
        by_steps += visited @ divergences(kind, states_of(kind), t, s).numpy()
        visited = visited @ matrix
    assert by_steps == pytest.approx(whole, rel=1e-10)


def released(process, x_t, log_p, log_q, t, s):
    """The divergence as published code has it: of visible rows, on which both laws are one."""
    shown = [process.x0_posterior(one, x_t, t[:, None]).clamp(min=-1e6) for one in (log_p, log_q)]
    visible = (x_t != process.mask_id)[..., None]
    return (visible * shown[0].exp() * (shown[0] - shown[1])).sum(-1)


def test_the_released_divergence_is_zero_on_hard_steps():
    x = states_of("masked")
    ours, theirs = (model_of(law, "masked") for law in (OURS, THEIRS))
    t, s = (torch.full((len(x),), time, dtype=torch.float64) for time in (0.8, 0.4))
    tables = [model.denoiser(x, t) for model in (ours, theirs)]
    assert released(ours.process, x, *tables, t, s).abs().max() == 0.0
    found = step_kl(ours.process, x, *tables, t, s)
    assert (found[x == ours.process.mask_id] > 1e-4).all()
    assert (found[x != ours.process.mask_id] == 0.0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_one_hot_rows_have_the_divergence_of_their_tokens(kind):
    model = model_of(OURS, kind)
    x = states_of(kind)
    log_p, log_q = (model_of(law, kind).denoiser(x, torch.full((len(x),), 0.7).double())
                    for law in (OURS, THEIRS))  # fmt: skip
    t, s = (torch.full((len(x),), time, dtype=torch.float64) for time in (0.7, 0.2))
    rows = torch.nn.functional.one_hot(x, model.process.input_size).double()
    hard = step_kl(model.process, x, log_p, log_q, t, s)
    torch.testing.assert_close(step_kl(model.process, rows, log_p, log_q, t, s), hard)


def test_a_row_that_is_part_mask_counts_by_that_part():
    process = model_of(OURS, "masked").process
    log_p, log_q = (torch.tensor([[[p, 1 - p]]]).log() for p in (0.3, 0.6))
    t, s = torch.tensor([0.8]), torch.tensor([0.2])
    rows = torch.tensor([[[0.1, 0.5, 0.4, 0.0]]])
    found = step_kl(process, rows, log_p, log_q, t, s)
    torch.testing.assert_close(found, 0.4 * 0.75 * row_kl(log_p, log_q))


def test_the_kernel_of_a_mixture_is_the_mixture_of_kernels():
    size = 3
    process = model_of(dirichlet(size, 2), "uniform").process
    log_p = torch.randn(1, 2, size, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    mixture = torch.tensor([[[0.2, 0.5, 0.3, 0.0, 0.0], [0.0, 0.9, 0.1, 0.0, 0.0]]])
    for t, s in ((1.0, 0.6), (0.6, 0.2), (0.4, 0.0)):
        t, s = (torch.full((1, 2), time, dtype=torch.float64) for time in (t, s))
        by_hand = sum(
            mixture[..., v : v + 1] * process.transition(
                torch.full((1, 2), v), log_p, t, s
            ).log_probs.exp()
            for v in range(size)
        )  # fmt: skip
        found = averaged_kernel(process, mixture, log_p, t, s).exp()
        torch.testing.assert_close(found, by_hand.double(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relaxed", [False, True], ids=["hard", "relaxed"])
def test_gradients_are_finite_differences(kind, relaxed):
    process = model_of(OURS, kind).process
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 2, 3, 2, generator=draw, dtype=torch.float64).requires_grad_()
    x = torch.tensor([[0, 1, 1], [1, 0, 0]])
    x[0, 1] = process.mask_id if kind == "masked" else 0
    if relaxed:
        x = torch.rand(2, 3, 4, generator=draw, dtype=torch.float64)
        x[..., 3 if kind == "masked" else 2 :] = 0.0
        x = (x / x.sum(-1, keepdim=True)).requires_grad_()
    t, s = torch.tensor([0.9, 0.5]).double(), torch.tensor([0.4, 0.0]).double()

    def total(logits, *rows):
        return step_kl(process, rows[0] if rows else x, *logits.log_softmax(-1), t, s).sum()

    assert torch.autograd.gradcheck(total, (logits, x) if relaxed else (logits,), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "sampler"),
    [("masked", FirstHitting), ("masked", Ancestral), ("uniform", Ancestral)],
)
def test_the_mean_over_designs_is_the_divergence_of_paths(kind, sampler):
    ours, theirs = (model_of(law, kind) for law in (OURS, THEIRS))
    options = {"steps": 6} if sampler is Ancestral else {}
    drawing = sampler(ours, **options)
    state, spent = path_kl(drawing, theirs, drawing.init(6000, key=3))
    if sampler is FirstHitting:  # of one position at a time: the divergence of the laws themselves
        expected = (OURS.p * np.log(OURS.p / THEIRS.p)).sum()
        assert (state.tokens < OURS.size).all()
    else:
        states, expected = states_of(kind), 0.0
        visited = np.full(len(states), 1 / len(states))
        visited = visited if kind == "uniform" else np.eye(len(states))[-1]
        for t, s in pairwise(grid_times(6, "linear").tolist()):
            expected += visited @ divergences(kind, states, t, s).numpy()
            visited = visited @ kernel_matrix(ours, t, s)
    error = spent.std().item() / len(spent) ** 0.5
    assert abs(spent.mean().item() - expected) < 4.5 * error
    assert path_kl(drawing, ours, drawing.init(20, key=3))[1].abs().max() < 1e-12


def test_what_has_no_such_divergence_is_refused():
    masked, other = model_of(OURS), model_of(THEIRS)
    for sampler in (EntropyOrder(masked), ReMDM(masked, steps=4)):
        with pytest.raises(UnsupportedError, match="needs a masked or uniform process and a plan"):
            path_kl(sampler, other, sampler.init(2, key=1))
    by_class = Ancestral(model_of(OURS, "class_masked"), steps=4)
    with pytest.raises(UnsupportedError, match="on a class_masked process"):
        path_kl(by_class, other, by_class.init(2, key=1))
    x, t = torch.zeros(1, 2, dtype=torch.int64), torch.ones(1)
    with pytest.raises(UnsupportedError, match="masked or uniform process, got class_masked"):
        step_kl(by_class.process, x, torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), t, t)
    sampler = FirstHitting(masked)
    with pytest.raises(InputError, match="must be a masked model over 2 tokens, got a uniform"):
        path_kl(sampler, model_of(OURS, "uniform"), sampler.init(2, key=1))
