"""Relaxed paths: what is carried on, where gradients end, and what checkpoints change."""

import itertools

import numpy as np
import pytest
import torch

from discdiff.denoiser import Denoiser
from discdiff.domain import Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.finetune.anneal import Anneal
from discdiff.guidance.finetune.relaxed_path import RelaxedPath, spread
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.ancestral import Ancestral
from tests.exact.laws import dirichlet, floor, model_of, p_value

KINDS = ["masked", "uniform"]
LAW = dirichlet(3, 2, seed=5, concentration=2.0)


def small(kind, seed=0, length_law=None):
    """A random transformer over four letters, in the mode in which it samples."""
    torch.manual_seed(seed)
    uniform = kind == "uniform"
    net = Transformer(4, 8, width=16, depth=1, heads=2, needs_time=uniform).eval()
    process = UniformProcess(4) if uniform else MaskedProcess(4)
    lengths = LengthLaw.fixed(8) if length_law is None else length_law
    return Model(net, process, Letters("ACGT"), lengths, None, uniform)


def walked(kind, n=6, steps=6, key=2, length_law=None, **options):
    ours = small(kind, length_law=length_law)
    sampler = Ancestral(ours, steps)
    walk = RelaxedPath(**options)(
        sampler, small(kind, 1), sampler.init(n, key=key), temperature=0.7
    )
    return ours, walk


def gradients(model, loss):
    return torch.autograd.grad(loss, [*model.denoiser.parameters()], allow_unused=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relax", ["straight_through", "soft"])
def test_designs_are_one_hot_rows_with_gradients(kind, relax):
    two = LengthLaw([0, 0, 0, 1, 0, 1])
    ours, walk = walked(kind, relax=relax, window=3, length_law=two)
    size, pad = ours.vocab_size, ours.process.pad_id
    np.testing.assert_allclose(
        walk.rows.detach(), torch.nn.functional.one_hot(walk.tokens, size + 2), atol=1e-6
    )
    length = (walk.tokens != pad).sum(1)
    assert set(length.tolist()) <= {3, 5}
    assert (length.numpy() == walk.state.lengths).all()
    assert (walk.tokens[:, :3] < size).all()
    assert walk.rows.requires_grad
    assert walk.kl.requires_grad
    assert (walk.kl > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relax", ["straight_through", "soft"])
def test_checkpoints_change_no_gradient(kind, relax):
    found = []
    for checkpoint in (False, True):
        ours, walk = walked(kind, relax=relax, window=4, terms=1, checkpoint=checkpoint)
        loss = walk.rows[..., 2].sum() + walk.kl.sum()
        found.append([*gradients(ours, loss), walk.rows.detach(), walk.kl.detach()])
    for plain, kept in zip(*found, strict=True):
        assert (plain is None) == (kept is None)
        if plain is not None:
            torch.testing.assert_close(plain, kept, rtol=1e-6, atol=1e-9)


def test_a_step_that_runs_again_drops_nothing_out():
    """Networks answer as in sampling, in the backward pass as well, and are set back after."""
    found = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        net = Transformer(4, 8, width=16, depth=1, heads=2, dropout=0.5).train()
        ours = Model(net, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(8))
        sampler = Ancestral(ours, 6)
        path = RelaxedPath(4, checkpoint=checkpoint)
        walk = path(sampler, small("masked", 1), sampler.init(6, key=2), 0.7)
        assert net.training
        found.append(gradients(ours, walk.rows[..., 2].sum() + walk.kl.sum()))
    for plain, kept in zip(*found, strict=True):
        torch.testing.assert_close(plain, kept, rtol=1e-6, atol=1e-9)


def test_the_reference_has_no_gradient():
    ours, reference = small("masked"), small("masked", 1)
    sampler = Ancestral(ours, 6)
    walk = RelaxedPath(4, "soft")(sampler, reference, sampler.init(6, key=2), 0.7)
    (walk.rows[..., 2].sum() + walk.kl.sum()).backward()
    assert all(one.grad is None for one in reference.denoiser.parameters())
    assert ours.denoiser.embedding.weight.grad.abs().sum() > 0


def test_gradients_end_where_the_window_begins():
    """A network that is asked at known times: its weight for each step has a gradient or none."""

    class ByStep(Denoiser):
        def __init__(self):
            super().__init__(4, 2, needs_time=True)
            self.weights = torch.nn.Parameter(torch.zeros(8, 4, dtype=torch.float64))

        def forward(self, x_t, t, cond=None, at=None):
            step = (8 - 8 * t.reshape(len(t), -1).amax(1)).round().long().clamp(max=7)
            rows = self.weights[step][:, None].expand(*x_t.shape[:2], -1).log_softmax(-1)
            return rows if at is None else rows[at]

    def touched(window, terms):
        net = ByStep()
        model = Model(net, UniformProcess(4), Letters("ACGT"), LengthLaw.fixed(2), None, True)
        other = Model(ByStep(), UniformProcess(4), Letters("ACGT"), LengthLaw.fixed(2))
        other.denoiser.weights.data[:, 0] = 1.0
        sampler = Ancestral(model, 8)
        path = RelaxedPath(window, checkpoint=False, terms=terms)
        walk = path(sampler, other, sampler.init(64, key=1), 1.0)
        by_reward = torch.autograd.grad(walk.rows[..., 2].sum(), net.weights, retain_graph=True)[0]
        by_kl = torch.autograd.grad(walk.kl.sum(), net.weights)[0]
        return [(slope.abs().sum(1) > 0).tolist() for slope in (by_reward, by_kl)]

    by_reward, by_kl = touched(3, None)
    assert by_reward == [False] * 5 + [True] * 3
    assert by_kl == [True] * 8
    assert sum(touched(3, 2)[1]) == 3 + 2


def test_masks_are_lifted_once_and_what_is_visible_stays():
    ours, seen = small("masked"), []
    inner = ours.denoiser.forward
    ours.denoiser.forward = lambda x, *rest: (seen.append(x.detach()), inner(x, *rest))[1]
    sampler = Ancestral(ours, 8)
    path = RelaxedPath(8, "soft", checkpoint=False)
    path(sampler, small("masked", 1), sampler.init(16, key=4), 1.0)
    assert len(seen) == 8
    for before, after in itertools.pairwise(seen):
        shown = before[..., 4] == 0
        torch.testing.assert_close(after[shown], before[shown])
        assert ((after[..., 4] == 0) | (after[..., 4] == 1)).all()
        torch.testing.assert_close(after.sum(-1), torch.ones(after.shape[:2]))
    assert (seen[0][..., 4] == 1).all()
    assert (seen[-1][..., 4] == 0).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [2, 5])
def test_straight_through_designs_have_the_law_of_the_sampler(kind, window):
    model = model_of(LAW, kind)
    sampler = Ancestral(model, 5)
    state = sampler.init(8000, key=9)
    walk = RelaxedPath(window, terms=1, checkpoint=False)(sampler, model, state, 0.5)
    counts = LAW.counts(walk.tokens)
    drawn = LAW.counts(sampler.run(sampler.init(40_000, key=3)).tokens) / 40_000
    assert 0.5 * np.abs(counts / 8000 - drawn).sum() < 4 * floor(drawn, 8000)
    assert p_value(counts, np.full(len(drawn), 1 / len(drawn))) < 1e-12  # and no other
    assert walk.kl.abs().max() < 1e-9  # of a model from itself


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_whose_divergence_is_taken_stand_for_all(kind):
    few = torch.cat([walked(kind, 200, 12, key, window=2, terms=2)[1].kl for key in range(12)])
    every = torch.cat([walked(kind, 200, 12, key, window=2, terms=None)[1].kl for key in (50, 51)])
    batches = few.view(12, 200).mean(1)  # rows of a batch share the steps
    error = (batches.var() / 12 + every.var() / 400).sqrt()
    assert abs(few.mean() - every.mean()) < 4.5 * error
    assert abs(few.mean() - 0.5 * every.mean()) > 4.5 * error


def test_spread_takes_each_step_alike():
    taken = np.zeros(7)
    for u in (np.arange(1000) + 0.5) / 1000:
        steps, share = spread(7, 3, float(u))
        assert len(set(steps)) == 3
        taken[steps] += share
    np.testing.assert_allclose(taken / 1000, 1.0, atol=0.01)
    assert spread(0, 3, 0.5) == ([], 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_key_gives_the_same_walk(kind):
    (_, one), (_, two) = (walked(kind, window=3) for _ in range(2))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(one.kl, two.kl)
    assert not torch.equal(one.tokens, walked(kind, window=3, key=3)[1].tokens)


def test_temperatures_change_by_their_shape():
    assert [Anneal(2.0, 0.5, 4, "linear")(k) for k in (0, 2, 4, 9)] == [2.0, 1.25, 0.5, 0.5]
    halved = [Anneal(2.0, 0.5, 4, "exponential")(k) for k in (0, 2, 4, 9)]
    assert halved == pytest.approx([2.0, 1.0, 0.5, 0.5])
    assert Anneal(2.0)(7) == 2.0
    with pytest.raises(InputError, match="end must be start for shape='constant', got 2.0 and 1"):
        Anneal(2.0, 1.0)


def test_bad_input():
    model = small("masked")
    sampler = Ancestral(model, 4)
    state = sampler.init(2, key=1)
    with pytest.raises(InputError, match="window must be at most the sampler's 4 steps, got 5"):
        RelaxedPath(5)(sampler, model, state, 1.0)
    with pytest.raises(InputError, match="temperature must be greater than 0, got 0.0"):
        RelaxedPath(2)(sampler, model, state, 0.0)
    by_class = Ancestral(model_of(LAW, "class_masked"), 4)
    with pytest.raises(UnsupportedError, match="masked or uniform process, got class_masked"):
        RelaxedPath(2)(by_class, by_class.model, by_class.init(2, key=1), 1.0)
    foreign = Model(_Foreign(model.denoiser), model.process, model.domain, model.lengths)
    drawing = Ancestral(foreign, 4)
    with pytest.raises(UnsupportedError, match="derive _Foreign from Denoiser, or set relaxes"):
        RelaxedPath(2)(drawing, model, drawing.init(2, key=1), 1.0)


class _Foreign(torch.nn.Module):
    """A network that makes no promise about relaxed rows."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.vocab_size, self.max_length = inner, inner.vocab_size, inner.max_length
        self.needs_time = inner.needs_time

    def forward(self, *args):
        return self.inner(*args)
