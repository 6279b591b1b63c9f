"""Plain facts about the bounds: strata, masks, padding, dispatch and refusals."""

import pytest
import torch

from discdiff.errors import InputError, UnsupportedError
from discdiff.loss import FORMS, masked_nelbo, nelbo, stratified, uniform_nelbo
from discdiff.schedule import CosineMD4, Geometric, LogLinear, Polynomial
from tests.exact.laws import (
    dirichlet,
    model_of,
    two_lengths,
)

LAW = dirichlet(2, 3)
X_0 = torch.from_numpy(LAW.rows)
KEYS = torch.arange(len(X_0))
ALL = torch.ones_like(X_0, dtype=torch.bool)


@pytest.mark.parametrize(("count", "world"), [(8, 1), (3, 4), (1, 5)])
def test_strata_of_all_ranks_cover_the_unit_interval_once(count, world):
    shares = [stratified(count, 11, rank, world) for rank in range(world)]
    levels = torch.cat(shares).sort().values
    n = count * world
    assert (levels * n).long().tolist() == list(range(n))
    assert levels.dtype == torch.float64


def test_strata_are_dealt_out_afresh_for_each_batch_and_are_uniform_at_each_place():
    levels = torch.stack([stratified(4, seed) for seed in range(1000)])
    assert not torch.equal(levels[0], levels[1])
    assert (levels.mean(0) - 0.5).abs().max() < 5 * (1 / 12 / 1000) ** 0.5
    # every order of the four strata occurs: they are not tied to the order of the data
    assert len(levels.mul(4).long().unique(dim=0)) == 24


def test_strata_refuse_an_empty_batch():
    with pytest.raises(InputError, match="count must be a positive integer, got 0"):
        stratified(0, 1)


@pytest.mark.parametrize("form", FORMS)
def test_positions_that_are_not_active_are_seen_and_not_scored(form):
    model = model_of(LAW)
    none = torch.zeros_like(ALL)
    assert masked_nelbo(model.denoiser, model.process, X_0, none, KEYS, form).tolist() == [0.0] * 8
    # with two letters shown the bound is the conditional log-probability, whatever the noise
    active = ALL.clone()
    active[:, 1:] = False
    u = torch.full((8,), 0.999999, dtype=torch.float64)
    found = masked_nelbo(model.denoiser, model.process, X_0, active, KEYS, form, u=u).exp()
    p = torch.from_numpy(LAW.p).view(2, 2, 2)
    torch.testing.assert_close(found, (p.sum(0) / p).flatten(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_a_padded_batch_has_the_masked_bound_of_the_unpadded_sequences(form):
    law = two_lengths()
    model = model_of(law)
    padded, keys = torch.from_numpy(law.rows), torch.arange(12)
    real = padded != model.process.pad_id
    short = slice(0, 4)
    whole = masked_nelbo(model.denoiser, model.process, padded, real, keys, form)
    alone = masked_nelbo(
        model.denoiser, model.process, padded[short, :2], real[short, :2], keys[short], form
    )
    torch.testing.assert_close(whole[short], alone)


@pytest.mark.parametrize("form", FORMS)
def test_a_padded_batch_has_the_bound_by_class_of_the_unpadded_sequences(form):
    law = two_lengths()
    model = model_of(law, "class_masked")
    padded, keys = torch.from_numpy(law.rows), torch.arange(12)
    real = padded != model.process.pad_id
    short = slice(0, 4)
    whole = nelbo(model.denoiser, model.process, padded, real, keys, form)
    rows = padded[short, :2], real[short, :2], keys[short]
    torch.testing.assert_close(whole[short], nelbo(model.denoiser, model.process, *rows, form))
    nothing = nelbo(model.denoiser, model.process, padded, real & False, keys, form)
    assert nothing.tolist() == [0.0] * 12


@pytest.mark.parametrize("reconstruction", [True, False])
def test_a_padded_batch_has_the_uniform_bound_of_the_unpadded_sequences(reconstruction):
    law = two_lengths()
    model = model_of(law, "uniform")
    padded, keys = torch.from_numpy(law.rows), torch.arange(12)
    real = padded != model.process.pad_id
    short = slice(0, 4)
    options = {"reconstruction": reconstruction}
    whole = uniform_nelbo(model.denoiser, model.process, padded, real, keys, **options)
    alone = uniform_nelbo(
        model.denoiser, model.process, padded[short, :2], real[short, :2], keys[short], **options
    )
    torch.testing.assert_close(whole[short], alone)


def test_uniform_bound_of_no_active_position_is_zero():
    model = model_of(LAW, "uniform")
    found = uniform_nelbo(model.denoiser, model.process, X_0, torch.zeros_like(ALL), KEYS)
    assert found.tolist() == [0.0] * 8


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_nelbo_is_the_bound_of_the_process(kind):
    model = model_of(LAW, kind)
    bound = masked_nelbo if kind == "masked" else uniform_nelbo
    arguments = (model.denoiser, model.process, X_0, ALL, KEYS)
    assert torch.equal(nelbo(*arguments), bound(*arguments))


def test_the_same_keys_give_the_same_estimate_and_others_another():
    model = model_of(LAW)
    first, again, other = (
        masked_nelbo(model.denoiser, model.process, X_0, ALL, keys)
        for keys in (KEYS, KEYS, KEYS + 100)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_form_is_refused_with_the_nearest():
    model = model_of(LAW)
    with pytest.raises(InputError, match="form must be one of level, time, count, got 'counts'"):
        masked_nelbo(model.denoiser, model.process, X_0, ALL, KEYS, "counts")


@pytest.mark.parametrize("t_min", [0.0, 0.5])
def test_an_integral_from_nowhere_is_refused(t_min):
    model = model_of(LAW, "uniform")
    with pytest.raises(InputError, match=r"t_min must lie in \(0, 0.5\), got"):
        uniform_nelbo(model.denoiser, model.process, X_0, ALL, KEYS, t_min=t_min)


def test_a_foreign_process_is_refused():
    model = model_of(LAW)
    with pytest.raises(UnsupportedError, match="nelbo needs a masked or uniform process, got"):
        nelbo(model.denoiser, object(), X_0, ALL, KEYS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("edge", [2.0**-53, 1.0 - 2.0**-53])
@pytest.mark.parametrize("schedule", [LogLinear(), Polynomial(3.0), CosineMD4(), Geometric()])
def test_the_ends_of_the_interval_give_finite_estimates(schedule, edge, form):
    model = model_of(LAW, schedule=schedule)
    u = torch.full((8,), edge, dtype=torch.float64)
    found = masked_nelbo(model.denoiser, model.process, X_0, ALL, KEYS, form, u=u)
    assert found.isfinite().all()
